//! Words of the network stay words: none becomes an element, a path, a Python import or a command.

use serde_json::{Map, Value, json};

use crate::support::{LIMIT, client::Client, http, server::Server};

/// One pipeline of each kind, and those that take texts.
const PIPELINES: [&str; 6] = ["echo", "palette", "kaleidoscope", "cartoon", "light-trails", "dream"];
/// What stands in a folder's `pipeline.toml`, and what a worker is started with.
const FOREIGN: [&str; 10] = [
    "description",
    "entry",
    "env",
    "interpreter",
    "kind",
    "launch",
    "model",
    "onnx",
    "python",
    "stage.launch",
];

/// What would leave the file `marker` if something believed it.
fn hostile(marker: &str) -> [String; 5] {
    [
        format!("videotestsrc num-buffers=1 ! filesink location={marker}"),
        format!("red\" ! tee ! filesink location=\"{marker}"),
        format!("__import__('pathlib').Path('{marker}').touch()"),
        format!("$(touch {marker})`touch {marker}`; touch {marker}"),
        format!("../../../../../..{marker}"),
    ]
}

#[test]
fn nothing_that_a_client_says_becomes_an_element_a_path_or_an_import() {
    let server = Server::spawn(&[], &[("SCOPE_OFFLINE", "1")]);
    let dir = tempfile::tempdir().unwrap();
    let marker = dir.path().join("marker");
    let words = hostile(marker.to_str().unwrap());
    let schemas = http::get(&format!("{}/api/v1/pipelines/schemas", server.url())).unwrap().json();
    for id in PIPELINES {
        let start = json!({"pipeline_id": id});
        let client =
            Client::builder().size(160, 120).fps(15).parameters(start).connect(server.url()).unwrap();
        client.expect(&format!("{id}: pictures"), |stats| stats.frames_decoded >= 5, LIMIT);
        let url = format!("{}/parameters", client.detail_url());
        let own = schemas["pipelines"][id]["config_schema"]["properties"].as_object().unwrap();

        for text in &words {
            for (name, schema) in own {
                let value = if schema["type"] == "array" { json!([text]) } else { json!(text) };
                let answer = http::patch_json(&url, &one(name, value)).unwrap();

                // A prompt is any text; all else is a number, a switch or one of some words.
                assert_eq!(answer.status == 200, name == "prompts", "{id}: {name}: {}", answer.text());
            }
            for name in FOREIGN {
                let answer = http::patch_json(&url, &one(name, json!(text))).unwrap();

                assert_eq!(answer.status, 422, "{id}: {name}: {}", answer.text());
            }
        }

        let before = client.read(|stats| stats.frames_decoded);
        client.expect(&format!("{id}: it goes on"), |stats| stats.frames_decoded >= before + 5, LIMIT);
        assert_eq!(http::get(&client.detail_url()).unwrap().json()["pipeline_id"], id);
        client.delete().unwrap();
    }
    assert!(!marker.exists(), "{} was made by words of a client", marker.display());
}

fn one(name: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(name.to_owned(), value)]))
}
