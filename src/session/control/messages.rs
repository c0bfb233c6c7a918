//! The messages that the server sends on the data channel `parameters`. Pure.

use serde::Serialize;
use serde_json::Value;

use super::{super::EndReason, RecordingInfo, Source};
use crate::stage::{self, Fault, Json, ParameterValues, Values};

/// A message of the server on the data channel `parameters`, one JSON object each. `type` comes first.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schema(as = ServerMessage)]
pub enum Message {
    /// An update has taken effect.
    ParametersUpdated {
        /// The effective values.
        #[schema(value_type = ParameterValues)]
        parameters: Values,
        /// Number of the first frame that has them.
        frame: u64,
        /// Keys that this pipeline does not use.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        ignored: Vec<String>,
        /// The `id` of the update.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<Json>, nullable = false)]
        id: Option<Value>,
    },
    /// No part of an update was applied.
    ParametersRejected {
        /// What was wrong.
        errors: Vec<Fault>,
        /// The `id` of the update.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<Json>, nullable = false)]
        id: Option<Value>,
    },
    /// Another pipeline took over.
    PipelineChanged {
        /// Its id.
        pipeline_id: String,
        /// Its first frame.
        frame: u64,
    },
    /// The stage's state changed.
    StageState(stage::Status),
    /// The encoder failed and another one took over.
    EncoderChanged {
        /// The GStreamer element that encodes from this point on.
        encoder: &'static str,
        /// One sentence.
        detail: String,
    },
    /// The decoder gave no frame; it was rebuilt, or another one took over.
    DecoderChanged {
        /// The GStreamer element that decodes from this point on.
        decoder: &'static str,
        /// One sentence.
        detail: String,
    },
    /// A recording started, continues (once a second), stopped or failed.
    Recording(RecordingInfo),
    /// The frames have another source.
    InputSource {
        /// The file; null for the video of the client.
        source: Option<Source>,
        /// Why the file before it stopped playing.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        error: Option<String>,
    },
    /// Statistics, once a second; unknown values are absent.
    Stats(Figures),
    /// The last message before the server closes the connection.
    StreamStopped {
        /// Why the session ends.
        reason: EndReason,
        /// Its sentence.
        error_message: &'static str,
    },
}

/// Statistics of one second.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Figures {
    /// Frames decoded per second.
    pub fps_in: f64,
    /// Frames encoded per second.
    pub fps_out: f64,
    /// Milliseconds from a frame's first packet in to its last packet out, mean of the second.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub latency_ms: Option<f64>,
    /// Milliseconds that a frame spent in the stage, mean of the second.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub stage_ms: Option<f64>,
    /// Bit/s received.
    pub bitrate_in_bps: u64,
    /// Bit/s sent.
    pub bitrate_out_bps: u64,
    /// Bit/s that congestion control grants the encoder.
    pub target_bps: u64,
    /// Round-trip time in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub round_trip_ms: Option<f64>,
    /// Frames dropped before the stage, since the start.
    pub dropped_before_stage: u64,
    /// Frames dropped before the encoder, since the start.
    pub dropped_before_encoder: u64,
}
