//! Pipelines, and the running instance of one that a session owns.
//!
//! Owns: the [`Stage`] trait, the [`Catalog`] of pipelines, the [`Worker`] thread that runs one stage.
//! Runs on one OS thread per stage. Must never touch GStreamer or a session.

mod blank;
mod builds;
mod catalog;
mod cause;
mod echo;
mod error;
mod info;
mod io;
pub mod launch;
mod offline;
pub mod onnx;
mod progress;
pub mod prompts;
pub mod python;
mod restart;
mod settings;
mod values;
mod venv;
mod worker;

use std::time::Duration;

use catalog::Member;
pub use catalog::{
    Catalog, Description, Entry, FAULTS, Factory, Kinds, Listing, LoadState, LoadStatus, Mode, Prepare,
    Schema, Watch, is_id,
};
pub use cause::{Activity, Cause, Missing};
pub use error::Error;
pub use info::{Info, Input, OnFailure};
pub use io::{Counters, Event, Io, State, Status, Tell, Update};
pub use offline::Offline;
pub use prompts::Transition;
pub use restart::{Crash, Restart};
pub use settings::Settings;
pub use values::{Fault, Json, ParameterValues, Parameters, Values, kind};
pub use worker::Worker;

use crate::frame::Frame;

/// A running instance of a pipeline. All calls come from the one thread that owns it and may block.
pub trait Stage: Send {
    /// Sets new parameters, which fit the schema; called between two frames.
    ///
    /// # Errors
    /// Why the stage rejects them; it continues with the old ones.
    fn set(&mut self, parameters: &Parameters) -> Result<(), Error>;

    /// Processes one frame: a new one with the number and time of `frame`, a clone of `frame`, which shares its bytes, or
    /// `None` for no output.
    ///
    /// # Errors
    /// [`Error::Process`] if the stage failed on this frame: [`OnFailure`] decides what is sent, and clients are notified.
    /// [`Error::Died`] if it would fail on all others too: the stage is built again.
    fn process(&mut self, frame: &Frame) -> Result<Option<Frame>, Error>;

    /// Forgets earlier frames.
    fn reset(&mut self) {}

    /// Runs one-time work before the first frame.
    ///
    /// # Errors
    /// As [`Stage::process`].
    fn warm_up(&mut self, frame: &Frame) -> Result<(), Error> {
        self.process(frame)?;
        self.reset();
        Ok(())
    }

    /// How long the last frame was computed without waiting: in a shared worker frames wait for each other.
    fn compute(&self) -> Option<Duration> {
        None
    }

    /// What it runs on, for people: follows "the stage runs".
    fn detail(&self) -> Option<String> {
        None
    }
}
