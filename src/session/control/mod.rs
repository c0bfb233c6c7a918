//! The protocol between a session and its client (`docs/api.md`): updates from the client, messages from the server. Pure.

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

/// A fault at `path`.
#[expect(clippy::needless_pass_by_value, reason = "what format! gives")]
pub fn fault(path: &str, message: String) -> Fault {
    Fault::new(path, &message)
}

/// A fault for a value of the wrong type.
fn unexpected(path: &str, expected: &str, got: &Value) -> Fault {
    Fault::expected(path, expected, got)
}

#[cfg(test)]
mod tests;
