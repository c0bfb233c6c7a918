//! The error contract: one match from what went wrong to status, code and `Retry-After`.

use std::time::Duration;

use axum::{
    extract::rejection::QueryRejection,
    http::{HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};

use super::{
    access_error,
    domain_error::{parameters, recording_response, session_response, stage_response},
    error_body::{ErrorBody, FieldFault, NotReadyBody, Place},
    graphviz,
    refusal::{later, respond, too_many, unprocessable},
};
use crate::{recordings, session, signalling, stage};

/// What a request can end in.
#[derive(Debug)]
pub enum Error {
    /// A session's or the registry's.
    Session(session::Error),
    /// The recordings'.
    Recording(recordings::Error),
    /// A pipeline's.
    Stage(stage::Error),
    /// Values that a pipeline's schema refuses, in this field of the body.
    Parameters(Vec<stage::Fault>, &'static str),
    /// A broken offer or candidate.
    Signalling(signalling::Error),
    /// A body that is no JSON.
    BadJson(String),
    /// Fields that are missing or of another type, in FastAPI's shape.
    Fields(Vec<FieldFault>),
    /// A query that is missing or of another type.
    Query(String),
    /// A body over the limit, in bytes.
    TooLarge(usize),
    /// A content type that this route does not take.
    ContentType {
        /// What it takes.
        expected: &'static str,
        /// What the request has; empty without the header.
        got: String,
    },
    /// A body that did not arrive.
    Body(String),
    /// A body that took longer than this to arrive.
    SlowBody(Duration),
    /// A graph that is no chain.
    BadGraph(String),
    /// The session sent no frame in time.
    NoFrame,
    /// A kind of source that there is not.
    SourceKind(String),
    /// A graph that Graphviz did not draw.
    Graphviz(graphviz::Error),
    /// A token or a sign-in.
    Access(access_error::Fault),
}

impl Error {
    /// Places refused parameters in `field` of the body.
    pub fn inside(self, field: &'static str) -> Self {
        match self {
            Self::Session(session::Error::Stage(stage::Error::Parameters(faults)))
            | Self::Stage(stage::Error::Parameters(faults)) => Self::Parameters(faults, field),
            other => other,
        }
    }
}

impl From<session::Error> for Error {
    fn from(error: session::Error) -> Self {
        Self::Session(error)
    }
}

impl From<recordings::Error> for Error {
    fn from(error: recordings::Error) -> Self {
        Self::Recording(error)
    }
}

impl From<stage::Error> for Error {
    fn from(error: stage::Error) -> Self {
        Self::Stage(error)
    }
}

impl From<signalling::Error> for Error {
    fn from(error: signalling::Error) -> Self {
        Self::Signalling(error)
    }
}

impl From<QueryRejection> for Error {
    fn from(rejection: QueryRejection) -> Self {
        // The cause names the parameter; the rejection's own text adds the name of a Rust function.
        let cause = std::error::Error::source(&rejection).map(ToString::to_string);
        Self::Query(format!("invalid query: {}; see /docs", cause.unwrap_or_else(|| rejection.body_text())))
    }
}

impl From<graphviz::Error> for Error {
    fn from(error: graphviz::Error) -> Self {
        Self::Graphviz(error)
    }
}

/// Characters of a client's own text that a sentence repeats.
const SHOWN: usize = 100;

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        match self {
            Self::Session(error) => session_response(&error),
            Self::Stage(error) => stage_response(&error),
            Self::BadGraph(sentence) => {
                respond(StatusCode::BAD_REQUEST, ErrorBody::new(sentence, "bad_graph"))
            }
            Self::NoFrame => {
                let sentence =
                    "the session sent no frame in time; it is paused, or its pipeline is loading or slow";
                respond(StatusCode::NOT_FOUND, ErrorBody::new(sentence, "no_picture"))
            }
            Self::SourceKind(kind) => {
                let sentence =
                    format!("no kind of source {kind:?}; GET /api/v1/input-sources lists the kinds");
                respond(StatusCode::NOT_FOUND, ErrorBody::new(sentence, "unknown_source_type"))
            }
            Self::Recording(error) => recording_response(&error),
            Self::Parameters(faults, field) => parameters(&faults, &[Place::body(), field.into()]),
            Self::Signalling(error) => {
                let ours = matches!(error, signalling::Error::BadAnswer { .. });
                let status = if ours { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::BAD_REQUEST };
                respond(status, ErrorBody::new(&error, error.code()))
            }
            Self::BadJson(sentence) => respond(StatusCode::BAD_REQUEST, ErrorBody::new(sentence, "bad_json")),
            Self::Fields(faults) => unprocessable(faults),
            Self::Query(sentence) => {
                respond(StatusCode::UNPROCESSABLE_ENTITY, ErrorBody::new(sentence, "bad_query"))
            }
            Self::TooLarge(limit) => {
                let sentence = format!("expected a request body of at most {limit} bytes, got a longer one");
                respond(StatusCode::PAYLOAD_TOO_LARGE, ErrorBody::new(sentence, "body_too_large"))
            }
            Self::ContentType { expected, got } => {
                let got = if got.is_empty() { "none".to_owned() } else { got.chars().take(SHOWN).collect() };
                let sentence = format!("expected the content type {expected}, got {got}");
                respond(StatusCode::UNSUPPORTED_MEDIA_TYPE, ErrorBody::new(sentence, "wrong_content_type"))
            }
            Self::Body(sentence) => respond(StatusCode::BAD_REQUEST, ErrorBody::new(sentence, "bad_body")),
            Self::Graphviz(error) => graphviz_response(&error),
            Self::Access(fault) => fault.into_response(),
            Self::SlowBody(limit) => {
                let sentence = format!("the request body was not received within {} s", limit.as_secs());
                respond(StatusCode::REQUEST_TIMEOUT, ErrorBody::new(sentence, "slow_body"))
            }
        }
    }
}

