//! Errors of sessions, recordings and pipelines as responses: the part of the error contract ([`super::error`]) that is
//! not about requests. Pure but for the log.

use axum::{http::StatusCode, response::Response};
use serde_json::Value;

use super::{
    error_body::{ErrorBody, FieldFault, Place},
    refusal::{later, respond, too_many, unprocessable},
};
use crate::{
    recordings,
    session::{self, ErrorKind},
    stage,
};

/// Of a session or the registry.
pub fn session_response(error: &session::Error) -> Response {
    let body = |code| ErrorBody::new(error, code);
    match error.kind() {
        ErrorKind::NotFound => respond(StatusCode::NOT_FOUND, body("session_not_found")),
        ErrorKind::Ended(reason) => {
            respond(StatusCode::GONE, ErrorBody { reason: Some(reason), ..body("session_ended") })
        }
        ErrorKind::Running => respond(StatusCode::CONFLICT, body("session_running")),
        ErrorKind::NoStream => respond(StatusCode::CONFLICT, body("not_h264")),
        ErrorKind::TooMany(code, wait) => too_many(body(code), wait),
        ErrorKind::LineFull => later(body("waiting_line_full")),
        ErrorKind::NoTicket => respond(StatusCode::NOT_FOUND, body("no_ticket")),
        ErrorKind::Full => later(body("server_full")),
        ErrorKind::OutOfDescriptors => later(body("out_of_descriptors")),
        ErrorKind::OutOfThreads => later(body("out_of_threads")),
        ErrorKind::ViewersFull => later(body("viewers_full")),
        ErrorKind::OutOfUdpPorts => later(body("out_of_udp_ports")),
        ErrorKind::ShuttingDown => later(body("shutting_down")),
        ErrorKind::Busy => later(body("session_busy")),
        ErrorKind::Timeout => respond(StatusCode::GATEWAY_TIMEOUT, body("timeout")),
        ErrorKind::BadOffer(code) => respond(StatusCode::BAD_REQUEST, body(code)),
        ErrorKind::Stage(inner) => stage_response(inner),
        ErrorKind::Recording(inner) => recording_response(inner),
        ErrorKind::Internal => {
            tracing::error!(%error, "a request failed");
            respond(StatusCode::INTERNAL_SERVER_ERROR, body("internal"))
        }
    }
}

/// Of the recordings.
pub fn recording_response(error: &recordings::Error) -> Response {
    let (status, code) = match error {
        recordings::Error::AtOnce { .. } => return later(ErrorBody::new(error, "too_many_recordings")),
        recordings::Error::NotFound(_) => (StatusCode::NOT_FOUND, "recording_not_found"),
        recordings::Error::Running(_) => (StatusCode::CONFLICT, "recording_running"),
        recordings::Error::Nothing => (StatusCode::CONFLICT, "nothing_to_record"),
        recordings::Error::Full { .. } => (StatusCode::INSUFFICIENT_STORAGE, "disk_full"),
        recordings::Error::Quota { .. } => (StatusCode::INSUFFICIENT_STORAGE, "recordings_quota"),
        recordings::Error::OwnQuota { .. } => (StatusCode::INSUFFICIENT_STORAGE, "own_recordings_quota"),
        recordings::Error::Kept { .. } => (StatusCode::INSUFFICIENT_STORAGE, "recordings_kept"),
        recordings::Error::Files { .. }
        | recordings::Error::Change { .. }
        | recordings::Error::Changes { .. } => (StatusCode::INSUFFICIENT_STORAGE, "recording_limit"),
        recordings::Error::Slow => (StatusCode::INSUFFICIENT_STORAGE, "disk_slow"),
        recordings::Error::Folder { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "recordings_folder"),
        recordings::Error::Write(_) => (StatusCode::INTERNAL_SERVER_ERROR, "recording_failed"),
    };
    respond(status, ErrorBody::new(error, code))
}

/// Of a pipeline.
pub fn stage_response(error: &stage::Error) -> Response {
    let respond_as = |status, code| respond(status, ErrorBody::new(error, code));
    match error {
        stage::Error::UnknownPipeline { .. } => respond_as(StatusCode::NOT_FOUND, "unknown_pipeline"),
        stage::Error::Broken { .. } => respond_as(StatusCode::CONFLICT, "broken_pipeline"),
        stage::Error::Chain { .. } => respond_as(StatusCode::BAD_REQUEST, "one_pipeline_wanted"),
        stage::Error::Overloaded { .. } => later(ErrorBody::new(error, "pipeline_full")),
        stage::Error::LoadRunning { .. } => later(ErrorBody::new(error, "load_running")),
        stage::Error::Parameters(faults) => parameters(faults, &[Place::body()]),
        stage::Error::Description(_) | stage::Error::Process(_) | stage::Error::Died(_) => {
            tracing::error!(%error, "a request failed");
            respond_as(StatusCode::INTERNAL_SERVER_ERROR, "internal")
        }
    }
}

/// Values that a schema refuses, in `place` of the body.
pub fn parameters(faults: &[stage::Fault], place: &[Place]) -> Response {
    let fields = faults.iter().map(|fault| {
        let names = fault.path.split('/').filter(|name| !name.is_empty()).map(Place::from);
        let loc = place.iter().cloned().chain(names).collect();
        FieldFault::new("value_error", loc, fault.message.clone(), &Value::Null)
    });
    unprocessable(fields.collect())
}
