//! The server's answers fit their own schemas: every field is described, every required one is there.

use std::path::Path;

use jsonschema::Validator;

use super::*;
use crate::support::{
    client::Client,
    film::{self, film},
    wait_until,
};

/// A file is played, recorded and listed in it.
const LIMIT: Duration = Duration::from_secs(40);

/// The document of the binary under test.
struct Document(Value);

impl Document {
    fn of(server: &Server) -> Self {
        Self(http::get(&format!("{}/openapi.json", server.url())).unwrap().json())
    }

    /// Whether a value has the form of a schema.
    fn check(&self, schema: &Value, value: &Value) -> Result<(), String> {
        let mut root = schema.clone();
        root["components"] = self.0["components"].clone();
        let validator: Validator = jsonschema::validator_for(&root).unwrap();
        let faults: Vec<_> =
            validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
        let mut unknown = Vec::new();
        self.undescribed(&[schema], value, "", &mut unknown);
        if faults.is_empty() && unknown.is_empty() {
            return Ok(());
        }
        Err(format!("{faults:?}, not described: {unknown:?}, in {value}"))
    }

    fn component(&self, name: &str, value: &Value) -> Result<(), String> {
        self.check(&json!({ "$ref": format!("#/components/schemas/{name}") }), value)
    }

    /// The body of an answer against what the operation says of its status and content type.
    #[track_caller]
    fn answer(&self, method: &str, path: &str, response: &Response) {
        let responses = &self.0["paths"][path][method]["responses"];
        let status = response.status.to_string();
        let described = responses.get(&status).unwrap_or(&responses["default"]);
        let place = format!("{method} {path} {status}");
        if status == "204" || response.status == 416 {
            assert!(
                response.body.is_empty() && described.get("content").is_none(),
                "{place}: {}",
                response.text()
            );
            return;
        }
        let kind = response.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default();
        let content =
            described["content"].get(kind).unwrap_or_else(|| panic!("{place}: {kind} is not described"));
        if kind == JSON && content["schema"]["$ref"] != "#/components/schemas/Bytes" {
            self.check(&content["schema"], &response.json())
                .unwrap_or_else(|fault| panic!("{place}: {fault}"));
        }
    }

