//! Which property a parameter sets, and how: read from `[launch.properties]`, checked against both sides. Pure.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Values, number};
use crate::frame::bins::{Address, Property, Settable, Takes};

/// One parameter and the property that follows it.
#[derive(Debug)]
pub struct Mapping {
    /// The parameter's name.
    pub parameter: String,
    /// The property.
    pub address: Address,
    /// The bin restarts for a change.
    pub before_playing: bool,
    long: Long,
}

/// The long form of a line of `[launch.properties]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Long {
    property: String,
    /// The property's value is the parameter's times this.
    #[serde(default)]
    scale: Option<f64>,
    /// The property's value for each choice of the parameter.
    #[serde(default)]
    values: BTreeMap<String, Value>,
    /// The author has tried that the property changes between two frames, which its element does not declare.
    #[serde(default)]
    live: bool,
}

/// Reads the table: each parameter has one property.
///
/// # Errors
/// Every fault, a sentence each.
pub fn read(table: &toml::Table, parameters: &Values) -> Result<Vec<Mapping>, Vec<String>> {
    let unmapped = parameters.keys().filter(|name| !table.contains_key(*name)).map(|name| {
        format!("parameters.{name}: expected a line of [launch.properties] with the property that it sets, got none")
    });
    let unknown = table.keys().filter(|name| !parameters.contains_key(*name));
    let unknown =
        unknown.map(|name| format!("launch.properties.{name}: expected [parameters.{name}], got none"));
    let mut faults: Vec<_> = unmapped.chain(unknown).collect();
    let mut mappings = Vec::new();
    for (name, line) in table.iter().filter(|(name, _)| parameters.contains_key(*name)) {
        match Mapping::read(name, line, &parameters[name]) {
            Ok(mapping) => mappings.push(mapping),
            Err(fault) => faults.push(format!("launch.properties.{name}: {fault}")),
        }
    }
    if faults.is_empty() { Ok(mappings) } else { Err(faults) }
}

impl Mapping {
    fn read(name: &str, line: &toml::Value, schema: &Value) -> Result<Self, String> {
        let long = match line {
            toml::Value::String(property) => {
                Long { property: property.clone(), scale: None, values: BTreeMap::new(), live: false }
            }
            other => other.clone().try_into().map_err(|error: toml::de::Error| error.message().to_owned())?,
        };
        let address = Address::parse(&long.property)
            .ok_or_else(|| format!("expected \"element.property\", got {:?}", long.property))?;
        if let Some(scale) = long.scale.filter(|scale| !scale.is_normal()) {
            return Err(format!("scale: expected a number other than 0, got {scale}"));
        }
        let before_playing = schema["ui"]["is_load_param"] == true;
        Ok(Self { parameter: name.to_owned(), address, before_playing, long })
    }

    /// The property's value for a value of the parameter.
    pub fn value(&self, value: &Value) -> Value {
        if let Some(mapped) = value.as_str().and_then(|word| self.long.values.get(word)) {
            return mapped.clone();
        }
        let scaled = value.as_f64().zip(self.long.scale).map(|(value, scale)| number(value * scale));
        scaled.unwrap_or_else(|| value.clone())
    }

    /// Whether the property accepts every value that the parameter's schema allows, at the time of the change.
    ///
    /// # Errors
    /// What does not fit.
    pub fn check(&self, schema: &Value, property: &Property) -> Result<(), String> {
        let in_schema = |fault: String| format!("parameters.{}: {fault}", self.parameter);
        self.check_time(property.settable).map_err(in_schema)?;
        self.check_values(schema, &property.takes).map_err(in_schema)
    }

