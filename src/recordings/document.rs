//! `recording.json` as a client gets it: one document with all changes, as every version of the server has given it.

use std::{fs::File, io, mem, path::Path};

use super::{SIDECAR, Sidecar, changes::Lines, files, sidecar::WHOLE};

/// Bytes of a part, but for the last line in it.
const PART: usize = 64 << 10;

/// The document.
pub enum Document {
    /// A file that is the document.
    File(File),
    /// A sidecar and the changes beside it, put together while they are read.
    Parts(Parts),
}

/// The parts of a document in their order, each of some 64 kB. Reads the disk.
pub struct Parts {
    head: Vec<u8>,
    changes: Lines,
    /// Whether a change stands before the next one.
    separated: bool,
    over: bool,
}

impl Document {
    /// The document of the recording in a folder.
    ///
    /// # Errors
    /// There is no sidecar.
    pub fn of(folder: &Path) -> io::Result<Self> {
        let mut sidecar = Sidecar::read(folder)?;
        if sidecar.version == WHOLE {
            return Ok(Self::File(files::open(folder, SIDECAR)?));
        }
        sidecar.version = WHOLE;
        let mut head = serde_json::to_vec(&sidecar)?;
        head.pop(); // its closing brace
        head.extend(b",\"timeline\":[");
        Ok(Self::Parts(Parts { head, changes: Lines::open(folder), separated: false, over: false }))
    }
}

impl Iterator for Parts {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut part = mem::take(&mut self.head);
        while !self.over && part.len() < PART {
            if let Some(change) = self.changes.next() {
                if mem::replace(&mut self.separated, true) {
                    part.push(b',');
                }
                part.extend(change);
            } else {
                part.extend(b"]}");
                self.over = true;
            }
        }
        (!part.is_empty()).then_some(part)
    }
}
