//! The service against a provider on 127.0.0.1: real HTTP, only the clock's waits are short.

mod fake;
mod requests;

use std::sync::Once;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

use self::fake::{Fake, Reply, STUN};
use super::*;

/// Longer than any exchange on loopback takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn own_servers_are_merged_and_no_provider_is_asked() {
    let fake = Fake::start(Reply::Cloudflare).await;
    let own = IceServer {
        urls: vec!["turn:127.0.0.1:443?transport=tcp".into()],
        username: Some("me".into()),
        credential: Some("mine".into()),
    };
    let asked = Timestamp::now().as_second();

    let (service, _task) = start(Settings {
        servers: vec![own.clone()],
        turn_urls: vec!["turn:127.0.0.1".into()],
        turn_secret: Some("north".into()),
        turn_ttl: Duration::from_hours(1),
        ..cloudflare(&fake)
    })
    .await;

    let servers = service.ice_servers();
    assert_eq!(servers[0], own);
    let (expiry, user) = username(&servers[1]).split_once(':').expect("<expiry>:scope");
    let began = expiry.parse::<i64>().expect("unix time") - 3600;
    assert!(
        (asked..=Timestamp::now().as_second()).contains(&began),
        "an hour from {began}, asked at {asked}"
    );
    assert_eq!(user, "scope");
    assert_eq!(service.status().source, Source::Hmac);
    let turn = service.for_server().turn;
    assert_eq!(turn[0], "turn://me:mine@127.0.0.1:443?transport=tcp");
    assert!(turn[1].contains("%3Ascope:"), "{}", turn[1]);
    assert_eq!(fake.requests().len(), 0);
}

#[tokio::test]
async fn minted_credentials_are_fresh_on_each_call() {
    let (service, _task) = start(Settings {
        turn_urls: vec!["turn:127.0.0.1".into()],
        turn_secret: Some("north".into()),
        ..Settings::default()
    })
    .await;
    let first = username(&service.ice_servers()[0]).to_owned();

    wait_until("a later expiry", || username(&service.ice_servers()[0]) > first.as_str()).await;
}

