//! A pipeline as `GET /api/v1/pipelines/schemas` lists it, in Scope's own shape. Pure.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::Description;
use crate::stage::{Input, Json};

/// One pipeline of the catalog.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = Pipeline)]
pub struct Listing {
    /// Its id, which selects it.
    pub id: String,
    /// For people.
    pub name: String,
    /// One or two sentences for people.
    pub description: String,
    /// Of the pipeline, not of the server.
    pub version: String,
    /// `echo`, `launch`, `onnx` or `python`; null where its description cannot be read.
    pub kind: Option<String>,
    /// Further ids that select it.
    pub aliases: Vec<String>,
    /// What it can work on; empty where it cannot run.
    pub supported_modes: Vec<Mode>,
    /// The first of these; null where it cannot run.
    pub default_mode: Option<Mode>,
    /// Scope's defaults by mode: empty here, `config_schema` has the defaults.
    #[schema(value_type = BTreeMap<String, Json>)]
    pub mode_defaults: BTreeMap<Mode, Value>,
    /// Scope's hints where a pipeline is of use: empty here.
    pub usage: Vec<String>,
    /// Names of its inputs: `video`, or none.
    pub inputs: Vec<&'static str>,
    /// Names of its outputs: `video`.
    pub outputs: Vec<&'static str>,
    /// Whether it accepts `prompts`.
    pub supports_prompts: bool,
    /// Whether frames come out of it.
    pub produces_video: bool,
    /// Whether audio comes out of it.
    pub produces_audio: bool,
    /// JSON Schema (2020-12) of its parameters, with a `ui` hint for each; `{}` where it cannot run.
    #[schema(value_type = Object)]
    pub config_schema: Value,
    /// Why it cannot run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub schema_error: Option<String>,
}

/// What a pipeline works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PipelineMode)]
pub enum Mode {
    /// The frames of a source.
    Video,
    /// Prompts alone.
    Text,
}

impl Listing {
    /// A pipeline that can run.
    pub fn of(about: &Description, config_schema: Value) -> Self {
        let supported_modes = match about.input {
            Input::Required => vec![Mode::Video],
            Input::Optional => vec![Mode::Video, Mode::Text],
            Input::None => vec![Mode::Text],
        };
        Self {
            name: about.name.clone(),
            description: about.description.clone(),
            version: about.version.clone(),
            kind: Some(about.kind.clone()),
            aliases: about.aliases.clone(),
            default_mode: supported_modes.first().copied(),
            supported_modes,
            inputs: if about.input == Input::None { Vec::new() } else { vec!["video"] },
            outputs: vec!["video"],
            supports_prompts: about.supports_prompts,
            produces_video: true,
            config_schema,
            ..Self::empty(&about.id)
        }
    }

    /// A pipeline that cannot run, for this reason.
    pub fn broken(id: &str, reason: String) -> Self {
        Self { schema_error: Some(reason), ..Self::empty(id) }
    }

    fn empty(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            name: id.to_owned(),
            description: String::new(),
            version: String::new(),
            kind: None,
            aliases: Vec::new(),
            supported_modes: Vec::new(),
            default_mode: None,
            mode_defaults: BTreeMap::new(),
            usage: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            supports_prompts: false,
            produces_video: false,
            produces_audio: false,
            config_schema: Value::Object(serde_json::Map::new()),
            schema_error: None,
        }
    }
}
