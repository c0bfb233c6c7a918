//! Parameters: flat JSON values that steer a stage, and what can be wrong with them. Pure.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

/// Parameter values by name.
pub type Values = Map<String, Value>;

/// Any JSON value.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "names a `Value` in the API's document")]
pub struct Json(Value);

/// Parameter values by name; the pipeline's `config_schema` defines their types.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "names `Values` in the API's document")]
pub struct ParameterValues(BTreeMap<String, Json>);

/// The effective values at one moment, and the update that they come from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parameters {
    /// Every parameter of the pipeline, defaults included.
    pub values: Values,
    /// Rises with each accepted update of the session.
    pub version: u64,
}

/// One fault of an update.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Fault {
    /// JSON Pointer (RFC 6901) of the value, e.g. `/noise_scale`.
    pub path: String,
    /// What was expected and what the update has.
    pub message: String,
}

impl Fault {
    /// Limit of the path and of the message in characters: a few quoted words of the peer.
    pub const CHARS: usize = 256;

    /// A value that is not what was expected.
    pub fn expected(path: &str, expected: &str, got: &Value) -> Self {
        Self::new(path, &format!("expected {expected}, got {}", kind(got)))
    }

    /// A fault, cut to a length that fits a log line and a data channel.
    pub fn new(path: &str, message: &str) -> Self {
        Self { path: cut(path), message: cut(message) }
    }
}

fn cut(text: &str) -> String {
    let mut cut: String = text.chars().take(Fault::CHARS).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    cut
}

/// What kind of JSON value this is.
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