fn graphviz_response(error: &graphviz::Error) -> Response {
    let body = |code| ErrorBody::new(error, code);
    match error {
        graphviz::Error::Missing => respond(StatusCode::NOT_IMPLEMENTED, body("graphviz_missing")),
        graphviz::Error::Busy => later(body("graphviz_busy")),
        graphviz::Error::Slow => respond(StatusCode::GATEWAY_TIMEOUT, body("timeout")),
        graphviz::Error::Failed(_) => {
            tracing::error!(%error, "a request failed");
            respond(StatusCode::INTERNAL_SERVER_ERROR, body("internal"))
        }
    }
}

/// A path below `/api` without a route; never the page.
pub async fn unknown_path(uri: Uri) -> Response {
    let path: String = uri.path().chars().take(SHOWN).collect();
    respond(StatusCode::NOT_FOUND, ErrorBody::new(format!("no route {path}; see /docs"), "unknown_path"))
}

/// A route with another method; `allow` as the header says it.
pub fn wrong_method(path: &str, allow: &HeaderValue) -> Response {
    let methods = allow.to_str().unwrap_or_default();
    let sentence = format!("{path} does not support this method; supported: {methods}");
    let mut response = respond(StatusCode::METHOD_NOT_ALLOWED, ErrorBody::new(sentence, "wrong_method"));
    response.headers_mut().insert(header::ALLOW, allow.clone());
    response
}

/// A name that is not this server's; `authority` as the request says it.
pub fn unknown_host(authority: &str) -> Response {
    let shown: String = authority.chars().take(SHOWN).collect();
    let sentence = format!(
        "expected a host name of this server, got {shown:?}; if it is one, add it to --allowed-hosts"
    );
    respond(StatusCode::MISDIRECTED_REQUEST, ErrorBody::new(sentence, "unknown_host"))
}

/// A page of another origin that may not change anything.
pub fn foreign_origin(origin: &str) -> Response {
    let shown: String = origin.chars().take(SHOWN).collect();
    let sentence = format!(
        "expected a request from this server's own page, got one from {shown:?}; to let that origin use the API, \
         add it to --allow-origin"
    );
    respond(StatusCode::FORBIDDEN, ErrorBody::new(sentence, "foreign_origin"))
}

