//! The session without a client, in Scope's routes and shapes: a file or the pipeline itself in; a recording, stills and
//! viewers out.
//!
//! All other routes know it too, by the id `headless`.

use std::convert::Infallible;

use axum::{
    Json,
    body::Body,
    extract::{Query, State as Extract, rejection::QueryRejection},
    http::header,
    response::{IntoResponse, Response},
};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::{
    sync::{mpsc, oneshot},
    task::spawn_blocking,
};
use utoipa::{IntoParams, ToSchema};

use super::{State, body::Object, chain::Chain, error::Error, host};
use crate::session::{Id, Snapshot};

/// Pieces of a stream that wait for a viewer: some seconds. Who is behind by more is let go.
const PIECES: usize = 4096;
/// JPEG's usual compromise, and Scope's.
const QUALITY: u8 = 85;

/// Body of a start.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "documents what Object reads field by field")]
pub struct StartBody {
    /// The pipeline; the server's default without it and without a graph.
    pipeline_id: Option<String>,
    /// In its place a graph of one pipeline: `nodes` of type source, pipeline and sink, and `edges`.
    #[schema(value_type = Option<Object>)]
    graph: Option<Map<String, Value>>,
    /// Given back as it comes.
    input_mode: Option<String>,
    /// The pipeline's prompts.
    #[schema(value_type = Option<Vec<Object>>)]
    prompts: Option<Value>,
    /// The file: `source_type`, `source_name`, and `loop` where it is not to end the session (true without).
    #[schema(value_type = Option<Object>)]
    input_source: Option<Value>,
    /// The pipeline's parameters.
    #[schema(value_type = Option<Object>)]
    parameters: Option<Map<String, Value>>,
    /// The same by the graph's nodes.
    #[schema(value_type = Option<Object>)]
    node_parameters: Option<Map<String, Value>>,
    /// Whether to record: true, or `{"input": true}`.
    #[schema(value_type = Option<bool>)]
    recording: Option<Value>,
}

/// How a picture is wanted.
#[derive(Deserialize, IntoParams)]
pub struct FrameQuery {
    /// Of the JPEG, 1 to 100.
    quality: Option<u8>,
}

/// Parameters that are in force, or were taken.
#[derive(Serialize, ToSchema)]
pub struct ValuesBody {
    /// By name.
    #[schema(value_type = Object)]
    parameters: Map<String, Value>,
}

/// Starts the session; there is one at a time.
#[utoipa::path(post, path = "/api/v1/session/start", request_body = StartBody, responses(
    (status = 200, body = Object), (status = 400, description = "a graph that is no chain"), (status = 404),
    (status = 409, description = "one runs already"), (status = 422), (status = 503)))]
pub async fn start(Extract(state): Extract<State>, mut body: Object) -> Result<Json<Value>, Error> {
    let pipeline = body.optional_string("pipeline_id");
    let graph = body.object("graph");
    let mode = body.optional_string("input_mode");
    let parameters = body.object("parameters").unwrap_or_default();
    let by_node = body.object("node_parameters").unwrap_or_default();
    let mut initial = body.check()?;
    let chain = graph.as_ref().map(Chain::of).transpose().map_err(Error::BadGraph)?;
    initial.extend(parameters);
    for (node, values) in by_node {
        let known = chain.as_ref().is_some_and(|chain| chain.node == node);
        let Value::Object(values) = values else {
            return Err(Error::BadGraph(format!("the parameters of node {node} are wanted, {values} came")));
        };
        if !known {
            return Err(Error::BadGraph(format!("there is no pipeline node {node:?} that takes parameters")));
        }
        initial.extend(values);
    }
    if let Some(source) = chain.as_ref().and_then(|chain| chain.source.clone()) {
        initial.entry("input_source").or_insert(source);
    }
    let mode =
        mode.unwrap_or_else(|| if initial.contains_key("input_source") { "video" } else { "text" }.into());
    if let Some(id) = chain.as_ref().map(|chain| chain.pipeline_id.clone()).or(pipeline) {
        initial.insert("pipeline_id".into(), id.into());
    }
    state.registry.create_headless(initial).await?;
    let running = state.registry.get(&Id::headless())?.pipeline_id;
    let mut answer =
        json!({"status": "ok", "session_id": Id::headless(), "input_mode": mode, "cloud_mode": false});
    match chain {
        None => answer["pipeline_id"] = running.into(),
        Some(chain) => {
            answer["graph"] = true.into();
            answer["pipeline_ids"] = json!([running]);
            answer["sink_node_ids"] = json!(chain.sinks);
            answer["source_node_ids"] = json!(chain.sources);
        }
    }
    Ok(Json(answer))
}

/// Ends the session; its recording is closed when the answer comes.
#[utoipa::path(post, path = "/api/v1/session/stop",
    responses((status = 200, body = Object), (status = 404), (status = 410)))]
