//! What errors look like on the wire. Pure.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{session::EndReason, stage::Json};

/// Bytes of a refused value that an error repeats: an echo must not fill a log or a screen.
const SHOWN: usize = 200;

/// The body of every error but those of a request's own fields.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorBody {
    /// One sentence: what was expected, what the request has, the next step.
    pub detail: String,
    /// Stable name for programs.
    pub code: &'static str,
    /// Why the session ended; with the code `session_ended` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<EndReason>,
}

impl ErrorBody {
    /// A sentence and its code.
    #[expect(clippy::needless_pass_by_value, reason = "a sentence of our own, or an error's")]
    pub fn new(detail: impl ToString, code: &'static str) -> Self {
        Self { detail: detail.to_string(), code, reason: None }
    }
}

/// The body of a 422 about a request's body, in FastAPI's shape.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvalidBody {
    /// Every field that is wrong.
    pub detail: Vec<FieldFault>,
    /// Stable name for programs.
    pub code: InvalidCode,
}

/// The one code of a 422.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InvalidCode {
    /// Fields are missing or wrong.
    InvalidBody,
}

/// One field that is missing or wrong.
#[derive(Debug, Serialize, ToSchema)]
pub struct FieldFault {
    /// FastAPI's name for what is wrong, such as `missing` or `string_type`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Where it is: `body`, then a name or an index for each level.
    loc: Vec<Place>,
    /// What was expected and what the request has.
    msg: String,
    /// The value of the request; a long one is cut and becomes text.
    #[schema(value_type = Json)]
    input: Value,
}

impl FieldFault {
    /// A fault at a place, with the value of the request.
    pub fn new(kind: &'static str, loc: Vec<Place>, msg: String, input: &Value) -> Self {
        let text = input.to_string();
        let input = if text.len() <= SHOWN {
            input.clone()
        } else {
            Value::String(text.chars().take(SHOWN).collect::<String>() + "…")
        };
        Self { kind, loc, msg, input }
    }
}

/// One level of a place in a body.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Place {
    /// A field.
    Name(String),
    /// An element of a list.
    Index(usize),
}

impl Place {
    /// The body as a whole.
    pub fn body() -> Self {
        Self::from("body")
    }
}

impl From<&str> for Place {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

impl From<usize> for Place {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// The body of `/ready` while the server stops.
#[derive(Debug, Serialize, ToSchema)]
pub struct NotReadyBody {
    /// False.
    ready: bool,
    #[serde(flatten)]
    error: ErrorBody,
}

impl NotReadyBody {
    /// No sessions, for this reason.
    pub fn new(error: ErrorBody) -> Self {
        Self { ready: false, error }
    }
}
