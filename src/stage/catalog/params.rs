//! The schema of a pipeline's parameters, against which their values are checked.
//!
//! Pure; runs on the session's task. Values that fail never reach a stage.

use std::sync::Arc;

use jsonschema::error::ValidationErrorKind;
use serde_json::{Value, json};

use super::expected;
use crate::{
    limits,
    stage::{Description, Error, Fault, Values, prompts},
};

/// Faults that one reply reports: enough to correct the update, and a reply no longer than its request.
pub const FAULTS: usize = 16;
/// Characters of a text whose schema sets no limit: two pages of prose.
const TEXT_CHARS: u64 = 10_000;
/// Keywords of JSON Schema that hold further schemas: one or a list of them, or one for each name.
const INNER: [&str; 6] = ["items", "prefixItems", "additionalProperties", "anyOf", "oneOf", "allOf"];
const INNER_BY_NAME: [&str; 4] = ["properties", "patternProperties", "$defs", "definitions"];

/// A pipeline's compiled parameter schema (JSON Schema 2020-12).
#[derive(Clone)]
pub struct Schema {
    document: Arc<Value>,
    validator: Arc<jsonschema::Validator>,
}

impl Schema {
    /// Compiles the `[parameters]` table of a `pipeline.toml`.
    ///
    /// # Errors
    /// [`Error::Description`] with the schema compiler's sentence.
    pub fn of(about: &Description) -> Result<Self, Error> {
        let mut properties = about.parameters.clone();
        if about.supports_prompts {
            properties.entry(prompts::PROMPTS).or_insert_with(prompts::schema);
        }
        for property in properties.values_mut().filter(|property| is_load_param(property)) {
            property["ui"]["applies"] = json!("rebuild");
        }
        Self::compile(&properties)
    }

    /// Compiles the schemas of parameters by name, with a limit for every text that has none.
    ///
    /// # Errors
    /// [`Error::Description`] with the schema compiler's sentence.
    pub fn compile(properties: &Values) -> Result<Self, Error> {
        let mut properties = properties.clone();
        properties.values_mut().for_each(limit_texts);
        let document = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": properties,
            "additionalProperties": false,
        });
        let validator = jsonschema::validator_for(&document)
            .map_err(|error| Error::Description(format!("parameters are no JSON Schema: {error}")))?;
        let schema = Self { document: Arc::new(document), validator: Arc::new(validator) };
        match schema.faults(&schema.defaults()).first() {
            None => Ok(schema),
            Some(fault) => Err(Error::Description(format!(
                "default of {} breaks its schema: {}",
                fault.path, fault.message
            ))),
        }
    }

    /// The JSON Schema document, as `config_schema` shows it.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// Every parameter that declares a default.
    pub fn defaults(&self) -> Values {
        self.properties()
            .filter_map(|(name, schema)| Some((name.clone(), schema.get("default")?.clone())))
            .collect()
    }

    /// Whether the pipeline has a parameter of that name.
    pub fn has(&self, name: &str) -> bool {
        self.properties().any(|(property, _)| property == name)
    }

    /// The faults in `values`, at most [`FAULTS`]; empty if they may reach the stage.
    pub fn faults(&self, values: &Values) -> Vec<Fault> {
        self.validator
            .iter_errors(&Value::Object(values.clone()))
            .take(FAULTS)
            .map(|error| {
                let closest = expected::closest(&error);
                if matches!(closest.kind(), ValidationErrorKind::MaxLength { limit } if *limit == TEXT_CHARS)
                {
                    limits::PARAMETER_TEXT.refused();
                }
                Fault::new(&closest.instance_path().to_string(), &expected::sentence(closest))
            })
            .collect()
    }

    /// Whether prompts may be weighted texts, to which every form of prompts is then normalised.
    pub fn weighs_prompts(&self) -> bool {
        let prompts = self.properties().find(|(name, _)| *name == prompts::PROMPTS);
        prompts.is_some_and(|(_, schema)| {
            let items = &schema["items"];
            let kinds = items["anyOf"].as_array().map_or(std::slice::from_ref(items), Vec::as_slice);
            kinds.iter().any(|kind| kind["type"] == "object")
        })
    }

    /// Whether a change from one to the other needs a new stage: a load-time parameter differs.
    pub fn rebuilds(&self, one: &Values, other: &Values) -> bool {
        self.properties().any(|(name, schema)| is_load_param(schema) && one.get(name) != other.get(name))
    }

    fn properties(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.document.get("properties").and_then(Value::as_object).into_iter().flatten()
    }
}

/// Limits each text that a schema lets through: a client could send one of half a megabyte, to be kept and recorded with
/// each change.
fn limit_texts(schema: &mut Value) {
    let Value::Object(fields) = schema else { return };
    if takes_any_text(fields) {
        let default =
            fields.get("default").and_then(Value::as_str).map_or(0, |text| text.chars().count() as u64);
        fields.insert("maxLength".to_owned(), json!(TEXT_CHARS.max(default)));
    }
    for inner in INNER {
        match fields.get_mut(inner) {
            Some(Value::Array(schemas)) => schemas.iter_mut().for_each(limit_texts),
            Some(schema) => limit_texts(schema),
            None => {}
        }
    }
    for inner in INNER_BY_NAME {
        if let Some(Value::Object(schemas)) = fields.get_mut(inner) {
            schemas.values_mut().for_each(limit_texts);
        }
    }
}

