//! The ML side: what a pipeline is, and the running instance of it that a session owns.
//!
//! Owns: the [`Stage`] trait, the [`Catalog`] of pipelines, the [`Worker`] thread that runs one stage.
//! Runs on one OS thread a stage. Must never touch GStreamer or a session.

mod admission;
mod blank;
mod catalog;
mod description;
mod echo;
mod entry;
mod io;
mod kinds;
pub mod launch;
mod offline;
pub mod onnx;
mod params;
mod preload;
pub mod prompts;
pub mod python;
mod stamp;
mod watch;
mod worker;

use std::time::Duration;

pub use catalog::Catalog;
pub use description::{Description, is_id};
pub use entry::{Entry, Factory};
pub use io::{Counters, Event, Io, State, Tell};
pub use kinds::{Kinds, Prepare};
pub use offline::Offline;
pub use params::{FAULTS, Fault, Parameters, Schema, Values};
pub use preload::{LoadState, LoadStatus};
pub use prompts::Transition;
pub use watch::Watch;
pub use worker::{Update, Worker};

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

    /// Does once, before the first frame, what takes longer the first time.
    ///
    /// # Errors
    /// As [`Stage::process`].
    fn warm_up(&mut self, frame: &Frame) -> Result<(), Error> {
        self.process(frame)?;
        self.reset();
        Ok(())
    }

    /// How long the last frame was computed for, where that is less than it was here: a shared worker makes frames
    /// wait for each other.
    fn compute(&self) -> Option<Duration> {
        None
    }

    /// What runs it, where that is worth telling: follows "the stage runs".
    fn detail(&self) -> Option<String> {
        None
    }
}

/// What can go wrong with pipelines and stages.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
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
    /// One session more would break the frame rate of the others.
    #[error(
        "sessions of pipeline {id:?} compute {now:.2} s a second and would with one more {then:.2} s, over {limit:.2} s; try again later or choose another pipeline"
    )]
    Overloaded {
        /// The pipeline's id.
        id: String,
        /// Seconds of computing a second.
        now: f64,
        /// The same with one session more.
        then: f64,
        /// What `max_load` allows.
        limit: f64,
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
