//! Tokens for browsers: what each limit of one keeps out.

use std::time::{Duration, Instant};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::*;
use crate::support::{LIMIT, client::Client, server::end_reason, wait_until};

const TOKENS: &str = "/api/v1/tokens";
const SESSIONS: &str = "/api/v1/sessions";
/// What a test's own poll takes on a busy machine.
const SLOW: Duration = Duration::from_secs(2);

impl Fixture {
    pub fn token(&self, key: &str, request: &Value) -> Value {
        let minted = self.ask("POST", TOKENS, Some(key), &request.to_string());
        assert_eq!(minted.status, 200, "{}", minted.text());
        minted.json()
    }

    fn offer(&self, token: &str, initial: &Value) -> Response {
        let offer = json!({"sdp": CHROMIUM, "type": "offer", "initialParameters": initial});
        self.ask("POST", OFFER, Some(token), &offer.to_string())
    }
}

fn text(token: &Value) -> &str {
    token["token"].as_str().unwrap()
}

#[test]
fn a_token_does_what_it_is_for_and_its_minter_owns_what_it_makes() {
    let fixture = Fixture::new(&[]);
    let [app, other] = ["app", "other"].map(|name| fixture.key(name, "user"));
    let token = fixture.token(&app, &json!({"rights": ["publish", "view"], "pipelines": ["echo"]}));
    let second = fixture.token(&app, &json!({"rights": ["publish", "view"]}));

    let me = fixture.ask("GET", "/api/v1/me", Some(text(&token)), "").json();
    assert_eq!((&me["role"], &me["rights"]), (&json!("user"), &json!(["publish", "view"])));
    let made = fixture.offer(text(&token), &json!({"pipeline_id": "passthrough"}));
    assert_eq!(made.status, 200, "{}", made.text());
    let path = format!("{SESSIONS}/{}", made.json()["sessionId"].as_str().unwrap());
    let status = |key: &str| fixture.ask("GET", &path, Some(key), "").status;
    assert_eq!([status(text(&token)), status(&app)], [200, 200]);
    assert_eq!([status(text(&second)), status(&other)], [404, 404]);

    let update =
        fixture.ask("PATCH", &format!("{path}/parameters"), Some(text(&token)), "{\"paused\": true}");
    assert_eq!((update.status, code(&update)), (403, json!("forbidden")));
    for (initial, place) in [
        (json!({"pipeline_id": "dream"}), "pipeline_id"),
        (json!({"paused": true}), "paused"),
        (json!({"recording": true}), "recording"),
    ] {
        let refused = fixture.offer(text(&token), &initial);
        assert_eq!(
            (refused.status, &refused.json()["detail"][0]["loc"][2]),
            (422, &json!(place)),
            "{}",
            refused.text()
        );
    }
    assert_eq!(fixture.ask("POST", TOKENS, Some(text(&token)), "{}").status, 403, "a token mints none");
    let viewer = fixture.key("viewer", "viewer");
    assert_eq!(fixture.ask("POST", TOKENS, Some(&viewer), "{}").status, 403);
}

#[test]
fn a_token_for_a_session_watches_it_and_no_other() {
    let fixture = Fixture::new(&[]);
    let [app, other] = ["app", "other"].map(|name| fixture.key(name, "user"));
    let (session, second) = (fixture.session(&app), fixture.session(&app));
    let token = fixture.token(&app, &json!({"rights": ["view"], "session": session}));
    let ask = |method: &str, id: &str| {
        fixture.ask(method, &format!("{SESSIONS}/{id}"), Some(text(&token)), "").status
    };

    assert_eq!([ask("GET", &session), ask("GET", &second), ask("DELETE", &session)], [200, 404, 403]);
    assert_eq!(fixture.ask("GET", "/api/v1/me", Some(text(&token)), "").json()["role"], "viewer");
    let foreign = json!({"rights": ["view"], "session": session}).to_string();
    assert_eq!(fixture.ask("POST", TOKENS, Some(&other), &foreign).status, 404);
}

