//! A recording's input, frame by frame, with the parameters that each frame had.

use std::{
    collections::VecDeque,
    io,
    path::{Path, PathBuf},
};

use crate::{
    frame::{Frame, Layout, MaxFrame},
    media::Reader,
    recordings::{self, Kind, Segment, Sidecar, What},
    stage::Values,
};

/// A recording that is replayed.
pub struct Replay {
    folder: PathBuf,
    layouts: Vec<Layout>,
    max: MaxFrame,
    first: Values,
    reader: Reader,
    segment: Segment,
    /// The remaining files, each of the first one's frame size.
    left: VecDeque<Segment>,
    /// The sessions in their order: each counts its frames from 0.
    sessions: Vec<String>,
    /// Which session, from which frame on, and the new values.
    changes: VecDeque<(usize, u64, Values)>,
    read: u64,
}

impl Replay {
    /// Opens a recording's folder.
    ///
    /// # Errors
    /// There is no recording, or it has no input.
    pub fn open(folder: &Path, layouts: &[Layout], max: MaxFrame) -> Result<Self, String> {
        let no_recording = |error: io::Error| {
            format!("--replay: expected a recording's folder; {}: {error}", folder.display())
        };
        let sidecar = Sidecar::read(folder).map_err(no_recording)?;
        let timeline = recordings::read_changes(folder).map_err(no_recording)?;
        let mut sessions = vec![sidecar.about.session.clone()];
        let mut changes = VecDeque::new();
        for change in timeline {
            match (change.what, change.frame) {
                (What::Session { session }, _) => sessions.push(session),
                (What::Parameters { parameters }, Some(frame)) => {
                    changes.push_back((sessions.len() - 1, frame, parameters));
                }
                _ => {}
            }
        }
        let mut left: VecDeque<_> =
            sidecar.segments.into_iter().filter(|segment| segment.kind == Kind::Input).collect();
        let nothing = "--replay: the recording has no input; start it with {\"input\": true}";
        let segment = left.pop_front().ok_or(nothing)?;
        left.retain(|other| (other.width, other.height) == (segment.width, segment.height));
        let reader = open(folder, &segment, layouts, max)?;
        let (folder, layouts, first) = (folder.to_owned(), layouts.to_vec(), sidecar.about.parameters);
        Ok(Self { folder, layouts, max, first, reader, segment, left, sessions, changes, read: 0 })
    }

    /// The parameters in force at the start.
    pub fn first_values(&self) -> &Values {
        &self.first
    }

    /// Its reader, for its length and frame rate.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// The next frame with its number in its session.
    ///
    /// # Errors
    /// A file cannot be read any further.
    pub fn next(&mut self) -> Result<Option<Frame>, String> {
        loop {
            if let Some(mut frame) = self.reader.frame().map_err(|error| error.to_string())? {
                frame.seq = self.segment.frame.unwrap_or(0) + self.read;
                self.read += 1;
                return Ok(Some(frame));
            }
            let Some(next) = self.left.pop_front() else { return Ok(None) };
            (self.reader, self.read) = (open(&self.folder, &next, &self.layouts, self.max)?, 0);
            self.segment = next;
        }
    }

    /// What changes with a frame: the newest value of each parameter.
    pub fn changes(&mut self, frame: &Frame) -> Values {
        let session = self.sessions.iter().position(|session| *session == self.segment.session).unwrap_or(0);
        let mut all = Values::new();
        while let Some((_, _, values)) =
            self.changes.pop_front_if(|(of, from, _)| (*of, *from) <= (session, frame.seq))
        {
            all.extend(values);
        }
        all
    }
}

fn open(folder: &Path, segment: &Segment, layouts: &[Layout], max: MaxFrame) -> Result<Reader, String> {
    let file = recordings::path_of(folder, &segment.file)
        .map_err(|error| format!("--replay: {} in {}: {error}", segment.file.as_str(), folder.display()))?;
    Reader::open(&file, layouts, max).map_err(|error| error.to_string())
}
