//! A stage that is built on a thread of its own, so that frames go on meanwhile.

use std::time::Instant;

use super::super::{Entry, Parameters, Stage};

/// What a stage is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// There is none yet, or it crashed.
    Start,
    /// It replaces one that goes on until then.
    Replace,
}

/// A stage that is being built.
pub struct Loading {
    /// Rises with each load of a worker.
    pub number: u64,
    pub entry: Entry,
    /// What it is to start with; newer ones may come while it loads.
    pub parameters: Parameters,
    pub purpose: Purpose,
    pub since: Instant,
    /// The stage, once it is ready, and the version of the parameters that it has.
    pub built: Option<(Box<dyn Stage>, u64)>,
}
