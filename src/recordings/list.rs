//! A recording as the API lists it.

use std::{fs, io, path::Path, time::SystemTime};

use serde::Serialize;

use super::{End, EndCode, FileName, Kind, Sidecar, disk};

/// A recording.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Recording {
    /// Its id: `<day>-<time>-<random>`, in UTC.
    pub id: String,
    /// Its sessions: the one it was started in, then those that took over.
    pub sessions: Vec<String>,
    /// The pipeline that it started with.
    pub pipeline_id: String,
    /// When it started, RFC 3339 in UTC.
    #[schema(format = DateTime)]
    pub started: String,
    /// Whether it runs or how it ended.
    pub state: State,
    /// Why it ended; null while it is running.
    pub sentence: Option<String>,
    /// Seconds from its start to its end, or until now.
    pub seconds: f64,
    /// Bytes of its files.
    pub bytes: u64,
    /// Its files, in the order in which they began.
    pub files: Vec<File>,
    #[serde(skip)]
    owner: Option<String>,
}

impl Recording {
    /// Whose it is; empty where nobody is named.
    pub fn owner(&self) -> &str {
        self.owner.as_deref().unwrap_or_default()
    }
}

/// Whether a recording runs, or how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RecordingState)]
pub enum State {
    /// It is running.
    Recording,
    /// It ended on request or with its session.
    Finished,
    /// It could not continue; what was written until then is kept.
    Failed,
    /// The server was killed; all but the last second or two is kept.
    Cut,
}

/// One file of a recording.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
#[schema(as = RecordingFile)]
pub struct File {
    /// Its name.
    pub name: String,
    /// Whether it is of the session's output or its input.
    pub kind: Kind,
    /// Video codec.
    pub codec: String,
    /// Frame width in pixels.
    pub width: u32,
    /// Frame height in pixels.
    pub height: u32,
    /// Whether it has audio.
    pub sound: bool,
    /// Time of its first frame, in seconds after the recording's start.
    pub at_s: f64,
    /// Its size in bytes.
    pub bytes: u64,
}

/// The recording in a folder. Its id is the folder's name: what the sidecar says may be another recording's.
pub fn look(folder: &Path) -> io::Result<Recording> {
    let sidecar = Sidecar::read(folder)?;
    let size = |name: &FileName| about(folder, name).map_or(0, |file| file.len());
    let mut sessions = vec![sidecar.about.session.clone()];
    for segment in &sidecar.segments {
        if !sessions.contains(&segment.session) {
            sessions.push(segment.session.clone());
        }
    }
    Ok(Recording {
        state: sidecar.end.as_ref().map_or(State::Recording, |end| match end.code {
            EndCode::Stopped | EndCode::SessionEnded => State::Finished,
            EndCode::Failed => State::Failed,
            EndCode::Cut => State::Cut,
        }),
        seconds: sidecar.end.as_ref().map_or_else(|| since(&sidecar.started), |end| end.seconds),
        bytes: disk::bytes(folder),
        files: sidecar
            .segments
            .iter()
            .map(|segment| File {
                name: segment.file.as_str().to_owned(),
                kind: segment.kind,
                codec: segment.codec.clone(),
                width: segment.width,
                height: segment.height,
                sound: segment.sound,
                at_s: segment.at_s,
                bytes: size(&segment.file),
            })
            .collect(),
        sentence: sidecar.end.map(|end| end.sentence),
        id: folder.file_name().map(|id| id.to_string_lossy().into_owned()).unwrap_or_default(),
        sessions,
        pipeline_id: sidecar.about.pipeline_id,
        owner: sidecar.about.owner,
        started: sidecar.started,
    })
}

/// The end of a recording that was cut off, from the times at which its files were last written.
pub fn cut(folder: &Path, sidecar: &Sidecar, sentence: &str) -> End {
    let written = |file: &FileName| about(folder, file)?.modified().ok();
    let last = sidecar.segments.iter().filter_map(|segment| written(&segment.file)).max();
    let seconds =
        last.and_then(|last| Some(between(&sidecar.started, jiff::Timestamp::try_from(last).ok()?)));
    let (sentence, bytes) = (sentence.to_owned(), disk::bytes(folder));
    End { code: EndCode::Cut, sentence, seconds: seconds.unwrap_or(0.0), bytes }
}

fn about(folder: &Path, name: &FileName) -> Option<fs::Metadata> {
    fs::symlink_metadata(folder.join(name.as_str())).ok()
}

fn since(started: &str) -> f64 {
    jiff::Timestamp::try_from(SystemTime::now()).map_or(0.0, |now| between(started, now))
}

fn between(started: &str, end: jiff::Timestamp) -> f64 {
    let started: Result<jiff::Timestamp, _> = started.parse();
    started.map_or(0.0, |started| end.duration_since(started).as_secs_f64().max(0.0))
}
