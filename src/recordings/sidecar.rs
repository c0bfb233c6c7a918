//! `recording.json`: what a recording is of, and what happened while it was made.
//!
//! Written beside and renamed, so that whoever reads it, or a server that is killed, finds a whole one.

use std::{fs, io, path::Path};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::SIDECAR;

const VERSION: u32 = 1;

/// What a recording is of, as it starts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// The session.
    pub session: String,
    /// The pipeline that works on the picture.
    pub pipeline_id: String,
    /// The parameters in force.
    pub parameters: Map<String, Value>,
    /// Whether the picture that comes in is kept too.
    pub input: bool,
}

/// The whole of `recording.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sidecar {
    /// Version of this form.
    pub version: u32,
    /// The recording's id.
    pub id: String,
    /// When it started, RFC 3339 in UTC; all times in seconds count from here.
    pub started: String,
    /// What it is of.
    #[serde(flatten)]
    pub about: About,
    /// Its files.
    pub segments: Vec<Segment>,
    /// What changed.
    pub timeline: Vec<Change>,
    /// How it ended; null while it is under way.
    pub end: Option<End>,
}

/// Which way a file's picture went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// What was sent to the client.
    Output,
    /// What the client sent.
    Input,
}

impl Kind {
    /// How its files' names begin.
    pub fn name(self) -> &'static str {
        match self {
            Self::Output => "output",
            Self::Input => "input",
        }
    }
}

/// One file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// Its name.
    pub file: String,
    /// Which way its picture went.
    pub kind: Kind,
    /// Codec of the picture.
    pub codec: String,
    /// Size of the picture.
    pub width: u32,
    /// Size of the picture.
    pub height: u32,
    /// Whether it has sound.
    pub sound: bool,
    /// When its first picture was, in seconds after the recording's start; before it where the picture was under way.
    pub at_s: f64,
    /// Number of that picture in its session; null where it is not known.
    pub frame: Option<u64>,
    /// The session that it is of: a reconnect has a new one, which counts from 0.
    pub session: String,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// When it was in force, in seconds after the recording's start.
    pub at_s: f64,
    /// Number of the first picture that has it, where it has one.
    pub frame: Option<u64>,
    /// What changed.
    #[serde(flatten)]
    pub what: What,
}

/// What changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum What {
    /// These parameters, to these values.
    Parameters {
        /// New values of those that changed.
        parameters: Map<String, Value>,
    },
    /// The pipeline.
    Pipeline {
        /// The new one's id.
        pipeline_id: String,
    },
    /// The encoder.
    Encoder {
        /// The new one's GStreamer element.
        encoder: String,
    },
    /// The connection: another session took over.
    Session {
        /// Its id.
        session: String,
    },
}

/// How a recording ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct End {
    /// Stable name.
    pub code: EndCode,
    /// One sentence.
    pub sentence: String,
    /// Seconds from its start to its end.
    pub seconds: f64,
    /// Bytes of its files.
    pub bytes: u64,
}

/// Every way in which a recording can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndCode {
    /// On request.
    Stopped,
    /// With its session.
    SessionEnded,
    /// It could not go on.
    Failed,
    /// The server was killed.
    Cut,
}

impl EndCode {
    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::SessionEnded => "session_ended",
            Self::Failed => "failed",
            Self::Cut => "cut",
        }
    }
}

impl Sidecar {
    /// One without files.
    pub fn new(id: String, started: String, about: About) -> Self {
        Self { version: VERSION, id, started, about, segments: Vec::new(), timeline: Vec::new(), end: None }
    }

    /// Reads the one in a recording's folder.
    ///
    /// # Errors
    /// There is none, or it is none.
    pub fn read(folder: &Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&fs::read(folder.join(SIDECAR))?)?)
    }

    /// Writes it: whole or not at all.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        let (path, beside) = (folder.join(SIDECAR), folder.join(format!(".{SIDECAR}")));
        fs::write(&beside, serde_json::to_vec_pretty(self)?)?;
        fs::rename(beside, path)
    }
}
