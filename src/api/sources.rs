//! Files on the server that a session may play in place of a camera, in Scope's shapes.

use axum::{
    Extension, Json,
    extract::{Path, State as Extract, rejection::PathRejection},
};
use serde::Serialize;
use tokio::task::spawn_blocking;
use utoipa::ToSchema;

use super::{State, error::Error};
use crate::{
    access::Caller,
    session::{Found, SourceType},
};

/// The kinds of sources.
const KINDS: [(SourceType, &str, &str, &str); 2] = [
    (SourceType::VideoFile, "video_file", "Video file", "A file in the folder that --video-files names."),
    (SourceType::Recording, "recording", "Recording", "A video that was recorded here."),
];

/// Every kind of source.
#[derive(Serialize, ToSchema)]
pub struct KindsBody {
    input_sources: Vec<KindBody>,
}

/// A kind of source.
#[derive(Serialize, ToSchema)]
pub struct KindBody {
    source_id: SourceType,
    source_name: &'static str,
    source_description: &'static str,
    /// Whether there is a source of it.
    available: bool,
}

/// The sources of one kind.
#[derive(Serialize, ToSchema)]
pub struct SourcesBody {
    source_type: SourceType,
    sources: Vec<Found>,
}

/// The kinds of sources that sessions may take as `input_source`.
#[utoipa::path(get, path = "/api/v1/input-sources", operation_id = "list_source_kinds",
    responses((status = 200, body = KindsBody)))]
pub async fn kinds(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<KindsBody>, Error> {
    let mut input_sources = Vec::new();
    for (source_id, _, source_name, source_description) in KINDS {
        let available = !list(&state, source_id, &caller).await.is_empty();
        input_sources.push(KindBody { source_id, source_name, source_description, available });
    }
    Ok(Json(KindsBody { input_sources }))
}

/// The sources of a kind; `identifier` is the `source_name` of an `input_source`.
#[utoipa::path(get, path = "/api/v1/input-sources/{kind}/sources", operation_id = "list_sources", params(("kind" = SourceType, Path)),
    responses((status = 200, body = SourcesBody), (status = 404)))]
pub async fn sources(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
    kind: Result<Path<String>, PathRejection>,
) -> Result<Json<SourcesBody>, Error> {
    let name = kind.map(|Path(name)| name).unwrap_or_default();
    let known = KINDS.into_iter().find(|(_, id, ..)| *id == name);
    let (source_type, ..) = known.ok_or(Error::SourceKind(name))?;
    Ok(Json(SourcesBody { source_type, sources: list(&state, source_type, &caller).await }))
}

async fn list(state: &State, kind: SourceType, caller: &Caller) -> Vec<Found> {
    let (sources, caller) = (state.registry.sources().clone(), caller.clone());
    spawn_blocking(move || sources.list(kind, &caller)).await.unwrap_or_default() // it panicked: the log says so
}