    fn check_time(&self, settable: Settable) -> Result<(), String> {
        let (address, live) = (&self.address, self.long.live);
        match settable {
            Settable::WhilePlaying => Ok(()),
            Settable::BeforePlaying if live => {
                Err(format!("{address} can only be set before it plays: live = true is wrong"))
            }
            Settable::Undeclared if live => Ok(()),
            _ if self.before_playing => Ok(()),
            Settable::BeforePlaying => Err(format!(
                "{address} can only be set before it plays: say is_load_param = true in its ui table"
            )),
            Settable::Undeclared => Err(format!(
                "{address} does not say that it can change while it plays: say is_load_param = true in its ui table, \
                 or live = true in [launch.properties] where you have tried it"
            )),
        }
    }

    fn check_values(&self, schema: &Value, takes: &Takes) -> Result<(), String> {
        let words = schema["enum"].as_array();
        if let Some(words) = words.filter(|_| !self.long.values.is_empty()) {
            return words.iter().try_for_each(|word| {
                let known = word.as_str().and_then(|word| self.long.values.get(word));
                let value = known.ok_or_else(|| format!("values has nothing for the choice {word}"))?;
                self.check_one(value, takes)
            });
        }
        if !self.long.values.is_empty() {
            return Err("values is for a parameter with an enum of words".into());
        }
        match takes {
            Takes::Integer(low, high) => self.check_range(schema, &["integer"], (*low, *high)),
            Takes::Number(low, high) => self.check_range(schema, &["number", "integer"], (*low, *high)),
            Takes::Boolean => self.check_type(schema, &["boolean"]),
            Takes::Choice(known) => {
                let words = words.ok_or_else(|| {
                    format!("expected an enum of the words that {} takes: {}", self.address, known.join(", "))
                })?;
                words.iter().try_for_each(|word| self.check_one(word, takes))
            }
            Takes::Text => {
                self.check_type(schema, &["string"])?;
                let bounded = words.is_some() || schema["maxLength"].is_u64();
                if bounded { Ok(()) } else { Err("expected maxLength or enum for a text".into()) }
            }
        }
    }

    fn check_type(&self, schema: &Value, expected: &[&str]) -> Result<(), String> {
        if schema["type"].as_str().is_some_and(|got| expected.contains(&got)) {
            return Ok(());
        }
        let (address, expected) = (&self.address, expected.join(" or "));
        Err(format!("expected type {expected} for {address}, got {}", schema["type"]))
    }

    fn check_range(&self, schema: &Value, types: &[&str], (low, high): (f64, f64)) -> Result<(), String> {
        self.check_type(schema, types)?;
        let Some((first, last)) = schema["minimum"].as_f64().zip(schema["maximum"].as_f64()) else {
            return Err(format!("expected minimum and maximum; {} takes {low} to {high}", self.address));
        };
        let scale = self.long.scale.unwrap_or(1.0);
        let ends = [first * scale, last * scale];
        if ends.iter().all(|end| (low..=high).contains(end)) {
            return Ok(());
        }
        let [first, last] = ends;
        Err(format!("{} takes {low} to {high}, the schema lets {first} to {last} through", self.address))
    }

