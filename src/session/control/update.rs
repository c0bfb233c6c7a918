//! The only reader of an update: from the data channel, from `PATCH …/parameters` or from an offer's
//! `initialParameters`. Pure: it checks a whole update and applies none of it.

use serde_json::Value;

use super::{Choice, Request, fault, recording::take_recording, source::take_source, unexpected};
use crate::stage::{
    self, FAULTS, Fault, Parameters, Schema, Transition, Values,
    prompts::{self, PROMPTS},
};

/// Bytes of a client's `id`, as JSON: enough for a number or a UUID. Every reply repeats it, and a reply over 64 KiB
/// does not fit the data channel of a peer that declares no limit (RFC 8841 section 6.1).
const ID_BYTES: usize = 256;
/// One minute: a longer end-to-end delay means that a clock jumped.
const DELAY_MS: f64 = 60_000.0;

/// Keys that messages of their own answer, or that need no reply.
const WITHOUT_ANSWER: [&str; 4] = ["client_delay_ms", "pipeline_id", "pipeline_ids", "recording"];

/// Keys of Scope's own protocol that a client may send to any pipeline: one without such a parameter ignores it, and
/// the reply lists it as ignored.
const SCOPE_KEYS: &[&str] = &[
    "input_mode",
    "prompts",
    "prompt_interpolation_method",
    "transition",
    "noise_scale",
    "noise_controller",
    "denoising_step_list",
    "manage_cache",
    "reset_cache",
    "kv_cache_attention_bias",
    "lora_scales",
    "output_sinks",
    "vace_enabled",
    "vace_ref_images",
    "vace_use_input_video",
    "vace_context_scale",
    "graph",
    "first_frame_image",
    "last_frame_image",
    "images",
    "node_id",
    "produces_video",
    "produces_audio",
    "source_track_order",
    "modulations",
    "quantize_mode",
    "lookahead_ms",
    "beat_cache_reset_rate",
    "ctrl_input",
];

/// Everything that one update requests, checked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Update {
    /// For the stage: every parameter of the pipeline, whether to pause, one-time requests.
    pub stage: stage::Update,
    /// Keys that this pipeline does not use.
    pub ignored: Vec<String>,
    /// The source of the input frames.
    pub source: Option<Choice>,
    /// A request to start or stop recording.
    pub recording: Option<Request>,
    /// The end-to-end delay that the client measured, in milliseconds.
    pub client_delay_ms: Option<f64>,
    /// Whether `parameters_updated` answers it.
    pub answered: bool,
}

impl Update {
    /// Reads an update for the pipeline that it selects ([`selected`]), which has this `schema`, on top of the
    /// parameters in force.
    ///
    /// # Errors
    /// Every fault, at most [`FAULTS`]; then no part of the update may be applied.
    pub fn read(mut object: Values, schema: &Schema, in_force: &Parameters) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let answered = object.is_empty() || !object.keys().all(|key| WITHOUT_ANSWER.contains(&key.as_str()));
        collect(id(&object), &mut faults);
        for key in ["id", "pipeline_id", "pipeline_ids"] {
            object.remove(key);
        }
        let client_delay_ms = collect(take_client_delay(&mut object), &mut faults);
        let recording = collect(take_recording(&mut object), &mut faults);
        let source = collect(take_source(&mut object), &mut faults);
        let paused = collect(take_switch(&mut object, "paused"), &mut faults);
        let mut reset = false;
        for key in ["reset", "reset_cache"] {
            if !schema.has(key) {
                reset |= collect(take_switch(&mut object, key), &mut faults).unwrap_or(false);
            }
        }
        let transition = take_transition(&mut object, schema).unwrap_or_else(|wrong| {
            faults.extend(wrong);
            None
        });
        let (values, ignored) = merge(object, schema, in_force.values.clone(), &mut faults);
        faults.extend(schema.faults(&values));
        faults.truncate(FAULTS);
        if !faults.is_empty() {
            return Err(faults);
        }
        let parameters = Parameters { values, version: in_force.version + 1 };
        let stage = stage::Update { parameters, transition, paused, reset };
        Ok(Self { stage, ignored, source, recording, client_delay_ms, answered })
    }
}