#[tokio::test]
async fn each_bad_answer_keeps_stun_and_says_why() {
    for (reply, reason) in [
        (Reply::Status(401), "answered 401 Unauthorized; check CLOUDFLARE_TURN_KEY_ID"),
        (Reply::Status(500), "answered 500 Internal Server Error"),
        (Reply::Redirect, "answered 307 Temporary Redirect"),
        (Reply::Html, "not the expected JSON (line 1, column 1)"),
        (Reply::Empty, "no usable ICE server"),
        (Reply::Huge, "longer than 65536 bytes"),
        (Reply::Hang, "no answer within 0.5 s"),
    ] {
        let fake = Fake::start(reply).await;
        let fetch_limit = match reply {
            Reply::Hang => Duration::from_millis(500),
            _ => PATIENCE,
        };
        let timing = Timing { fetch_limit, ..quick() };

        let (service, _task) = start_timed(cloudflare(&fake), timing).await;

        let status = service.status();
        let error = status.last_error.expect("a bad answer is told");
        assert!(error.starts_with("cloudflare: ") && error.contains(reason), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
        assert_eq!(status.source, Source::Stun, "{reply:?}");
        assert_eq!(urls(&service), [STUN], "{reply:?}");
        assert_eq!(service.for_server().turn, Vec::<String>::new());
    }
}

#[tokio::test]
async fn an_unreachable_provider_keeps_stun_and_names_no_account() {
    let fake = Fake::start(Reply::Cloudflare).await;
    let settings = twilio(&fake);
    fake.stop().await;

    let (service, _task) = start(settings).await;

    let error = service.status().last_error.expect("a refusal is told");
    assert!(error.contains("refused"), "{error}");
    assert!(!error.contains("AC0") && !error.contains("hunter2"), "{error}");
    assert_eq!(urls(&service), [STUN]);
}

#[tokio::test]
async fn a_bad_endpoint_and_an_unsendable_token_are_errors_too() {
    let fake = Fake::start(Reply::Cloudflare).await;
    let mut settings = cloudflare(&fake);
    settings.endpoints.cloudflare = "file:///etc".into();

    let error = last_error(&settings).await;
    assert!(error.contains("not an http or https URL"), "{error}");
    settings.cloudflare = None;
    settings.hf_token = Some("hunter2\n".into());
    let error = last_error(&settings).await;
    assert!(error.contains("request failed"), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
}

#[tokio::test]
async fn a_provider_that_comes_back_is_used() {
    let fake = Fake::start(Reply::Status(503)).await;
    let (service, _task) = start(cloudflare(&fake)).await;
    assert_eq!(service.status().source, Source::Stun);

    fake.reply(Reply::Cloudflare);

    wait_until("credentials", || service.status().source == Source::Cloudflare).await;
    assert_eq!(service.status().last_error, None);
}

#[tokio::test]
async fn credentials_are_renewed_before_they_expire() {
    let fake = Fake::start(Reply::Cloudflare).await;
    // A tenth of a second into an hour: however late the renewal is on a busy machine, the first ones still hold.
    let timing = Timing { ttl: Duration::from_hours(1), refresh_at: 3e-5, ..quick() };
    let (service, _task) = start_timed(cloudflare(&fake), timing).await;
    let first = service.status().expires_at.expect("cached credentials");

    wait_until("a renewal, with credentials all the while", || {
        assert_eq!(service.status().source, Source::Cloudflare);
        fake.requests().len() >= 2 && service.status().expires_at > Some(first)
    })
    .await;
    assert!(Timestamp::now() < first, "renewed after the first had expired");
}

#[tokio::test]
async fn credentials_outlive_a_failed_renewal_but_never_their_expiry() {
    let fake = Fake::start(Reply::Cloudflare).await;
    let timing = Timing { ttl: Duration::from_secs(2), ..quick() };
    let (service, _task) = start_timed(cloudflare(&fake), timing).await;
    let expires_at = service.status().expires_at.expect("cached credentials");
    fake.reply(Reply::Status(500));

    wait_until("a failed renewal", || service.status().last_error.is_some()).await;
    let is_kept = urls(&service).len() == 2;
    assert!(is_kept || Timestamp::now() >= expires_at, "dropped before the expiry");
    wait_until("the expiry", || Timestamp::now() >= expires_at).await;

    assert_eq!(urls(&service), [STUN]);
    assert_eq!(service.for_server().stun.as_deref(), Some("stun://127.0.0.1:19302"));
    assert_eq!(service.status().source, Source::Stun);
    assert_eq!(service.status().expires_at, None);
}

#[tokio::test]
async fn offline_asks_nobody_and_gives_nothing() {
    let fake = Fake::start(Reply::Cloudflare).await;

    let (service, _task) = start(Settings { offline: true, ..cloudflare(&fake) }).await;

    assert_eq!(service.ice_servers(), []);
    assert_eq!(service.for_server(), ServerSide::default());
    assert_eq!(service.status().source, Source::Offline);
    assert_eq!(fake.requests().len(), 0);
}

#[tokio::test]
async fn offline_keeps_own_servers() {
    let own = IceServer::stun(vec!["stun:127.0.0.1".into()]);

    let (service, _task) =
        start(Settings { servers: vec![own.clone()], offline: true, ..Settings::default() }).await;

    assert_eq!(service.ice_servers(), [own]);
    assert_eq!(service.status().source, Source::Static);
}

#[tokio::test]
async fn names_that_do_not_resolve_are_kept_from_webrtcbin_alone() {
    let servers = vec![
        IceServer::stun(vec!["stun:scope-test.invalid".into(), "stun:localhost".into()]),
        IceServer {
            urls: vec!["turn:scope-test.invalid".into(), "turn:LOCALHOST".into(), "turn:[::1]".into()],
            username: Some("u".into()),
            credential: Some("c".into()),
        },
    ];

    let (service, _task) = start(Settings { servers: servers.clone(), ..Settings::default() }).await;

    assert_eq!(service.ice_servers(), servers);
    assert_eq!(
        service.for_server(),
        ServerSide {
            stun: Some("stun://localhost:3478".into()),
            turn: vec![
                "turn://u:c@localhost:3478?transport=udp".into(),
                "turn://u:c@[::1]:3478?transport=udp".into(),
            ],
        }
    );
}

#[tokio::test]
async fn webrtcbin_gets_turn_over_tls_only_where_there_is_no_other() {
    let relay = |urls: &[&str]| IceServer {
        urls: urls.iter().map(ToString::to_string).collect(),
        username: Some("u".into()),
        credential: Some("c".into()),
    };
    let mut settings = Settings { servers: vec![relay(&["turns:127.0.0.1"])], ..Settings::default() };
    let over_tls = "turns://u:c@127.0.0.1:5349?transport=tcp";

    let (service, _task) = start(settings.clone()).await;
    assert_eq!(service.for_server().turn, [over_tls]);

    settings.servers = vec![relay(&["turns:127.0.0.1", "turn:127.0.0.1"])];
    let (service, _task) = start(settings).await;
    assert_eq!(service.for_server().turn, ["turn://u:c@127.0.0.1:3478?transport=udp"]);
    assert_eq!(urls(&service).len(), 2);
}

#[tokio::test]
async fn cancel_ends_the_task_and_a_start_that_waits() {
    let fake = Fake::start(Reply::Hang).await;
    let cancel = CancellationToken::new();
    let timing = Timing { fetch_limit: Duration::from_hours(1), ..quick() };
    install_crypto();
    let starting = tokio::spawn(Service::start_with(cloudflare(&fake), timing, cancel.clone()));
    wait_until("the request", || fake.requests().len() == 1).await;

    cancel.cancel();

    let (service, task) = within(starting).await;
    within(task).await;
    assert_eq!(urls(&service), [STUN]);
}

#[tokio::test]
async fn neither_status_nor_debug_shows_a_credential() {
    let fake = Fake::start(Reply::Cloudflare).await;

    let (service, _task) = start(cloudflare(&fake)).await;

    let status = serde_json::to_value(service.status()).expect("a status is JSON");
    assert_eq!(status["source"], "cloudflare");
    assert_eq!(status["last_error"], Value::Null);
    let expires_at = status["expires_at"].as_str().expect("a time");
    assert!(expires_at.parse::<Timestamp>().is_ok(), "{expires_at}");
    let printed = format!("{:?} {:?}", service.for_server(), service.ice_servers());
    assert!(!printed.contains("c/1") && !printed.contains("c%2F1"), "{printed}");
}

#[test]
fn sources_are_named_alike_in_json_and_in_logs() {
    for source in [
        Source::Static,
        Source::Hmac,
        Source::Cloudflare,
        Source::HuggingFace,
        Source::Twilio,
        Source::Stun,
        Source::Offline,
    ] {
        let json = serde_json::to_value(source).expect("a source is JSON");

        assert_eq!(json, source.to_string());
    }
}

fn cloudflare(fake: &Fake) -> Settings {
    Settings {
        cloudflare: Some(CloudflareKeys { key_id: "key/1".into(), api_token: "hunter2".into() }),
        ..fake.settings()
    }
}

fn twilio(fake: &Fake) -> Settings {
    Settings {
        twilio: Some(Twilio { account_sid: "AC0".into(), auth_token: "hunter2".into() }),
        ..fake.settings()
    }
}

fn quick() -> Timing {
    Timing {
        fetch_limit: PATIENCE,
        check_every: Duration::from_millis(50),
        refresh_floor: Duration::from_millis(50),
        backoff_first: Duration::from_millis(20),
        backoff_cap: Duration::from_millis(100),
        ..Timing::default()
    }
}

async fn start(settings: Settings) -> (Service, Task) {
    start_timed(settings, quick()).await
}

async fn start_timed(settings: Settings, timing: Timing) -> (Service, Task) {
    install_crypto();
    let cancel = CancellationToken::new();
    let (service, _) = Service::start_with(settings, timing, cancel.clone()).await;
    (service, Task(cancel.drop_guard()))
}

/// Ends the refresh task when the test drops it.
struct Task(#[expect(dead_code, reason = "held for its drop")] tokio_util::sync::DropGuard);

fn install_crypto() {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        let provider = rustls::crypto::ring::default_provider();
        provider.install_default().ok(); // another module's tests may have installed it first
    });
}

async fn source_of(settings: &Settings) -> Source {
    let (service, _task) = start(settings.clone()).await;
    service.status().source
}

async fn last_error(settings: &Settings) -> String {
    let (service, _task) = start(settings.clone()).await;
    service.status().last_error.expect("an error is told")
}

fn urls(service: &Service) -> Vec<String> {
    let servers = service.ice_servers();
    servers.into_iter().flat_map(|server| server.urls).collect()
}

fn username(server: &IceServer) -> &str {
    server.username.as_deref().expect("a user name")
}

async fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "no {what} within {PATIENCE:?}");
        sleep(Duration::from_millis(5)).await;
    }
}

async fn within<T>(task: JoinHandle<T>) -> T {
    let ended = tokio::time::timeout(PATIENCE, task).await;
    ended.expect("the task ends in time").expect("the task does not panic")
}
