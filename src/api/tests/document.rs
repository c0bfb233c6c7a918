//! The OpenAPI document says of every route what goes in and what comes out.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::api;

/// Schemas that may be any JSON, with the reason.
const OPEN: [(&str, &str); 2] = [
    ("components.schemas.Json", "the value of a parameter, which the pipeline's own schema describes"),
    ("components.schemas.Pipeline.properties.config_schema", "a JSON Schema document"),
];
/// Requests with a method for a body that have none.
const WITHOUT_BODY: [&str; 3] = ["sign_out", "stop_headless", "stop_recording"];
const METHODS: [&str; 5] = ["get", "put", "post", "patch", "delete"];

/// Every operation with its path and method.
fn operations(document: &Value) -> Vec<(String, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        METHODS.iter().filter_map(move |method| Some((path.clone(), *method, item.get(method)?)))
    });
    operations.collect()
}

#[test]
fn every_operation_has_a_name_of_its_own_and_its_parameters() {
    let document = api::document();
    let mut names = BTreeSet::new();

    for (path, method, operation) in operations(&document) {
        let name = operation["operationId"].as_str().unwrap();
        assert!(names.insert(name), "{method} {path}: a second {name}");
        let parameters: Vec<_> = operation["parameters"].as_array().into_iter().flatten().collect();
        for word in path.split('/').filter_map(|word| word.strip_prefix('{')?.strip_suffix('}')) {
            let is_declared = |parameter: &&Value| parameter["name"] == word && parameter["in"] == "path";
            assert!(parameters.iter().any(is_declared), "{method} {path} does not declare {word}");
        }
    }
    assert_eq!(names.len(), 48);
}

#[test]
fn every_operation_has_a_typed_body_and_its_errors() {
    let document = api::document();

    for (path, method, operation) in operations(&document) {
        let name = operation["operationId"].as_str().unwrap();
        let takes_body = ["put", "post", "patch"].contains(&method) && !WITHOUT_BODY.contains(&name);
        assert_eq!(
            operation.get("requestBody").is_some(),
            takes_body,
            "{name}: a body that is read is described"
        );
        let responses = operation["responses"].as_object().unwrap();
        let error = |status: &str| &responses[status]["content"]["application/json"]["schema"]["$ref"];
        assert_eq!(error("default"), "#/components/schemas/ErrorBody", "{name}");
        if takes_body {
            assert_eq!(error("422"), "#/components/schemas/InvalidBody", "{name}");
            for status in ["400", "408", "413", "415"] {
                assert_eq!(error(status), "#/components/schemas/ErrorBody", "{name}: {status}");
            }
        }
        if path.contains("{id}") && name != "delete_offer" {
            assert_eq!(error("404"), "#/components/schemas/ErrorBody", "{name}");
        }
        let successes: Vec<_> =
            responses.iter().filter(|(status, _)| status.starts_with('2') || *status == "303").collect();
        assert!(!successes.is_empty(), "{name}");
        for (status, response) in successes {
            let content = response.get("content").and_then(Value::as_object);
            let typed =
                content.is_some_and(|content| content.values().all(|one| one.get("schema").is_some()));
            assert_eq!(typed, !["204", "303"].contains(&status.as_str()), "{name}: {status}");
        }
    }
}

#[test]
fn no_schema_is_bare_but_for_a_reason() {
    let document = api::document();

    let found: BTreeSet<_> = bare(&document, "").into_iter().collect();

    let open: BTreeSet<_> = OPEN.iter().map(|(place, _)| (*place).to_owned()).collect();
    assert_eq!(found, open);
}

#[test]
fn every_reference_leads_to_a_schema() {
    let document = api::document();
    let schemas = document["components"]["schemas"].as_object().unwrap();

    let mut stack = vec![&document];
    while let Some(value) = stack.pop() {
        match value {
            Value::Object(fields) => {
                if let Some(name) = fields.get("$ref").and_then(Value::as_str) {
                    assert!(schemas.contains_key(name.trim_start_matches("#/components/schemas/")), "{name}");
                }
                stack.extend(fields.values());
            }
            Value::Array(values) => stack.extend(values),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}

#[test]
fn what_may_be_null_is_always_there_in_an_answer_and_may_be_absent_in_a_request() {
    let document = api::document();
    let schema = |name: &str| &document["components"]["schemas"][name];
    let required = |name: &str, field: &str| {
        let fields = schema(name)["required"].as_array().into_iter().flatten();
        fields.into_iter().any(|required| required == field)
    };

    assert!(required("Session", "encoder") && required("Session", "end_reason") && required("Gpu", "name"));
    assert!(!required("Figures", "latency_ms"), "absent where it is not known");
    assert_eq!(schema("Figures")["properties"]["latency_ms"]["type"], "number");
    assert!(!required("Update", "pipeline_id") && !required("OfferBody", "resumeToken"));
    assert!(required("OfferBody", "sdp"));
}

#[test]
fn the_detector_sees_a_bare_schema_wherever_it_stands() {
    let planted = json!({"a": {"schema": {}}, "components": {"schemas": {
        "Open": {"type": "object"},
        "Inner": {"type": "object", "properties": {"map": {"type": "object", "additionalProperties": {}}}},
        "List": {"type": "array", "items": {"description": "any"}},
        "Fine": {"type": "object", "properties": {"name": {"type": "string"}}},
    }}});

    assert_eq!(
        bare(&planted, ""),
        [
            "a.schema",
            "components.schemas.Inner.properties.map.additionalProperties",
            "components.schemas.List.items",
            "components.schemas.Open",
        ]
    );
}

/// Where schemas stand that say nothing of their values.
fn bare(value: &Value, place: &str) -> Vec<String> {
    let mut found = Vec::new();
    let inner = |key: &str| format!("{place}{}{key}", if place.is_empty() { "" } else { "." });
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let holds_one = ["schema", "items", "additionalProperties"].contains(&key.as_str());
                let is_one = place.ends_with(".properties") || place == "components.schemas" || holds_one;
                if is_one && says_nothing(value) {
                    found.push(inner(key));
                } else {
                    found.extend(bare(value, &inner(key)));
                }
            }
        }
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                let is_alternative = place.ends_with("Of");
                if is_alternative && says_nothing(value) {
                    found.push(inner(&index.to_string()));
                } else {
                    found.extend(bare(value, &inner(&index.to_string())));
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    found
}

fn says_nothing(schema: &Value) -> bool {
    let Some(fields) = schema.as_object() else { return false };
    let says = ["$ref", "allOf", "oneOf", "anyOf", "enum", "properties", "additionalProperties"];
    let is_open = match &schema["type"] {
        Value::Null => true,
        Value::String(name) => name == "object",
        other => other.as_array().is_some_and(|names| names.iter().any(|name| name == "object")),
    };
    is_open && !says.iter().any(|keyword| fields.contains_key(*keyword))
}