#[test]
fn a_token_ends_by_time_by_name_and_with_its_key() {
    let fixture = Fixture::new(&[]);
    let [app, other] = ["app", "other"].map(|name| fixture.key(name, "user"));
    let view = || json!({"rights": ["view"]});
    let status = |token: &Value| fixture.ask("GET", SESSIONS, Some(text(token)), "").status;
    let short = fixture.token(&app, &json!({"rights": ["view"], "expires_in": 1}));
    let (named, kept) = (fixture.token(&app, &view()), fixture.token(&app, &view()));
    let revoke = |key: &str, token: &Value| {
        fixture.ask("DELETE", &format!("{TOKENS}/{}", token["id"].as_str().unwrap()), Some(key), "").status
    };

    assert!(wait_until(|| status(&short) == 401, Duration::from_secs(4)), "it does not expire");
    assert_eq!((revoke(&other, &named), status(&named)), (204, 200), "another's");
    assert_eq!((revoke(&app, &named), status(&named), status(&kept)), (204, 401, 200));
    for (request, expected) in [
        (json!({"rights": ["view"], "expires_in": 0}), 400),
        (json!({"rights": ["view"], "expires_in": 86_401}), 400),
        (json!({"rights": ["fly"]}), 422),
        (json!({"rights": "view"}), 422),
        (json!({"rights": []}), 400),
        (json!({"rights": ["view"], "max_seconds": 0}), 400),
        (json!({"rights": ["view"], "sessions": 0}), 400),
        (json!({"rights": ["view"], "sessions": -1}), 422),
        (json!({"rights": ["view"], "origins": ["https://app.example.org/"]}), 400),
        (json!({"rights": ["view"], "pipelines": ["x".repeat(5000)]}), 400),
        (json!({}), 422),
    ] {
        assert_eq!(
            fixture.ask("POST", TOKENS, Some(&app), &request.to_string()).status,
            expected,
            "{request}"
        );
    }
    let mut command = scope();
    command.args(["keys", "revoke", "app"]).env("SCOPE_STATE_DIR", fixture.state.path());
    assert!(command.status().unwrap().success());
    assert!(wait_until(|| status(&kept) == 401, LIMIT), "it outlives its minter's key");
    new_key(&fixture.state, "app", "user");
    let new = || fixture.ask("GET", "/api/v1/me", Some(text(&kept)), "").json()["role"] == "nobody";
    assert!(new(), "a new key of the same name brings it back");
}

