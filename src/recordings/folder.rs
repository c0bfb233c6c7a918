//! The folder of a running recording: its sidecar, the changes beside it, and the names of its files.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Instant,
};

use rustix::fs::{FlockOperation, flock};

use super::{
    About, Change, End, EndCode, Error, FileName, Kind, Permit, Segment, Sidecar, Store,
    changes::{Changes, Fault},
    disk, files,
};

/// Files of one recording: more come only of video whose parameters change all the time.
const MAX_FILES: usize = 500;

/// A running recording. It holds a lock on its folder, which the kernel releases when the process is killed.
pub struct Folder {
    store: Store,
    path: PathBuf,
    sidecar: Sidecar,
    started: Instant,
    bytes: u64,
    changes: Changes,
    dirty: bool,
    _permit: Permit,
    _lock: fs::File,
}

impl Folder {
    pub(super) fn begin(store: Store, permit: Permit, path: PathBuf, sidecar: Sidecar) -> io::Result<Self> {
        let held = || io::Error::other("another server records into it");
        let lock = lock(&path).ok_or_else(held)?;
        sidecar.write(&path)?;
        let changes = Changes::new(&path);
        Ok(Self {
            store,
            path,
            sidecar,
            changes,
            started: Instant::now(),
            bytes: 0,
            dirty: false,
            _permit: permit,
            _lock: lock,
        })
    }

    /// The recording's id.
    pub fn id(&self) -> &str {
        &self.sidecar.id
    }

    /// What it is of.
    pub fn about(&self) -> &About {
        &self.sidecar.about
    }

    /// When it started.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// Bytes of its files at the last [`Folder::look`].
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Creates the next file of that kind, empty; gives its path and its name.
    ///
    /// # Errors
    /// There are too many, or the file cannot be created.
    pub fn create_file(&self, kind: Kind, extension: &str) -> Result<(PathBuf, FileName), Error> {
        if self.sidecar.segments.len() >= MAX_FILES {
            return Err(Error::Files { limit: MAX_FILES });
        }
        let number = self.sidecar.segments.iter().filter(|segment| segment.kind == kind).count();
        let name = FileName::new(kind, number, extension);
        let path = self.path.join(name.as_str());
        files::create(&path).map_err(|error| self.store.fault(&error))?;
        Ok((path, name))
    }

    /// Adds a new file to the sidecar.
    ///
    /// # Errors
    /// The sidecar cannot be written.
    pub fn add(&mut self, segment: Segment) -> Result<(), Error> {
        self.sidecar.segments.push(segment);
        self.save()
    }

    /// Sets the number of a file's first frame, which may be known later than the file.
    pub fn number(&mut self, file: &FileName, frame: u64) {
        if let Some(segment) = self.sidecar.segments.iter_mut().find(|segment| segment.file == *file) {
            segment.frame = Some(frame);
            self.dirty = true;
        }
    }

    /// Adds a change, on the disk with the next [`Folder::look`]: a slider makes a hundred a second.
    ///
    /// # Errors
    /// It is too long, there are too many, or they cannot be written.
    pub fn note(&mut self, change: &Change) -> Result<(), Error> {
        self.changes.add(change).map_err(|fault| match fault {
            Fault::Limit(error) => error,
            Fault::Write(error) => self.store.fault(&error),
        })
    }

    /// Writes what is new and checks that the recording may go on.
    ///
    /// # Errors
    /// The folder is gone, the disk is full, the quota is reached.
    pub fn look(&mut self) -> Result<(), Error> {
        if !self.path.is_dir() {
            return Err(Error::Folder {
                folder: self.path.display().to_string(),
                detail: "it is gone".into(),
            });
        }
        let bytes = disk::bytes(&self.path);
        self.store.grow(&self.sidecar.about, bytes.saturating_sub(self.bytes));
        self.bytes = bytes;
        self.store.room(&self.sidecar.about)?;
        self.changes.flush().map_err(|error| self.store.fault(&error))?;
        if self.dirty { self.save() } else { Ok(()) }
    }

    /// Ends it.
    pub fn finish(mut self, code: EndCode, sentence: String) -> End {
        if let Err(error) = self.changes.flush() {
            tracing::warn!(%error, recording = self.sidecar.id, "cannot write the last changes of a recording");
        }
        let bytes = disk::bytes(&self.path);
        self.store.grow(&self.sidecar.about, bytes.saturating_sub(self.bytes));
        let end = End { code, sentence, seconds: self.started.elapsed().as_secs_f64(), bytes };
        self.sidecar.end = Some(end.clone());
        if let Err(error) = self.save() {
            tracing::warn!(%error, recording = self.sidecar.id, "cannot write the end of a recording");
        }
        end
    }

    fn save(&mut self) -> Result<(), Error> {
        self.sidecar.write(&self.path).map_err(|error| self.store.fault(&error))?;
        self.dirty = false;
        Ok(())
    }
}

/// Locks a recording's folder for the life of the file; `None` if it is locked already.
pub(super) fn lock(folder: &Path) -> Option<fs::File> {
    let file = fs::File::open(folder).ok()?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).ok()?;
    Some(file)
}
