//! What a session and its graph have to know of a pipeline. Pure.

use std::time::Duration;

use crate::frame::Layout;

/// What a pipeline does with the picture of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Input {
    /// Nothing comes out where nothing goes in.
    #[default]
    Required,
    /// Uses a picture where there is one.
    Optional,
    /// Makes pictures by itself.
    None,
}

/// What is shown for a frame that the stage gives nothing for: it loads, is late, failed, or is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// The last good picture, at the time of the frame.
    Hold,
    /// The frame as it came in.
    #[default]
    Passthrough,
    /// Nothing: the picture stands.
    Skip,
}

/// What the session and its graph have to know of a pipeline.
#[derive(Clone, Debug)]
pub struct Info {
    /// The pipeline's id.
    pub id: String,
    /// Layouts that the stage takes; the graph converts only where the decoder gives none of them.
    pub layouts: Vec<Layout>,
    /// Whether the stage needs a picture to work on.
    pub input: Input,
    /// What is shown for a frame that the stage gives nothing for.
    pub on_failure: OnFailure,
    /// From one picture to the next where none comes in.
    pub interval: Duration,
    /// Width and height of the picture where none comes in.
    pub size: (u32, u32),
    /// A stage at one frame for so long is given up.
    pub deadline: Duration,
    /// So long may a stage load.
    pub load_limit: Duration,
}
