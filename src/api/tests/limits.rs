//! A server that stops, a handler that hangs, a handler that panics: a router without a socket.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{Request, StatusCode, header},
    routing::get as on_get,
};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::{
    access,
    api::{self, layers},
    media, metrics, recordings, session,
    signalling::CodecName,
    stage,
    state_dir::StateDir,
    system, telemetry, turn,
};

const CHROMIUM: &str = include_str!("../../../tests/fixtures/offers/chromium.sdp");

#[tokio::test(flavor = "multi_thread")]
async fn a_draining_server_is_not_ready_and_takes_no_session() {
    let state = state().await;
    let (server, draining) = (api::router(state.clone()), state.draining.clone());
    assert_eq!(ask(&server, "GET", "/ready", "").await, (StatusCode::OK, json!({"ready": true})));

    draining.cancel();

    let (status, body) = ask(&server, "GET", "/ready", "").await;
    assert_eq!((status, &body["ready"]), (StatusCode::SERVICE_UNAVAILABLE, &json!(false)));
    assert_eq!(body["code"], "shutting_down");
    let offer = json!({"sdp": CHROMIUM, "type": "offer"}).to_string();
    let (status, body) = ask(&server, "POST", "/api/v1/webrtc/offer", &offer).await;
    assert_eq!((status, &body["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("shutting_down")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_route_is_504_and_a_panic_is_500_both_in_json() {
    let mut state = state().await;
    state.settings.request_limit = Duration::from_millis(50);
    let routes = Router::new()
        .route("/slow", on_get(async || Notify::new().notified().await))
        .route("/panic", on_get(async || -> () { panic!("as the test wants it") }));
    let routes = layers::limit(routes, &state.settings).with_state(state);
    let server = layers::wrap(routes, api::origin::Settings::default());

    let (status, body) = ask(&server, "GET", "/slow", "").await;
    assert_eq!((status, &body["code"]), (StatusCode::GATEWAY_TIMEOUT, &json!("timeout")));
    let (status, body) = ask(&server, "GET", "/panic", "").await;
    assert_eq!((status, &body["code"]), (StatusCode::INTERNAL_SERVER_ERROR, &json!("internal")));
}

/// Status and JSON of an answer, which has the headers of every answer.
async fn ask(router: &Router, method: &str, path: &str, body: &str) -> (StatusCode, Value) {
    let request = Request::builder().method(method).uri(path).header(header::HOST, "localhost");
    let request = request.header(header::CONTENT_TYPE, "application/json");
    let mut request = request.body(Body::from(body.to_owned())).unwrap();
    request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 7))));
    let response = router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    let status = response.status();
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap())
}

async fn state() -> api::State {
    let cancel = CancellationToken::new();
    let offline = turn::Settings { offline: true, ..turn::Settings::default() };
    let (turn, _) = turn::Service::start(offline, cancel.clone()).await;
    let catalog = stage::Catalog::default();
    let limits = session::Limits {
        connect: Duration::from_secs(20),
        media: Duration::from_secs(20),
        vanish: Duration::from_secs(20),
    };
    let settings = session::Settings { sessions: 1, limits, ..session::Settings::default() };
    let metrics = Arc::new(metrics::Metrics::new().unwrap());
    let recordings = recordings::Store::new(recordings::Settings {
        folder: std::env::temp_dir().join(format!("scope-api-{}", std::process::id())),
        ..recordings::Settings::default()
    });
    let registry = session::Registry::new(
        engine(),
        catalog.clone(),
        turn.clone(),
        settings,
        metrics.clone(),
        recordings.clone(),
        cancel.clone(),
    )
    .unwrap();
    let access =
        access::Access::load(&access::Settings::default(), &StateDir::default(), access::Reach::Machine)
            .unwrap();
    api::State {
        access,
        registry,
        catalog,
        turn,
        settings: api::Settings {
            ui_dir: Some("/nowhere".into()),
            body_bytes: 100_000,
            request_rate: 50,
            requests_in_flight: 8,
            request_limit: Duration::from_secs(30),
            origin: api::origin::Settings::default(),
            https: false,
        },
        recordings,
        logs: telemetry::LogTail::default(),
        system: Arc::new(system::System::new().unwrap()),
        metrics,
        draining: cancel,
        started: 1_700_000_000.5,
    }
}

fn engine() -> media::Engine {
    static ENGINE: OnceLock<media::Engine> = OnceLock::new();
    let settings = || media::Settings {
        codecs: vec![CodecName::Vp8],
        congestion_control: false,
        gather_limit: Duration::from_millis(500),
        ..media::Settings::default()
    };
    ENGINE.get_or_init(|| media::Engine::start(settings()).unwrap()).clone()
}
