//! Pipelines: what the catalog has, and which one new sessions get.

use std::collections::BTreeMap;

use axum::{Json, extract::State as Extract};
use serde::Serialize;
use utoipa::ToSchema;

use super::{State, body::Object, error::Error};
use crate::stage;

/// Every pipeline by id.
#[derive(Serialize, ToSchema)]
pub struct SchemasBody {
    pipelines: BTreeMap<String, stage::Listing>,
}

/// Body of a load, in one of Scope's three forms: exactly one of `pipeline_id`, `pipeline_ids` and `pipelines`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents what Object reads field by field")]
pub struct LoadBody {
    /// The pipeline, by id or alias.
    pipeline_id: Option<String>,
    /// The same as a list of one.
    #[schema(min_items = 1, max_items = 1)]
    pipeline_ids: Option<Vec<String>>,
    /// The same as a list of one node.
    #[schema(min_items = 1, max_items = 1)]
    pipelines: Option<Vec<LoadNode>>,
    /// What its sessions start with.
    load_params: Option<stage::ParameterValues>,
}

/// A pipeline as a node of Scope's graphs.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents what Object reads field by field")]
pub struct LoadNode {
    /// Not used.
    node_id: Option<String>,
    /// The pipeline, by id or alias.
    pipeline_id: String,
    /// What its sessions start with, in place of the body's.
    load_params: Option<stage::ParameterValues>,
}

/// A sentence for people.
#[derive(Serialize, ToSchema)]
pub struct MessageBody {
    message: String,
}

/// All pipelines with the JSON Schema of their parameters.
#[utoipa::path(get, path = "/api/v1/pipelines/schemas", operation_id = "list_pipelines",
    responses((status = 200, body = SchemasBody)))]
pub async fn schemas(Extract(state): Extract<State>) -> Json<SchemasBody> {
    Json(SchemasBody { pipelines: state.catalog.schemas() })
}

/// Makes a pipeline the one that new sessions get, and loads a stage of it for the next one in the background.
#[utoipa::path(post, path = "/api/v1/pipeline/load", operation_id = "load_pipeline", request_body = LoadBody,
    responses((status = 200, body = MessageBody), (status = 404, description = "unknown pipeline"), (status = 409)))]
pub async fn load(Extract(state): Extract<State>, mut body: Object) -> Result<Json<MessageBody>, Error> {
    let mut load_params = body.object("load_params");
    let in_a_list = body.has("pipelines") || body.has("pipeline_ids");
    let nodes = body.objects("pipelines", |node| (node.string("pipeline_id"), node.object("load_params")));
    let names = match (nodes, body.strings("pipeline_ids")) {
        (Some(nodes), _) => {
            load_params = nodes.iter().find_map(|(_, own)| own.clone()).or(load_params);
            nodes.into_iter().map(|(id, _)| id).collect()
        }
        (None, Some(ids)) => ids,
        (None, None) if in_a_list => Vec::new(), // not a list: the fault is noted
        (None, None) => vec![body.string("pipeline_id")],
    };
    body.check()?;
    state.catalog.load(&names, load_params).map_err(|error| Error::from(error).inside("load_params"))?;
    Ok(Json(MessageBody {
        message: format!(
            "pipeline {} is loading; GET /api/v1/pipeline/status shows its progress",
            names.join(", ")
        ),
    }))
}

/// Which pipeline new sessions get, and how far its load is.
#[utoipa::path(get, path = "/api/v1/pipeline/status", operation_id = "get_pipeline_status",
    responses((status = 200, body = stage::LoadStatus)))]
pub async fn status(Extract(state): Extract<State>) -> Json<stage::LoadStatus> {
    Json(state.catalog.status())
}
