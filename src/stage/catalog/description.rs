//! The content of a `pipeline.toml`. Pure; a kind reads its own table through [`Description::own`].

use std::time::Duration;

use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    frame::Layout,
    stage::{Error, Info, Input, OnFailure, Values},
};

/// Default rate of generated frames, per second.
const FPS: f64 = 30.0;
/// Default width and height of generated frames: what image models are trained at.
const SIZE: u32 = 512;
/// Largest width and height of generated frames: four times UHD, beyond every codec here.
const SIZE_LIMIT: u32 = 16_384;
/// Default of `deadline_s`: a stage that takes this long for a frame will not return.
const DEADLINE_S: f64 = 10.0;
/// Default of `load_limit_s`: enough for a model of some gigabytes on a cold disk.
const LOAD_LIMIT_S: f64 = 120.0;

/// A `pipeline.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// Name of its folder, and of the pipeline everywhere.
    pub id: String,
    /// Further ids.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// For people.
    pub name: String,
    /// One or two sentences for people.
    #[serde(default)]
    pub description: String,
    /// Of the pipeline, not of the server.
    #[serde(default)]
    pub version: String,
    /// `echo`, `launch`, `onnx` or `python`.
    pub kind: String,
    /// Layouts that its stage accepts, the best first.
    pub layouts: Vec<Layout>,
    /// Whether it processes the frames of a session.
    #[serde(default)]
    pub input: Input,
    /// Whether it accepts `prompts`.
    #[serde(default)]
    pub supports_prompts: bool,
    /// What is sent for a frame without a result.
    #[serde(default)]
    pub on_failure: OnFailure,
    /// Rate of generated frames, per second.
    #[serde(default = "fps")]
    pub fps: f64,
    /// Width of generated frames.
    #[serde(default = "size")]
    pub width: u32,
    /// Height of generated frames.
    #[serde(default = "size")]
    pub height: u32,
    /// Longest time for one frame in seconds; then the stage is abandoned and started again.
    #[serde(default = "deadline_s")]
    pub deadline_s: f64,
    /// Longest time for a load in seconds.
    #[serde(default = "load_limit_s")]
    pub load_limit_s: f64,
    /// Share of a second that all sessions of the pipeline may compute together; see [`Description::most_load`].
    #[serde(default)]
    pub max_load: Option<f64>,
    /// JSON Schema of each parameter.
    #[serde(default)]
    pub parameters: Values,
    #[serde(default)]
    launch: Option<toml::Table>,
    #[serde(default)]
    onnx: Option<toml::Table>,
    #[serde(default)]
    python: Option<toml::Table>,
}

fn fps() -> f64 {
    FPS
}

fn size() -> u32 {
    SIZE
}

fn deadline_s() -> f64 {
    DEADLINE_S
}

fn load_limit_s() -> f64 {
    LOAD_LIMIT_S
}

