//! The session without a client, in Scope's routes and shapes: a file or the pipeline itself in; a recording, stills and
//! viewers out.
//!
//! All other routes know it too, by the id `headless`.

use std::collections::BTreeMap;

use axum::{
    Extension, Json,
    extract::{Query, State as Extract, rejection::QueryRejection},
    http::header,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::{
    State,
    body::Object,
    chain::{Chain, GraphBody},
    document::Bytes,
    error::Error,
    host, viewer,
};
use crate::{
    access::Caller,
    session::{Id, Snapshot, SourceType, UpdateBody},
    stage, system,
};

/// JPEG's usual compromise, and Scope's.
const QUALITY: u8 = 85;

/// Body of a start; keys that are not listed are parameters of the pipeline.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents what Object reads field by field")]
pub struct StartBody {
    /// A graph of one pipeline, in place of `pipeline_id`.
    graph: Option<GraphBody>,
    /// Given back as it comes.
    input_mode: Option<String>,
    /// The pipeline's parameters.
    parameters: Option<stage::ParameterValues>,
    /// The same by the graph's nodes.
    node_parameters: Option<BTreeMap<String, stage::ParameterValues>>,
    /// The first update; without a pipeline in it, the server's default one.
    #[serde(flatten)]
    update: UpdateBody,
}

/// How a frame is encoded.
#[derive(Deserialize, IntoParams)]
pub struct FrameQuery {
    /// Quality of the JPEG: 1 to 100, 85 without.
    #[param(minimum = 1, maximum = 100)]
    quality: Option<u8>,
}

/// The parameters in force.
#[derive(Serialize, ToSchema)]
pub struct ValuesBody {
    #[schema(value_type = stage::ParameterValues)]
    parameters: stage::Values,
}

/// Scope's word for a success.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Success {
    /// It is done.
    Ok,
}

/// A session that started.
#[derive(Serialize, ToSchema)]
pub struct StartedBody {
    status: Success,
    /// `headless`.
    #[schema(value_type = String)]
    session_id: Id,
    /// The request's, or else `video` with a file and `text` without.
    input_mode: String,
    /// False: this server computes by itself.
    cloud_mode: bool,
    #[serde(flatten)]
    runs: Started,
}

/// What runs in a session that started.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum Started {
    /// Without a graph.
    Pipeline {
        /// The pipeline.
        pipeline_id: String,
    },
    /// With a graph.
    Graph {
        /// True.
        graph: bool,
        /// Its one pipeline.
        pipeline_ids: Vec<String>,
        /// Nodes that take the output.
        sink_node_ids: Vec<String>,
        /// Nodes that give the input.
        source_node_ids: Vec<String>,
    },
}

/// A session that ended.
#[derive(Serialize, ToSchema)]
pub struct StoppedBody {
    status: Success,
}

/// Parameters that were applied.
#[derive(Serialize, ToSchema)]
pub struct AppliedBody {
    status: Success,
    /// The request's.
    #[schema(value_type = stage::ParameterValues)]
    applied_parameters: stage::Values,
}

/// Figures of every session, and of the first graphics card.
#[derive(Serialize, ToSchema)]
pub struct FiguresBody {
    /// By session id.
    sessions: BTreeMap<String, SessionFigures>,
    gpu: GpuMemory,
}

/// Figures of one session.
#[derive(Serialize, ToSchema)]
pub struct SessionFigures {
    /// Frames decoded.
    frames_in: u64,
    /// Frames encoded.
    frames_out: u64,
    /// Seconds since the session's start.
    elapsed_seconds: Option<f64>,
    /// Frames decoded in the last second; null before the first second is over.
    fps_in: Option<f64>,
    /// Frames encoded in the last second; null before the first second is over.
    fps_out: Option<f64>,
    /// The same in Scope's word.
    pipeline_fps: Option<f64>,
    /// 1.
    output_sinks: u32,
    /// Whether a file of the server is the source.
    input_source_enabled: bool,
    /// What kind of file.
    input_source_type: Option<SourceType>,
    /// False: this server relays nothing.
    relay_mode: bool,
    /// Whether it is the session without a client.
    headless: bool,
}

/// Memory of the first graphics card in MiB; empty where there is none, or its driver does not say.
#[derive(Default, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the names of Scope's API")]
pub struct GpuMemory {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    vram_allocated_mb: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    vram_reserved_mb: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    vram_total_mb: Option<u64>,
}

/// Starts the session; there is one at a time.
#[utoipa::path(post, path = "/api/v1/session/start", operation_id = "start_headless", request_body = StartBody, responses(
    (status = 200, body = StartedBody), (status = 400, description = "a graph that this server cannot run"),
    (status = 404), (status = 409, description = "a session is running"), (status = 503)))]
