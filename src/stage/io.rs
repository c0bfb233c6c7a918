//! What a worker and its session pass to each other: frames, events, counts.

use std::sync::{Arc, atomic::AtomicU64};

use serde::Serialize;

use super::Parameters;
use crate::{
    frame::{Frame, Slot},
    metrics::Ledger,
};

/// The two hand-overs between the graph and the stage.
#[derive(Clone)]
pub struct Io {
    /// Decoded pictures.
    pub input: Arc<Slot<Frame>>,
    /// Pictures to send.
    pub output: Arc<Slot<Frame>>,
    /// Told how long each frame waited for the stage and was in it.
    pub ledger: Arc<Ledger>,
}

impl Io {
    /// Empty slots, with times into `ledger`.
    pub fn new(ledger: Arc<Ledger>) -> Self {
        Self { input: Arc::default(), output: Arc::default(), ledger }
    }
}

/// How a stage is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Being built.
    Loading,
    /// Works.
    Running,
    /// Works, but a frame failed or takes long.
    Degraded,
    /// Crashed; the picture goes through unchanged until it is back.
    Restarting,
    /// Crashed too often; the picture goes through unchanged.
    Failed,
}

impl State {
    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Loading => "loading",
            Self::Running => "running",
            Self::Degraded => "degraded",
            Self::Restarting => "restarting",
            Self::Failed => "failed",
        }
    }
}

/// What the worker tells its session.
#[derive(Clone, Debug)]
pub enum Event {
    /// `parameters` are in force from frame `frame` on.
    Applied {
        /// The effective values.
        parameters: Parameters,
        /// Sequence number of the first frame that has them.
        frame: u64,
    },
    /// The stage took another pipeline's place.
    Switched {
        /// The new pipeline's id.
        pipeline: String,
        /// Its first frame.
        frame: u64,
    },
    /// The stage's state changed.
    State {
        /// The new state.
        state: State,
        /// One sentence.
        detail: String,
    },
}

/// What the worker has done so far.
#[derive(Debug, Default)]
pub struct Counters {
    /// Frames taken from the input.
    pub processed: AtomicU64,
    /// Frames that the stage gave none for.
    pub skipped: AtomicU64,
    /// Frames not worked on because the session is paused.
    pub paused: AtomicU64,
    /// Frames that the stage failed on, which went through unchanged.
    pub failed: AtomicU64,
}

/// Told what the worker does, on its thread: must only hand over.
pub type Tell = Box<dyn Fn(Event) + Send>;
