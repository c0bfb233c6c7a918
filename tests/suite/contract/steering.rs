//! One update, wherever it comes from: checked whole, then applied whole.

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, channel},
    },
};

use scope::{
    config::Config,
    frame::Frame,
    stage::{Catalog, Entry, Error, Factory, Parameters, Stage},
};
use serde_json::{Value, json};

use crate::support::{
    LIMIT,
    client::{self, Client},
    film::film,
    http, own_server,
    stats::Stats,
};

/// A stage that tells which frame it had which `level` at.
struct Witness {
    level: Value,
    seen: std::sync::mpsc::Sender<(u64, Value)>,
}

impl Stage for Witness {
    fn set(&mut self, parameters: &Parameters) -> Result<(), Error> {
        self.level = parameters.values["level"].clone();
        Ok(())
    }

    fn process(&mut self, frame: &Frame) -> Result<Option<Frame>, Error> {
        self.seen.send((frame.seq, self.level.clone())).ok(); // the test may be over
        Ok(Some(frame.clone()))
    }
}

fn entry(id: &str, prompts: bool) -> (Entry, Receiver<(u64, Value)>) {
    let (seen, told) = channel();
    let seen = Mutex::new(seen);
    let factory: Factory =
        Arc::new(move || Ok(Box::new(Witness { level: Value::Null, seen: seen.lock().unwrap().clone() })));
    (parsed(id, prompts, factory), told)
}

fn parsed(id: &str, prompts: bool, factory: Factory) -> Entry {
    let text = format!(
        "id = \"{id}\"\nname = \"{id}\"\nkind = \"test\"\nlayouts = [\"I420\"]\nsupports_prompts = {prompts}\n\
         [parameters.level]\ntype = \"integer\"\nminimum = 0\nmaximum = 100\ndefault = 1"
    );
    Entry::parse(&text, Some(factory)).unwrap()
}

/// A server with a film that is named film.mp4.
fn with_files(catalog: Catalog, test: impl FnOnce(&str, &Path)) {
    let folder = tempfile::tempdir().unwrap();
    film(&folder.path().join("film.mp4"));
    let mut config = Config::default();
    config.session.video_files = Some(folder.path().to_owned());
    config.recordings.folder = folder.path().join("recordings");
    own_server::run_with(config, catalog, |url| test(url, folder.path()));
}

fn connected(url: &str, pipeline: &str) -> Client {
    let client = Client::builder().fps(30).parameters(json!({"pipeline_id": pipeline})).connect(url).unwrap();
    client.expect("frames and a channel", |stats| stats.rises() >= 5 && stats.channel_open, LIMIT);
    client
}

/// What came of an update: the values in force, or the path and the sentence of everything that was wrong.
type Outcome = Result<Value, Vec<(String, String)>>;

/// Sends an update on the data channel.
fn by_channel(client: &Client, object: &Value, id: &str) -> Outcome {
    let mut object = object.clone();
    object["id"] = json!(id);
    client.send(&object);
    let answer = |stats: &Stats| {
        let mut answers =
            stats.messages_of("parameters_updated").chain(stats.messages_of("parameters_rejected"));
        answers.find(|answer| answer["id"] == id).cloned()
    };
    client.expect(&format!("an answer to {object}"), |stats| answer(stats).is_some(), LIMIT);
    let answer = client.read(|stats| answer(stats).unwrap());
    match answer["errors"].as_array() {
        None => Ok(answer["parameters"].clone()),
        Some(errors) => {
            let texts = errors.iter().map(|error| (text(&error["path"]), text(&error["message"])));
            Err(texts.collect())
        }
    }
}

/// Sends it by HTTP.
fn by_http(client: &Client, object: &Value) -> Outcome {
    let answer = http::patch_json(&format!("{}/parameters", client.detail_url()), object).unwrap();
    match answer.status {
        200 => Ok(answer.json()["parameters"].clone()),
        _ => Err(faults(&answer.json()["detail"], "/body")),
    }
}

/// Sends it with an offer; gives what was wrong.
fn by_offer(url: &str, object: &Value) -> Vec<(String, String)> {
    match Client::builder().parameters(object.clone()).connect(url) {
        Err(client::Error::Refused { body, .. }) => faults(&body["detail"], "/body/initialParameters"),
        other => panic!("{object}: {:?}", other.map(|client| client.session_id().to_owned())),
    }
}

