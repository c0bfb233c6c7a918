//! Prompts: a text, texts, or weighted texts; and transitions between them over several frames. Pure.

use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{Fault, Values};

/// The parameter that holds them.
pub const PROMPTS: &str = "prompts";
/// Steps of a transition that names none, as Scope has it.
const STEPS: u64 = 4;
/// Most steps: a minute at 60 frames a second.
const STEPS_LIMIT: u64 = 3600;

/// Prompts, in every form that Scope's clients send them.
#[derive(ToSchema)]
#[serde(untagged)]
#[schema(as = Prompts)]
pub enum PromptsBody {
    /// One text.
    Text(String),
    /// Several, mixed by weight.
    List(Vec<PromptBody>),
}

/// One prompt.
#[derive(ToSchema)]
#[serde(untagged)]
#[schema(as = Prompt)]
pub enum PromptBody {
    /// A text of weight 1.
    Text(String),
    /// A text with its weight.
    Weighted {
        /// The text.
        text: String,
        /// Its weight in the mix; 1 by default.
        #[schema(nullable = false, minimum = 0, maximum = 100)]
        weight: Option<f64>,
    },
}

/// A transition from the prompts in force to others.
#[derive(ToSchema)]
#[schema(as = Transition)]
#[expect(dead_code, reason = "describes in the API's document what `transition` reads")]
pub struct TransitionBody {
    /// The target prompts; by default those of the same message.
    target_prompts: Option<PromptsBody>,
    /// Its length in frames, 4 by default; 0 applies the prompts at once.
    #[schema(minimum = 0, maximum = 3600)]
    num_steps: Option<u64>,
    /// How weights change from frame to frame, by default `linear`.
    #[schema(nullable = false)]
    temporal_interpolation_method: Option<Curve>,
}

/// How prompts replace others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transition {
    steps: u64,
    curve: Curve,
}

/// How weights change over a transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PromptInterpolation)]
enum Curve {
    /// Weights change by the same amount at each step.
    Linear,
    /// The squares of old and new weights keep the same sum.
    Slerp,
}

/// A transition in progress.
#[derive(Clone, Debug)]
pub struct Blend {
    from: Vec<(String, f64)>,
    to: Vec<(String, f64)>,
    at: u64,
    way: Transition,
}

/// JSON Schema of the parameter, for a pipeline that supports prompts and declares none itself.
pub fn schema() -> Value {
    json!({
        "type": "array", "title": "Prompts", "maxItems": 16, "default": [],
        "description": "What to paint: texts with weights. Plain texts are taken too.",
        "items": {
            "type": "object", "required": ["text"], "additionalProperties": false,
            "properties": {
                "text": {"type": "string", "maxLength": 4000},
                "weight": {"type": "number", "minimum": 0, "maximum": 100, "default": 1.0},
            },
        },
        "ui": {"category": "input", "order": 0, "label": "Prompts", "widget": "prompts", "component": "prompts"},
    })
}

/// Prompts in the one form that stages get: a list of `{text, weight}`. An unknown form stays unchanged, for the schema
/// to reject.
pub fn normalised(value: Value) -> Value {
    match value {
        Value::String(text) => json!([{"text": text, "weight": 1.0}]),
        Value::Array(items) => items.into_iter().map(one).collect(),
        other => other,
    }
}

fn one(item: Value) -> Value {
    match item {
        Value::String(text) => json!({"text": text, "weight": 1.0}),
        Value::Object(mut fields) if fields.contains_key("text") => {
            fields.entry("weight").or_insert_with(|| json!(1.0));
            Value::Object(fields)
        }
        other => other,
    }
}

/// Reads Scope's `transition` object; returns its target prompts, if it has any.
///
/// # Errors
/// What is wrong with it.
pub fn transition(value: &Value) -> Result<(Transition, Option<Value>), Vec<Fault>> {
    let Some(fields) = value.as_object() else {
        return Err(vec![Fault::expected(
            "/transition",
            "an object with target_prompts and num_steps",
            value,
        )]);
    };
    let mut faults = Vec::new();
    let steps = match fields.get("num_steps") {
        None | Some(Value::Null) => STEPS,
        Some(steps) => steps.as_u64().filter(|steps| *steps <= STEPS_LIMIT).unwrap_or_else(|| {
            let sentence = format!("expected a whole number from 0 to {STEPS_LIMIT}, got {steps}");
            faults.push(Fault::new("/transition/num_steps", &sentence));
            0
        }),
    };
    let curve = match fields.get("temporal_interpolation_method") {
        None => Curve::Linear,
        Some(method) => Curve::deserialize(method).unwrap_or_else(|_| {
            let path = "/transition/temporal_interpolation_method";
            faults.push(Fault::new(path, &format!("expected \"linear\" or \"slerp\", got {method}")));
            Curve::Linear
        }),
    };
    let known = ["target_prompts", "num_steps", "temporal_interpolation_method"];
    for name in fields.keys().filter(|name| !known.contains(&name.as_str())) {
        faults.push(Fault::new("/transition", &format!("unknown property {name:?}")));
    }
    let target = fields.get("target_prompts").filter(|target| !target.is_null()).cloned().map(normalised);
    if faults.is_empty() { Ok((Transition { steps, curve }, target)) } else { Err(faults) }
}

