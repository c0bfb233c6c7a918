//! Sessions: what they do, and steering them without a data channel.

use axum::{
    Extension, Json,
    extract::{FromRequestParts, Path, State as Extract},
    http::{StatusCode, header, request::Parts},
    response::IntoResponse,
};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::{State, body::Object, error::Error, graphviz};
use crate::{
    access::Caller,
    session::{self, Description, Id, Snapshot},
    stage,
};

/// No id is longer; the error that repeats one stays short.
const ID_CHARACTERS: usize = 64;

/// The session that the path names.
#[derive(IntoParams)]
#[into_params(names("id"), parameter_in = Path)]
pub struct SessionId(#[param(value_type = String)] pub Id);

impl FromRequestParts<State> for SessionId {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Error> {
        let id = Path::<String>::from_request_parts(parts, state).await;
        let Ok(Path(id)) = id else { return Err(session::Error::NotFound(Id::from("of no text")).into()) };
        Ok(Self(id_of(&id)))
    }
}

/// The session that a text names.
pub fn id_of(text: &str) -> Id {
    Id::from(text.chars().take(ID_CHARACTERS).collect::<String>().as_str())
}

/// All live sessions.
#[derive(Serialize, ToSchema)]
pub struct SessionsBody {
    sessions: Vec<Snapshot>,
}

/// An update that passed its checks.
#[derive(Serialize, ToSchema)]
pub struct ParametersBody {
    /// The effective values.
    #[schema(value_type = stage::ParameterValues)]
    parameters: stage::Values,
    /// Number of the first frame that has them. Null where no stage has taken them within two seconds, because it is
    /// loading or slow; the data channel says `parameters_updated` when it has, or `parameters_rejected`.
    frame: Option<u64>,
}

/// Body of a switch.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents what Object reads field by field")]
pub struct SwitchBody {
    /// The pipeline, by id or alias.
    pipeline_id: String,
}

/// What both sides said to connect, the oldest first.
#[derive(Serialize, ToSchema)]
pub struct DescriptionsBody {
    descriptions: Vec<Description>,
}

/// All live sessions of the caller; an operator's are those of everybody.
#[utoipa::path(get, path = "/api/v1/sessions", operation_id = "list_sessions",
    responses((status = 200, body = SessionsBody)))]
pub async fn list(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
) -> Json<SessionsBody> {
    Json(SessionsBody { sessions: state.registry.list(&caller) })
}

/// One session.
#[utoipa::path(get, path = "/api/v1/sessions/{id}", operation_id = "get_session", params(SessionId),
    responses((status = 200, body = Snapshot), (status = 404), (status = 410)))]
pub async fn show(Extract(state): Extract<State>, SessionId(id): SessionId) -> Result<Json<Snapshot>, Error> {
    Ok(Json(state.registry.get(&id)?))
}

/// Ends a session.
#[utoipa::path(delete, path = "/api/v1/sessions/{id}", operation_id = "delete_session", params(SessionId),
    responses((status = 204), (status = 404), (status = 410)))]
pub async fn close(Extract(state): Extract<State>, SessionId(id): SessionId) -> Result<StatusCode, Error> {
    state.registry.close(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The session's live graph in DOT, the language of Graphviz.
#[utoipa::path(get, path = "/api/v1/sessions/{id}/graph.dot", operation_id = "get_graph_dot", params(SessionId),
    responses((status = 200, body = String, content_type = "text/vnd.graphviz"), (status = 404), (status = 410)))]
pub async fn graph_dot(
    Extract(state): Extract<State>,
    SessionId(id): SessionId,
) -> Result<impl IntoResponse, Error> {
    let dot = state.registry.graph_dot(&id).await?;
    Ok(([(header::CONTENT_TYPE, "text/vnd.graphviz; charset=utf-8")], dot))
}

/// The same as an image, drawn by Graphviz.
#[utoipa::path(get, path = "/api/v1/sessions/{id}/graph.svg", operation_id = "get_graph_svg", params(SessionId),
    responses((status = 200, body = String, content_type = "image/svg+xml"), (status = 404), (status = 410),
    (status = 501, description = "Graphviz is not installed")))]
pub async fn graph_svg(
    Extract(state): Extract<State>,
    SessionId(id): SessionId,
) -> Result<impl IntoResponse, Error> {
    let dot = state.registry.graph_dot(&id).await?;
    let svg = graphviz::draw(graphviz::PROGRAM, dot.into_bytes()).await?;
    Ok(([(header::CONTENT_TYPE, "image/svg+xml")], svg))
}

/// What the session runs as gst-launch-1.0 lines, with a test card in place of the network.
#[utoipa::path(get, path = "/api/v1/sessions/{id}/launch", operation_id = "get_launch_lines", params(SessionId),
    responses((status = 200, body = String, content_type = "text/plain"), (status = 404), (status = 410)))]
pub async fn launch(
    Extract(state): Extract<State>,
    SessionId(id): SessionId,
) -> Result<impl IntoResponse, Error> {
    let lines = state.registry.launch(&id).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], lines))
}

/// Offer, answer and candidates with their times; ICE credentials and addresses are masked: a browser's
/// candidates reveal its user's network.
#[utoipa::path(get, path = "/api/v1/sessions/{id}/sdp", operation_id = "list_descriptions", params(SessionId),
    responses((status = 200, body = DescriptionsBody), (status = 404), (status = 410)))]
pub async fn descriptions(
    Extract(state): Extract<State>,
    SessionId(id): SessionId,
) -> Result<Json<DescriptionsBody>, Error> {
    Ok(Json(DescriptionsBody { descriptions: state.registry.descriptions(&id)? }))
}

/// Switches the pipeline. The connection stays, and the running pipeline goes on until the new one is ready: the data
/// channel then says `pipeline_changed`, or `parameters_rejected` where it cannot start.
#[utoipa::path(put, path = "/api/v1/sessions/{id}/pipeline", operation_id = "switch_pipeline", params(SessionId),
    request_body = SwitchBody, responses((status = 204), (status = 404), (status = 410)))]
pub async fn switch_pipeline(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
    SessionId(id): SessionId,
    mut body: Object,
) -> Result<StatusCode, Error> {
    let pipeline = body.string("pipeline_id");
    body.check()?;
    state.registry.switch_pipeline(&id, caller, &pipeline).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Applies an update, as the data channel takes it: all of it, or nothing where anything is wrong.
#[utoipa::path(patch, path = "/api/v1/sessions/{id}/parameters", operation_id = "set_parameters", params(SessionId),
    request_body = session::UpdateBody,
    responses((status = 200, body = ParametersBody), (status = 404, description = "no such session or pipeline"),
    (status = 410), (status = 503, description = "the pipeline is full")))]
pub async fn set_parameters(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
    SessionId(id): SessionId,
    body: Object,
) -> Result<Json<ParametersBody>, Error> {
    let applied = state.registry.update(&id, caller, body.check()?).await?;
    Ok(Json(ParametersBody { parameters: applied.parameters, frame: applied.frame }))
}
