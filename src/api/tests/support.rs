//! A server without a socket: real registry, real GStreamer.

use std::{path::PathBuf, sync::Arc, sync::OnceLock, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode},
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::{api, media, metrics, recordings, session, signalling::CodecName, stage, telemetry, turn};

pub const CHROMIUM: &str = include_str!("../../../tests/fixtures/offers/chromium.sdp");

pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
}

impl Reply {
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status and code of an error.
    #[track_caller]
    pub fn fault(&self) -> (u16, String) {
        (self.status.as_u16(), self.json()["code"].as_str().unwrap().to_owned())
    }
}

pub async fn state(sessions: usize) -> api::State {
    let cancel = CancellationToken::new();
    let offline = turn::Settings { offline: true, ..turn::Settings::default() };
    let (turn, _) = turn::Service::start(offline, cancel.clone()).await;
    let catalog = stage::Catalog::default();
    let limits = session::Limits {
        connect: Duration::from_secs(20),
        media: Duration::from_secs(20),
        vanish: Duration::from_secs(20),
    };
    let settings = session::Settings { sessions, limits, ..session::Settings::default() };
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
    );
    api::State {
        registry,
        catalog,
        turn,
        settings: api::Settings {
            ui_dir: Some("/nowhere".into()),
            body_bytes: 100_000,
            requests_in_flight: 8,
            request_limit: Duration::from_secs(30),
        },
        recordings,
        logs: telemetry::LogTail::default(),
        system: Arc::new(|| json!({ "cpu": { "cores": 4 } })),
        metrics,
        draining: cancel,
        started: 1_700_000_000.5,
    }
}

pub async fn server() -> Router {
    api::router(state(4).await)
}

pub async fn server_with_ui(dir: PathBuf) -> Router {
    let mut state = state(1).await;
    state.settings.ui_dir = Some(dir);
    api::router(state)
}

pub async fn send(router: &Router, request: Request<Body>) -> Reply {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec();
    Reply { status: parts.status, headers: parts.headers, bytes }
}

pub async fn call(router: &Router, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(router, request.body(Body::from(body.to_owned())).unwrap()).await
}

pub async fn get(router: &Router, path: &str) -> Reply {
    call(router, "GET", path, &[], "").await
}

pub async fn with_json(router: &Router, method: &str, path: &str, body: &Value) -> Reply {
    call(router, method, path, &[("content-type", "application/json")], &body.to_string()).await
}

/// A new session's id.
pub async fn open(router: &Router) -> String {
    let offer = json!({ "sdp": CHROMIUM, "type": "offer" });
    let reply = with_json(router, "POST", "/api/v1/webrtc/offer", &offer).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["sessionId"].as_str().unwrap().to_owned()
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
