//! A stage that is built on a thread of its own, so that frames continue meanwhile.

use std::time::{Duration, Instant};

use super::super::{Entry, Parameters, Stage, builds::Place};

/// What a stage is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// There is none yet, or it crashed.
    Start,
    /// It replaces a stage that runs until then.
    Replace,
}

/// The stage that is asked for: it waits for its turn, is being built, or is ready.
pub struct Loading {
    /// Increases with each load of a worker.
    pub number: u64,
    pub entry: Entry,
    /// Its first parameters; newer ones may arrive while it loads.
    pub parameters: Parameters,
    pub purpose: Purpose,
    /// Its place in the line of all builds, until its own begins.
    pub place: Option<Place>,
    /// The stage, once it is ready, and the version of its parameters.
    pub built: Option<(Box<dyn Stage>, u64)>,
}

/// The build under way of a worker, which may be of a stage that nobody asks for any more.
pub struct Building {
    /// The load that it is for.
    pub number: u64,
    pub since: Instant,
    pub limit: Duration,
}
