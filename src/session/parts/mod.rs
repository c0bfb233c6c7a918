//! The parts of a running session: each owns its fields and receives the shared context.
//!
//! They run on the session's task and never block: blocking work goes to a blocking thread. None knows [`super::run`],
//! which calls them.

mod context;
mod input_file;
mod meter;
mod recording;
mod repair;
mod report;
mod steering;

pub use context::Context;
pub use input_file::InputFile;
pub use recording::{LIMIT as RECORDING_LIMIT, Left, Recorder, end_with_session};
pub use repair::Repairs;
pub use report::Report;
pub use steering::{Accepted, Applied, Requester, Steering, faults};
