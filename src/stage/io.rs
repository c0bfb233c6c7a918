//! What a worker and its session exchange: frames, events, counts.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::{Duration, Instant},
};

use serde::Serialize;

use super::{Cause, Crash, Parameters, Restart, Transition};
use crate::{
    frame::{Frame, Layout, MaxFrame, Slot},
    metrics::Ledger,
};

/// The two hand-overs between the graph and the stage.
#[derive(Clone)]
pub struct Io {
    /// Decoded frames.
    pub input: Arc<Slot<Frame>>,
    /// Frames to send.
    pub output: Arc<Slot<Frame>>,
    /// Records how long each frame waited for the stage and was processed by it.
    pub ledger: Arc<Ledger>,
    /// The largest frame that the stage may return.
    pub max_frame: MaxFrame,
    /// Time on the session's clock, for generated frames.
    pub clock: Arc<dyn Fn() -> Duration + Send + Sync>,
}

impl Io {
    /// Empty slots, with times into `ledger`.
    pub fn new(ledger: Arc<Ledger>) -> Self {
        let started = Instant::now();
        let clock = Arc::new(move || started.elapsed());
        Self { input: Arc::default(), output: Arc::default(), ledger, max_frame: MaxFrame::default(), clock }
    }
}

/// What a session requests from its stage between two frames.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Update {
    /// The parameters in force from the next frame on.
    pub parameters: Parameters,
    /// The transition of its prompts, if they do not change at once.
    pub transition: Option<Transition>,
    /// Whether to pause; `None` for no change.
    pub paused: Option<bool>,
    /// Whether it forgets earlier frames.
    pub reset: bool,
}

/// The state of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = StageState)]
pub enum State {
    /// Being built.
    Loading,
    /// Working.
    Running,
    /// Working with a problem: a frame failed or takes long, or no input arrives.
    Degraded,
    /// Crashed; it restarts.
    Restarting,
    /// Crashed too often; it restarts on request only.
    Failed,
}

impl State {
    /// Whether it works without a problem.
    pub fn is_well(self) -> bool {
        matches!(self, Self::Loading | Self::Running)
    }

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

/// The state of a stage, as clients see it.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
#[schema(as = StageInfo)]
pub struct Status {
    /// Its state.
    pub state: State,
    /// One sentence.
    pub detail: String,
    /// Why it is degraded, restarts or has failed; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub cause: Option<Cause>,
    /// The next step for a person, one sentence; absent where nothing needs to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next_step: Option<String>,
}

impl Status {
    /// A stage without a problem.
    pub fn well(state: State, detail: impl Into<String>) -> Self {
        Self { state, detail: detail.into(), cause: None, next_step: None }
    }

    /// A stage that works with a problem.
    pub fn degraded(cause: Cause) -> Self {
        let (detail, next_step) = (cause.to_string(), cause.next_step());
        Self { state: State::Degraded, detail, cause: Some(cause), next_step }
    }

    /// A stage that crashed, and what follows.
    pub fn crashed(cause: Cause, restart: Restart) -> Self {
        let next_step = cause.next_step();
        let (state, detail, next_step) = match restart {
            Restart::At(_) => (State::Restarting, format!("{cause}; it restarts"), next_step),
            Restart::GivenUp => {
                let crash = Crash { cause: cause.clone(), restart: Some(restart) };
                let then = "send reset to start the stage again";
                let next_step =
                    next_step.map_or_else(|| then.to_owned(), |step| format!("{step}; then {then}"));
                (State::Failed, crash.to_string(), Some(next_step))
            }
        };
        Self { state, detail, cause: Some(cause), next_step }
    }
}

/// An event of the worker, for its session.
#[derive(Clone, Debug)]
pub enum Event {
    /// `parameters` are in force from frame `frame` on.
    Applied {
        /// The effective values.
        parameters: Parameters,
        /// Sequence number of the first frame that has them.
        frame: u64,
    },
    /// The stage rejected new parameters and keeps the previous ones.
    Refused {
        /// The previous values, under the new version.
        kept: Parameters,
        /// The stage's message.
        sentence: String,
    },
    /// The layouts that the stage accepts.
    Wants {
        /// The layouts, the best first.
        layouts: Vec<Layout>,
    },
    /// Another stage failed to load; the running one continues.
    NotReplaced {
        /// The pipeline that failed to load.
        pipeline: String,
        /// Why.
        sentence: String,
    },
    /// Another pipeline's stage runs.
    Switched {
        /// The new pipeline's id.
        pipeline: String,
        /// Its first frame.
        frame: u64,
    },
    /// The stage's state changed.
    State(Status),
}

/// The worker's counters.
#[derive(Debug, Default)]
pub struct Counters {
    /// Frames taken from the input.
    pub processed: AtomicU64,
    /// Frames for which the stage returned no output.
    pub skipped: AtomicU64,
    /// Frames not processed because the session is paused.
    pub paused: AtomicU64,
    /// Frames on which the stage failed, or which arrived while there was none.
    pub failed: AtomicU64,
    /// Stages that hung and were abandoned with their thread.
    pub abandoned: AtomicU64,
}

/// Receives the worker's events on the worker's thread: must only hand over.
pub type Tell = Box<dyn Fn(Event) + Send>;
