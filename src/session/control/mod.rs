//! What a session and its client say to each other about the stream (`docs/api.md`): updates one way, messages the other. Pure.

mod client;
mod messages;
mod recording;
mod source;
mod update;

pub use client::UpdateBody;
pub use messages::{Figures, Message};
pub use recording::{Recorded, RecordedStatus, RecordingInfo, RecordingState, Request};
use serde_json::Value;
pub use source::{Choice, SOURCE, Source, SourceType};
pub use update::{Update, id, parse, selected};

use crate::stage::Fault;

/// What is wrong at `path`.
#[expect(clippy::needless_pass_by_value, reason = "what format! gives")]
pub fn fault(path: &str, message: String) -> Fault {
    Fault::new(path, &message)
}

/// Of a value that is of another type than it should be.
fn unexpected(path: &str, expected: &str, got: &Value) -> Fault {
    Fault::expected(path, expected, got)
}

#[cfg(test)]
mod tests;