    fn check_one(&self, value: &Value, takes: &Takes) -> Result<(), String> {
        let fits = match takes {
            Takes::Integer(low, high) => {
                value.is_i64() && value.as_f64().is_some_and(|value| (*low..=*high).contains(&value))
            }
            Takes::Number(low, high) => value.as_f64().is_some_and(|value| (*low..=*high).contains(&value)),
            Takes::Boolean => value.is_boolean(),
            Takes::Choice(known) => {
                value.as_str().is_some_and(|word| known.iter().any(|other| other == word))
            }
            Takes::Text => value.is_string(),
        };
        if fits { Ok(()) } else { Err(format!("expected {takes} for {}, got {value}", self.address)) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What is wrong with one parameter, empty where nothing is.
    fn fault(schema: Value, line: &str, takes: Takes, settable: Settable) -> String {
        let parameters = Values::from_iter([("p".to_owned(), schema)]);
        let table = format!("p = {line}").parse().unwrap();
        let read = read(&table, &parameters).map_err(|faults| faults.join("; "));
        read.and_then(|mappings| mappings[0].check(&parameters["p"], &Property { takes, settable }))
            .err()
            .unwrap_or_default()
    }

    fn number_fault(schema: Value, line: &str) -> String {
        fault(schema, line, Takes::Number(0.0, 1.0), Settable::WhilePlaying)
    }

    #[test]
    fn a_range_has_to_fit_after_scaling() {
        let percent = json!({"type": "integer", "minimum": 0, "maximum": 100});

        assert_eq!(number_fault(percent.clone(), "{ property = \"a.b\", scale = 0.01 }"), "");
        let fault = number_fault(percent, "\"a.b\"");
        assert!(fault.contains("a.b takes 0 to 1") && fault.contains("0 to 100"), "{fault}");
        assert!(number_fault(json!({"type": "number", "minimum": 0}), "\"a.b\"").contains("maximum"));
        assert!(number_fault(json!({"type": "string"}), "\"a.b\"").contains("number or integer"));
    }

    #[test]
    fn choices_have_to_be_words_of_the_property() {
        let takes = || Takes::Choice(vec!["rain".into(), "dry".into()]);
        let check = |schema, line| fault(schema, line, takes(), Settable::WhilePlaying);

        assert_eq!(check(json!({"enum": ["rain", "dry"]}), "\"a.b\""), "");
        assert!(check(json!({"enum": ["snow"]}), "\"a.b\"").contains("rain, dry"));
        assert!(check(json!({"type": "string"}), "\"a.b\"").contains("enum"));
        let mapped = "{ property = \"a.b\", values = { Wet = \"rain\" } }";
        assert_eq!(check(json!({"enum": ["Wet"]}), mapped), "");
        assert!(check(json!({"enum": ["Wet", "Dry"]}), mapped).contains("Dry"));
    }

    #[test]
    fn a_property_that_cannot_change_live_is_a_load_time_parameter() {
        let check = |schema, line, settable| fault(schema, line, Takes::Boolean, settable);
        let (plain, load) =
            (json!({"type": "boolean"}), json!({"type": "boolean", "ui": {"is_load_param": true}}));
        let live = "{ property = \"a.b\", live = true }";

        assert!(check(plain.clone(), "\"a.b\"", Settable::BeforePlaying).contains("is_load_param"));
        assert!(check(plain.clone(), "\"a.b\"", Settable::Undeclared).contains("live = true"));
        assert!(check(plain.clone(), live, Settable::BeforePlaying).contains("live = true is wrong"));
        assert_eq!(check(load, "\"a.b\"", Settable::BeforePlaying), "");
        assert_eq!(check(plain, live, Settable::Undeclared), "");
    }

    #[test]
    fn a_parameter_without_a_property_and_the_reverse_are_both_told() {
        let parameters = Values::from_iter([("one".to_owned(), json!({"type": "boolean"}))]);
        let table = "two = \"a.b\"".parse().unwrap();

        let faults = read(&table, &parameters).unwrap_err();

        assert!(
            faults[0].contains("parameters.one") && faults[1].contains("launch.properties.two"),
            "{faults:?}"
        );
        let wrong = |line: &str| read(&format!("one = {line}").parse().unwrap(), &parameters).unwrap_err();
        assert!(wrong("\"sigma\"")[0].contains("element.property"));
        assert!(wrong("{ property = \"a.b\", skale = 2.0 }")[0].contains("skale"));
        assert!(wrong("{ property = \"a.b\", scale = 0.0 }")[0].contains("scale"));
    }

    #[test]
    fn a_text_of_any_length_does_not_reach_an_element() {
        let check = |schema| fault(schema, "\"a.b\"", Takes::Text, Settable::WhilePlaying);

        assert!(check(json!({"type": "string"})).contains("maxLength"));
        assert_eq!(check(json!({"type": "string", "maxLength": 40})), "");
    }
}
