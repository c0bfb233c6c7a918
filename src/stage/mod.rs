//! The ML side: what a pipeline is, and the running instance of it that a session owns.
//!
//! Owns: the [`Stage`] trait, the [`Catalog`] of pipelines, the [`Worker`] thread that runs one stage.
//! Runs on one OS thread a stage. Must never touch GStreamer or a session.

mod catalog;
mod description;
mod echo;
mod entry;
mod io;
mod kinds;
pub mod launch;
mod params;
mod worker;

use std::time::Duration;

pub use catalog::{Catalog, LoadState, LoadStatus};
pub use description::Description;
pub use entry::{Entry, Factory};
pub use io::{Counters, Event, Io, State, Tell};
pub use kinds::{Kinds, Prepare};
pub use params::{FAULTS, Fault, Parameters, Schema, Values};
pub use worker::Worker;

use crate::frame::{Frame, Layout};

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

/// What a stage made of a frame.
pub enum Output {
    /// A new picture, with the sequence number and time of the one that came in.
    Frame(Frame),
    /// The picture that came in, by reference.
    Passthrough,
    /// No picture this time.
    Skip,
}

/// A running instance of a pipeline. Every call comes from the one thread that owns it and may block.
pub trait Stage: Send {
    /// Takes new parameters, which the schema has passed; called between two frames.
    ///
    /// # Errors
    /// What the stage could not do with them; it then goes on with the old ones.
    fn set(&mut self, parameters: &Parameters) -> Result<(), Error>;

    /// Makes a picture from a picture.
    ///
    /// # Errors
    /// [`Error::Process`] where there is no picture for this frame: [`OnFailure`] decides what is shown, and the state
    /// is said. [`Error::Died`] where there will be none for any other either: the worker builds the stage again.
    fn process(&mut self, frame: &Frame) -> Result<Output, Error>;

    /// Forgets what it remembers of earlier frames.
    fn reset(&mut self) {}
}

/// What can go wrong with pipelines and stages.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No such pipeline in the catalog.
    #[error("no pipeline {id:?}; there are {known}")]
    UnknownPipeline {
        /// The id that was asked for.
        id: String,
        /// Ids that would have worked.
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
    /// Several pipelines in a row, which this server does not chain.
    #[error("one pipeline a session is wanted, {count} came")]
    Chain {
        /// How many ids were given.
        count: usize,
    },
    /// Values that the pipeline's schema refuses.
    #[error("{}", .0.iter().map(|fault| format!("{}: {}", fault.path, fault.message)).collect::<Vec<_>>().join("; "))]
    Parameters(Vec<Fault>),
    /// A `pipeline.toml` that says something impossible.
    #[error("{0}")]
    Description(String),
    /// A frame that the stage could not process; the stage lives.
    #[error("{0}")]
    Process(String),
    /// The stage is gone: it has to be built again.
    #[error("{0}")]
    Died(String),
}
