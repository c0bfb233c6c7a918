//! What the server says on the data channel `parameters`. Pure.

use serde::Serialize;
use serde_json::Value;

use super::{RecordingInfo, Source};
use crate::stage::{self, Fault, Values};

/// What the server says. `type` comes first.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Message {
    /// An update is in force.
    ParametersUpdated {
        /// The effective values.
        parameters: Values,
        /// Number of the first frame that has them.
        frame: u64,
        /// Keys that this pipeline has no use for.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        ignored: Vec<String>,
        /// The client's own mark.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Value>,
    },
    /// Nothing of an update was applied.
    ParametersRejected {
        /// What was wrong.
        errors: Vec<Fault>,
        /// The client's own mark.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Value>,
    },
    /// Another pipeline is in the stage's place.
    PipelineChanged {
        /// Its id.
        pipeline_id: String,
        /// Its first frame.
        frame: u64,
    },
    /// The stage's state changed.
    StageState(stage::Status),
    /// The encoder failed and another one goes on.
    EncoderChanged {
        /// GStreamer element that encodes from here on.
        encoder: &'static str,
        /// One sentence.
        detail: String,
    },
    /// No picture came from the decoder; the same one, built anew, or another one goes on.
    DecoderChanged {
        /// GStreamer element that decodes from here on.
        decoder: &'static str,
        /// One sentence.
        detail: String,
    },
    /// A recording started, goes on (once a second), stopped or failed.
    Recording(RecordingInfo),
    /// The picture comes from there from now on.
    InputSource {
        /// The file; null for what the client sends.
        source: Option<Source>,
        /// Why the file that was there before plays no more.
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// Figures, once a second; what is not known is absent.
    Stats(Figures),
    /// The last message before the server closes.
    StreamStopped {
        /// Code of the end reason.
        reason: &'static str,
        /// Its sentence.
        error_message: &'static str,
    },
}

/// Figures of one second.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Figures {
    /// Pictures decoded, a second.
    pub fps_in: f64,
    /// Pictures encoded, a second.
    pub fps_out: f64,
    /// Milliseconds from a picture's first packet to the last packet of its return, mean of the second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<f64>,
    /// Milliseconds that a picture spent in the stage, mean of the second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage_ms: Option<f64>,
    /// Bit/s received.
    pub bitrate_in_bps: u64,
    /// Bit/s sent.
    pub bitrate_out_bps: u64,
    /// Bit/s that congestion control grants the encoder.
    pub target_bps: u64,
    /// Round-trip time in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round_trip_ms: Option<f64>,
    /// Pictures dropped before the stage, since the start.
    pub dropped_before_stage: u64,
    /// Pictures dropped before the encoder, since the start.
    pub dropped_before_encoder: u64,
}
