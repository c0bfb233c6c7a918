//! What one user, and one address, may have: beyond it a sentence, and nothing for others.

use std::net::{IpAddr, Ipv4Addr};

use super::*;
use crate::support::{LIMIT, address::own_address, client::Client, server::end_reason, wait_until};

/// A server that strangers of another machine use, and its URL for them.
fn open_server(args: &[&str]) -> (Server, String) {
    let own = own_address();
    assert_ne!(own, IpAddr::from(Ipv4Addr::LOCALHOST), "this machine has an address besides loopback");
    let args = [&["--host", "0.0.0.0", "--open"], args].concat();
    let server = Server::spawn(&args, &[("SCOPE_OFFLINE", "1"), ("SCOPE_CONNECT_TIMEOUT", "120s")]);
    let port = server.url().rsplit(':').next().unwrap().to_owned();
    (server, format!("http://{own}:{port}"))
}

fn offer(url: &str) -> Response {
    http::post_json(&format!("{url}{OFFER}"), &json!({"sdp": CHROMIUM, "type": "offer"})).unwrap()
}

impl Fixture {
    fn ask_for_session(&self, key: &str) -> Response {
        self.ask("POST", OFFER, Some(key), &json!({"sdp": CHROMIUM, "type": "offer"}).to_string())
    }

    fn reason(&self, session: &str, key: &str) -> Value {
        self.ask("GET", &format!("/api/v1/sessions/{session}"), Some(key), "").json()["reason"].clone()
    }
}

#[track_caller]
fn assert_refused(response: &Response, expected: &str) {
    assert_eq!((response.status, code(response)), (429, json!(expected)), "{}", response.text());
    assert!(response.header("retry-after").is_some_and(|wait| wait.parse::<u64>().unwrap() >= 1));
}

#[test]
fn a_user_has_as_many_sessions_as_it_may_and_an_operator_more() {
    let fixture = Fixture::new(&["--max-sessions-per-subject", "2"]);
    let [alice, bob] = ["alice", "bob"].map(|name| fixture.key(name, "user"));
    let operator = fixture.key("boss", "operator");
    let first = fixture.session(&alice);
    fixture.session(&alice);

    assert_refused(&fixture.ask_for_session(&alice), "too_many_sessions");

    fixture.session(&bob);
    (0..3).for_each(|_| drop(fixture.session(&operator)));
    assert_eq!(fixture.ask("DELETE", &format!("/api/v1/sessions/{first}"), Some(&alice), "").status, 204);
    fixture.session(&alice);
    assert_refused(&fixture.ask_for_session(&alice), "too_many_sessions");
    assert_eq!(fixture.server.refusals("subject_sessions"), 2);
}

#[test]
fn an_address_has_as_many_sessions_as_it_may() {
    let (server, outside) = open_server(&["--max-sessions-per-address", "2"]);
    assert_eq!([offer(&outside).status, offer(&outside).status], [200, 200]);

    assert_refused(&offer(&outside), "too_many_sessions_of_address");

    assert_eq!(offer(server.url()).status, 200, "this machine itself");
    assert_eq!(server.refusals("address_sessions"), 1);
}

#[test]
fn sessions_of_an_address_that_never_connect_make_room_for_its_newer_ones() {
    let (server, outside) = open_server(&["--max-sessions", "8"]);
    let client = Client::builder().fps(30).connect(&outside).unwrap();
    client.expect("frames", |stats| stats.rises() >= 10, LIMIT);

    let flood: Vec<_> = (0..12).map(|_| offer(&outside)).collect();

    let ids: Vec<_> = flood
        .iter()
        .filter(|answer| answer.status == 200)
        .map(|answer| answer.json()["sessionId"].as_str().unwrap().to_owned())
        .collect();
    assert!(ids.len() > 7, "each offer found room, or the one after it: {flood:?}");
    for id in &ids[..ids.len() - 4] {
        assert_eq!(end_reason(&format!("{}/api/v1/sessions/{id}", server.url()), LIMIT), "gave_way");
    }
    assert_eq!(offer(server.url()).status, 200, "there is room for others");
    let before = client.read(crate::support::stats::Stats::rises);
    client.expect("the one that is connected goes on", |stats| stats.rises() >= before + 10, LIMIT);
}

