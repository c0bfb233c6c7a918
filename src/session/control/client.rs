//! The messages of a client, for the OpenAPI document alone; `Update::read` reads them. Never constructed.

#![expect(dead_code, reason = "these types describe what Update::read takes as a value")]

use std::collections::BTreeMap;

use utoipa::ToSchema;

use super::SourceType;
use crate::stage::{
    Json,
    prompts::{PromptsBody, TransitionBody},
};

/// An update of a session: a message of the client on the data channel `parameters`, or a body of HTTP. Every key may be
/// absent; keys that are not listed are parameters of the pipeline.
#[derive(ToSchema)]
#[schema(as = Update)]
pub struct UpdateBody {
    /// The client's own name for the update, which the answer on the data channel repeats; at most 256 bytes of JSON.
    #[schema(value_type = Option<Json>, nullable = false)]
    id: Option<Json>,
    /// End-to-end delay in milliseconds, as the client measured it.
    #[schema(nullable = false, minimum = 0, maximum = 60_000)]
    client_delay_ms: Option<f64>,
    /// The pipeline to switch to, by id or alias.
    pipeline_id: Option<String>,
    /// The same in Scope's later form: one id, or none for the pipeline that runs.
    #[schema(max_items = 1)]
    pipeline_ids: Option<Vec<String>>,
    /// Pauses or resumes the video that is sent.
    #[schema(nullable = false)]
    paused: Option<bool>,
    /// Has the pipeline forget earlier frames.
    #[schema(nullable = false)]
    reset: Option<bool>,
    /// The same in Scope's word.
    #[schema(nullable = false)]
    reset_cache: Option<bool>,
    /// Starts or stops a recording.
    recording: Option<RecordingBody>,
    /// Plays a file of the server in place of the client's video; null goes back to the client's.
    input_source: Option<InputSourceBody>,
    /// Prompts, for pipelines that take them.
    #[schema(nullable = false)]
    prompts: Option<PromptsBody>,
    /// Changes the prompts over several frames.
    transition: Option<TransitionBody>,
    #[serde(flatten)]
    parameters: BTreeMap<String, Json>,
}

/// True starts a recording of what is sent, false stops it.
#[derive(ToSchema)]
#[serde(untagged)]
#[schema(as = RecordingRequest)]
pub enum RecordingBody {
    /// Starts or stops.
    Switch(bool),
    /// Starts with options.
    Options {
        /// Whether what is received is recorded too; false without.
        #[schema(nullable = false)]
        input: Option<bool>,
    },
}

/// Which file to play. `enabled: false` goes back to the client's video; else `source_type` and `source_name` are
/// required.
#[derive(ToSchema)]
#[schema(as = InputSourceRequest)]
pub struct InputSourceBody {
    /// True without.
    #[schema(nullable = false)]
    enabled: Option<bool>,
    /// What kind of file.
    #[schema(nullable = false)]
    source_type: Option<SourceType>,
    /// Its `identifier` of `GET /api/v1/input-sources/{kind}/sources`.
    #[schema(nullable = false)]
    source_name: Option<String>,
    /// Whether it begins again at its end; true without.
    #[serde(rename = "loop")]
    #[schema(nullable = false)]
    repeat: Option<bool>,
}
