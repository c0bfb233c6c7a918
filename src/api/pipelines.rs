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

/// Makes a pipeline the one that new sessions get. Takes `pipeline_id`, `pipeline_ids` or `pipelines`.
#[utoipa::path(post, path = "/api/v1/pipeline/load", request_body = Object, responses(
    (status = 200, body = MessageBody), (status = 404, description = "unknown pipeline"), (status = 422)))]
pub async fn load(Extract(state): Extract<State>, mut body: Object) -> Result<Json<MessageBody>, Error> {
    let mut load_params = body.object("load_params");
    let ids = if body.has("pipelines") {
        let nodes = body.list("pipelines").unwrap_or_default();
        if let Some(own) = nodes.first().and_then(|node| node.get("load_params")).and_then(Value::as_object) {
            load_params = Some(own.clone());
        }
        nodes.iter().map(|node| node.get("pipeline_id").cloned().unwrap_or_default()).collect()
    } else if body.has("pipeline_ids") {
        body.list("pipeline_ids").unwrap_or_default()
    } else {
        vec![Value::String(body.string("pipeline_id"))]
    };
    let names: Vec<String> = ids.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    if names.len() != ids.len() {
        body.fault("string_type", "pipeline_ids", "ids of pipelines are wanted", &Value::Array(ids));
    }
    body.check()?;
    state.catalog.load(&names, load_params)?;
    Ok(Json(MessageBody { message: format!("pipeline {} is loaded", names.join(", ")) }))
}

/// Which pipeline new sessions get, and how its loading goes.
#[utoipa::path(get, path = "/api/v1/pipeline/status", responses((status = 200, body = stage::LoadStatus)))]
pub async fn status(Extract(state): Extract<State>) -> Json<stage::LoadStatus> {
    Json(state.catalog.status())
}