/// The faults of an answer, with paths from `place` on. A single sentence is about the pipeline that is selected.
fn faults(detail: &Value, place: &str) -> Vec<(String, String)> {
    let Some(faults) = detail.as_array() else { return vec![("/pipeline_id".into(), text(detail))] };
    let path = |fault: &Value| {
        let names: Vec<_> = fault["loc"].as_array().unwrap().iter().map(text).collect();
        format!("/{}", names.join("/")).strip_prefix(place).unwrap().to_owned()
    };
    faults.iter().map(|fault| (path(fault), text(&fault["msg"]))).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn clip(name: &str) -> Value {
    json!({"source_type": "video_file", "source_name": name})
}

#[test]
fn an_update_with_one_wrong_key_changes_nothing() {
    let (night, _seen) = entry("night", false);
    with_files(Catalog::default().with(night), |url, _| {
        let client = connected(url, "echo");
        let untouched = by_channel(&client, &json!({"work_ms": 3}), "before").unwrap();

        for (number, (update, wrong)) in [
            (json!({"pipeline_id": "night", "no_such": 1}), "/no_such"),
            (json!({"pipeline_id": "night", "recording": "yes"}), "/recording"),
            (json!({"pipeline_id": "night", "recording": true, "client_delay_ms": -1}), "/client_delay_ms"),
            (
                json!({"pipeline_id": "night", "recording": true, "input_source": {"source_type": "ndi"}}),
                "/input_source/source_type",
            ),
            (
                json!({"recording": true, "client_delay_ms": 20, "input_source": clip("none.mp4")}),
                "/input_source/source_name",
            ),
            (
                json!({"work_ms": -1, "recording": true, "client_delay_ms": 20, "paused": true,
                    "input_source": clip("film.mp4")}),
                "/work_ms",
            ),
            (json!({"pipeline_id": "none", "work_ms": 5, "client_delay_ms": 20}), "/pipeline_id"),
            // The keys are those of the pipeline that the same update selects.
            (json!({"pipeline_id": "night", "work_ms": 5}), "/work_ms"),
            (json!({"level": 5}), "/level"),
        ]
        .into_iter()
        .enumerate()
        {
            let faults = by_channel(&client, &update, &format!("wrong {number}")).unwrap_err();

            let paths: Vec<_> = faults.iter().map(|(path, _)| path.as_str()).collect();
            assert_eq!(paths, [wrong], "{update}");
        }

        // Requests are taken in order: whatever began before would show.
        let stop = format!("{url}/api/v1/recordings/{}/stop", client.session_id());
        assert_eq!(http::post_json(&stop, &json!({})).unwrap().json()["status"], "not_recording");
        assert_eq!(by_channel(&client, &json!({}), "after"), Ok(untouched));
        let session = http::get(&client.detail_url()).unwrap().json();
        assert_eq!((&session["pipeline_id"], &session["paused"]), (&json!("echo"), &json!(false)));
        for name in ["recording", "input_source", "client_delay_ms"] {
            assert!(session[name].is_null(), "{name}: {}", session[name]);
        }
        client.read(|stats| {
            for kind in ["recording", "input_source", "pipeline_changed"] {
                assert_eq!(stats.messages_of(kind).count(), 0, "{kind}");
            }
        });
    });
}

#[test]
fn an_update_takes_its_keys_to_the_pipeline_that_it_selects() {
    let (night, seen) = entry("night", false);
    with_files(Catalog::default().with(night), |url, _| {
        let client = connected(url, "echo");
        let update = json!({"pipeline_id": "night", "level": 7, "recording": true, "client_delay_ms": 20,
            "input_source": clip("film.mp4")});

        assert_eq!(by_channel(&client, &update, "all"), Ok(json!({"level": 7})));

        assert_eq!(seen.recv_timeout(LIMIT).unwrap().1, 7, "it begins with the value");
        let session = http::get(&client.detail_url()).unwrap().json();
        assert_eq!((&session["pipeline_id"], &session["client_delay_ms"]), (&json!("night"), &json!(20.0)));
        assert_eq!(session["input_source"]["source_name"], "film.mp4");
        let recorded = |stats: &Stats| stats.messages_of("recording").any(|told| told["state"] == "started");
        client.expect("a recording", recorded, LIMIT);
    });
}

#[test]
fn an_update_is_the_same_on_the_channel_by_http_and_with_an_offer() {
    let ((day, _by_day), (night, _by_night)) = (entry("day", true), entry("night", false));
    with_files(Catalog::default().with(day).with(night), |url, _| {
        let client = connected(url, "day");
        for (number, update) in [
            json!({}),
            json!({"level": 3}),
            json!({"level": 101}),
            json!({"level": "high", "no_such": 1, "a/b": 2}),
            json!({"noise_scale": 0.5, "manage_cache": true}),
            json!({"paused": true}),
            json!({"paused": 7}),
            json!({"paused": false, "level": 4}),
            json!({"reset": true, "reset_cache": true}),
            json!({"reset": 1}),
            json!({"prompts": ["sun"]}),
            json!({"prompts": [7]}),
            json!({"transition": {"target_prompts": ["rain"], "num_steps": 2}}),
            json!({"transition": {"num_steps": -1}}),
            json!({"client_delay_ms": 20}),
            json!({"client_delay_ms": "long"}),
            json!({"recording": false}),
            json!({"recording": "yes"}),
            json!({"recording": {"input": 1}}),
            json!({"input_source": clip("film.mp4")}),
            json!({"input_source": clip("none.mp4")}),
            json!({"input_source": {"source_type": "ndi"}}),
            json!({"input_source": 3}),
            json!({"input_source": null}),
            json!({"pipeline_id": "night", "level": 9}),
            json!({"pipeline_id": "night", "prompts": ["moon"]}),
            json!({"pipeline_ids": ["day"], "prompts": ["sun"]}),
            json!({"pipeline_ids": [], "pipeline_id": null, "level": 2}),
            json!({"pipeline_ids": ["day", "night"]}),
            json!({"pipeline_ids": "day"}),
            json!({"pipeline_id": 3}),
            json!({"pipeline_id": "none", "level": 2}),
            json!({"pipeline_id": "night", "level": -1, "paused": 7, "recording": 7, "client_delay_ms": -1,
                "input_source": 7, "no_such": 7}),
        ]
        .into_iter()
        .enumerate()
        {
            let on_channel = by_channel(&client, &update, &number.to_string());
            assert_eq!(by_http(&client, &update), on_channel, "{update}");
            let mut initial = update.clone();
            if update.get("pipeline_id").or(update.get("pipeline_ids")).is_none() {
                initial["pipeline_id"] = json!("day");
            }
            if let Err(faults) = on_channel {
                assert_eq!(by_offer(url, &initial), faults, "{initial}");
            }
        }
    });
}

#[test]
fn the_answer_by_http_names_the_first_frame_with_the_change() {
    let (night, seen) = entry("night", false);
    own_server::run(Catalog::default().with(night), |url| {
        let client = connected(url, "night");

        let answer =
            http::patch_json(&format!("{}/parameters", client.detail_url()), &json!({"level": 8})).unwrap();

        assert_eq!(answer.json()["parameters"], json!({"level": 8}));
        let first = seen.iter().find(|(_, level)| level == 8).map(|(frame, _)| frame);
        assert_eq!(answer.json()["frame"].as_u64(), first, "{}", answer.text());
    });
}

#[test]
fn the_answer_by_http_names_no_frame_while_the_stage_loads() {
    let (open, gate) = channel::<()>();
    let gate = Mutex::new(gate);
    let slow: Factory = Arc::new(move || {
        gate.lock().unwrap().recv().ok(); // the test may be over
        Ok(Box::new(Witness { level: Value::Null, seen: channel().0 }))
    });
    own_server::run(Catalog::default().with(parsed("slow", false, slow)), |url| {
        let client = connected(url, "echo");
        let parameters = format!("{}/parameters", client.detail_url());

        let answer = http::patch_json(&parameters, &json!({"pipeline_id": "slow", "level": 8})).unwrap();

        let accepted = json!({"parameters": {"level": 8}, "frame": null});
        assert_eq!((answer.status, answer.json()), (200, accepted));
        open.send(()).unwrap();
        let told = |stats: &Stats| {
            stats.messages_of("parameters_updated").any(|told| told["parameters"] == json!({"level": 8}))
        };
        client.expect("it is told when it has come", told, LIMIT);
        let answer = http::patch_json(&parameters, &json!({"level": 9})).unwrap();
        assert!(answer.json()["frame"].is_u64(), "{}", answer.text());
    });
}

#[test]
fn an_id_that_is_too_long_is_called_by_its_name() {
    own_server::run(Catalog::default(), |url| {
        let client = connected(url, "echo");
        let update = json!({"id": "x".repeat(300), "work_ms": 3});

        client.send(&update);
        let fault = |stats: &Stats| stats.messages_of("parameters_rejected").next().cloned();
        client.expect("a refusal", |stats| fault(stats).is_some(), LIMIT);

        let fault = client.read(|stats| fault(stats).unwrap()["errors"][0].clone());
        assert_eq!(
            fault,
            json!({"path": "/id", "message": "expected at most 256 bytes of JSON, got 302; send a shorter id"})
        );
        let by_http = by_http(&client, &update).unwrap_err();
        assert_eq!(by_http, [(text(&fault["path"]), text(&fault["message"]))]);
    });
}