#[test]
fn the_time_of_a_day_ends_all_sessions_of_its_user_and_refuses_the_next() {
    let fixture = Fixture::new(&["--max-minutes-per-day", "1"]);
    let [alice, bob] = ["alice", "bob"].map(|name| fixture.key(name, "user"));
    let others = fixture.session(&bob);

    // Ten at once take a minute in six seconds; ICE gives them up after nine.
    let sessions: Vec<_> = (0..10).map(|_| fixture.session(&alice)).collect();

    for session in &sessions {
        assert!(
            wait_until(|| fixture.reason(session, &alice) == "minutes_used_up", LIMIT),
            "{session} goes on"
        );
    }
    let refused = fixture.ask_for_session(&alice);
    assert_refused(&refused, "minutes_used_up");
    assert!(refused.text().contains("after midnight UTC"), "{}", refused.text());
    assert_eq!(fixture.reason(&others, &bob), Value::Null);
    fixture.session(&bob);
}

#[test]
fn requests_of_a_user_beyond_its_rate_wait_and_those_of_others_do_not() {
    let fixture = Fixture::new(&["--max-request-rate", "2"]);
    let [alice, bob] = ["alice", "bob"].map(|name| fixture.key(name, "user"));
    let operator = fixture.key("boss", "operator");
    let me = |key: &str| fixture.ask("GET", "/api/v1/me", Some(key), "");

    let answers: Vec<_> = (0..40).map(|_| me(&alice)).collect();

    let refused =
        answers.iter().find(|answer| answer.status == 429).expect("40 are more than 8 and 2 a second");
    assert_refused(refused, "too_many_requests");
    assert_eq!(me(&bob).status, 200);
    assert!(
        (0..40).all(|_| me(&operator).status == 200 && fixture.ask("GET", "/health", None, "").status == 200)
    );
    assert!(fixture.server.refusals("request_rate") >= 1);
    assert!(wait_until(|| me(&alice).status == 200, LIMIT), "it may ask again");
}

#[test]
fn strangers_count_by_their_address() {
    let (server, outside) = open_server(&["--max-request-rate", "2"]);

    let answers: Vec<_> = (0..40).map(|_| http::get(&format!("{outside}/api/v1/me")).unwrap()).collect();

    assert_refused(answers.iter().find(|answer| answer.status == 429).unwrap(), "too_many_requests");
    assert_eq!(http::get(&format!("{outside}/health")).unwrap().status, 200);
    assert!((0..40).all(|_| http::get(&format!("{}/api/v1/me", server.url())).unwrap().status == 200));
}

#[test]
fn recordings_of_a_user_take_as_much_as_they_may() {
    let fixture = Fixture::new(&["--max-recording-bytes-per-subject", "1"]);
    let [alice, bob] = ["alice", "bob"].map(|name| fixture.key(name, "user"));
    let operator = fixture.key("boss", "operator");
    let recording = fixture.recording(&alice);
    let start = |key: &str| {
        let session = fixture.session(key);
        fixture.ask("POST", &format!("/api/v1/recordings/{session}/start"), Some(key), "")
    };

    let refused = start(&alice);

    assert_eq!((refused.status, code(&refused)), (507, json!("own_recordings_quota")), "{}", refused.text());
    assert_eq!((start(&bob).status, start(&operator).status), (200, 200));
    assert_eq!(
        fixture.ask("DELETE", &format!("/api/v1/recordings/{recording}"), Some(&alice), "").status,
        204
    );
    assert_eq!(start(&alice).status, 200, "there is room again");
    assert_eq!(fixture.server.refusals("subject_recordings"), 1);
}