/// Tokens made of one of the key's that get nobody in, each by its fault.
pub fn refused(fixture: &Fixture, key: &str) -> Vec<(&'static str, String)> {
    let all = json!({"rights": ["publish", "view", "control", "record"]});
    let (good, revoked) = (fixture.token(key, &all), fixture.token(key, &all));
    let path = format!("{TOKENS}/{}", revoked["id"].as_str().unwrap());
    assert_eq!(fixture.ask("DELETE", &path, Some(key), "").status, 204);
    let [header, payload, signature] = [0, 1, 2].map(|part| text(&good).split('.').nth(part).unwrap());
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    let secret = std::fs::read_to_string(fixture.state.path().join("token.secret")).unwrap();
    let head = |algorithm: &str| json!({"alg": algorithm, "typ": "JWT"});
    let sign = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        signed(&head("HS256"), &claims, &secret)
    };
    let none = part(&head("none"));
    let control = sign("jti", json!("of the test"));
    assert_eq!(fixture.ask("GET", SESSIONS, Some(&control), "").status, 200, "the test signs as the server");
    vec![
        ("expired", sign("exp", json!(1_700_000_000))),
        ("no expiry", sign("exp", Value::Null)),
        ("another audience", sign("aud", json!("another"))),
        ("no audience", sign("aud", Value::Null)),
        ("another key of its minter", sign("by", json!("another"))),
        ("a minter that there is not", sign("sub", json!("key:nobody"))),
        ("a right that there is not", sign("rights", json!(["fly"]))),
        ("revoked", text(&revoked).to_owned()),
        ("alg none", format!("{none}.{payload}.")),
        ("alg none, signed", format!("{none}.{payload}.{signature}")),
        ("alg HS384", signed(&head("HS384"), &claims, &secret)),
        ("alg RS256", signed(&head("RS256"), &claims, &secret)),
        ("no signature", format!("{header}.{payload}.")),
        ("another secret", signed(&head("HS256"), &claims, "0123456789")),
        ("another payload", format!("{header}.{}.{signature}", part(&json!({"sub": "key:boss"})))),
        ("mutated", text(&good).replace(signature, &signature.chars().rev().collect::<String>())),
        ("empty parts", "..".into()),
    ]
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn signed(header: &Value, claims: &Value, secret: &str) -> String {
    let message = format!("{}.{}", part(header), part(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

#[test]
fn a_token_is_for_the_pages_that_it_names() {
    let fixture = Fixture::new(&["--allow-origin", "https://app.example.org,https://evil.example"]);
    let app = fixture.key("app", "user");
    let token = fixture.token(&app, &json!({"rights": ["view"], "origins": ["https://app.example.org"]}));
    let bearer = format!("Bearer {}", text(&token));
    let status = |origin: Option<&str>| {
        let mut headers = vec![FOREIGN, ("authorization", bearer.as_str())];
        headers.extend(origin.map(|origin| ("origin", origin)));
        send(&fixture.server, "GET", SESSIONS, &headers, "").status
    };

    assert_eq!(status(Some("https://app.example.org")), 200);
    assert_eq!(status(Some("https://evil.example")), 401);
    assert_eq!(status(None), 401);
}

#[test]
fn a_token_makes_so_many_sessions_and_a_refused_offer_is_none() {
    let fixture = Fixture::new(&[]);
    let app = fixture.key("app", "user");
    let token = fixture.token(&app, &json!({"rights": ["publish"], "sessions": 2}));
    let offer = |body: &str| fixture.ask("POST", OFFER, Some(text(&token)), body);
    let good = json!({"sdp": CHROMIUM, "type": "offer"}).to_string();

    assert_eq!(offer(&json!({"sdp": "v=0", "type": "offer"}).to_string()).status, 400);
    assert_eq!([offer(&good).status, offer(&good).status], [200, 200]);
    let third = offer(&good);

    assert_eq!((third.status, code(&third)), (403, json!("forbidden")), "{}", third.text());
}

#[test]
fn a_session_that_is_resumed_counts_once() {
    let fixture = Fixture::new(&[]);
    let app = fixture.key("app", "user");
    let token = fixture.token(&app, &json!({"rights": ["publish", "view"], "sessions": 1}));
    let connect =
        |resume: &str| Client::builder().key(text(&token)).resume(resume).connect(fixture.server.url());
    let first = connect("none").unwrap();

    let second = connect(first.resume_token()).unwrap();

    assert!(second.resumed());
    assert!(connect("none").is_err(), "a second session");
    assert!(connect(first.resume_token()).is_err(), "a resume token is for once");
    assert!(fixture.server.refusals("token_sessions") >= 1);
}

#[test]
fn a_session_ends_when_its_seconds_are_over_though_its_client_goes_on() {
    const SECONDS: u64 = 6;
    let fixture = Fixture::new(&[]);
    let app = fixture.key("app", "user");
    let token = fixture.token(&app, &json!({"rights": ["publish", "view"], "max_seconds": SECONDS}));
    let started = Instant::now();

    let client = Client::builder().key(text(&token)).connect(fixture.server.url()).unwrap();

    client.expect("frames", |stats| stats.frames_decoded >= 5, LIMIT);
    assert_eq!(end_reason(&client.detail_url(), LIMIT), "time_up");
    let lasted = started.elapsed();
    let (least, most) = (Duration::from_secs(SECONDS - 1), Duration::from_secs(SECONDS + 1));
    assert!((least..most + SLOW).contains(&lasted), "{lasted:?}");
    let told = |stats: &crate::support::stats::Stats| {
        stats.messages_of("stream_stopped").any(|last| last["reason"] == "time_up")
    };
    client.expect("the reason", told, LIMIT);
}