impl Description {
    /// Reads the text of a `pipeline.toml`.
    ///
    /// # Errors
    /// [`Error::Description`] with the line and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let about: Self = toml::from_str(text).map_err(|error| Error::Description(error.to_string()))?;
        match about.faults().first() {
            None => Ok(about),
            Some(fault) => Err(Error::Description(fault.clone())),
        }
    }

    /// The kind's own table; empty if there is none.
    ///
    /// # Errors
    /// [`Error::Description`] with the field and what is wrong with it.
    pub fn own<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let table =
            self.tables().into_iter().find(|(kind, _)| *kind == self.kind).and_then(|(_, table)| table);
        let wrong =
            |error: toml::de::Error| Error::Description(format!("[{}]: {}", self.kind, error.message()));
        table.cloned().unwrap_or_default().try_into().map_err(wrong)
    }

    /// What a session needs to know about it.
    pub fn info(&self) -> Info {
        Info {
            id: self.id.clone(),
            layouts: self.layouts.clone(),
            input: self.input,
            on_failure: self.on_failure,
            interval: Duration::from_secs_f64(1.0 / self.fps),
            size: (self.width, self.height),
            deadline: Duration::from_secs_f64(self.deadline_s),
            load_limit: Duration::from_secs_f64(self.load_limit_s),
        }
    }

    /// The limit of `max_load`: by default one worker's full time, which the sessions of a Python pipeline share, and no
    /// limit where each session's stage computes by itself.
    pub fn most_load(&self) -> Option<f64> {
        self.max_load.or_else(|| (self.kind == "python").then_some(1.0))
    }

    fn tables(&self) -> [(&'static str, Option<&toml::Table>); 3] {
        [("launch", self.launch.as_ref()), ("onnx", self.onnx.as_ref()), ("python", self.python.as_ref())]
    }

    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if !is_id(&self.id) {
            let expected = "1 to 64 letters, digits, '-', '_' or '.', the first no dot";
            let got: String = self.id.chars().take(80).collect();
            faults.push(format!("id: expected {expected}, got {got:?}"));
        }
        if self.layouts.is_empty() {
            faults.push("layouts: expected at least one layout, got none".into());
        }
        let bounded = [
            ("fps", self.fps, 0.1, 240.0),
            ("width", f64::from(self.width), 16.0, f64::from(SIZE_LIMIT)),
            ("height", f64::from(self.height), 16.0, f64::from(SIZE_LIMIT)),
            ("deadline_s", self.deadline_s, 0.1, 3600.0),
            ("load_limit_s", self.load_limit_s, 0.1, 86_400.0),
            ("max_load", self.max_load.unwrap_or(1.0), 0.01, 1024.0),
        ];
        for (name, value, low, high) in bounded {
            if !(low..=high).contains(&value) {
                faults.push(format!("{name}: expected {low} to {high}, got {value}"));
            }
        }
        let (width, height) = (self.width, self.height);
        if width % 2 + height % 2 > 0 {
            faults.push(format!("width and height: expected even numbers, got {width} and {height}"));
        }
        for (kind, table) in self.tables() {
            if table.is_some() && kind != self.kind {
                faults.push(format!("[{kind}]: expected no table but that of kind {:?}", self.kind));
            }
        }
        faults
    }
}

/// Ids are names of folders and appear in URLs, logs and messages.
pub fn is_id(text: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    (1..=64).contains(&text.len()) && text.chars().all(plain) && !text.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_of_a_python_pipeline_share_one_worker_and_its_time() {
        let most = |kind: &str, rest: &str| {
            let text = format!("id = \"a\"\nname = \"A\"\nkind = \"{kind}\"\nlayouts = [\"RGB\"]\n{rest}");
            Description::parse(&text).unwrap().most_load()
        };

        assert_eq!(most("python", ""), Some(1.0));
        assert_eq!(most("python", "max_load = 4.0"), Some(4.0));
        assert_eq!(most("onnx", ""), None);
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Own {
        line: String,
    }

    fn text(rest: &str) -> String {
        format!("id = \"a\"\nname = \"A\"\nlayouts = [\"RGB\"]\n{rest}")
    }

    #[test]
    fn a_kind_reads_its_own_table_and_no_other() {
        let about = Description::parse(&text("kind = \"launch\"\n[launch]\nline = \"identity\"")).unwrap();

        assert_eq!(about.own::<Own>().unwrap(), Own { line: "identity".into() });
        let other = Description::parse(&text("kind = \"onnx\"\n[launch]\nline = \"identity\""));
        assert!(other.unwrap_err().to_string().contains("[launch]"));
        let unknown = Description::parse(&text("kind = \"launch\"\n[launch]\nlime = 3")).unwrap();
        let fault = unknown.own::<Own>().unwrap_err().to_string();
        assert!(fault.contains("[launch]") && fault.contains("lime"), "{fault}");
    }

    #[test]
    fn what_is_left_out_has_a_default() {
        let info = Description::parse(&text("kind = \"echo\"")).unwrap().info();

        assert_eq!((info.input, info.on_failure), (Input::Required, OnFailure::Passthrough));
        assert_eq!((info.size, info.deadline), ((512, 512), Duration::from_secs(10)));
    }

    #[test]
    fn impossible_values_are_refused_by_name() {
        for (line, word) in [
            ("fps = 0.0", "fps"),
            ("width = 7", "width"),
            ("deadline_s = -1.0", "deadline_s"),
            ("on_failure = \"explode\"", "on_failure"),
            ("colour = 1", "colour"),
        ] {
            let fault = Description::parse(&text(&format!("kind = \"echo\"\n{line}"))).unwrap_err();

            assert!(fault.to_string().contains(word), "{fault}");
        }
        assert!(Description::parse(&text("kind = \"echo\"").replace("\"a\"", "\"../a\"")).is_err());
    }
}
