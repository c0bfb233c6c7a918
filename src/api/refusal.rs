//! Responses that refuse something: status, body, `Retry-After`. Pure.

use std::time::Duration;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::error_body::{ErrorBody, FieldFault, InvalidBody, InvalidCode};

/// Long enough for a session to end or a burst of requests to pass; a client that is still too early is told again.
const RETRY_AFTER_S: u64 = 2;

/// Any status.
pub fn respond(status: StatusCode, body: impl Serialize) -> Response {
    (status, Json(body)).into_response()
}

/// Not now, but soon.
pub fn later(body: impl Serialize) -> Response {
    let mut response = respond(StatusCode::SERVICE_UNAVAILABLE, body);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S));
    response
}

/// Too much of one caller; `wait` is how long it has to, where that is known.
pub fn too_many(body: ErrorBody, wait: Option<Duration>) -> Response {
    let seconds = wait.map_or(RETRY_AFTER_S, |wait| wait.as_secs() + 1);
    let mut response = respond(StatusCode::TOO_MANY_REQUESTS, body);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// Fields that are missing or wrong.
pub fn unprocessable(detail: Vec<FieldFault>) -> Response {
    respond(StatusCode::UNPROCESSABLE_ENTITY, InvalidBody { detail, code: InvalidCode::InvalidBody })
}
