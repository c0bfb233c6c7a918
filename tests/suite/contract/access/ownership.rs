//! What somebody made is theirs: others hear of it what they would hear of nothing.

use super::*;
use crate::support::{LIMIT, client::Client, server::end_reason};

#[test]
fn lists_show_ones_own_and_an_operator_all() {
    let fixture = Fixture::new(&[]);
    let [alice, bob] = ["alice", "bob"].map(|name| fixture.key(name, "user"));
    let operator = fixture.key("boss", "operator");
    let (session, recording) = (fixture.session(&alice), fixture.recording(&alice));
    let listed = |key: &str, what: &str| {
        let list = fixture.ask("GET", &format!("/api/v1/{what}"), Some(key), "").json()[what].clone();
        list.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };

    for (what, id) in [("sessions", &session), ("recordings", &recording)] {
        assert!(listed(&alice, what).contains(id) && listed(&operator, what).contains(id), "{what}");
        assert_eq!(listed(&bob, what), [""; 0], "{what}");
    }
    let sidecar =
        fixture.ask("GET", &format!("/api/v1/recordings/{recording}/recording.json"), Some(&alice), "");
    assert_eq!(sidecar.json()["owner"], "key:alice");
}

#[test]
fn an_id_of_another_one_is_answered_as_one_that_never_was() {
    let fixture = Fixture::new(&[]);
    let [alice, bob] = ["alice", "bob"].map(|name| fixture.key(name, "user"));
    let (live, ended, recording) =
        (fixture.session(&alice), fixture.session(&alice), fixture.recording(&alice));
    assert_eq!(fixture.ask("DELETE", &format!("/api/v1/sessions/{ended}"), Some(&alice), "").status, 204);
    assert_eq!(fixture.ask("GET", &format!("/api/v1/sessions/{ended}"), Some(&alice), "").status, 410);
    let unknown = "00000000-0000-4000-8000-000000000000";
    let never = "20200101-000000-abcdef";
    let answer = |method: &str, path: &str, id: &str| {
        let answer = fixture.ask(method, &path.replace("{id}", id), Some(&bob), "");
        (answer.status, answer.text().replace(id, "ID"))
    };

    for (method, path) in [
        ("GET", "/api/v1/sessions/{id}"),
        ("DELETE", "/api/v1/sessions/{id}"),
        ("DELETE", "/api/v1/webrtc/offer/{id}"),
        ("PATCH", "/api/v1/webrtc/offer/{id}"),
        ("POST", "/api/v1/recordings/{id}/start"),
    ] {
        let of_nothing = answer(method, path, unknown);
        assert_eq!(answer(method, path, &live), of_nothing, "{method} {path}");
        assert_eq!(answer(method, path, &ended), of_nothing, "{method} {path}, ended");
    }
    for (method, path) in [
        ("GET", "/api/v1/recordings/{id}"),
        ("GET", "/api/v1/recordings/{id}/recording.json"),
        ("DELETE", "/api/v1/recordings/{id}"),
    ] {
        assert_eq!(answer(method, path, &recording), answer(method, path, never), "{method} {path}");
    }
    assert_eq!(fixture.ask("GET", &format!("/api/v1/sessions/{live}"), Some(&alice), "").status, 200);
}

#[test]
fn a_recording_of_another_one_is_no_source() {
    let fixture = Fixture::new(&[]);
    let [alice, bob] = ["alice", "bob"].map(|name| fixture.key(name, "user"));
    let recording = fixture.recording(&alice);
    let update =
        |name: &str| json!({"input_source": {"source_type": "recording", "source_name": name}}).to_string();
    let session = fixture.session(&bob);
    let path = format!("/api/v1/sessions/{session}/parameters");
    let ask = |name: &str| fixture.ask("PATCH", &path, Some(&bob), &update(name));

    let refused = ask(&format!("{recording}/recording.json"));

    assert_eq!(refused.status, 422, "{}", refused.text());
    let never = ask("20200101-000000-abcdef/recording.json");
    assert_eq!(
        refused.text().replace(&recording, "ID"),
        never.text().replace("20200101-000000-abcdef", "ID")
    );
    let offer = json!({"sdp": CHROMIUM, "type": "offer", "initialParameters":
        {"input_source": {"source_type": "recording", "source_name": format!("{recording}/recording.json")}}});
    assert_eq!(fixture.ask("POST", OFFER, Some(&bob), &offer.to_string()).status, 422);
}

/// Existing clients send no credentials; on this machine they need none, from the offer to its end.
#[test]
fn a_client_without_a_key_works_on_this_machine_as_before() {
    let fixture = Fixture::new(&[]);
    let client = Client::builder().connect(fixture.server.url()).unwrap();

    client.expect("frames", |stats| stats.frames_decoded >= 5, LIMIT);

    let stranger = fixture.key("stranger", "user");
    let id = client.session_id().to_owned();
    assert_eq!(fixture.ask("GET", &format!("/api/v1/sessions/{id}"), Some(&stranger), "").status, 404);
    assert_eq!(client.delete().unwrap().status, 204);
    end_reason(&client.detail_url(), LIMIT);
}
