//! What the log says of each change: who, what, from where, and what became of it.

use super::*;
use crate::support::{LIMIT, client::Client, wait_until};

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