    /// Fields that none of these schemas has.
    fn undescribed(&self, schemas: &[&Value], value: &Value, place: &str, found: &mut Vec<String>) {
        let schemas = self.resolve(schemas);
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    let named = schemas.iter().filter_map(|schema| schema["properties"].get(name));
                    let others = schemas.iter().filter_map(|schema| schema.get("additionalProperties"));
                    let own: Vec<_> = named.collect();
                    let inner = if own.is_empty() { others.collect() } else { own };
                    let place = format!("{place}/{name}");
                    if !inner.is_empty() {
                        self.undescribed(&inner, value, &place, found);
                    } else if !schemas.iter().any(|schema| is_open(schema)) {
                        found.push(place);
                    }
                }
            }
            Value::Array(values) => {
                let items: Vec<_> = schemas.iter().filter_map(|schema| schema.get("items")).collect();
                for value in values {
                    self.undescribed(&items, value, &format!("{place}/*"), found);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// These schemas, and all that they are made of or refer to.
    fn resolve<'a>(&'a self, schemas: &[&'a Value]) -> Vec<&'a Value> {
        let (mut open, mut all) = (schemas.to_vec(), Vec::new());
        while let Some(schema) = open.pop() {
            all.push(schema);
            open.extend(
                schema["$ref"].as_str().and_then(|name| self.0.pointer(name.trim_start_matches('#'))),
            );
            for parts in ["allOf", "oneOf", "anyOf"] {
                open.extend(schema[parts].as_array().into_iter().flatten());
            }
        }
        all
    }
}

/// Any value fits: a JSON Schema document, or a parameter's value.
fn is_open(schema: &Value) -> bool {
    let says = ["$ref", "allOf", "oneOf", "anyOf", "properties", "additionalProperties"];
    let is_object = schema["type"].is_null() || schema["type"] == "object";
    is_object && !says.iter().any(|keyword| schema.get(keyword).is_some())
}

/// A server with a film, a session without a client that is recorded, and a recording that is over.
fn host(folder: &Path) -> Server {
    let (films, recordings) = (folder.join("films"), folder.join("recordings"));
    std::fs::create_dir(&films).unwrap();
    film(&films.join("film.mp4"));
    let folders = ["--video-files", films.to_str().unwrap(), "--recordings", recordings.to_str().unwrap()];
    let environment =
        [("SCOPE_OFFLINE", "1"), ("SCOPE_TURN_URLS", "turn:127.0.0.1:3478"), ("SCOPE_TURN_SECRET", "s3cret")];
    Server::spawn(&folders, &environment)
}

fn recordings(server: &Server) -> Vec<Value> {
    let all = http::get(&format!("{}/api/v1/recordings", server.url())).unwrap().json();
    all["recordings"].as_array().cloned().unwrap_or_default()
}

#[test]
fn every_get_route_answers_as_the_document_says() {
    let folder = tempfile::tempdir().unwrap();
    let server = host(folder.path());
    let document = Document::of(&server);
    let start = json!({"pipeline_id": "echo", "recording": true,
        "input_source": {"source_type": "video_file", "source_name": "film.mp4"}});
    let started = http::post_json(&format!("{}/api/v1/session/start", server.url()), &start).unwrap();
    document.answer("post", "/api/v1/session/start", &started);
    let is_recorded = || {
        let live = http::get(&format!("{}/api/v1/sessions/headless", server.url())).unwrap().json();
        live["frames_out"].as_u64() > Some(u64::from(film::FRAMES))
            && live["figures"].is_object()
            && recordings(&server).first().is_some_and(|one| !one["files"].as_array().unwrap().is_empty())
    };
    assert!(wait_until(is_recorded, LIMIT), "{:?}", recordings(&server));
    let recording = recordings(&server).remove(0);
    let (id, file) = (recording["id"].as_str().unwrap(), recording["files"][0]["name"].as_str().unwrap());

    let mut asked = 0;
    for (path, item) in document.0["paths"].as_object().unwrap() {
        if item.get("get").is_none() || path.ends_with("output.ts") {
            continue; // the stream ends with its session
        }
        let filled: Vec<String> = match path.as_str() {
            "/api/v1/recordings/{id}" => {
                [id, "headless", "nothing"].map(|id| path.replace("{id}", id)).into()
            }
            "/api/v1/recordings/{id}/{file}" => [file, "recording.json", "nothing"]
                .map(|name| path.replace("{id}", id).replace("{file}", name))
                .into(),
            "/api/v1/input-sources/{kind}/sources" => {
                ["video_file", "recording", "nothing"].map(|kind| path.replace("{kind}", kind)).into()
            }
            _ => ["headless", "nobody"].map(|id| path.replace("{id}", id)).into(),
        };
        for (turn, filled) in filled.iter().enumerate() {
            let response = http::get(&format!("{}{filled}", server.url())).unwrap();

            document.answer("get", path, &response);
            // Without an issuer and a waiting line there is no sign-in with the one and no place in the other.
            let is_off = path.contains("/sign-in/oidc") || path.contains("/waiting/");
            if turn == 0 && !is_off {
                assert_eq!(response.status, 200, "{filled}: {}", response.text());
            }
            asked += 1;
        }
    }
    assert!(asked >= 50, "{asked} answers were looked at");
    let range = [("range", "bytes=0-9")];
    let beyond = [("range", "bytes=99999999-")];
    for (headers, status) in [(&range, 206), (&beyond, 416)] {
        let url = format!("{}/api/v1/recordings/{id}/{file}", server.url());
        let response = http::send(Method::GET, &url, headers, vec![]).unwrap();
        assert_eq!(response.status, status);
        document.answer("get", "/api/v1/recordings/{id}/{file}", &response);
    }
}

#[test]
fn requests_are_taken_where_they_fit_their_schema_and_answered_as_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let server = host(folder.path());
    let document = Document::of(&server);
    let ask = |method: &str, path: &str, id: &str, body: &Value, fits: bool| {
        let schema = &document.0["paths"][path][method]["requestBody"]["content"][JSON]["schema"];
        let judged = document.check(schema, body);
        assert_eq!(judged.is_ok(), fits, "{method} {path} {body}: {judged:?}");
        let url = format!("{}{}", server.url(), path.replace("{id}", id));
        let method_name = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        let kind = [("content-type", JSON)];
        let response = http::send(method_name, &url, &kind, body.to_string().into_bytes()).unwrap();
        document.answer(method, path, &response);
        assert_eq!(response.status < 400, fits, "{method} {path} {body}: {}", response.text());
        response.json()
    };
    let answer = ask("post", OFFER, "", &json!({"sdp": CHROMIUM, "type": "offer"}), true);
    let id = answer["sessionId"].as_str().unwrap();
    let (candidates, parameters, pipeline) =
        ("/api/v1/webrtc/offer/{id}", "/api/v1/sessions/{id}/parameters", "/api/v1/sessions/{id}/pipeline");
    let candidate = "candidate:1 1 udp 2130706431 127.0.0.1 9 typ host";
    let film = json!({"source_type": "video_file", "source_name": "film.mp4"});

    for (method, path, body, fits) in [
        ("post", OFFER, json!({"sdp": CHROMIUM, "type": "answer"}), false),
        ("post", OFFER, json!({"type": "offer"}), false),
        (
            "post",
            OFFER,
            json!({"sdp": CHROMIUM, "type": "offer", "initialParameters": null, "resumeToken": null}),
            true,
        ),
        ("post", OFFER, json!({"sdp": CHROMIUM, "type": "offer", "initialParameters": {"paused": 7}}), false),
        (
            "patch",
            candidates,
            json!({"candidates": [{"candidate": candidate, "sdpMid": "0", "sdpMLineIndex": 0}]}),
            true,
        ),
        ("patch", candidates, json!({"candidates": [{"candidate": "", "sdpMid": null}]}), true),
        ("patch", candidates, json!({"candidates": [{"candidate": candidate, "sdpMLineIndex": -1}]}), false),
        ("patch", candidates, json!({}), false),
        ("patch", parameters, json!({"paused": true, "reset": true, "work_ms": 1}), true),
        ("patch", parameters, json!({"paused": null}), false),
        ("patch", parameters, json!({"reset_cache": 1}), false),
        ("patch", parameters, json!({"input_source": film}), true),
        ("patch", parameters, json!({"input_source": null}), true),
        ("patch", parameters, json!({"input_source": {"enabled": false}}), true),
        ("patch", parameters, json!({"input_source": {"source_type": "ndi", "source_name": "x"}}), false),
        ("patch", parameters, json!({"prompts": ["a", {"text": "b", "weight": 2}]}), true),
        ("put", pipeline, json!({"pipeline_id": "passthrough"}), true),
        ("put", pipeline, json!({"pipeline_id": 1}), false),
        (
            "post",
            "/api/v1/pipeline/load",
            json!({"pipeline_id": "echo", "load_params": {"work_ms": 1}}),
            true,
        ),
        ("post", "/api/v1/pipeline/load", json!({"pipeline_ids": ["echo"], "load_params": null}), true),
        (
            "post",
            "/api/v1/pipeline/load",
            json!({"pipelines": [{"node_id": "a", "pipeline_id": "echo"}]}),
            true,
        ),
        ("post", "/api/v1/pipeline/load", json!({"pipelines": [{"node_id": "a"}]}), false),
        ("post", "/api/v1/pipeline/load", json!({"pipeline_ids": [1]}), false),
        ("post", "/api/v1/recordings/{id}/start", json!({"input": 1}), false),
        ("post", "/api/v1/session/start", json!({"graph": []}), false),
        (
            "post",
            "/api/v1/session/start",
            json!({"input_source": film, "graph": {
            "nodes": [{"id": "p", "type": "pipeline", "pipeline_id": "echo"}, {"id": "out", "type": "sink", "x": 1}],
            "edges": [{"from": "p", "from_port": "video", "to_node": "out", "to_port": "video"}]}}),
            true,
        ),
        ("post", "/api/v1/session/parameters", json!({"work_ms": 2}), true),
        ("post", "/api/v1/session/parameters", json!({"paused": "no"}), false),
    ] {
        ask(method, path, id, &body, fits);
    }
    for (method, path) in [
        ("post", "/api/v1/recordings/{id}/start"),
        ("post", "/api/v1/recordings/{id}/stop"),
        ("post", "/api/v1/session/stop"),
        ("delete", "/api/v1/sessions/{id}"),
        ("delete", candidates),
        ("get", "/api/v1/sessions/{id}"),
    ] {
        let url = format!("{}{}", server.url(), path.replace("{id}", id));
        let method_name = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        document.answer(method, path, &http::send(method_name, &url, &[], vec![]).unwrap());
    }
}

#[test]
fn messages_of_the_data_channel_fit_their_schemas_both_ways() {
    let folder = tempfile::tempdir().unwrap();
    let server = host(folder.path());
    let document = Document::of(&server);
    let client = Client::builder().size(320, 240).fps(30).connect(server.url()).unwrap();
    client.expect("frames", |stats| stats.rises() >= 10, LIMIT);
    let film = json!({"source_type": "video_file", "source_name": "film.mp4", "loop": true});

    for (message, fits) in [
        (json!({"id": 1, "work_ms": 1, "prompts": [{"text": "night", "weight": 1}]}), true),
        (json!({"id": {"any": "JSON"}, "no_such": 1}), true),
        (json!({"client_delay_ms": 41.5}), true),
        (json!({"client_delay_ms": "soon"}), false),
        (json!({"recording": {"input": true}}), true),
        (json!({"recording": "yes"}), false),
        (json!({"input_source": film}), true),
        (json!({"input_source": null}), true),
        (json!({"transition": {"target_prompts": ["day"], "num_steps": 8}, "reset": true}), true),
        (json!({"recording": false}), true),
        (json!({"pipeline_id": "neon"}), true),
        (json!([1]), false),
    ] {
        let judged = document.component("Update", &message);
        assert_eq!(judged.is_ok(), fits, "{message}: {judged:?}");
        client.send(&message);
    }
    let kinds = [
        "parameters_updated",
        "parameters_rejected",
        "recording",
        "input_source",
        "pipeline_changed",
        "stats",
    ];
    client.expect(
        "every kind of message",
        |stats| kinds.iter().all(|kind| stats.messages_of(kind).count() > 0),
        LIMIT,
    );
    client.delete().unwrap();
    client.expect("the last message", |stats| stats.messages_of("stream_stopped").count() == 1, LIMIT);

    for message in client.stats().messages {
        document.component("ServerMessage", &message).unwrap_or_else(|fault| panic!("{fault}"));
    }
}

#[test]
fn the_check_sees_what_is_missing_wrong_and_not_described() {
    let document = Document::of(&SERVER.with(Arc::clone));
    let health = get("/health").json();
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut health = health.clone();
        change(&mut health);
        document.component("HealthBody", &health)
    };

    assert_eq!(changed(&|_| {}), Ok(()));
    assert!(changed(&|health| health["status"] = json!("fine")).unwrap_err().contains("/status"));
    assert!(changed(&|health| health["more"] = json!(1)).unwrap_err().contains("not described: [\"/more\"]"));
    let missing = changed(&|health| drop(health.as_object_mut().unwrap().remove("version")));
    assert!(missing.unwrap_err().contains("version"));
}

