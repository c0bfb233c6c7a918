//! A peer that changes its network gets its session back: a new offer with the token takes over the stage, its
//! parameters and its pipeline.

use crate::support::{
    LIMIT,
    client::{Client, Error},
    http,
    server::{Server, end_reason},
};
use serde_json::json;

fn server(sessions: &str) -> Server {
    Server::spawn(&[], &[("SCOPE_OFFLINE", "1"), ("SCOPE_MAX_SESSIONS", sessions)])
}

#[test]
fn a_new_offer_with_the_token_goes_on_with_the_same_stage_on_a_full_server() {
    let server = server("1");
    let mut first =
        Client::builder().fps(30).parameters(json!({"work_ms": 7})).connect(server.url()).unwrap();
    first.expect("a picture", |stats| stats.rises() >= 10, LIMIT);
    first.vanish();

    let second = Client::builder().fps(30).resume(first.resume_token()).connect(server.url()).unwrap();

    assert!(second.resumed());
    assert_ne!(second.session_id(), first.session_id());
    second.expect("a picture", |stats| stats.rises() >= 10, LIMIT);
    let detail = http::get(&second.detail_url()).unwrap().json();
    assert_eq!(detail["parameters"]["work_ms"], 7, "{detail}");
    assert_eq!(end_reason(&first.detail_url(), LIMIT), "resumed");
    second.send(&json!({"work_ms": 3, "id": "steers"}));
    second.expect(
        "the stage listens to the new connection",
        |stats| stats.messages_of("parameters_updated").any(|message| message["id"] == "steers"),
        LIMIT,
    );
}

#[test]
fn a_token_works_once_and_a_false_one_gives_a_new_session() {
    let server = server("4");
    let first = Client::builder().fps(30).connect(server.url()).unwrap();
    first.expect("a picture", |stats| stats.rises() >= 3, LIMIT);
    let token = first.resume_token().to_owned();

    let second = Client::builder().resume(&token).connect(server.url()).unwrap();
    let third = Client::builder().resume(&token).connect(server.url()).unwrap();
    let fourth = Client::builder().resume("of somebody else").connect(server.url()).unwrap();

    assert!(second.resumed() && !third.resumed() && !fourth.resumed());
    assert_ne!(second.resume_token(), token);
    for client in [&second, &third, &fourth] {
        client.expect("a picture", |stats| stats.rises() >= 3, LIMIT);
    }
}

#[test]
fn a_broken_offer_with_the_token_leaves_the_session_as_it_is() {
    let server = server("1");
    let first = Client::builder().fps(30).connect(server.url()).unwrap();
    first.expect("a picture", |stats| stats.rises() >= 3, LIMIT);

    let broken = Client::builder()
        .with_offer_map(|sdp| sdp.replace("VP8", "XP8"))
        .resume(first.resume_token())
        .connect(server.url());

    assert!(matches!(broken, Err(Error::Refused { status: 400, .. })));
    let before = first.read(crate::support::stats::Stats::rises);
    first.expect("it goes on", |stats| stats.rises() >= before + 10, LIMIT);
    assert!(Client::builder().resume(first.resume_token()).connect(server.url()).unwrap().resumed());
}
