//! Messages on the data channel `parameters`, both ways (API.md). Pure.
//!
//! An update is the same object wherever it comes from: the data channel, `initialParameters`, or HTTP.

mod recording;
mod source;

pub use recording::{Recorded, RecordingInfo, RecordingState, Request, take_recording};
use serde::Serialize;
use serde_json::Value;
pub use source::{Choice, SOURCE, Source, SourceType, take_source};

use crate::stage::{
    self, FAULTS, Fault, Schema, Transition, Values,
    prompts::{self, PROMPTS},
};

/// Bytes of a client's mark, as JSON: a number or a UUID. Every reply repeats it, and one over 64 KiB would not go
/// through the data channel of a peer that names no limit (RFC 8841 section 6.1).
const MARK_BYTES: usize = 256;

/// Keys of Scope's own protocol that a client may send to any pipeline: one that has no such parameter is not
/// hurt by it, and the reply names it as ignored.
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

/// What the server says. `type` comes first.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Message {
    /// An update is in force.
    ParametersUpdated {
        /// The effective values.
        parameters: Values,
        /// Number of the first frame that has them.
        frame: u64,
        /// Keys that this pipeline has no use for.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        ignored: Vec<String>,
        /// The client's own mark.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Value>,
    },
    /// Nothing of an update was applied.
    ParametersRejected {
        /// What was wrong.
        errors: Vec<Fault>,
        /// The client's own mark.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Value>,
    },
    /// Another pipeline is in the stage's place.
    PipelineChanged {
        /// Its id.
        pipeline_id: String,
        /// Its first frame.
        frame: u64,
    },
    /// The stage's state changed.
    StageState {
        /// The state.
        state: stage::State,
        /// One sentence.
        detail: String,
    },
    /// The encoder failed and another one goes on.
    EncoderChanged {
        /// GStreamer element that encodes from here on.
        encoder: &'static str,
        /// One sentence.
        detail: String,
    },
    /// No picture came from the decoder; the same one, built anew, or another one goes on.
    DecoderChanged {
        /// GStreamer element that decodes from here on.
        decoder: &'static str,
        /// One sentence.
        detail: String,
    },
    /// A recording started, goes on (once a second), stopped or failed.
    Recording(RecordingInfo),
    /// The picture comes from there from now on.
    InputSource {
        /// The file; null for what the client sends.
        source: Option<Source>,
        /// Why the file that was there before plays no more.
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// Figures, once a second; what is not known is absent.
    Stats(Figures),
    /// The last message before the server closes.
    StreamStopped {
        /// Code of the end reason.
        reason: &'static str,
        /// Its sentence.
        error_message: &'static str,
    },
}

/// Figures of one second.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Figures {
    /// Pictures decoded, a second.
    pub fps_in: f64,
    /// Pictures encoded, a second.
    pub fps_out: f64,
    /// Milliseconds from a picture's first packet to the last packet of its return, mean of the second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<f64>,
    /// Milliseconds that a picture spent in the stage, mean of the second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage_ms: Option<f64>,
    /// Bit/s received.
    pub bitrate_in_bps: u64,
    /// Bit/s sent.
    pub bitrate_out_bps: u64,
    /// Bit/s that congestion control grants the encoder.
    pub target_bps: u64,
    /// Round-trip time in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round_trip_ms: Option<f64>,
    /// Pictures dropped before the stage, since the start.
    pub dropped_before_stage: u64,
    /// Pictures dropped before the encoder, since the start.
    pub dropped_before_encoder: u64,
}

/// A checked update, ready to be applied.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Update {
    /// Values for the stage.
    pub values: Values,
    /// Whether to pause.
    pub paused: Option<bool>,
    /// Whether the stage forgets earlier frames.
    pub reset: bool,
    /// How new prompts come about, where not at once.
    pub transition: Option<Transition>,
    /// Keys without use.
    pub ignored: Vec<String>,
}

/// Reads one message of the peer: the object and its `id`.
///
/// # Errors
/// What is wrong with its form.
pub fn parse(text: &str) -> Result<(Values, Option<Value>), Vec<Fault>> {
    match serde_json::from_str(text) {
        Ok(Value::Object(mut object)) => {
            let id = object.remove("id");
            match id.as_ref().map(|id| id.to_string().len()) {
                Some(bytes) if bytes > MARK_BYTES => {
                    let message = format!("a mark of at most {MARK_BYTES} bytes is wanted, {bytes} came");
                    Err(vec![fault("/id", message)])
                }
                _ => Ok((object, id)),
            }
        }
        Ok(other) => Err(vec![fault("", format!("a JSON object is wanted, {} came", kind(&other)))]),
        Err(error) => Err(vec![fault("", format!("a JSON object is wanted: {error}"))]),
    }
}

