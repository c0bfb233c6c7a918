//! What the log says of each change: who, what, from where, and what became of it.

use super::*;
use crate::support::{LIMIT, client::Client, small_disk::SmallDisk, wait_until};

#[test]
fn each_change_and_each_refusal_is_a_line() {
    let fixture = Fixture::new(&[]);
    let [alice, bob] = ["alice", "bob"].map(|name| fixture.key(name, "user"));
    let session = fixture.session(&alice);
    let path = format!("/api/v1/sessions/{session}");
    let noted = |words: &[&str]| {
        let is_it = |line: &String| line.contains("audit") && words.iter().all(|word| line.contains(word));
        let seen = wait_until(|| fixture.server.log().iter().any(is_it), LIMIT);
        assert!(seen, "no line with {words:?} in\n{}", fixture.server.log_text());
    };

    noted(&[
        "INFO",
        "who=key:alice",
        "role=\"user\"",
        "from=127.0.0.1",
        "POST /api/v1/webrtc/offer",
        "outcome=200",
    ]);
    fixture.ask("DELETE", &path, Some(&bob), "");
    noted(&["who=key:bob", "DELETE /api/v1/sessions/{id}", &session, "outcome=404"]);
    fixture.ask("DELETE", &path, None, "");
    noted(&["who=nobody", "DELETE /api/v1/sessions/{id}", "outcome=401"]);
    fixture.ask(
        "PATCH",
        &format!("{path}/parameters"),
        Some(&alice),
        "{\"recording\": true, \"work_ms\": 3}",
    );
    noted(&["who=key:alice", "recording", &session, "accepted"]);
    fixture.ask("GET", &path, Some(&alice), "");
    assert!(!fixture.server.log_text().contains("GET /api"), "reading is no change");
    assert!(!fixture.server.log_text().contains("work_ms"), "parameters are private");
}

#[test]
fn a_change_by_the_data_channel_is_a_line_of_the_sessions_maker() {
    let fixture = Fixture::new(&[]);
    let client = Client::builder().connect(fixture.server.url()).unwrap();
    client.expect("a channel", |stats| stats.channel_open, LIMIT);

    client.send(&json!({"pipeline_id": "grade"}));

    let is_it = |line: &String| {
        ["audit", "who=local", "pipeline_id", client.session_id(), "accepted"]
            .iter()
            .all(|word| line.contains(word))
    };
    assert!(wait_until(|| fixture.server.log().iter().any(is_it), LIMIT), "{}", fixture.server.log_text());
}

#[test]
fn a_file_has_the_lines_as_json_and_a_full_disk_loses_them_and_nothing_else() {
    let Some(disk) = SmallDisk::mount("64k") else { return };
    let path = disk.path().join("audit.log");
    let fixture = Fixture::new(&["--audit-log", path.to_str().unwrap()]);
    let alice = fixture.key("alice", "user");
    let revoke = |on: &str| fixture.ask("DELETE", &format!("/api/v1/sessions/{on}"), Some(&alice), "").status;
    let lines = || -> Vec<Value> {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };

    fixture.session(&alice);
    assert!(wait_until(|| lines().len() == 1, LIMIT));
    let line = &lines()[0];
    for (key, value) in [
        ("who", "key:alice"),
        ("role", "user"),
        ("from", "127.0.0.1"),
        ("what", "POST /api/v1/webrtc/offer"),
        ("outcome", "200"),
    ] {
        assert_eq!(line[key], value, "{line}");
    }
    let filler = disk.path().join("filler");
    std::fs::write(&filler, vec![0; 65_536]).unwrap_err();
    let long = "x".repeat(5000); // the file's last page has room for a short one
    (0..3).for_each(|_| assert_eq!(revoke(&long), 404));
    let lost = || metric(&fixture, "scope_audit_lines_lost_total");
    assert!(wait_until(|| lost() == 3, LIMIT), "{}", lost());
    let told = || fixture.server.log().iter().filter(|line| line.contains("the audit log cannot be")).count();
    assert!(wait_until(|| told() == 1, LIMIT));

    std::fs::remove_file(&filler).unwrap();
    assert_eq!(revoke("after"), 404);
    let newest = || {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        serde_json::from_str::<Value>(text.lines().last().unwrap_or_default()).unwrap_or_default()
    };
    assert!(wait_until(|| newest()["on"] == "after", LIMIT), "{}", newest());
    assert_eq!(told(), 1, "once");
}

#[test]
fn an_audit_log_that_cannot_be_opened_is_a_fault_of_the_start() {
    let mut command = scope();

    let ended =
        command.args(["--port", "0", "--offline", "--audit-log", "/nowhere/audit.log"]).output().unwrap();

    let log = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(64), "{log}");
    assert!(log.contains("the audit log /nowhere/audit.log"), "{log}");
}

fn metric(fixture: &Fixture, name: &str) -> u64 {
    let metrics = http::get(&format!("{}/metrics", fixture.server.url())).unwrap().text();
    let count = metrics.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    count.unwrap_or_default()
}