pub async fn start(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
    mut body: Object,
) -> Result<Json<StartedBody>, Error> {
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
            let got = stage::kind(&values);
            return Err(Error::BadGraph(format!("node_parameters.{node}: expected an object, got {got}")));
        };
        if !known {
            return Err(Error::BadGraph(format!("node_parameters: no pipeline node {node:?} in the graph")));
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
    state.registry.create_headless(caller, initial).await?;
    let running = state.registry.get(&Id::headless())?.pipeline_id;
    let runs = match chain {
        None => Started::Pipeline { pipeline_id: running },
        Some(chain) => Started::Graph {
            graph: true,
            pipeline_ids: vec![running],
            sink_node_ids: chain.sinks,
            source_node_ids: chain.sources,
        },
    };
    Ok(Json(StartedBody {
        status: Success::Ok,
        session_id: Id::headless(),
        input_mode: mode,
        cloud_mode: false,
        runs,
    }))
}

/// Ends the session; its recording is closed when the answer comes.
#[utoipa::path(post, path = "/api/v1/session/stop", operation_id = "stop_headless",
    responses((status = 200, body = StoppedBody), (status = 404), (status = 410)))]
pub async fn stop(Extract(state): Extract<State>) -> Result<Json<StoppedBody>, Error> {
    state.registry.close(&Id::headless()).await?;
    Ok(Json(StoppedBody { status: Success::Ok }))
}

/// The session's parameters.
#[utoipa::path(get, path = "/api/v1/session/parameters", operation_id = "get_headless_parameters",
    responses((status = 200, body = ValuesBody), (status = 404), (status = 410)))]
pub async fn parameters(Extract(state): Extract<State>) -> Result<Json<ValuesBody>, Error> {
    Ok(Json(ValuesBody { parameters: state.registry.get(&Id::headless())?.parameters }))
}

/// Sets parameters, as the data channel does; all or nothing.
#[utoipa::path(post, path = "/api/v1/session/parameters", operation_id = "set_headless_parameters",
    request_body = UpdateBody, responses((status = 200, body = AppliedBody), (status = 404), (status = 410)))]
pub async fn set_parameters(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
    body: Object,
) -> Result<Json<AppliedBody>, Error> {
    let values = body.check()?;
    state.registry.update(&Id::headless(), caller, values.clone()).await?;
    Ok(Json(AppliedBody { status: Success::Ok, applied_parameters: values }))
}

/// The next frame that the session sends.
#[utoipa::path(get, path = "/api/v1/session/frame", operation_id = "get_headless_frame", params(FrameQuery), responses(
    (status = 200, body = Bytes, content_type = "image/jpeg"),
    (status = 404, description = "no session, or no frame in time"), (status = 410), (status = 422)))]
pub async fn frame(
    Extract(state): Extract<State>,
    query: Result<Query<FrameQuery>, QueryRejection>,
) -> Result<Response, Error> {
    let Query(query) = query?;
    let quality = query.quality.unwrap_or(QUALITY).clamp(1, 100);
    let jpeg = state.registry.still(&Id::headless(), quality).await?.ok_or(Error::NoFrame)?;
    Ok(([(header::CONTENT_TYPE, "image/jpeg")], jpeg).into_response())
}

/// What the session sends, as an MPEG transport stream (H.264) that ends with it. Players open the address as it is.
#[utoipa::path(get, path = "/api/v1/session/output.ts", operation_id = "get_headless_output", responses(
    (status = 200, body = Bytes, content_type = "video/mp2t"), (status = 404),
    (status = 409, description = "the session does not send H.264"), (status = 410)))]
pub async fn output(Extract(state): Extract<State>) -> Result<Response, Error> {
    let (give, feed) = viewer::open();
    let viewer = state.registry.view(&Id::headless(), give).await?;
    Ok(([(header::CONTENT_TYPE, "video/mp2t")], feed.body(viewer)).into_response())
}

/// Figures of every session, and of the first graphics card.
#[utoipa::path(get, path = "/api/v1/session/metrics", operation_id = "get_figures",
    responses((status = 200, body = FiguresBody)))]
pub async fn metrics(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
) -> Json<FiguresBody> {
    let all = state.registry.list(&caller);
    let sessions = all.iter().map(|session| (session.id.to_string(), figures(session))).collect();
    let gpu = host::snapshot(&state).await.gpus.first().and_then(memory).unwrap_or_default();
    Json(FiguresBody { sessions, gpu })
}

fn figures(session: &Snapshot) -> SessionFigures {
    let began = session.created_at.parse::<jiff::Timestamp>().ok();
    let figures = session.figures.as_ref();
    SessionFigures {
        frames_in: session.frames_in,
        frames_out: session.frames_out,
        elapsed_seconds: began.map(|began| jiff::Timestamp::now().duration_since(began).as_secs_f64()),
        fps_in: figures.map(|figures| figures.fps_in),
        fps_out: figures.map(|figures| figures.fps_out),
        pipeline_fps: figures.map(|figures| figures.fps_out),
        output_sinks: 1,
        input_source_enabled: session.input_source.is_some(),
        input_source_type: session.input_source.as_ref().map(|source| source.source_type),
        relay_mode: false,
        headless: session.id == Id::headless(),
    }
}

fn memory(gpu: &system::Gpu) -> Option<GpuMemory> {
    let [used, total] =
        [gpu.memory_used_bytes?, gpu.memory_total_bytes?].map(|bytes| Some(bytes / (1 << 20)));
    Some(GpuMemory { vram_allocated_mb: used, vram_reserved_mb: used, vram_total_mb: total })
}
