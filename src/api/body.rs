//! Request bodies as JSON objects, whose faults all come at once in FastAPI's shape.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::header,
};
use serde_json::{Map, Value};

use super::{
    State,
    error::Error,
    error_body::{FieldFault, Place},
};
use crate::stage;

/// The content type of all bodies but one.
pub const JSON: &str = "application/json";

/// A JSON object, and what is wrong with its fields.
pub struct Object {
    fields: Map<String, Value>,
    place: Vec<Place>,
    faults: Vec<FieldFault>,
}

impl FromRequest<State> for Object {
    type Rejection = Error;

    async fn from_request(request: Request, _: &State) -> Result<Self, Error> {
        let got = content_type(&request);
        if got != JSON {
            return Err(Error::ContentType { expected: JSON, got });
        }
        let bytes = bytes(request).await?;
        let value: Value = serde_json::from_slice(&bytes)
            .map_err(|error| Error::BadJson(format!("expected a JSON body: {error}")))?;
        Self::of(value, vec![Place::body()]).map_err(|fault| Error::Fields(vec![fault]))
    }
}

impl Object {
    /// The object at a place of the body, or the fault that another value is there.
    fn of(value: Value, place: Vec<Place>) -> Result<Self, FieldFault> {
        match value {
            Value::Object(fields) => Ok(Self { fields, place, faults: Vec::new() }),
            other => Err(unexpected("model_attributes_type", place, "an object", &other)),
        }
    }

    /// A required string; empty, with a fault, where it is missing.
    pub fn string(&mut self, name: &str) -> String {
        if !self.fields.contains_key(name) {
            self.missing(name);
            return String::new();
        }
        self.take(name, "string_type", "a string", |value| value.as_str().map(str::to_owned))
            .unwrap_or_default()
    }

    /// A required string that must be `expected`.
    pub fn literal(&mut self, name: &str, expected: &str) {
        if self.fields.contains_key(name) {
            let quoted = format!("{expected:?}");
            self.take(name, "literal_error", &quoted, |value| (value == expected).then_some(()));
        } else {
            self.missing(name);
        }
    }

    /// An optional string.
    pub fn optional_string(&mut self, name: &str) -> Option<String> {
        self.optional(name, "string_type", "a string", |value| value.as_str().map(str::to_owned))
    }

    /// An optional boolean.
    pub fn optional_switch(&mut self, name: &str) -> Option<bool> {
        self.optional(name, "bool_type", "a boolean", Value::as_bool)
    }

    /// An optional m-line index.
    pub fn optional_index(&mut self, name: &str) -> Option<u32> {
        self.optional(name, "int_type", "a whole number of at least 0", |value| {
            value.as_u64()?.try_into().ok()
        })
    }

    /// An optional object.
    pub fn object(&mut self, name: &str) -> Option<Map<String, Value>> {
        self.optional(name, "dict_type", "an object", |value| value.as_object().cloned())
    }

    /// An optional list of strings.
    pub fn strings(&mut self, name: &str) -> Option<Vec<String>> {
        let list = self.list(name)?;
        let mut read = Vec::new();
        for (index, value) in list.into_iter().enumerate() {
            match value {
                Value::String(text) => read.push(text),
                other => {
                    let place = self.place(name).chain([index.into()]).collect();
                    self.faults.push(unexpected("string_type", place, "a string", &other));
                }
            }
        }
        Some(read)
    }

    /// An optional list of objects, each read by `read`; their faults become this object's.
    pub fn objects<T>(&mut self, name: &str, read: impl Fn(&mut Self) -> T) -> Option<Vec<T>> {
        let list = self.list(name)?;
        let mut all = Vec::new();
        for (index, value) in list.into_iter().enumerate() {
            match Self::of(value, self.place(name).chain([index.into()]).collect()) {
                Ok(mut object) => {
                    all.push(read(&mut object));
                    self.faults.append(&mut object.faults);
                }
                Err(fault) => self.faults.push(fault),
            }
        }
        Some(all)
    }

    /// Whether a field is present and not null.
    pub fn has(&self, name: &str) -> bool {
        self.fields.get(name).is_some_and(|value| !value.is_null())
    }

    /// Records a missing field.
    pub fn missing(&mut self, name: &str) {
        let place = self.place(name).collect();
        self.faults.push(FieldFault::new("missing", place, "this field is required".into(), &Value::Null));
    }

