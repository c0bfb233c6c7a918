//! Python workers that go wrong below a session that goes on: a foreign client, the shipped binary, real processes.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use serde_json::json;

use crate::support::{LIMIT, client::Client, http, server::Server, stats::Stats, wait_until};

const WORKER: &str = include_str!("../../support/python_worker.py");
/// Each fault that ends a worker, and what the client is told of it.
const FAULTS: [(&str, &str); 6] = [
    ("kill", "signal 9"),
    ("hang", "hung"),
    ("garbage", "broke the protocol"),
    ("eat", "MB of memory"),
    ("exit", "out of ideas"),
    ("import", "no_such_module"),
];

#[test]
fn a_session_outlives_its_worker_and_the_picture_comes_back() {
    let catalog = catalog(&FAULTS.map(|(fault, _)| fault));
    let server = server(catalog.path());
    for (fault, words) in FAULTS {
        let client =
            Client::builder().fps(30).parameters(json!({ "pipeline_id": fault })).connect(server.url());
        let client = client.unwrap();
        if fault != "import" {
            client.expect("the worker's pictures", |stats| stats.rises() >= 10, LIMIT);
            client.send(&json!({ "fault": fault }));
        }
        let began = Instant::now();

        let told = |stats: &Stats| {
            stats.messages_of("stage_state").any(|message| message.to_string().contains(words))
        };
        // A hang is told of before it is known to be one.
        let trouble =
            |stats: &Stats| stats.messages_of("stage_state").any(|said| ill(&said["state"])) || told(stats);
        client.expect(&format!("{fault}: a word"), trouble, LIMIT);
        let first = began.elapsed();
        client.expect(&format!("{fault}: a sentence with {words:?}"), told, LIMIT);
        let named = began.elapsed();
        client.expect(&format!("{fault}: running again"), runs_again, LIMIT);
        let again = began.elapsed();
        println!("{fault}: told after {first:.2?}, why after {named:.2?}, running again after {again:.2?}");
        // The pipeline shows nothing by itself while its worker is gone: what comes is the new worker's.
        let before = client.read(Stats::rises);
        client.expect(&format!("{fault}: pictures"), |stats| stats.rises() >= before + 10, LIMIT);
        client.read(|stats| assert_eq!(stats.falls(), 0, "{fault}: {}", stats.summary()));

        client.delete().unwrap();
    }

    let clean = wait_until(|| children(server.pid()) == 0 && rings(server.pid()) == 0, LIMIT);
    assert!(clean, "{} processes, {} rings are left", children(server.pid()), rings(server.pid()));
}

#[test]
fn a_server_that_is_killed_leaves_no_worker() {
    let catalog = catalog(&["none"]);
    let mut server = server(catalog.path());
    let client =
        Client::builder().fps(30).parameters(json!({"pipeline_id": "none"})).connect(server.url()).unwrap();
    client.expect("the worker's pictures", |stats| stats.rises() >= 10, LIMIT);
    let folder = catalog.path().join("none");
    assert_eq!(in_folder(&folder), 1);

    server.signal("KILL");
    server.wait(LIMIT);

    assert!(wait_until(|| in_folder(&folder) == 0, LIMIT));
}

#[test]
fn sessions_share_a_worker() {
    let catalog = catalog(&["none"]);
    let server = server(catalog.path());

    let clients = [0, 1, 2].map(|_| {
        Client::builder().fps(15).parameters(json!({"pipeline_id": "none"})).connect(server.url()).unwrap()
    });

    for client in &clients {
        client.expect("the worker's pictures", |stats| stats.rises() >= 10, LIMIT);
    }
    assert_eq!(children(server.pid()), 1);
    let metrics = http::get(&format!("{}/metrics", server.url())).unwrap().text();
    assert!(metrics.contains("scope_python_workers_total{event=\"started\"} 1\n"), "{metrics}");
    assert!(metrics.contains("scope_python_pictures_total{way=\"copied_by_row\"} 0\n"), "{metrics}");
}

