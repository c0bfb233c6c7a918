//! What a session and its client say to each other about the stream (`docs/api.md`): updates one way, messages the other. Pure.

mod messages;
mod recording;
mod source;
mod update;

pub use messages::{Figures, Message};
pub use recording::{Recorded, RecordingInfo, RecordingState, Request};
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
    fault(path, format!("expected {expected}, got {}", kind(got)))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests;
