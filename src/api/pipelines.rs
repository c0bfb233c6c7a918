//! Pipelines: what there is, which one new sessions get.

use axum::{Json, extract::State as Extract};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{State, body::Object, error::Error};
use crate::stage;

/// Every pipeline by id.
#[derive(Serialize, ToSchema)]
pub struct SchemasBody {
    #[schema(value_type = Object)]
    pipelines: Map<String, Value>,
}

/// A sentence.
#[derive(Serialize, ToSchema)]
pub struct MessageBody {
    message: String,
}

/// All pipelines with the JSON Schema of their parameters.
#[utoipa::path(get, path = "/api/v1/pipelines/schemas", responses((status = 200, body = SchemasBody)))]
pub async fn schemas(Extract(state): Extract<State>) -> Json<SchemasBody> {
    Json(SchemasBody { pipelines: state.catalog.schemas() })
}

/// Makes a pipeline the one that new sessions get, and loads a stage of it for the next one in the background. Takes
/// `pipeline_id`, `pipeline_ids` or `pipelines`; `load_params` are what its sessions start with.
#[utoipa::path(post, path = "/api/v1/pipeline/load", request_body = Object, responses(
    (status = 200, body = MessageBody), (status = 404, description = "unknown pipeline"), (status = 422)))]
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
            "pipeline {} is loading; GET /api/v1/pipeline/status says how it goes",
            names.join(", ")
        ),
    }))
}

/// Which pipeline new sessions get, and how its loading goes.
#[utoipa::path(get, path = "/api/v1/pipeline/status", responses((status = 200, body = stage::LoadStatus)))]
pub async fn status(Extract(state): Extract<State>) -> Json<stage::LoadStatus> {
    Json(state.catalog.status())
}