/// Whether a text of any length fits, by the schema's own keywords; those of inner schemas count for themselves.
fn takes_any_text(fields: &Values) -> bool {
    let limited = ["maxLength", "enum", "const", "$ref", "anyOf", "oneOf", "allOf"];
    let text = match fields.get("type") {
        None => true,
        Some(Value::Array(types)) => types.iter().any(|one| one == "string"),
        Some(one) => one == "string",
    };
    text && !limited.iter().any(|keyword| fields.contains_key(*keyword))
}

/// Scope's marker of a load-time parameter.
fn is_load_param(schema: &Value) -> bool {
    schema["ui"]["is_load_param"] == true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Schema {
        let Value::Object(properties) = json!({"work_ms": {"type": "integer", "minimum": 0, "maximum": 10, "default": 3}, "name": {"type": "string"}})
        else {
            unreachable!("the literal is an object")
        };
        Schema::compile(&properties).unwrap()
    }

    fn values(value: Value) -> Values {
        let Value::Object(values) = value else { panic!("expected an object, got {value}") };
        values
    }

    #[test]
    fn defaults_are_those_the_schema_declares() {
        assert_eq!(schema().defaults(), values(json!({"work_ms": 3})));
    }

    #[test]
    fn a_value_out_of_range_is_named_by_its_path() {
        let faults = schema().faults(&values(json!({"work_ms": 11})));

        assert_eq!(faults[0].path, "/work_ms");
        assert!(faults[0].message.contains("11"), "{}", faults[0].message);
    }

    #[test]
    fn prompts_are_weighed_where_objects_are_among_what_they_may_be() {
        for (items, weighs) in [
            (json!({"type": "object"}), true),
            (json!({"anyOf": [{"type": "string"}, {"type": "object"}]}), true),
            (json!({"type": "string"}), false),
            (json!({"anyOf": [{"type": "string"}]}), false),
        ] {
            let properties = values(json!({"prompts": {"type": "array", "items": items}}));

            assert_eq!(Schema::compile(&properties).unwrap().weighs_prompts(), weighs, "{properties:?}");
        }
    }

    #[test]
    fn an_unknown_key_is_a_fault() {
        assert_eq!(schema().faults(&values(json!({"nonsense": 1}))).len(), 1);
    }

    #[test]
    fn a_text_without_a_limit_of_its_own_gets_one_wherever_it_stands() {
        let properties = values(json!({
            "text": {"type": "string"},
            "maybe": {"type": ["string", "null"]},
            "any": {},
            "list": {"type": "array", "items": {"type": "string"}},
            "mixed": {"anyOf": [{"type": "string"}, {"type": "object", "properties": {"text": {"type": "string"}}}]},
            "long": {"type": "string", "maxLength": 20_000},
        }));
        let schema = Schema::compile(&properties).unwrap();
        let (long, longer) = ("x".repeat(10_001), "x".repeat(20_001));

        for (name, value) in [
            ("text", json!(long)),
            ("maybe", json!(long)),
            ("any", json!(long)),
            ("list", json!(["a", long])),
            ("mixed", json!(long)),
            ("mixed", json!({"text": long})),
            ("long", json!(longer)),
        ] {
            let faults = schema.faults(&values(json!({name: value})));
            assert_eq!(faults.len(), 1, "{name}");
        }
        let sentence = &schema.faults(&values(json!({"text": long})))[0].message;
        assert_eq!(sentence, "expected at most 10000 characters, got 10001");
        let all = json!({"text": "x", "maybe": null, "any": 3, "list": ["x"], "mixed": {"text": "x"}, "long": long});
        assert_eq!(schema.faults(&values(all)), []);
    }

    #[test]
    fn a_default_may_be_longer_than_texts_that_come() {
        let long = "x".repeat(12_000);
        let properties = values(json!({"text": {"type": "string", "default": long}}));

        let schema = Schema::compile(&properties).unwrap();

        assert_eq!(schema.faults(&values(json!({"text": long}))), []);
        assert_eq!(schema.faults(&values(json!({"text": "x".repeat(12_001)}))).len(), 1);
    }

    #[test]
    fn a_long_value_is_not_repeated_but_what_is_wrong_with_it_is() {
        let faults = schema().faults(&values(json!({"work_ms": "x".repeat(60_000)})));

        assert!(faults[0].message.chars().count() <= Fault::CHARS, "{}", faults[0].message);
        assert!(faults[0].message.contains("whole number"), "{}", faults[0].message);
    }

    #[test]
    fn of_many_faults_the_first_are_told() {
        let properties = values(json!({"steps": {"type": "array", "items": {"type": "integer"}}}));
        let schema = Schema::compile(&properties).unwrap();

        let faults = schema.faults(&values(json!({"steps": vec!["x"; 10_000]})));

        assert_eq!(faults.len(), FAULTS);
    }

    #[test]
    fn a_default_outside_its_own_schema_is_refused() {
        let properties = values(json!({"n": {"type": "integer", "minimum": 5, "default": 1}}));

        assert!(Schema::compile(&properties).is_err());
    }
}
