//! The OpenAPI document: what the handlers' attributes do not say one by one. Pure.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use serde_json::{Map, Value};
use utoipa::{
    OpenApi, ToSchema,
    openapi::{self, ContentBuilder, Ref, RefOr, Response, ResponseBuilder, path::Operation},
};

use super::{
    body::JSON,
    error_body::{ErrorBody, InvalidBody},
};
use crate::session;

/// What every request with a body can end in.
const BODY_ERRORS: [(&str, &str); 5] = [
    ("400", "the body is not valid JSON, or ended early"),
    ("408", "the body was not received in time"),
    ("413", "the body is too large"),
    ("415", "the content type is not supported"),
    ("422", "fields are missing or wrong"),
];

/// Where components stand.
const SCHEMAS: &str = "#/components/schemas/";

/// Bytes of another content type than JSON.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "names bytes in the document")]
pub struct Bytes(Vec<u8>);

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Scope",
        description = "Real-time AI video server: a browser's camera in over WebRTC, processed frames back.\n\n\
        On the data channel `parameters` (ordered, opened by the client) each message is one JSON object: \
        `Update` to the server, `ServerMessage` from it."
    ),
    components(schemas(ErrorBody, InvalidBody, session::Message))
)]
struct Document;

/// The document of these routes, with its title, the bodies of errors and the messages of the data channel.
pub fn complete(routes: openapi::OpenApi) -> Value {
    let mut document = Document::openapi().merge_from(routes);
    for item in document.paths.paths.values_mut() {
        let methods = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch];
        methods.into_iter().flatten().for_each(describe_errors);
    }
    let mut document = serde_json::to_value(document).expect("an OpenAPI document is JSON");
    require_nullable(&mut document);
    document
}

/// Gives every error its body; a response that has a body of its own keeps it.
fn describe_errors(operation: &mut Operation) {
    let has_body = operation.request_body.is_some();
    let responses = &mut operation.responses.responses;
    if has_body {
        for (status, description) in BODY_ERRORS {
            let described = || ResponseBuilder::new().description(description).build().into();
            responses.entry(status.to_owned()).or_insert_with(described);
        }
    }
    for (status, response) in responses.iter_mut() {
        if let RefOr::T(response) = response
            && let Ok(code) = status.parse::<StatusCode>()
        {
            describe_error(code, response, has_body);
        }
    }
    let mut other = Response::new("any other error");
    other.content.insert(JSON.to_owned(), error("ErrorBody"));
    responses.insert("default".to_owned(), other.into());
}

fn describe_error(status: StatusCode, response: &mut Response, has_body: bool) {
    if response.description.is_empty() {
        response.description = status.canonical_reason().unwrap_or_default().to_lowercase();
    }
    let is_error = status.is_client_error() || status.is_server_error();
    // A range beyond the end of a file is answered without a body (RFC 9110, section 15.5.17).
    if is_error && response.content.is_empty() && status != StatusCode::RANGE_NOT_SATISFIABLE {
        let invalid = has_body && status == StatusCode::UNPROCESSABLE_ENTITY;
        response.content.insert(JSON.to_owned(), error(if invalid { "InvalidBody" } else { "ErrorBody" }));
    }
}

fn error(name: &str) -> RefOr<openapi::Content> {
    ContentBuilder::new().schema(Some(Ref::from_schema_name(name))).build().into()
}

/// An answer says `null` for what is not known and leaves nothing out, so a property that may be null is always there;
/// a request may leave it out. `Option` alone does not tell these apart.
fn require_nullable(document: &mut Value) {
    let mut requests = BTreeSet::new();
    let paths = document["paths"].as_object().into_iter().flat_map(Map::values);
    for operation in paths.filter_map(Value::as_object).flat_map(Map::values) {
        collect_references(&operation["requestBody"], &mut requests);
    }
    let Some(schemas) = document["components"]["schemas"].as_object_mut() else { return };
    let mut open: Vec<_> = requests.iter().cloned().collect();
    while let Some(name) = open.pop() {
        let mut inner = BTreeSet::new();
        schemas.get(&name).into_iter().for_each(|schema| collect_references(schema, &mut inner));
        open.extend(inner.into_iter().filter(|name| requests.insert(name.clone())));
    }
    for (_, schema) in schemas.iter_mut().filter(|(name, _)| !requests.contains(*name)) {
        require(schema);
    }
}

fn collect_references(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            let name = fields.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix(SCHEMAS));
            names.extend(name.map(str::to_owned));
            fields.values().for_each(|inner| collect_references(inner, names));
        }
        Value::Array(values) => values.iter().for_each(|inner| collect_references(inner, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Makes every nullable property of a schema, and of those inside it, required.
fn require(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            let properties = fields.get("properties").and_then(Value::as_object).into_iter().flatten();
            let nullable = properties.filter(|(_, property)| may_be_null(property));
            let nullable: Vec<_> = nullable.map(|(name, _)| Value::from(name.as_str())).collect();
            if !nullable.is_empty()
                && let Some(required) =
                    fields.entry("required").or_insert_with(|| Value::Array(Vec::new())).as_array_mut()
            {
                required.extend(nullable);
            }
            fields.values_mut().for_each(require);
        }
        Value::Array(inner) => inner.iter_mut().for_each(require),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn may_be_null(schema: &Value) -> bool {
    let alternatives = schema["oneOf"].as_array().into_iter().flatten();
    let types = schema["type"].as_array().into_iter().flatten();
    schema["type"] == "null"
        || types.into_iter().any(|name| name == "null")
        || alternatives.into_iter().any(may_be_null)
}
