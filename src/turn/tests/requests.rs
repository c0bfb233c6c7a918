//! What each provider is asked, and which one is.

use axum::http::{Method, header};

use super::*;

#[tokio::test]
async fn cloudflare_is_asked_with_its_key() {
    let fake = Fake::start(Reply::Cloudflare).await;
    let asked = Timestamp::now();

    let (service, _task) = start(cloudflare(&fake)).await;

    let request = fake.only_request();
    assert_eq!(request.method, Method::POST);
    assert_eq!(request.uri, "/v1/turn/keys/key%2F1/credentials/generate-ice-servers");
    assert_eq!(request.header(&header::AUTHORIZATION), "Bearer hunter2");
    assert_eq!(request.header(&header::CONTENT_TYPE), "application/json");
    assert_eq!(request.body, r#"{"ttl":86400}"#);
    assert_eq!(urls(&service), ["stun:127.0.0.1:3478", "turn:127.0.0.1:3478?transport=udp"]);
    assert_eq!(service.status().source, Source::Cloudflare);
    assert_eq!(service.status().last_error, None);
    assert_expires(&service, asked, Duration::from_hours(24));
    assert_eq!(
        service.for_server(),
        ServerSide {
            stun: Some("stun://127.0.0.1:3478".into()),
            turn: vec!["turn://u%3A1:c%2F1@127.0.0.1:3478?transport=udp".into()],
        }
    );
}

#[tokio::test]
async fn huggingface_is_asked_with_its_token() {
    let fake = Fake::start(Reply::Cloudflare).await;

    let (service, _task) = start(Settings { hf_token: Some("hf_hunter2".into()), ..fake.settings() }).await;

    let request = fake.only_request();
    assert_eq!(request.method, Method::GET);
    assert_eq!(request.uri, "/credentials?ttl=86400");
    assert_eq!(request.header(&header::AUTHORIZATION), "Bearer hf_hunter2");
    assert_eq!(request.body, "");
    assert_eq!(service.status().source, Source::HuggingFace);
    assert_eq!(urls(&service).len(), 2);
}

#[tokio::test]
async fn twilio_is_asked_with_its_account_and_its_ttl_counts() {
    let fake = Fake::start(Reply::Twilio).await;
    let asked = Timestamp::now();

    let (service, _task) = start(twilio(&fake)).await;

    let request = fake.only_request();
    assert_eq!(request.method, Method::POST);
    assert_eq!(request.uri, "/2010-04-01/Accounts/AC0/Tokens.json");
    // printf AC0:hunter2 | base64
    assert_eq!(request.header(&header::AUTHORIZATION), "Basic QUMwOmh1bnRlcjI=");
    assert_eq!(request.header(&header::CONTENT_TYPE), "application/x-www-form-urlencoded");
    assert_eq!(request.body, "Ttl=86400");
    assert_eq!(service.status().source, Source::Twilio);
    assert_expires(&service, asked, Duration::from_hours(1));
    assert_eq!(service.for_server().turn.len(), 1);
}

#[tokio::test]
async fn cloudflare_keys_go_before_a_token_and_that_before_twilio() {
    let fake = Fake::start(Reply::Cloudflare).await;
    let mut settings =
        Settings { hf_token: Some("t".into()), twilio: twilio(&fake).twilio, ..cloudflare(&fake) };

    assert_eq!(source_of(&settings).await, Source::Cloudflare);
    settings.cloudflare = None;
    assert_eq!(source_of(&settings).await, Source::HuggingFace);
    // a variable that is set but empty
    settings.hf_token = Some("".into());
    assert_eq!(source_of(&settings).await, Source::Twilio);
    settings.twilio = None;
    assert_eq!(source_of(&settings).await, Source::Stun);
}

/// The credentials live for `expected`, counted from a moment between `asked` and now.
fn assert_expires(service: &Service, asked: Timestamp, expected: Duration) {
    let expires_at = service.status().expires_at.expect("cached credentials");
    let possible = asked + expected..=Timestamp::now() + expected;
    assert!(possible.contains(&expires_at), "{expires_at} is not in {possible:?}");
}
