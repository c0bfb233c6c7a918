//! What a session and its graph need to know about a pipeline. Pure.

use std::time::Duration;

use crate::frame::Layout;

/// Whether a pipeline processes the frames of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Input {
    /// No output without input.
    #[default]
    Required,
    /// Runs with and without input frames.
    Optional,
    /// Generates frames by itself.
    None,
}

/// What is sent for a frame without a result: the stage loads, is late, failed or crashed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// The stage's last result, with the frame's time.
    Hold,
    /// The input frame.
    #[default]
    Passthrough,
    /// Nothing.
    Skip,
}

/// What a session and its graph need to know about a pipeline.
#[derive(Clone, Debug)]
pub struct Info {
    /// The pipeline's id.
    pub id: String,
    /// Layouts that the stage accepts; the graph converts only if the decoder produces none of them.
    pub layouts: Vec<Layout>,
    /// Whether the stage needs input frames.
    pub input: Input,
    /// What is sent for a frame without a result.
    pub on_failure: OnFailure,
    /// Time between two generated frames.
    pub interval: Duration,
    /// Width and height of generated frames.
    pub size: (u32, u32),
    /// Longest time for one frame; then the stage is abandoned.
    pub deadline: Duration,
    /// Longest time for a load.
    pub load_limit: Duration,
}