pub async fn stop(Extract(state): Extract<State>) -> Result<Json<Value>, Error> {
    state.registry.close(&Id::headless()).await?;
    Ok(Json(json!({"status": "ok"})))
}

/// The session's parameters.
#[utoipa::path(get, path = "/api/v1/session/parameters",
    responses((status = 200, body = ValuesBody), (status = 404), (status = 410)))]
pub async fn parameters(Extract(state): Extract<State>) -> Result<Json<ValuesBody>, Error> {
    Ok(Json(ValuesBody { parameters: state.registry.get(&Id::headless())?.parameters }))
}

/// Sets parameters, as the data channel does; all or nothing.
#[utoipa::path(post, path = "/api/v1/session/parameters", request_body = Object,
    responses((status = 200, body = Object), (status = 404), (status = 410), (status = 422)))]
pub async fn set_parameters(Extract(state): Extract<State>, body: Object) -> Result<Json<Value>, Error> {
    let values = body.check()?;
    state.registry.update(&Id::headless(), values.clone()).await?;
    Ok(Json(json!({"status": "ok", "applied_parameters": values})))
}

/// The next picture that the session sends.
#[utoipa::path(get, path = "/api/v1/session/frame", params(FrameQuery), responses(
    (status = 200, content_type = "image/jpeg"), (status = 404, description = "no session, or no picture in time"),
    (status = 410), (status = 422)))]
pub async fn frame(
    Extract(state): Extract<State>,
    query: Result<Query<FrameQuery>, QueryRejection>,
) -> Result<Response, Error> {
    let Query(query) = query.map_err(|rejection| Error::Query(rejection.body_text()))?;
    let quality = query.quality.unwrap_or(QUALITY).clamp(1, 100);
    let jpeg = state.registry.still(&Id::headless(), quality).await?.ok_or(Error::NoPicture)?;
    Ok(([(header::CONTENT_TYPE, "image/jpeg")], jpeg).into_response())
}

/// What the session sends, as an MPEG transport stream (H.264) that ends with it. Players open the address as it is.
#[utoipa::path(get, path = "/api/v1/session/output.ts", responses(
    (status = 200, content_type = "video/mp2t"), (status = 404),
    (status = 409, description = "what is sent is not H.264"), (status = 410)))]
pub async fn output(Extract(state): Extract<State>) -> Result<Response, Error> {
    let (give, pieces) = mpsc::channel(PIECES);
    let give = Box::new(move |piece| give.try_send(piece).is_ok());
    let viewer = state.registry.view(&Id::headless(), give).await?;
    let (here, gone) = oneshot::channel::<Infallible>();
    tokio::spawn(async move {
        gone.await.ok(); // the body is dropped
        spawn_blocking(move || drop(viewer)).await.ok(); // stopping a graph does not panic
    });
    let body = stream::unfold((pieces, here), |(mut pieces, here)| async move {
        let piece: Vec<u8> = pieces.recv().await?;
        Some((Ok::<_, Infallible>(piece), (pieces, here)))
    });
    Ok(([(header::CONTENT_TYPE, "video/mp2t")], Body::from_stream(body)).into_response())
}

/// Figures of every session, and of the first GPU.
#[utoipa::path(get, path = "/api/v1/session/metrics", responses((status = 200, body = Object)))]
pub async fn metrics(Extract(state): Extract<State>) -> Json<Value> {
    let sessions: Map<String, Value> =
        state.registry.list().iter().map(|session| (session.id.to_string(), figures(session))).collect();
    let system = host::figures(&state).await;
    Json(json!({"sessions": sessions, "gpu": gpu(&system)}))
}

fn figures(session: &Snapshot) -> Value {
    let began = session.created_at.parse::<jiff::Timestamp>().ok();
    let figures = session.figures.as_ref();
    json!({
        "frames_in": session.frames_in,
        "frames_out": session.frames_out,
        "elapsed_seconds": began.map(|began| jiff::Timestamp::now().duration_since(began).as_secs_f64()),
        "fps_in": figures.map(|figures| figures.fps_in),
        "fps_out": figures.map(|figures| figures.fps_out),
        "pipeline_fps": figures.map(|figures| figures.fps_out),
        "output_sinks": 1,
        "input_source_enabled": session.input_source.is_some(),
        "input_source_type": session.input_source.as_ref().map(|source| source.source_type),
        "relay_mode": false,
        "headless": session.id == Id::headless(),
    })
}

/// The first GPU's memory in megabytes; empty where there is none, or its driver does not say.
fn gpu(system: &Value) -> Value {
    let megabytes = |name: &str| Some(system["gpus"][0][name].as_u64()? / (1 << 20));
    match (megabytes("memory_used_bytes"), megabytes("memory_total_bytes")) {
        (Some(used), Some(total)) => {
            json!({"vram_allocated_mb": used, "vram_reserved_mb": used, "vram_total_mb": total})
        }
        _ => json!({}),
    }
}