/// More requests of one caller than `rate` a second; `wait` is how long it has to.
pub fn too_fast(rate: u32, wait: Duration) -> Response {
    let sentence = format!("expected at most {rate} requests a second, got more; send fewer");
    too_many(ErrorBody::new(sentence, "too_many_requests"), Some(wait))
}

/// Too many requests at once.
pub fn overloaded() -> Response {
    later(ErrorBody::new("the server is handling too many requests; try again", "overloaded"))
}

/// A request that ran into its limit.
pub fn too_slow() -> Response {
    respond(StatusCode::GATEWAY_TIMEOUT, ErrorBody::new("the request took too long; try again", "timeout"))
}

/// The server stops.
pub fn draining() -> Response {
    later(NotReadyBody::new(ErrorBody::new("the server is shutting down", "shutting_down")))
}

/// A handler that panicked.
pub fn panicked() -> Response {
    let sentence = "the server failed on this request; see its log";
    respond(StatusCode::INTERNAL_SERVER_ERROR, ErrorBody::new(sentence, "internal"))
}

/// A file that does not exist.
pub fn no_file(sentence: &str) -> Response {
    respond(StatusCode::NOT_FOUND, ErrorBody::new(sentence, "not_found"))
}

#[cfg(test)]
mod tests {
    use axum::http::header;
    use serde_json::{Value, json};

    use super::*;
    use crate::session::{EndReason, Id};

    async fn read(error: impl Into<Error>) -> (StatusCode, bool, Value) {
        let response = error.into().into_response();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, headers.contains_key(header::RETRY_AFTER), serde_json::from_slice(&bytes).unwrap())
    }

    #[tokio::test]
    async fn an_ended_session_says_why_and_an_unknown_one_is_another_thing() {
        let id = Id::from("x");
        let ended = session::Error::Ended { id: id.clone(), reason: EndReason::PeerVanished };

        let (status, _, body) = read(ended).await;

        assert_eq!((status, &body["code"]), (StatusCode::GONE, &json!("session_ended")));
        assert_eq!(body["reason"], "peer_vanished");
        let (status, _, body) = read(session::Error::NotFound(id)).await;
        assert_eq!((status, &body["code"]), (StatusCode::NOT_FOUND, &json!("session_not_found")));
        assert!(body.get("reason").is_none());
    }

    #[tokio::test]
    async fn a_retry_after_says_when_to_come_back() {
        let out = session::Error::Descriptors { free: 1, needed: 2 };
        for error in
            [session::Error::Full { limit: 1 }, out, session::Error::ShuttingDown, session::Error::Busy]
        {
            let (status, told, _) = read(error).await;

            assert!(status == StatusCode::SERVICE_UNAVAILABLE && told);
        }
        for response in [overloaded(), draining()] {
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert!(response.headers().contains_key(header::RETRY_AFTER));
        }
    }

    #[tokio::test]
    async fn refused_parameters_name_the_field_that_they_stand_in() {
        let fault = stage::Fault { path: "/prompts/0".into(), message: "expected a string".into() };
        let refused = || Error::from(session::Error::Stage(stage::Error::Parameters(vec![fault.clone()])));

        let (status, _, flat) = read(refused()).await;
        let (_, _, nested) = read(refused().inside("initialParameters")).await;

        assert_eq!(
            (status, &flat["detail"][0]["loc"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &json!(["body", "prompts", "0"]))
        );
        assert_eq!(nested["detail"][0]["loc"], json!(["body", "initialParameters", "prompts", "0"]));
        assert_eq!(nested["detail"][0]["msg"], "expected a string");
    }

    #[tokio::test]
    async fn an_offer_without_a_common_codec_is_the_clients_to_change() {
        let offer = include_str!("../../tests/fixtures/offers/chromium.sdp").replace("m=video", "m=audio");

        let error = signalling::Offer::parse(&offer).unwrap_err();

        assert_eq!(read(error).await.0, StatusCode::BAD_REQUEST);
    }
}
