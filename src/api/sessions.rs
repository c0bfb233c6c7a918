//! Sessions: what they do, and steering them without a data channel.

use axum::{
    Json,
    extract::{FromRequestParts, Path, State as Extract},
    http::{StatusCode, header, request::Parts},
    response::IntoResponse,
};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{State, body::Object, error::Error, graphviz};
use crate::session::{self, Description, Id, Snapshot};

/// Longer ids were never given out; the error that repeats one stays short.
const ID_CHARACTERS: usize = 64;

/// The session that the path names.
pub struct SessionId(pub Id);

impl FromRequestParts<State> for SessionId {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Error> {
        let id = Path::<String>::from_request_parts(parts, state).await;
        let Ok(Path(id)) = id else { return Err(session::Error::NotFound(Id::from("of no text")).into()) };
        Ok(Self(Id::from(id.chars().take(ID_CHARACTERS).collect::<String>().as_str())))
    }
}

/// All sessions that live.
#[derive(Serialize, ToSchema)]
pub struct SessionsBody {
    sessions: Vec<Snapshot>,
}

/// An update that passed its checks.
#[derive(Serialize, ToSchema)]
pub struct ParametersBody {
    /// The effective values.
    #[schema(value_type = Object)]
    parameters: Map<String, Value>,
    /// Number of the first frame that has them. Null where no stage has taken them within two seconds, because it is
    /// loading or slow; the data channel says `parameters_updated` when it has, or `parameters_rejected`.
    frame: Option<u64>,
}

/// What both sides said to connect, the oldest first.
#[derive(Serialize, ToSchema)]
pub struct DescriptionsBody {
    descriptions: Vec<Description>,
}

/// All sessions that live.
#[utoipa::path(get, path = "/api/v1/sessions", responses((status = 200, body = SessionsBody)))]
pub async fn list(Extract(state): Extract<State>) -> Json<SessionsBody> {
    Json(SessionsBody { sessions: state.registry.list() })
}

/// One session.
#[utoipa::path(get, path = "/api/v1/sessions/{id}",
    responses((status = 200, body = Snapshot), (status = 404), (status = 410)))]
pub async fn show(Extract(state): Extract<State>, SessionId(id): SessionId) -> Result<Json<Snapshot>, Error> {
    Ok(Json(state.registry.get(&id)?))
}

/// Ends a session.
#[utoipa::path(delete, path = "/api/v1/sessions/{id}", responses((status = 204), (status = 404), (status = 410)))]
pub async fn close(Extract(state): Extract<State>, SessionId(id): SessionId) -> Result<StatusCode, Error> {
    state.registry.close(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The session's live graph in Graphviz's language.
#[utoipa::path(get, path = "/api/v1/sessions/{id}/graph.dot",
    responses((status = 200, content_type = "text/vnd.graphviz"), (status = 404), (status = 410)))]
pub async fn graph_dot(
    Extract(state): Extract<State>,
    SessionId(id): SessionId,
) -> Result<impl IntoResponse, Error> {
    let dot = state.registry.graph_dot(&id).await?;
    Ok(([(header::CONTENT_TYPE, "text/vnd.graphviz; charset=utf-8")], dot))
}

/// The same as a picture; Graphviz draws it.
#[utoipa::path(get, path = "/api/v1/sessions/{id}/graph.svg",
    responses((status = 200, content_type = "image/svg+xml"), (status = 404), (status = 410), (status = 501)))]
pub async fn graph_svg(
    Extract(state): Extract<State>,
    SessionId(id): SessionId,
) -> Result<impl IntoResponse, Error> {
    let dot = state.registry.graph_dot(&id).await?;
    let svg = graphviz::draw(graphviz::PROGRAM, dot.into_bytes()).await?;
    Ok(([(header::CONTENT_TYPE, "image/svg+xml")], svg))
}

/// What the session runs as gst-launch-1.0 lines, with a test picture in place of the network.
#[utoipa::path(get, path = "/api/v1/sessions/{id}/launch",
    responses((status = 200, content_type = "text/plain"), (status = 404), (status = 410)))]
pub async fn launch(
    Extract(state): Extract<State>,
    SessionId(id): SessionId,
) -> Result<impl IntoResponse, Error> {
    let lines = state.registry.launch(&id).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], lines))
}

/// Offer, answer and candidates with their times; ICE credentials and addresses are blanked, since whoever reaches
/// this port may read it and a browser's candidates tell its user's network.
#[utoipa::path(get, path = "/api/v1/sessions/{id}/sdp",
    responses((status = 200, body = DescriptionsBody), (status = 404), (status = 410)))]
pub async fn descriptions(
    Extract(state): Extract<State>,
    SessionId(id): SessionId,
) -> Result<Json<DescriptionsBody>, Error> {
    Ok(Json(DescriptionsBody { descriptions: state.registry.descriptions(&id)? }))
}

/// Puts another pipeline in place; the connection stays, and what runs goes on until the new one is ready: the data
/// channel says `pipeline_changed`, or `parameters_rejected` where it does not come.
#[utoipa::path(put, path = "/api/v1/sessions/{id}/pipeline", request_body = Object,
    responses((status = 204), (status = 404), (status = 410), (status = 422)))]
pub async fn switch_pipeline(
    Extract(state): Extract<State>,
    SessionId(id): SessionId,
    mut body: Object,
) -> Result<StatusCode, Error> {
    let pipeline = body.string("pipeline_id");
    body.check()?;
    state.registry.switch_pipeline(&id, &pipeline).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Applies an update, as the data channel takes it: all of it, or nothing where anything is wrong.
#[utoipa::path(patch, path = "/api/v1/sessions/{id}/parameters", request_body = Object,
    responses((status = 200, body = ParametersBody), (status = 404, description = "no such session or pipeline"),
        (status = 410), (status = 422), (status = 503, description = "the pipeline is full")))]
pub async fn set_parameters(
    Extract(state): Extract<State>,
    SessionId(id): SessionId,
    body: Object,
) -> Result<Json<ParametersBody>, Error> {
    let applied = state.registry.update(&id, body.check()?).await?;
    Ok(Json(ParametersBody { parameters: applied.parameters, frame: applied.frame }))
}
