//! The errors of pipelines and stages. Pure.

use super::{Cause, Crash, Fault};
use crate::limits;

/// Characters of a pipeline's id in a sentence: the longest id.
const ID_CHARS: usize = 64;

/// The errors of pipelines and stages.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// No such pipeline in the catalog.
    #[error("no pipeline {id:?}; available: {known}")]
    UnknownPipeline {
        /// The requested id.
        id: String,
        /// The known ids.
        known: String,
    },
    /// The pipeline is in the catalog, but broken.
    #[error("pipeline {id:?} cannot run: {reason}")]
    Broken {
        /// The pipeline's id.
        id: String,
        /// Its error.
        reason: String,
    },
    /// Several pipelines in a chain, which this server does not support.
    #[error("a session runs one pipeline, got {count}")]
    Chain {
        /// How many ids were requested.
        count: usize,
    },
    /// Another session would break the frame rate of the others.
    #[error(
        "pipeline {id:?} is at capacity: its sessions compute for {now:.2} s a second, one more would make it {then:.2} s, the limit is {limit:.2} s; try again later or choose another pipeline"
    )]
    Overloaded {
        /// The pipeline's id.
        id: String,
        /// Seconds of computing per second.
        now: f64,
        /// The same with another session.
        then: f64,
        /// The limit, `max_load`.
        limit: f64,
    },
    /// Another pipeline is loading for new sessions.
    #[error("pipeline {id:?} is loading: {}", limits::PRELOADS)]
    LoadRunning {
        /// The pipeline that is loading.
        id: String,
    },
    /// Values that the pipeline's schema rejects.
    #[error("{}", .0.iter().map(|fault| format!("{}: {}", fault.path, fault.message)).collect::<Vec<_>>().join("; "))]
    Parameters(Vec<Fault>),
    /// An invalid `pipeline.toml`.
    #[error("{0}")]
    Description(String),
    /// A frame that the stage could not process; the stage continues.
    #[error("{0}")]
    Process(String),
    /// The stage has ended and has to be built again.
    #[error("{0}")]
    Died(Crash),
}

impl From<Cause> for Error {
    fn from(cause: Cause) -> Self {
        Self::Died(cause.into())
    }
}

impl Error {
    /// The cause, for a stage that has ended or did not start.
    pub fn into_crash(self) -> Crash {
        match self {
            Self::Died(crash) => crash,
            other => Cause::Refused { message: other.to_string() }.into(),
        }
    }

    /// There is no pipeline `id`; `known` are the ids there are. A long id is cut.
    pub fn unknown(id: &str, known: String) -> Self {
        Self::UnknownPipeline { id: id.chars().take(ID_CHARS).collect(), known }
    }
}

impl From<Vec<Fault>> for Error {
    fn from(faults: Vec<Fault>) -> Self {
        Self::Parameters(faults)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Parameters(vec![fault])
    }
}