/// Reads the text of a message.
///
/// # Errors
/// It is not a JSON object.
pub fn parse(text: &str) -> Result<Values, Fault> {
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(other) => Err(unexpected("", "a JSON object", &other)),
        Err(error) => Err(fault("", format!("expected a JSON object: {error}"))),
    }
}

/// The client's own `id` of an update, which the reply repeats.
///
/// # Errors
/// It is too long.
pub fn id(object: &Values) -> Result<Option<Value>, Fault> {
    let id = object.get("id");
    match id.map(|id| id.to_string().len()) {
        Some(bytes) if bytes > ID_BYTES => {
            let sentence =
                format!("expected at most {ID_BYTES} bytes of JSON, got {bytes}; send a shorter id");
            Err(fault("/id", sentence))
        }
        _ => Ok(id.cloned()),
    }
}

/// The pipeline that an update selects, in either of Scope's forms; `None` if it keeps the running one.
///
/// # Errors
/// It selects something other than one pipeline.
pub fn selected(object: &Values) -> Result<Option<String>, Fault> {
    let given = |key| object.get(key).filter(|value| !value.is_null());
    match (given("pipeline_id"), given("pipeline_ids")) {
        (Some(Value::String(id)), _) => Ok(Some(id.clone())),
        (_, Some(Value::Array(ids))) => match ids.as_slice() {
            [] => Ok(None),
            [Value::String(id)] => Ok(Some(id.clone())),
            [other] => Err(unexpected("/pipeline_ids/0", "a pipeline's id", other)),
            ids => Err(fault("/pipeline_ids", format!("expected one pipeline id, got {}", ids.len()))),
        },
        (Some(other), _) => Err(unexpected("/pipeline_id", "a pipeline's id", other)),
        (None, Some(other)) => Err(unexpected("/pipeline_ids", "a list of ids", other)),
        (None, None) => Ok(None),
    }
}

fn collect<T>(read: Result<Option<T>, Fault>, faults: &mut Vec<Fault>) -> Option<T> {
    read.unwrap_or_else(|fault| {
        faults.push(fault);
        None
    })
}

fn take_client_delay(object: &mut Values) -> Result<Option<f64>, Fault> {
    let Some(value) = object.remove("client_delay_ms") else { return Ok(None) };
    let delay = value.as_f64().filter(|delay| (0.0..=DELAY_MS).contains(delay));
    delay.map(Some).ok_or_else(|| {
        fault("/client_delay_ms", format!("expected milliseconds from 0 to {DELAY_MS}, got {value}"))
    })
}

fn take_switch(object: &mut Values, key: &str) -> Result<Option<bool>, Fault> {
    match object.remove(key) {
        None => Ok(None),
        Some(Value::Bool(on)) => Ok(Some(on)),
        Some(other) => Err(unexpected(&format!("/{key}"), "true or false", &other)),
    }
}

/// Takes Scope's `transition`; its target prompts stay in `object`.
fn take_transition(object: &mut Values, schema: &Schema) -> Result<Option<Transition>, Vec<Fault>> {
    if schema.has("transition") || !schema.weighs_prompts() {
        return Ok(None);
    }
    let Some(value) = object.remove("transition").filter(|value| !value.is_null()) else { return Ok(None) };
    let (transition, target) = prompts::transition(&value)?;
    if let Some(target) = target {
        object.insert(PROMPTS.to_owned(), target);
    }
    Ok(Some(transition))
}

/// The values in force merged with those of an update, and the keys that this pipeline does not use.
fn merge(
    object: Values,
    schema: &Schema,
    mut values: Values,
    faults: &mut Vec<Fault>,
) -> (Values, Vec<String>) {
    let mut ignored = Vec::new();
    for (name, value) in object {
        if schema.has(&name) {
            let weighs = name == PROMPTS && schema.weighs_prompts();
            values.insert(name, if weighs { prompts::normalised(value) } else { value });
        } else if SCOPE_KEYS.contains(&name.as_str()) {
            ignored.push(name);
        } else {
            let path = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
            faults.push(fault(&path, "this pipeline has no such parameter".into()));
        }
    }
    (values, ignored)
}
