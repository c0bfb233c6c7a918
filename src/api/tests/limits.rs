//! Full, draining, overloaded, slow, broken.

use std::time::Duration;

use axum::{Router, http::StatusCode, routing::get as on_get};
use serde_json::json;
use tokio::sync::Notify;

use super::support::{CHROMIUM, get, open, state, with_json};
use crate::api::{self, layers};

#[tokio::test(flavor = "multi_thread")]
async fn a_full_or_draining_server_says_when_to_come_back() {
    let mut state = state(1).await;
    state.settings.requests_in_flight = 2;
    let (server, draining) = (api::router(state.clone()), state.draining.clone());
    open(&server).await;
    let offer = json!({ "sdp": CHROMIUM, "type": "offer" });

    let full = with_json(&server, "POST", "/api/v1/webrtc/offer", &offer).await;
    assert_eq!(full.fault(), (503, "server_full".into()));
    assert!(!full.header("retry-after").is_empty());
    assert_eq!(get(&server, "/ready").await.status, 200);
    draining.cancel();
    assert_eq!(get(&server, "/ready").await.fault(), (503, "shutting_down".into()));
    let late = with_json(&server, "POST", "/api/v1/webrtc/offer", &offer).await;
    assert_eq!(late.fault(), (503, "shutting_down".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_sheds_load_but_health_and_ready_answer() {
    let mut state = state(1).await;
    state.settings.requests_in_flight = 0;
    let server = api::router(state);

    for path in ["/api/v1/sessions", "/api/v1/system", "/api/v1/webrtc/ice-servers", "/api/nothing"] {
        let shed = get(&server, path).await;
        assert_eq!(shed.fault(), (503, "overloaded".into()), "{path}");
        assert_eq!(shed.header("retry-after"), "2");
    }
    assert_eq!(get(&server, "/health").await.status, StatusCode::OK);
    assert_eq!(get(&server, "/ready").await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_route_is_504_and_a_panic_is_500_both_in_json() {
    let mut state = state(1).await;
    state.settings.request_limit = Duration::from_millis(50);
    let routes = Router::new()
        .route("/slow", on_get(async || Notify::new().notified().await))
        .route("/panic", on_get(async || -> () { panic!("as the test wants it") }));
    let server = layers::wrap(layers::limit(routes, &state.settings).with_state(state));

    assert_eq!(get(&server, "/slow").await.fault(), (504, "timeout".into()));
    let panicked = get(&server, "/panic").await;
    assert_eq!(panicked.fault(), (500, "internal".into()));
    assert_eq!(panicked.header("x-content-type-options"), "nosniff");
}