#[test]
fn two_types_never_share_a_name_in_the_document() {
    let mut names = BTreeSet::new();
    for (file, name) in schema_types(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))) {
        assert!(names.insert(name.clone()), "{file}: a second schema {name}; give one `#[schema(as = …)]`");
    }
    let document = Document::of(&SERVER.with(Arc::clone));
    let schemas = document.0["components"]["schemas"].as_object().unwrap();
    let unknown: Vec<_> = schemas.keys().filter(|name| !names.contains(*name)).collect();
    assert!(unknown.is_empty(), "the detector does not see {unknown:?}");
}

/// Every type that derives `ToSchema`, with its file and its name in the document.
fn schema_types(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(schema_types(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let file = syn::parse_file(&std::fs::read_to_string(&path).unwrap()).unwrap();
            let names = file.items.iter().filter_map(|item| match item {
                syn::Item::Struct(item) => schema_name(&item.attrs, &item.ident),
                syn::Item::Enum(item) => schema_name(&item.attrs, &item.ident),
                _ => None,
            });
            found.extend(names.map(|name| (path.display().to_string(), name)));
        }
    }
    found
}

fn schema_name(attributes: &[syn::Attribute], ident: &syn::Ident) -> Option<String> {
    let derives =
        tokens(attributes, "derive").iter().any(|list| list.split([',', ' ']).any(|word| word == "ToSchema"));
    let renamed = tokens(attributes, "schema").iter().find_map(|list| {
        let name = list.strip_prefix("as = ")?;
        Some(name.split([',', ' ']).next()?.to_owned())
    });
    derives.then(|| renamed.unwrap_or_else(|| ident.to_string()))
}

/// What stands in the parentheses of every attribute of that name.
fn tokens(attributes: &[syn::Attribute], name: &str) -> Vec<String> {
    let named = attributes.iter().filter(|attribute| attribute.path().is_ident(name));
    named.filter_map(|attribute| Some(attribute.meta.require_list().ok()?.tokens.to_string())).collect()
}
