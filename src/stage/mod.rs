//! The ML side: what a pipeline is, and the running instance of it that a session owns.
//!
//! Owns: the [`Stage`] trait, the [`Catalog`] of pipelines, the [`Worker`] thread that runs one stage.
//! Runs on one OS thread a stage. Must never touch GStreamer or a session.

mod blank;
mod catalog;
mod cause;
mod echo;
mod error;
mod io;
mod kinds;
pub mod launch;
mod offline;
pub mod onnx;
mod progress;
pub mod prompts;
pub mod python;
mod restart;
mod settings;
mod venv;
mod worker;

use std::time::Duration;

use catalog::Member;
pub use catalog::{
    Catalog, Description, Entry, FAULTS, Factory, Fault, Info, Input, LoadState, LoadStatus, OnFailure,
    Parameters, Schema, Values, Watch, is_id,
};
pub use cause::{Activity, Cause, Missing};
pub use error::Error;
pub use io::{Counters, Event, Io, State, Status, Tell, Update};
pub use kinds::{Kinds, Prepare};
pub use offline::Offline;
pub use prompts::Transition;
pub use restart::{Crash, Restart};
pub use settings::Settings;
pub use worker::Worker;

use crate::frame::Frame;

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