#[test]
fn huge_pages_are_for_models() {
    let modes = fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled").unwrap_or_default();
    let catalog = catalog(&["none"]);
    let server = server(catalog.path());
    let client =
        Client::builder().fps(15).parameters(json!({"pipeline_id": "none"})).connect(server.url()).unwrap();
    client.expect("the worker's pictures", |stats| stats.rises() >= 10, LIMIT);

    let refused_by_the_server = !takes_huge_pages(&PathBuf::from(format!("/proc/{}", server.pid())));
    let workers: Vec<bool> = started_by(server.pid()).map(|worker| takes_huge_pages(&worker)).collect();

    assert_eq!(refused_by_the_server, modes.contains("[madvise]"), "{modes}");
    assert_eq!(workers, [true]);
}

/// Pipelines that copy the picture in a worker, and show nothing where there is none.
fn catalog(faults: &[&str]) -> tempfile::TempDir {
    let catalog = tempfile::tempdir().unwrap();
    for fault in faults {
        let folder = catalog.path().join(fault);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("pipeline.py"), WORKER).unwrap();
        fs::write(folder.join("pipeline.toml"), description(fault)).unwrap();
    }
    catalog
}

fn description(fault: &str) -> String {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin/python");
    assert!(python.exists(), "{} is missing: run `make deps`", python.display());
    let own = match fault {
        "import" => "env = { FAULT = \"import\" }",
        "hang" => "frame_limit_ms = 2000",
        "eat" => "memory_limit_mb = 400",
        _ => "",
    };
    format!(
        r#"
id = "{fault}"
name = "{fault}"
kind = "python"
layouts = ["I420"]
on_failure = "skip"

[python]
interpreter = "{python}"
keep_s = 0
{own}

[parameters.keep]
type = "boolean"
default = true
ui = {{ is_load_param = true }}

[parameters.fault]
type = "string"
default = ""
"#,
        python = python.display()
    )
}

fn server(catalog: &Path) -> Server {
    Server::spawn(
        &["--pipelines", catalog.to_str().unwrap()],
        &[("SCOPE_OFFLINE", "1"), ("SCOPE_MAX_SESSIONS", "8")],
    )
}

fn ill(state: &serde_json::Value) -> bool {
    state == "degraded" || state == "restarting" || state == "failed"
}

/// Whether the stage runs after it was told to be restarted.
fn runs_again(stats: &Stats) -> bool {
    let told: Vec<_> = stats.messages_of("stage_state").map(|message| message["state"].clone()).collect();
    let restarting = told.iter().rposition(|state| state == "restarting");
    restarting.is_some_and(|at| told[at..].iter().any(|state| state == "running"))
}

fn processes() -> impl Iterator<Item = PathBuf> {
    fs::read_dir("/proc").unwrap().flatten().map(|process| process.path())
}

/// Processes that `parent` started and has not reaped.
fn children(parent: u32) -> usize {
    started_by(parent).count()
}

fn started_by(parent: u32) -> impl Iterator<Item = PathBuf> {
    processes().filter(move |process| says(process, &format!("PPid:\t{parent}")))
}

fn takes_huge_pages(process: &Path) -> bool {
    says(process, "THP_enabled:\t1")
}

/// Whether proc(5) has the line in the process's status.
fn says(process: &Path, wanted: &str) -> bool {
    let status = fs::read_to_string(process.join("status")).unwrap_or_default();
    status.lines().any(|line| line == wanted)
}

fn in_folder(folder: &Path) -> usize {
    processes()
        .filter_map(|process| fs::read_link(process.join("cwd")).ok())
        .filter(|cwd| cwd == folder)
        .count()
}

/// Descriptors and mappings of rings that a process holds.
fn rings(process: u32) -> usize {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
    let files = fs::read_dir(format!("/proc/{process}/fd")).unwrap().flatten();
    let links = files.filter_map(|file| fs::read_link(file.path()).ok());
    maps.matches("scope-ring").count()
        + links.filter(|link| link.to_string_lossy().contains("scope-ring")).count()
}
