//! The server itself: health, readiness, hardware, log lines.

use axum::{
    Json,
    extract::{Query, State as Extract, rejection::QueryRejection},
    http::header,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;
use utoipa::{IntoParams, ToSchema};

use super::{
    State,
    error::{self, Error},
};
use crate::session;

/// The API gives so many log lines at most, as Scope's.
const LINES_LIMIT: usize = 1000;
const LINES_DEFAULT: usize = 200;

/// Answer of the health check.
#[derive(Serialize, ToSchema)]
pub struct HealthBody {
    status: &'static str,
    /// RFC 3339, UTC.
    timestamp: String,
    version: &'static str,
    git_commit: &'static str,
    /// Seconds since 1970; a change says that the server started anew.
    server_start_time: f64,
}

/// Log lines and where to go on.
#[derive(Serialize, ToSchema)]
pub struct LogsBody {
    lines: Vec<String>,
    /// For `since_offset` of the next request.
    offset: u64,
}

/// Which log lines.
#[derive(Deserialize, IntoParams)]
pub struct LogsQuery {
    /// At most so many, 200 without, 1,000 at the most.
    lines: Option<usize>,
    /// Only those after this offset.
    since_offset: Option<u64>,
}

/// The process works.
#[utoipa::path(get, path = "/health", responses((status = 200, body = HealthBody)))]
pub async fn health(Extract(state): Extract<State>) -> Json<HealthBody> {
    Json(HealthBody {
        status: "healthy",
        timestamp: jiff::Timestamp::now().to_string(),
        version: env!("CARGO_PKG_VERSION"),
        git_commit: env!("SCOPE_GIT_COMMIT"),
        server_start_time: state.started,
    })
}

/// The server takes sessions; 503 while it stops.
#[utoipa::path(get, path = "/ready", responses((status = 200), (status = 503)))]
pub async fn ready(Extract(state): Extract<State>) -> Response {
    if state.draining.is_cancelled() {
        return error::draining();
    }
    Json(json!({"ready": true})).into_response()
}

/// Every metric in Prometheus' text format.
#[utoipa::path(get, path = "/metrics", responses((status = 200, content_type = "text/plain"), (status = 500)))]
pub async fn metrics(Extract(state): Extract<State>) -> Result<impl IntoResponse, Error> {
    let text = state.metrics.text().map_err(|error| session::Error::Metrics(error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, crate::metrics::CONTENT_TYPE)], text))
}

/// What the host has, and which codecs run on what.
#[utoipa::path(get, path = "/api/v1/hardware/info", responses((status = 200, body = Object)))]
pub async fn hardware(Extract(state): Extract<State>) -> Json<Value> {
    let mut info = figures(&state).await;
    let vram = info["gpus"].as_array().into_iter().flatten();
    let vram_gb = vram.filter_map(|gpu| gpu["memory_total_bytes"].as_f64()).reduce(f64::max);
    let absent = json!({"available": false, "reason": "not part of this server", "install_hint": null});
    info["vram_gb"] = json!(vram_gb.map(|bytes| bytes / f64::from(1 << 30)));
    for sink in ["spout", "ndi", "syphon"] {
        info[sink] = absent.clone();
    }
    info["codecs"] = json!(state.registry.codecs());
    Json(info)
}

/// Figures of the host and how full the server is.
#[utoipa::path(get, path = "/api/v1/system", responses((status = 200, body = Object)))]
pub async fn system(Extract(state): Extract<State>) -> Json<Value> {
    let load = state.registry.load();
    let mut info = figures(&state).await;
    info["sessions"] = json!({"live": load.live, "limit": load.limit});
    info["ice"] = json!(state.turn.status());
    Json(info)
}

/// The newest log lines.
#[utoipa::path(get, path = "/api/v1/logs/tail", params(LogsQuery),
    responses((status = 200, body = LogsBody), (status = 422)))]
pub async fn logs(
    Extract(state): Extract<State>,
    query: Result<Query<LogsQuery>, QueryRejection>,
) -> Result<Json<LogsBody>, Error> {
    let Query(query) = query.map_err(|rejection| Error::Query(rejection.body_text()))?;
    let lines = query.lines.unwrap_or(LINES_DEFAULT).clamp(1, LINES_LIMIT);
    let (mut fresh, offset) = state.logs.tail(lines, query.since_offset);
    // An offset that this process has not reached is of one before it.
    if query.since_offset.is_some_and(|since| since > offset) {
        (fresh, _) = state.logs.tail(lines, None);
    }
    Ok(Json(LogsBody { lines: fresh, offset }))
}

/// The host's figures; a graphics driver takes milliseconds to tell.
pub(super) async fn figures(state: &State) -> Value {
    let system = state.system.clone();
    spawn_blocking(move || system()).await.unwrap_or_else(|_| json!({})) // it panicked: nothing is known
}
