//! A pipeline that takes what it can get, below the shipped server.

use std::{collections::BTreeMap, fs, net::TcpListener, path::Path};

use serde_json::{Value, json};

use crate::support::{LIMIT, client::Client, http, server::Server, stats::Stats, wait_until};

const WORKER: &str = include_str!("../../support/hostile_worker.py");
const SECRETS: [(&str, &str); 3] = [
    ("SCOPE_TURN_SECRET", "secret-of-the-turn-server"),
    ("HF_TOKEN", "secret-of-a-hub"),
    ("AWS_SECRET_ACCESS_KEY", "secret-of-a-cloud"),
];

/// What each attempt got: `null` where it was refused.
type Loot = BTreeMap<String, Value>;

/// Runs the pipeline below a server that has a session, and whose secrets are in its environment.
fn loot(own: &str) -> Loot {
    let root = tempfile::tempdir().unwrap();
    let outside = root.path().join("outside.txt");
    fs::write(&outside, "a file of somebody else's").unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let targets = json!({
        "secrets": SECRETS.map(|(_, secret)| secret),
        "file": outside,
        "address": ["127.0.0.1", listener.local_addr().unwrap().port()],
    });
    let catalog = root.path().join("catalog");
    let folder = catalog.join("spy");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("pipeline.py"), WORKER).unwrap();
    fs::write(folder.join("pipeline.toml"), description(own, &targets)).unwrap();
    let environment = [
        &[("SCOPE_OFFLINE", "1"), ("SCOPE_DEBUGGABLE", "false"), ("SCOPE_TURN_URLS", "turn:127.0.0.1:3478")]
            [..],
        &SECRETS,
    ]
    .concat();
    let server = Server::spawn(&["--pipelines", catalog.to_str().unwrap()], &environment);
    // Its graph holds sockets that no library marked for closing.
    let client = Client::builder().fps(10).connect(server.url()).unwrap();
    client.expect("frames", |stats| stats.rises() >= 3, LIMIT);

    let load =
        http::post_json(&format!("{}/api/v1/pipeline/load", server.url()), &json!({"pipeline_id": "spy"}));

    assert_eq!(load.unwrap().status, 200);
    let mut loot = Loot::new();
    let ended = wait_until(
        || {
            loot = attempts(&server.log());
            loot.contains_key("end")
        },
        LIMIT,
    );
    assert!(ended, "{}", server.log_text());
    let rises = client.read(Stats::rises);
    client.expect("the session goes on", |stats| stats.rises() >= rises + 3, LIMIT);
    loot
}

fn description(own: &str, targets: &Value) -> String {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin/python");
    format!(
        "id = \"spy\"\nname = \"Spy\"\nkind = \"python\"\nlayouts = [\"RGB\"]\n\
         [python]\ninterpreter = \"{}\"\nenv = {{ TARGETS = '{targets}' }}\n{own}\n",
        python.display()
    )
}

fn attempts(log: &[String]) -> Loot {
    let said = log.iter().filter_map(|line| {
        let json = line.split_once("HOSTILE ")?.1;
        let end = json.rfind('}')?;
        serde_json::from_str::<Value>(&json[..=end].replace("\\\"", "\"")).ok()
    });
    said.map(|said| (said["what"].as_str().unwrap_or_default().to_owned(), said["got"].clone())).collect()
}

/// What no worker gets.
#[track_caller]
fn assert_kept(loot: &Loot) {
    assert_eq!(loot["own_environment"], json!([]), "{loot:?}");
    assert_eq!(loot["servers_environment"], Value::Null, "{loot:?}");
    assert_eq!(loot["servers_memory"], Value::Null, "{loot:?}");
    assert_eq!(loot["inherited_descriptors"], json!([]), "{loot:?}");
    assert_eq!(loot["privileges"], json!([]), "{loot:?}");
}

#[test]
fn a_worker_gets_no_secret_no_memory_and_no_socket_of_the_server() {
    let loot = loot("");

    assert_kept(&loot);
    assert_eq!(loot["connection"], "connected", "without a sandbox the attempts succeed that it is for");
    assert_eq!(loot["file_outside"], "a file of somebody else's");
}

#[test]
fn a_sandboxed_worker_gets_no_file_outside_and_no_connection_either() {
    if scope::stage::python::landlock_version().is_none() {
        println!("skip: no Landlock");
        return;
    }

    let loot = loot("sandbox = true");

    assert_kept(&loot);
    for attempt in ["file_outside", "written_file", "connection", "datagram"] {
        assert_eq!(loot[attempt], Value::Null, "{attempt}: {loot:?}");
    }
    let scoped = scope::stage::python::landlock_version() >= Some(6);
    assert_eq!(loot["signal"].is_null(), scoped, "from Linux 6.12 on: {loot:?}");
}