    /// The fields that were not read, or every fault.
    ///
    /// # Errors
    /// [`Error::Fields`].
    pub fn check(self) -> Result<Map<String, Value>, Error> {
        if self.faults.is_empty() { Ok(self.fields) } else { Err(Error::Fields(self.faults)) }
    }

    fn list(&mut self, name: &str) -> Option<Vec<Value>> {
        self.optional(name, "list_type", "a list", |value| value.as_array().cloned())
    }

    fn optional<T>(
        &mut self,
        name: &str,
        kind: &'static str,
        expected: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<T> {
        if self.has(name) { self.take(name, kind, expected, read) } else { None }
    }

    fn take<T>(
        &mut self,
        name: &str,
        kind: &'static str,
        expected: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.fields.remove(name)?;
        let taken = read(&value);
        if taken.is_none() {
            let place = self.place(name).collect();
            self.faults.push(unexpected(kind, place, expected, &value));
        }
        taken
    }

    fn place(&self, name: &str) -> impl Iterator<Item = Place> + use<> {
        self.place.clone().into_iter().chain([name.into()])
    }
}

/// The body's bytes, which [`buffering`](super::buffering) has received.
///
/// # Errors
/// [`Error::Body`].
pub async fn bytes(request: Request) -> Result<Bytes, Error> {
    let read = axum::body::to_bytes(request.into_body(), usize::MAX).await;
    read.map_err(|error| Error::Body(format!("the request body ended early: {error}")))
}

/// The content type without its parameters, in lower case.
pub fn content_type(request: &Request) -> String {
    let value = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = value.unwrap_or_default().split(';').next().unwrap_or_default();
    kind.trim().to_ascii_lowercase()
}

fn unexpected(kind: &'static str, place: Vec<Place>, expected: &str, got: &Value) -> FieldFault {
    FieldFault::new(kind, place, format!("expected {expected}, got {}", stage::kind(got)), got)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Object {
        Object::of(value, vec![Place::body()]).unwrap_or_else(|fault| panic!("{fault:?}"))
    }

    fn faults(object: Object) -> Vec<Value> {
        match object.check() {
            Err(Error::Fields(faults)) => {
                faults.iter().map(|fault| serde_json::to_value(fault).unwrap()).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_fault_is_named_with_its_place() {
        let mut body = object(json!({"type": "answer", "items": [{"id": 1}, 2, {}], "names": ["a", 3]}));

        body.string("sdp");
        body.literal("type", "offer");
        body.objects("items", |item| item.string("id"));
        body.strings("names");

        let faults = faults(body);
        let places: Vec<_> = faults.iter().map(|fault| (&fault["type"], &fault["loc"])).collect();
        assert_eq!(
            places,
            [
                (&json!("missing"), &json!(["body", "sdp"])),
                (&json!("literal_error"), &json!(["body", "type"])),
                (&json!("string_type"), &json!(["body", "items", 0, "id"])),
                (&json!("model_attributes_type"), &json!(["body", "items", 1])),
                (&json!("missing"), &json!(["body", "items", 2, "id"])),
                (&json!("string_type"), &json!(["body", "names", 1])),
            ]
        );
    }

    #[test]
    fn a_fault_says_what_was_expected_and_what_came() {
        let mut body = object(json!({"type": "answer", "index": -1}));

        body.string("sdp");
        body.literal("type", "offer");
        body.optional_index("index");

        let messages: Vec<_> = faults(body).iter().map(|fault| fault["msg"].clone()).collect();
        assert_eq!(
            messages,
            [
                "this field is required",
                "expected \"offer\", got a string",
                "expected a whole number of at least 0, got a number"
            ]
        );
    }

    #[test]
    fn null_counts_as_absent_where_a_field_may_be_absent() {
        let mut body = object(json!({"a": null, "b": 1.5, "c": "x"}));

        assert_eq!(body.optional_string("a"), None);
        assert_eq!(body.optional_index("b"), None);
        assert_eq!(body.optional_string("c").as_deref(), Some("x"));
        assert_eq!(faults(body).len(), 1);
    }

    #[test]
    fn a_long_input_is_not_sent_back() {
        let mut body = object(json!({"type": "x".repeat(9000)}));

        body.literal("type", "offer");

        assert!(faults(body)[0].to_string().len() < 500);
    }
}
