//! What a worker and its session pass to each other: frames, events, counts.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::{Duration, Instant},
};

use serde::Serialize;

use super::{Parameters, Transition};
use crate::{
    frame::{Frame, Layout, Slot},
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
    /// Time on the session's clock, for pictures that nothing came in for.
    pub clock: Arc<dyn Fn() -> Duration + Send + Sync>,
}

impl Io {
    /// Empty slots, with times into `ledger`.
    pub fn new(ledger: Arc<Ledger>) -> Self {
        let started = Instant::now();
        let clock = Arc::new(move || started.elapsed());
        Self { input: Arc::default(), output: Arc::default(), ledger, clock }
    }
}

/// What a session asks of its stage between two frames.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Update {
    /// Its parameters from here on.
    pub parameters: Parameters,
    /// How its prompts come about, where not at once.
    pub transition: Option<Transition>,
    /// Whether to pause, where that changes.
    pub paused: Option<bool>,
    /// Whether it forgets earlier frames.
    pub reset: bool,
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
    /// Crashed; it is started again.
    Restarting,
    /// Crashed too often; it is not started again.
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
    /// The stage keeps what it had: it cannot do what this version asks.
    Refused {
        /// What it had, under that version.
        kept: Parameters,
        /// What the stage said.
        sentence: String,
    },
    /// The stage is ready, or stays, and takes these layouts.
    Wants {
        /// The layouts, the best first.
        layouts: Vec<Layout>,
    },
    /// The stage that was to take the place does not come; the one before goes on.
    NotReplaced {
        /// The pipeline that was wanted.
        pipeline: String,
        /// Why it does not come.
        sentence: String,
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
    /// Frames that the stage failed on, or that came while it was not there.
    pub failed: AtomicU64,
    /// Stages that hung and were left behind with their thread.
    pub abandoned: AtomicU64,
}

/// Told what the worker does, on its thread: must only hand over.
pub type Tell = Box<dyn Fn(Event) + Send>;