impl Blend {
    /// The transition from the prompts of `before` to those of `after`; `None` if there is nothing to change.
    pub fn new(before: &Values, after: &Values, way: &Transition) -> Option<Self> {
        let (from, to) = (weights(before.get(PROMPTS)?), weights(after.get(PROMPTS)?));
        (way.steps > 0 && !from.is_empty() && from != to).then_some(Self { from, to, at: 0, way: *way })
    }

    /// Sets the next step's prompts; `false` if that was the last.
    pub fn step(&mut self, values: &mut Values) -> bool {
        self.at += 1;
        if self.at >= self.way.steps {
            values.insert(PROMPTS.to_owned(), list(self.to.iter().cloned()));
            return false;
        }
        let share = self.at as f64 / self.way.steps as f64;
        let (old, new) = match self.way.curve {
            Curve::Linear => (1.0 - share, share),
            Curve::Slerp => {
                let angle = share * std::f64::consts::FRAC_PI_2;
                (angle.cos(), angle.sin())
            }
        };
        let mut mixed: Vec<(String, f64)> = Vec::new();
        let scaled = |prompts: &[(String, f64)], by: f64| {
            prompts.iter().map(|(text, weight)| (text.clone(), weight * by)).collect::<Vec<_>>()
        };
        for (text, weight) in scaled(&self.from, old).into_iter().chain(scaled(&self.to, new)) {
            match mixed.iter_mut().find(|(known, _)| *known == text) {
                Some((_, sum)) => *sum += weight,
                None => mixed.push((text, weight)),
            }
        }
        values.insert(PROMPTS.to_owned(), list(mixed.into_iter()));
        true
    }
}

fn weights(prompts: &Value) -> Vec<(String, f64)> {
    let read = |item: &Value| {
        let text = item.get("text")?.as_str()?.to_owned();
        Some((text, item.get("weight").and_then(Value::as_f64).unwrap_or(1.0)))
    };
    prompts.as_array().into_iter().flatten().filter_map(read).collect()
}

fn list(prompts: impl Iterator<Item = (String, f64)>) -> Value {
    prompts.map(|(text, weight)| json!({"text": text, "weight": weight})).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(prompts: Value) -> Values {
        [(PROMPTS.to_owned(), normalised(prompts))].into_iter().collect()
    }

    #[test]
    fn every_form_of_prompts_becomes_one() {
        let one = json!([{"text": "a panda", "weight": 1.0}]);

        for form in [json!("a panda"), json!(["a panda"]), json!([{"text": "a panda"}]), one.clone()] {
            assert_eq!(normalised(form), one);
        }
        assert_eq!(normalised(json!(7)), json!(7), "for the schema to refuse");
        assert_eq!(normalised(json!([7])), json!([7]));
    }

    #[test]
    fn a_transition_ends_exactly_at_its_target_after_its_steps() {
        let way = json!({"target_prompts": ["night"], "num_steps": 4});
        let (way, target) = transition(&way).unwrap();
        let (before, mut after) = (values(json!(["day"])), values(target.unwrap()));
        let mut blend = Blend::new(&before, &after, &way).unwrap();

        let mut shown = Vec::new();
        while blend.step(&mut after) {
            shown.push(after[PROMPTS].clone());
        }

        let mix = |day: f64, night: f64| json!([{"text": "day", "weight": day}, {"text": "night", "weight": night}]);
        assert_eq!(shown, [mix(0.75, 0.25), mix(0.5, 0.5), mix(0.25, 0.75)]);
        assert_eq!(after, values(json!(["night"])));
    }

    #[test]
    fn slerp_keeps_the_sum_of_squares() {
        let (way, _) =
            transition(&json!({"num_steps": 3, "temporal_interpolation_method": "slerp"})).unwrap();
        let mut mixed = values(json!(["b"]));
        let mut blend = Blend::new(&values(json!(["a"])), &mixed.clone(), &way).unwrap();

        assert!(blend.step(&mut mixed));

        let squares: f64 = weights(&mixed[PROMPTS]).iter().map(|(_, weight)| weight * weight).sum();
        assert!((squares - 1.0).abs() < 1e-9, "{squares}");
    }

    #[test]
    fn what_is_wrong_with_a_transition_is_named() {
        for (value, path) in [
            (json!(4), "/transition"),
            (json!({"num_steps": -1}), "/transition/num_steps"),
            (json!({"temporal_interpolation_method": "jump"}), "/transition/temporal_interpolation_method"),
            (json!({"steps": 3}), "/transition"),
        ] {
            assert_eq!(transition(&value).unwrap_err()[0].path, path);
        }
        let (way, _) = transition(&json!({"num_steps": 0})).unwrap();
        assert!(Blend::new(&values(json!(["a"])), &values(json!(["b"])), &way).is_none(), "at once");
    }
}
