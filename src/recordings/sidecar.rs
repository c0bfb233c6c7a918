//! `recording.json`: what is recorded, into which files, and how it ended. What changed meanwhile is beside it
//! ([`super::changes`]); earlier versions of the server have it inside, as `timeline`.
//!
//! Written to a second file and renamed, so that a reader, or the next server after a crash, finds a complete one.

use std::{
    fs,
    io::{self, BufReader, Read, Write},
    path::Path,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned, de::IgnoredAny};
use serde_json::{Map, Value};

use super::{FileName, Kind, SIDECAR, files};

/// The version with the changes beside it.
const VERSION: u32 = 2;
/// The version with the changes inside.
pub const WHOLE: u32 = 1;
/// Longest sidecar that is read: longer than any that this server writes, short enough to read a foreign one.
const MAX_BYTES: u64 = 64 << 20;

/// What is recorded, as known at the start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// The session.
    pub session: String,
    /// The pipeline.
    pub pipeline_id: String,
    /// The parameters in force.
    pub parameters: Map<String, Value>,
    /// Whether the session's input is recorded too.
    pub input: bool,
    /// Who owns it; an operator alone where nobody is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Whether the quota of a single owner counts for it.
    #[serde(skip)]
    pub limited: bool,
}

/// The whole of `recording.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sidecar {
    /// Version of this format.
    pub version: u32,
    /// The recording's id.
    pub id: String,
    /// When it started, RFC 3339 in UTC; all times in seconds count from here.
    pub started: String,
    /// What is recorded.
    #[serde(flatten)]
    pub about: About,
    /// Its files.
    pub segments: Vec<Segment>,
    /// How it ended; null while it is running.
    pub end: Option<End>,
    /// Changes inside of a [`WHOLE`] one, which [`super::read_changes`] reads.
    #[serde(default, skip_serializing)]
    timeline: IgnoredAny,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// Its name.
    pub file: FileName,
    /// Whether it is of the session's output or its input.
    pub kind: Kind,
    /// Video codec.
    pub codec: String,
    /// Frame width.
    pub width: u32,
    /// Frame height.
    pub height: u32,
    /// Whether it has audio.
    pub sound: bool,
    /// Time of its first frame, in seconds after the recording's start; negative if that frame is older.
    pub at_s: f64,
    /// Number of that frame in its session; null if unknown.
    pub frame: Option<u64>,
    /// Its session: a reconnect makes a new one, which counts from 0.
    pub session: String,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// When it took effect, in seconds after the recording's start.
    pub at_s: f64,
    /// Number of the first frame it applies to, if there is one.
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
    /// It could not continue.
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
    /// A sidecar without files.
    pub fn new(id: String, started: String, about: About) -> Self {
        Self { version: VERSION, id, started, about, segments: Vec::new(), end: None, timeline: IgnoredAny }
    }

    /// Reads the one in a recording's folder.
    ///
    /// # Errors
    /// It does not exist, or is not a sidecar; then the folder holds no recording.
    pub fn read(folder: &Path) -> io::Result<Self> {
        read(folder)
    }

    /// Gives the one in a recording's folder its end; all else in it, of any version, stays.
    ///
    /// # Errors
    /// As [`Sidecar::read`], or the system's error.
    pub fn close(folder: &Path, end: &End) -> io::Result<()> {
        let mut sidecar: Map<String, Value> = read(folder)?;
        sidecar.insert("end".to_owned(), serde_json::to_value(end)?);
        write(folder, &sidecar)
    }

    /// Writes it completely or not at all.
    ///
    /// # Errors
    /// The system's error.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        write(folder, self)
    }
}

/// Reads a recording's sidecar as `T`.
///
/// # Errors
/// It does not exist, or is something else.
pub fn read<T: DeserializeOwned>(folder: &Path) -> io::Result<T> {
    let file = files::open(folder, SIDECAR)?;
    Ok(serde_json::from_reader(BufReader::new(file.take(MAX_BYTES)))?)
}

fn write(folder: &Path, sidecar: &impl Serialize) -> io::Result<()> {
    let (path, beside) = (folder.join(SIDECAR), folder.join(format!(".{SIDECAR}")));
    fs::remove_file(&beside).ok(); // left by a killed server, or there is none
    files::create(&beside)?.write_all(&serde_json::to_vec_pretty(sidecar)?)?;
    fs::rename(beside, path)
}
