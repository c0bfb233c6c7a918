//! The server itself: health, readiness, hardware, log lines.

use axum::{
    Json,
    extract::{Query, State as Extract, rejection::QueryRejection},
    http::header,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use utoipa::{IntoParams, ToSchema};

use super::{
    State,
    error::{self, Error},
    error_body::NotReadyBody,
};
use crate::{
    session::{self, CodecInfo},
    system, turn,
};

/// At most so many log lines an answer, as in Scope.
const LINES_LIMIT: usize = 1000;
const LINES_DEFAULT: usize = 200;

/// Answer of the health check.
#[derive(Serialize, ToSchema)]
pub struct HealthBody {
    status: HealthStatus,
    /// RFC 3339, UTC.
    #[schema(format = DateTime)]
    timestamp: String,
    version: &'static str,
    git_commit: &'static str,
    /// Seconds since 1970; a change means that the server restarted.
    server_start_time: f64,
}

/// Health of the process.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// It answers.
    Healthy,
}

/// The server accepts sessions.
#[derive(Serialize, ToSchema)]
pub struct ReadyBody {
    /// True.
    ready: bool,
}

/// What the host has, and which codecs run on what.
#[derive(Serialize, ToSchema)]
pub struct HardwareBody {
    #[serde(flatten)]
    host: system::Snapshot,
    /// Memory of the largest graphics card in GiB; null where there is none, or its driver does not say.
    vram_gb: Option<f64>,
    /// Scope's Spout outputs.
    spout: SinkBody,
    /// Scope's NDI outputs.
    ndi: SinkBody,
    /// Scope's Syphon outputs.
    syphon: SinkBody,
    /// Every row of the codec table, with its trial on this host.
    codecs: Vec<CodecInfo>,
}

/// An output of Scope's that this server does not have.
#[derive(Clone, Serialize, ToSchema)]
pub struct SinkBody {
    /// False.
    available: bool,
    /// Why not.
    reason: &'static str,
    /// Null.
    install_hint: Option<String>,
}

/// Figures of the host, and how full the server is.
#[derive(Serialize, ToSchema)]
pub struct SystemBody {
    #[serde(flatten)]
    host: system::Snapshot,
    sessions: session::Load,
    ice: turn::Status,
}

/// Log lines, and where the next request continues.
#[derive(Serialize, ToSchema)]
pub struct LogsBody {
    lines: Vec<String>,
    /// For `since_offset` of the next request.
    offset: u64,
}

/// Which log lines.
#[derive(Deserialize, IntoParams)]
pub struct LogsQuery {
    /// At most so many: 1 to 1000, 200 without.
    lines: Option<usize>,
    /// Only those after this offset.
    since_offset: Option<u64>,
}

/// The process works.
#[utoipa::path(get, path = "/health", operation_id = "get_health", responses((status = 200, body = HealthBody)))]
pub async fn health(Extract(state): Extract<State>) -> Json<HealthBody> {
    Json(HealthBody {
        status: HealthStatus::Healthy,
        timestamp: jiff::Timestamp::now().to_string(),
        version: env!("CARGO_PKG_VERSION"),
        git_commit: env!("SCOPE_GIT_COMMIT"),
        server_start_time: state.started,
    })
}

/// The server accepts sessions; 503 while it stops.
#[utoipa::path(get, path = "/ready", operation_id = "get_ready", responses((status = 200, body = ReadyBody),
    (status = 503, description = "the server is shutting down", body = NotReadyBody)))]
pub async fn ready(Extract(state): Extract<State>) -> Response {
    if state.draining.is_cancelled() {
        return error::draining();
    }
    Json(ReadyBody { ready: true }).into_response()
}

/// Every metric in Prometheus' text format.
#[utoipa::path(get, path = "/metrics", operation_id = "get_metrics",
    responses((status = 200, body = String, content_type = "text/plain"), (status = 500)))]
pub async fn metrics(Extract(state): Extract<State>) -> Result<impl IntoResponse, Error> {
    let text = state.metrics.text().map_err(|error| session::Error::Metrics(error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, crate::metrics::CONTENT_TYPE)], text))
}

/// What the host has, and which codecs run on what.
#[utoipa::path(get, path = "/api/v1/hardware/info", operation_id = "get_hardware",
    responses((status = 200, body = HardwareBody)))]
pub async fn hardware(Extract(state): Extract<State>) -> Json<HardwareBody> {
    let host = snapshot(&state).await;
    let vram_bytes = host.gpus.iter().filter_map(|gpu| gpu.memory_total_bytes).max();
    let absent = SinkBody { available: false, reason: "not part of this server", install_hint: None };
    Json(HardwareBody {
        host,
        vram_gb: vram_bytes.map(|bytes| bytes as f64 / f64::from(1 << 30)),
        spout: absent.clone(),
        ndi: absent.clone(),
        syphon: absent,
        codecs: state.registry.codecs(),
    })
}

/// Figures of the host and how full the server is.
#[utoipa::path(get, path = "/api/v1/system", operation_id = "get_system",
    responses((status = 200, body = SystemBody)))]
pub async fn system(Extract(state): Extract<State>) -> Json<SystemBody> {
    let host = snapshot(&state).await;
    Json(SystemBody { host, sessions: state.registry.load(), ice: state.turn.status() })
}

/// The newest log lines.
#[utoipa::path(get, path = "/api/v1/logs/tail", operation_id = "get_logs", params(LogsQuery),
    responses((status = 200, body = LogsBody), (status = 422)))]
pub async fn logs(
    Extract(state): Extract<State>,
    query: Result<Query<LogsQuery>, QueryRejection>,
) -> Result<Json<LogsBody>, Error> {
    let Query(query) = query?;
    let lines = query.lines.unwrap_or(LINES_DEFAULT).clamp(1, LINES_LIMIT);
    let (mut fresh, offset) = state.logs.tail(lines, query.since_offset);
    // An offset that this process has not reached is from an earlier process.
    if query.since_offset.is_some_and(|since| since > offset) {
        (fresh, _) = state.logs.tail(lines, None);
    }
    Ok(Json(LogsBody { lines: fresh, offset }))
}

/// The host's figures, read on a blocking thread: a graphics driver takes milliseconds.
pub(super) async fn snapshot(state: &State) -> system::Snapshot {
    let system = state.system.clone();
    spawn_blocking(move || system.snapshot()).await.expect("reading the host's figures does not panic")
}
