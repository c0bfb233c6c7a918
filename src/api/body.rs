//! Request bodies: JSON objects whose faults come in FastAPI's shape.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request, rejection::BytesRejection},
    http::header,
};
use serde_json::{Map, Value, json};

use super::{State, error::Error};

/// A JSON object, and what is wrong with its fields.
pub struct Object {
    fields: Map<String, Value>,
    faults: Vec<Value>,
}

impl FromRequest<State> for Object {
    type Rejection = Error;

    async fn from_request(request: Request, state: &State) -> Result<Self, Error> {
        if content_type(&request) != "application/json" {
            return Err(Error::ContentType("application/json"));
        }
        let bytes = bytes(request, state).await?;
        let value: Value = serde_json::from_slice(&bytes)
            .map_err(|error| Error::BadJson(format!("JSON is wanted: {error}")))?;
        match value {
            Value::Object(fields) => Ok(Self { fields, faults: Vec::new() }),
            other => {
                let fault = json!({"type": "model_attributes_type", "loc": ["body"],
                    "msg": "an object is wanted", "input": short(&other)});
                Err(Error::Fields(vec![fault]))
            }
        }
    }
}

impl Object {
    /// A string that has to be there; empty where it is not, and then a fault.
    pub fn string(&mut self, name: &str) -> String {
        match self.fields.remove(name) {
            Some(Value::String(text)) => text,
            Some(other) => {
                self.fault("string_type", name, "a string is wanted", &other);
                String::new()
            }
            None => {
                self.fault("missing", name, "this field is wanted", &Value::Null);
                String::new()
            }
        }
    }

    /// A string that has to be `wanted`.
    pub fn literal(&mut self, name: &str, wanted: &str) {
        match self.fields.remove(name) {
            Some(Value::String(text)) if text == wanted => {}
            Some(other) => self.fault("literal_error", name, &format!("{wanted:?} is wanted"), &other),
            None => {
                self.fault("missing", name, &format!("this field is wanted, as {wanted:?}"), &Value::Null)
            }
        }
    }

    /// An object that may be there.
    pub fn object(&mut self, name: &str) -> Option<Map<String, Value>> {
        match self.fields.remove(name)? {
            Value::Object(fields) => Some(fields),
            Value::Null => None,
            other => {
                self.fault("dict_type", name, "an object is wanted", &other);
                None
            }
        }
    }

    /// A list that may be there.
    pub fn list(&mut self, name: &str) -> Option<Vec<Value>> {
        match self.fields.remove(name)? {
            Value::Array(values) => Some(values),
            Value::Null => None,
            other => {
                self.fault("list_type", name, "a list is wanted", &other);
                None
            }
        }
    }

    /// Whether a field is there.
    pub fn has(&self, name: &str) -> bool {
        self.fields.get(name).is_some_and(|value| !value.is_null())
    }

    /// Notes something that is wrong; `name` is a path with dots.
    pub fn fault(&mut self, kind: &str, name: &str, message: &str, input: &Value) {
        let names = name
            .split('.')
            .map(|name| name.parse::<u64>().map_or_else(|_| json!(name), |index| json!(index)));
        let loc: Vec<_> = std::iter::once(json!("body")).chain(names).collect();
        self.faults.push(json!({"type": kind, "loc": loc, "msg": message, "input": short(input)}));
    }

    /// Everything was there and right, or all that was not.
    ///
    /// # Errors
    /// [`Error::Fields`].
    pub fn check(self) -> Result<Map<String, Value>, Error> {
        if self.faults.is_empty() { Ok(self.fields) } else { Err(Error::Fields(self.faults)) }
    }
}

/// The body's bytes.
pub async fn bytes(request: Request, state: &State) -> Result<Bytes, Error> {
    Bytes::from_request(request, state).await.map_err(|rejection| match rejection {
        BytesRejection::FailedToBufferBody(failed) if failed.status() == 413 => {
            Error::TooLarge(state.settings.body_bytes)
        }
        other => Error::Body(other.body_text()),
    })
}

/// The content type without its parameters, in lower case.
pub fn content_type(request: &Request) -> String {
    let value = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = value.unwrap_or_default().split(';').next().unwrap_or_default();
    kind.trim().to_ascii_lowercase()
}

/// An echo of the input that cannot fill a log or a screen.
fn short(value: &Value) -> Value {
    let text = value.to_string();
    if text.len() <= 200 {
        value.clone()
    } else {
        Value::String(text.chars().take(200).collect::<String>() + "…")
    }
}
