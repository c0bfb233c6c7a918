//! The waiting line: where an offer finds the server full, and what its client does until its turn.

use std::{convert::Infallible, time::Duration};

use axum::{
    Extension, Json,
    extract::{Path, State as Extract},
    http::StatusCode,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::stream;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::{State, error::Error};
use crate::{access::Caller, session::Standing};

/// Proxies close a stream that is silent for a minute.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// A place in the line.
#[derive(Serialize, ToSchema)]
pub struct WaitingBody {
    /// The ticket.
    ticket: String,
    /// How many are served before this client, and itself; 0 once it is its turn. It only falls.
    position: usize,
    /// Where moves are told: server-sent events, each named `place`, with this object as its data.
    events: String,
    /// Once it is its turn: the next offer takes it as `waitingToken`. It works once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    token: Option<String>,
    /// With the token: for how many seconds the place is held.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    expires_in_s: Option<u64>,
}

impl WaitingBody {
    fn new(ticket: &str, standing: Standing) -> Self {
        let left = standing.until.map(|until| until.saturating_duration_since(std::time::Instant::now()));
        Self {
            ticket: ticket.to_owned(),
            position: standing.position,
            events: format!("/api/v1/waiting/{ticket}/events"),
            token: standing.token,
            expires_in_s: left.map(|left| left.as_secs()),
        }
    }
}

/// The path of a ticket's routes.
#[derive(serde::Deserialize, IntoParams)]
pub struct TicketPath {
    /// The ticket.
    ticket: String,
}

/// A place for a caller whose offer found the server full; `None` where there is no line.
pub fn join(state: &State, caller: &Caller) -> Option<Result<Response, Error>> {
    let ticket = match state.registry.line().join(caller)? {
        Ok(ticket) => ticket,
        Err(error) => return Some(Err(error.into())),
    };
    let standing = state.registry.line().standing(caller, &ticket).map_err(Error::from);
    Some(
        standing.map(|standing| {
            (StatusCode::ACCEPTED, Json(WaitingBody::new(&ticket, standing))).into_response()
        }),
    )
}

/// Where a ticket stands. One that is neither asked for nor watched for 30 s is dropped.
#[utoipa::path(get, path = "/api/v1/waiting/{ticket}", operation_id = "get_waiting", params(TicketPath),
    responses((status = 200, body = WaitingBody), (status = 404, description = "no such ticket: used, dropped or never made")))]
pub async fn show(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
    Path(TicketPath { ticket }): Path<TicketPath>,
) -> Result<Json<WaitingBody>, Error> {
    let standing = state.registry.line().standing(&caller, &ticket)?;
    Ok(Json(WaitingBody::new(&ticket, standing)))
}

/// Leaves the line.
#[utoipa::path(delete, path = "/api/v1/waiting/{ticket}", operation_id = "leave_waiting", params(TicketPath),
    responses((status = 204), (status = 404, description = "no such ticket")))]
pub async fn leave(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
    Path(TicketPath { ticket }): Path<TicketPath>,
) -> Result<StatusCode, Error> {
    state.registry.line().leave(&caller, &ticket)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Tells each move of a ticket, until it is used or dropped.
#[utoipa::path(get, path = "/api/v1/waiting/{ticket}/events", operation_id = "watch_waiting", params(TicketPath),
    responses((status = 200, body = WaitingBody, content_type = "text/event-stream"),
        (status = 404, description = "no such ticket"), (status = 503, description = "too many watch it")))]
pub async fn watch(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
    Path(TicketPath { ticket }): Path<TicketPath>,
) -> Result<Response, Error> {
    let watch = state.registry.line().watch(&caller, &ticket)?;
    let events = stream::unfold((watch, state, ticket), |(mut watch, state, ticket)| async move {
        let standing = state.draining.run_until_cancelled(watch.next()).await??;
        let event = event(&WaitingBody::new(&ticket, standing));
        Some((Ok::<_, Infallible>(event), (watch, state, ticket)))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

fn event(body: &WaitingBody) -> Event {
    let event = Event::default().event("place");
    let text = serde_json::to_string(body).unwrap_or_default(); // texts and numbers are JSON
    event.data(text)
}
