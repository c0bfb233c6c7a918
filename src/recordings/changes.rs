//! `changes.jsonl`: what changed during a recording, a JSON object a line, appended as it happens.
//!
//! A line is written once and never read back by its writer, so that neither the bytes written nor the memory grow with
//! what is there already. A killed server may leave half a line at the end; readers leave it out.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, BufWriter, Read, Take, Write},
    path::{Path, PathBuf},
};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Change, Error, files, sidecar};

/// Name of the file in a recording's folder.
pub const CHANGES: &str = "changes.jsonl";
/// Longest line: as long as the longest message on the data channel.
const MAX_CHANGE: u64 = 64 << 10;
/// Longest file: hours of a slider that is never let go.
const MAX_CHANGES: u64 = 16 << 20;

/// The file being written. It is made with the first change.
pub struct Changes {
    path: PathBuf,
    file: Option<BufWriter<File>>,
    bytes: u64,
}

/// Why a change is not written.
pub enum Fault {
    /// It is beyond a limit.
    Limit(Error),
    /// The system's error.
    Write(io::Error),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

impl Changes {
    /// The file in that folder, which has none yet.
    pub fn new(folder: &Path) -> Self {
        Self { path: folder.join(CHANGES), file: None, bytes: 0 }
    }

    /// Adds a change; it is on the disk after [`Changes::flush`].
    ///
    /// # Errors
    /// It is too long, or there are too many.
    pub fn add(&mut self, change: &Change) -> Result<(), Fault> {
        let mut line = serde_json::to_vec(change).map_err(io::Error::from)?;
        line.push(b'\n');
        let length = line.len() as u64;
        check(length).map_err(Fault::Limit)?;
        let bytes = self.bytes + length;
        if bytes > MAX_CHANGES {
            return Err(Fault::Limit(Error::Changes { limit: MAX_CHANGES }));
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(BufWriter::new(files::create(&self.path)?)),
        };
        file.write_all(&line)?;
        self.bytes = bytes;
        Ok(())
    }

    /// Writes what was added.
    ///
    /// # Errors
    /// The system's.
    pub fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), BufWriter::flush)
    }
}

/// Checks the length of the parameters that a recording starts with: the sidecar, which has them, is written again with
/// each file.
///
/// # Errors
/// [`Error::Change`].
pub fn check_length(parameters: &Map<String, Value>) -> Result<(), Error> {
    let text = serde_json::to_vec(parameters).map_err(|error| Error::Write(error.to_string()))?;
    check(text.len() as u64)
}

fn check(bytes: u64) -> Result<(), Error> {
    if bytes > MAX_CHANGE { Err(Error::Change { bytes, limit: MAX_CHANGE }) } else { Ok(()) }
}

/// The lines of the file in a recording's folder, each with its line feed; none where there is no file.
pub struct Lines(Option<BufReader<Take<File>>>);

impl Lines {
    /// Opens the file.
    pub fn open(folder: &Path) -> Self {
        Self(files::open(folder, CHANGES).ok().map(|file| BufReader::new(file.take(MAX_CHANGES))))
    }

    fn line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        if let Some(file) = &mut self.0 {
            file.take(MAX_CHANGE).read_until(b'\n', &mut line)?;
        }
        Ok(line)
    }
}

impl Iterator for Lines {
    type Item = Vec<u8>;

    /// The next line that is a change. Half a line, or one that is longer than any that is written, ends the file.
    fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            let line = self.line().ok().filter(|line| line.ends_with(b"\n"))?;
            if serde_json::from_slice::<Change>(&line).is_ok() {
                return Some(line);
            }
        }
    }
}

/// The changes of a recording, the oldest first, in either form: beside the sidecar, or in it as earlier versions of the
/// server have them.
///
/// # Errors
/// The sidecar cannot be read.
pub fn read(folder: &Path) -> io::Result<Vec<Change>> {
    #[derive(Deserialize)]
    struct Inside {
        #[serde(default)]
        timeline: Vec<Change>,
    }
    let Inside { mut timeline } = sidecar::read(folder)?;
    timeline.extend(Lines::open(folder).filter_map(|line| serde_json::from_slice(&line).ok()));
    Ok(timeline)
}