/// Takes the end-to-end delay that the client measured out of a message, in milliseconds.
///
/// # Errors
/// No number from 0 to a minute.
pub fn take_client_delay(object: &mut Values) -> Result<Option<f64>, Vec<Fault>> {
    let Some(value) = object.remove("client_delay_ms") else { return Ok(None) };
    let delay = value.as_f64().filter(|delay| (0.0..=60_000.0).contains(delay));
    delay.map(Some).ok_or_else(|| {
        let sentence = format!("milliseconds from 0 to 60000 are wanted, {} came", kind(&value));
        vec![fault("/client_delay_ms", sentence)]
    })
}

/// Takes the pipeline that an update selects out of it.
///
/// # Errors
/// A selection that is not one pipeline.
pub fn take_pipeline(object: &mut Values) -> Result<Option<String>, Vec<Fault>> {
    let one = object.remove("pipeline_id");
    let many = object.remove("pipeline_ids");
    match (one, many) {
        (None | Some(Value::Null), None | Some(Value::Null)) => Ok(None),
        (Some(Value::String(id)), _) => Ok(Some(id)),
        (_, Some(Value::Array(ids))) => match ids.as_slice() {
            [] => Ok(None),
            [Value::String(id)] => Ok(Some(id.clone())),
            _ => Err(vec![fault("/pipeline_ids", format!("one pipeline id is wanted, {} came", ids.len()))]),
        },
        (Some(other), _) => {
            Err(vec![fault("/pipeline_id", format!("a pipeline's id is wanted, {} came", kind(&other)))])
        }
        (_, Some(other)) => {
            Err(vec![fault("/pipeline_ids", format!("a list of ids is wanted, {} came", kind(&other)))])
        }
    }
}

/// Checks an update against the pipeline's schema, over the values in force.
///
/// # Errors
/// What is wrong with it, at most [`FAULTS`]; then nothing of it may be applied.
pub fn check(object: Values, current: &Values, schema: &Schema) -> Result<Update, Vec<Fault>> {
    let mut update = Update { values: current.clone(), ..Update::default() };
    let mut faults = Vec::new();
    let mut object = object;
    take_commands(&mut object, schema, &mut update, &mut faults);
    for (name, value) in object {
        if name == "paused" {
            match value {
                Value::Bool(paused) => update.paused = Some(paused),
                other => {
                    faults.push(fault("/paused", format!("true or false is wanted, {} came", kind(&other))));
                }
            }
        } else if schema.has(&name) {
            let weighs = name == PROMPTS && schema.weighs_prompts();
            update.values.insert(name, if weighs { prompts::normalised(value) } else { value });
        } else if SCOPE_KEYS.contains(&name.as_str()) {
            update.ignored.push(name);
        } else {
            let path = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
            faults.push(fault(&path, "this pipeline has no such parameter".into()));
        }
    }
    faults.extend(schema.faults(&update.values));
    faults.truncate(FAULTS);
    if faults.is_empty() { Ok(update) } else { Err(faults) }
}

/// Takes what is done once, between two frames, and is no value that stays: `reset` and `transition`.
fn take_commands(object: &mut Values, schema: &Schema, update: &mut Update, faults: &mut Vec<Fault>) {
    for name in ["reset", "reset_cache"] {
        match object.get(name) {
            Some(Value::Bool(reset)) if !schema.has(name) => update.reset |= *reset,
            Some(other) if !schema.has(name) => {
                faults.push(fault(
                    &format!("/{name}"),
                    format!("true or false is wanted, {} came", kind(other)),
                ));
            }
            _ => continue,
        }
        object.remove(name);
    }
    if schema.has("transition") || !schema.weighs_prompts() {
        return;
    }
    match object
        .remove("transition")
        .filter(|transition| !transition.is_null())
        .map(|it| prompts::transition(&it))
    {
        None => {}
        Some(Err(wrong)) => faults.extend(wrong),
        Some(Ok((transition, target))) => {
            update.transition = Some(transition);
            if let Some(target) = target {
                object.insert(PROMPTS.to_owned(), target);
            }
        }
    }
}

/// One thing that is wrong.
#[expect(clippy::needless_pass_by_value, reason = "what format! gives")]
pub fn fault(path: &str, message: String) -> Fault {
    Fault::new(path, &message)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests;
