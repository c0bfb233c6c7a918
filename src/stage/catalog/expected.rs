//! What is wrong with a value, as a sentence of one form: "expected X, got Y". Pure.

use jsonschema::{ValidationError, error::TypeKind, error::ValidationErrorKind as Kind};
use serde_json::Value;

use crate::stage::kind;

/// Characters of a value that a sentence repeats.
const SHOWN: usize = 60;

/// What a JSON Schema expected of a value, and what it got. Keywords that no parameter of ours has keep the validator's
/// own words, without the value.
pub fn sentence(error: &ValidationError) -> String {
    let value = error.instance();
    let (expected, got) = match error.kind() {
        Kind::Minimum { limit } => (format!("at least {limit}"), shown(value)),
        Kind::Maximum { limit } => (format!("at most {limit}"), shown(value)),
        Kind::ExclusiveMinimum { limit } => (format!("more than {limit}"), shown(value)),
        Kind::ExclusiveMaximum { limit } => (format!("less than {limit}"), shown(value)),
        Kind::MultipleOf { multiple_of } => (format!("a multiple of {multiple_of}"), shown(value)),
        Kind::Constant { expected_value } => (expected_value.to_string(), shown(value)),
        Kind::Enum { options } => (one_of(options), shown(value)),
        Kind::MinLength { limit } => (format!("at least {limit} characters"), length(value)),
        Kind::MaxLength { limit } => (format!("at most {limit} characters"), length(value)),
        Kind::MinItems { limit } => (format!("at least {limit} items"), length(value)),
        Kind::MaxItems { limit } => (format!("at most {limit} items"), length(value)),
        Kind::Pattern { pattern } => (format!("text that matches {pattern}"), shown(value)),
        Kind::Type { .. } | Kind::AnyOf { .. } | Kind::OneOfNotValid { .. } => (types(error), shown(value)),
        Kind::Required { property } => return format!("the property {property} is required"),
        Kind::AdditionalProperties { unexpected } => {
            return format!("unknown properties: {}", unexpected.join(", "));
        }
        _ => return error.masked().to_string(),
    };
    format!("expected {expected}, got {got}")
}

/// The fault that a client can correct: of alternatives, what is wrong with the one whose type fits, else the error itself.
pub fn closest<'a>(error: &'a ValidationError<'a>) -> &'a ValidationError<'a> {
    let (Kind::AnyOf { context } | Kind::OneOfNotValid { context }) = error.kind() else { return error };
    let place = error.instance_path().to_string();
    let other_type = |inner: &ValidationError| {
        matches!(inner.kind(), Kind::Type { .. }) && inner.instance_path().to_string() == place
    };
    let fits = context.iter().find(|alternative| !alternative.iter().any(other_type));
    fits.and_then(|alternative| alternative.first()).map_or(error, closest)
}

/// The value itself where it is short, else what kind it is.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= SHOWN { text } else { kind(value).to_owned() }
}

fn length(value: &Value) -> String {
    let count = match value {
        Value::String(text) => text.chars().count(),
        Value::Array(items) => items.len(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => return kind(value).to_owned(),
    };
    count.to_string()
}

fn one_of(options: &Value) -> String {
    let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
    format!("one of {}", options.iter().map(Value::to_string).collect::<Vec<_>>().join(", "))
}

/// The types that a value may have, those of alternatives included.
fn types(error: &ValidationError) -> String {
    let mut names = Vec::new();
    collect(error, &mut names);
    names.dedup();
    if names.is_empty() { "another form".to_owned() } else { names.join(" or ") }
}

fn collect(error: &ValidationError, names: &mut Vec<String>) {
    match error.kind() {
        Kind::Type { kind: TypeKind::Single(one) } => names.push(named(&one.to_string())),
        Kind::Type { kind: TypeKind::Multiple(many) } => {
            names.extend(many.iter().map(|one| named(&one.to_string())));
        }
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
            context.iter().flatten().for_each(|inner| collect(inner, names));
        }
        _ => {}
    }
}

/// JSON Schema's name of a type, as a sentence has it.
fn named(json_type: &str) -> String {
    match json_type {
        "null" => "null".to_owned(),
        "integer" => "a whole number".to_owned(),
        "array" => "a list".to_owned(),
        "object" => "an object".to_owned(),
        other => format!("a {other}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_keyword_of_a_parameter_says_what_was_expected_and_what_came() {
        for (schema, value, wanted) in [
            (json!({"type": "integer"}), json!("x"), "expected a whole number, got \"x\""),
            (json!({"type": ["string", "null"]}), json!(1), "expected null or a string, got 1"),
            (json!({"minimum": 1}), json!(0), "expected at least 1, got 0"),
            (json!({"maximum": 10}), json!(11), "expected at most 10, got 11"),
            (json!({"exclusiveMinimum": 1}), json!(1), "expected more than 1, got 1"),
            (json!({"exclusiveMaximum": 1}), json!(1), "expected less than 1, got 1"),
            (json!({"multipleOf": 8}), json!(9), "expected a multiple of 8, got 9"),
            (json!({"const": 1}), json!(2), "expected 1, got 2"),
            (json!({"enum": ["a", "b"]}), json!("c"), "expected one of \"a\", \"b\", got \"c\""),
            (json!({"minLength": 2}), json!("x"), "expected at least 2 characters, got 1"),
            (json!({"maxLength": 2}), json!("xyz"), "expected at most 2 characters, got 3"),
            (json!({"minItems": 1}), json!([]), "expected at least 1 items, got 0"),
            (json!({"maxItems": 1}), json!([1, 2]), "expected at most 1 items, got 2"),
            (json!({"pattern": "^a"}), json!("b"), "expected text that matches ^a, got \"b\""),
            (
                json!({"anyOf": [{"type": "string"}, {"type": "object"}]}),
                json!(7),
                "expected a string or an object, got 7",
            ),
            (json!({"required": ["text"]}), json!({}), "the property \"text\" is required"),
            (
                json!({"properties": {}, "additionalProperties": false}),
                json!({"hue": 1}),
                "unknown properties: hue",
            ),
        ] {
            let validator = jsonschema::validator_for(&schema).unwrap();

            let said: Vec<_> = validator.iter_errors(&value).map(|error| sentence(&error)).collect();

            assert_eq!(said, [wanted], "{schema}");
        }
    }

    #[test]
    fn of_alternatives_the_one_of_the_right_type_says_what_is_wrong() {
        let text = json!({"type": "string", "maxLength": 3});
        let object = json!({"type": "object", "properties": {"text": text}, "required": ["text"]});
        let validator = jsonschema::validator_for(&json!({"items": {"anyOf": [text, object]}})).unwrap();
        let said = |value: Value| {
            let error =
                validator.iter_errors(&value).next().map(jsonschema::ValidationError::to_owned).unwrap();
            let error = closest(&error);
            format!("{}: {}", error.instance_path(), sentence(error))
        };

        assert_eq!(said(json!(["long"])), "/0: expected at most 3 characters, got 4");
        assert_eq!(said(json!([{"text": "long"}])), "/0/text: expected at most 3 characters, got 4");
        assert_eq!(said(json!([{}])), "/0: the property \"text\" is required");
        assert_eq!(said(json!([7])), "/0: expected a string or an object, got 7");
    }

    #[test]
    fn a_long_value_is_named_by_its_kind() {
        let validator = jsonschema::validator_for(&json!({"type": "integer"})).unwrap();

        let said = validator.iter_errors(&json!("x".repeat(9000))).map(|error| sentence(&error)).next();

        assert_eq!(said.unwrap(), "expected a whole number, got a string");
    }
}
