//! The `python` kind: a Python class in a process of its own, frames over shared memory.
//!
//! One process serves all sessions of a pipeline (of the same load-time parameters). A crash, a hang or too much memory
//! ends the process and never the server: the sessions are notified and get another one. `pipelines/python/PROTOCOL.md`
//! defines the messages between the two sides.
//!
//! Runs: `python-<id>`, one thread per process, which starts, watches and reaps it; all else on the stage's own thread.
//! Must never trust a worker: sizes, slots and numbers are the server's own.

mod channel;
mod connection;
mod counters;
mod diagnosis;
mod environment;
mod ffi;
mod geometry;
mod instance;
mod log;
mod pool;
mod process;
mod protocol;
mod ring;
mod sandbox;
mod settings;
mod shares;
mod supervise;

#[cfg(test)]
mod tests;

use std::{path::Path, sync::Arc};

pub use self::{counters::Counters, ffi::landlock_version, settings::Options};

use self::{instance::Instance, pool::Pool, settings::Settings};
use super::{Description, Error, Factory, Stage};

/// Reads and checks the folder of a pipeline of this kind; `counters` count what its workers do.
///
/// # Errors
/// [`Error::Description`] with the file and what is wrong with it.
pub fn prepare(
    options: &Options,
    counters: &Arc<Counters>,
    folder: &Path,
    about: &Description,
) -> Result<Factory, Error> {
    let pool = Arc::new(Pool::new(Settings::read(options, counters, folder, about)?));
    Ok(Arc::new(move || Ok(Box::new(Instance::start(pool.clone())?) as Box<dyn Stage>)))
}
