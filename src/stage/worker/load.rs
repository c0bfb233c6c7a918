//! A stage that is built on a thread of its own, so that frames continue meanwhile.

use std::time::Instant;

use super::super::{Entry, Parameters, Stage};

/// What a stage is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// There is none yet, or it crashed.
    Start,
    /// It replaces a stage that runs until then.
    Replace,
}

/// A stage that is being built.
pub struct Loading {
    /// Increases with each load of a worker.
    pub number: u64,
    pub entry: Entry,
    /// Its first parameters; newer ones may arrive while it loads.
    pub parameters: Parameters,
    pub purpose: Purpose,
    pub since: Instant,
    /// The stage, once it is ready, and the version of its parameters.
    pub built: Option<(Box<dyn Stage>, u64)>,
}
