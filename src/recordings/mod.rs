//! The folder of recordings: names, sidecars, disk space and quota, listing and deletion.
//!
//! Runs on blocking threads: every function touches the disk. No client's text may become part of a path, and no text of
//! a sidecar but a [`FileName`]: a recording may have been copied in from elsewhere.

mod changes;
mod disk;
mod document;
mod error;
mod file_name;
mod files;
mod folder;
mod list;
mod owners;
mod sidecar;
mod sweep;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};

pub use changes::{CHANGES, read as read_changes};
use disk::Disk;
pub use document::{Document, Parts};
pub use error::Error;
pub use file_name::{FileName, Kind};
pub use files::exposed;
pub use folder::Folder;
pub use list::{File, Recording, State};
use owners::Owners;
pub use sidecar::{About, Change, End, EndCode, Segment, Sidecar, What};

/// Name of the sidecar in a recording's folder.
pub const SIDECAR: &str = "recording.json";
/// Recordings that are kept: each is read when they are listed.
const MAX_KEPT: usize = 10_000;
/// The end of a recording during which the server was killed.
const CUT: &str = "the server ended during this recording; all but its last second or two is kept";

/// Where recordings are kept and for how long.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Their folder, created when the first one starts.
    pub folder: PathBuf,
    /// Bytes that all of them may take; 0 is no quota, `None` 10 GB or a tenth of the disk, whichever is less.
    pub quota_bytes: Option<u64>,
    /// Bytes that they leave free on their disk; `None` is 1 GB or 5 % of the disk, whichever is less.
    pub reserve_bytes: Option<u64>,
    /// Bytes that the recordings of one owner may take, operators excepted; 0 is no limit.
    pub owner_quota_bytes: u64,
    /// Recordings that may run at once.
    pub at_once: usize,
    /// Older finished ones are deleted; zero keeps them.
    pub retention: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        // Below the working folder, which is /var/lib/scope in the image.
        Self {
            folder: PathBuf::from("recordings"),
            quota_bytes: None,
            reserve_bytes: None,
            owner_quota_bytes: 0,
            at_once: 16, // as many as sessions
            retention: Duration::ZERO,
        }
    }
}

/// All recordings of the server.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    settings: Settings,
    /// Bytes of all of them, as last counted.
    used: AtomicU64,
    owners: Owners,
    /// How many run.
    running: AtomicUsize,
}

impl Store {
    /// The store in a folder, which need not exist yet.
    pub fn new(settings: Settings) -> Self {
        let owners = Owners::new(settings.owner_quota_bytes);
        Self(Arc::new(Inner { settings, used: AtomicU64::new(0), owners, running: AtomicUsize::new(0) }))
    }

    /// Closes recordings that a killed server left open, and deletes those that are too old.
    fn tidy(&self) {
        if let Some(mode) = exposed(&self.0.settings.folder) {
            let folder = self.0.settings.folder.display();
            tracing::warn!(%folder, mode = format!("{mode:o}"), "other users may look into the recordings; chmod 700");
        }
        for path in self.folders() {
            // Locked: a running server records into it.
            let Some(_lock) = folder::lock(&path) else { continue };
            if let Ok(sidecar) = Sidecar::read(&path)
                && sidecar.end.is_none()
                && let Err(error) = Sidecar::close(&path, &list::cut(&path, &sidecar, CUT))
            {
                tracing::warn!(%error, "cannot close a recording that was cut off");
            }
        }
        self.sweep(SystemTime::now());
    }

    /// Deletes recordings that ended longer ago than the retention.
    fn sweep(&self, now: SystemTime) {
        let retention = self.0.settings.retention;
        if retention.is_zero() {
            return;
        }
        for path in self.folders() {
            let Some(_lock) = folder::lock(&path) else { continue };
            let age = |path: &Path| {
                now.duration_since(fs::metadata(path.join(SIDECAR)).ok()?.modified().ok()?).ok()
            };
            if age(&path).is_some_and(|age| age > retention) {
                tracing::info!(recording = %path.display(), "deleted: older than the retention");
                fs::remove_dir_all(&path).ok(); // the next sweep tries again
            }
        }
    }

    /// A new recording's folder and sidecar.
    ///
    /// # Errors
    /// [`Error::Change`], [`Error::AtOnce`], [`Error::Kept`], [`Error::Folder`], [`Error::Full`], [`Error::Quota`],
    /// [`Error::OwnQuota`].
    pub fn create(&self, about: About) -> Result<Folder, Error> {
        changes::check_length(&about.parameters)?;
        let permit = self.permit()?;
        let root = &self.0.settings.folder;
        if !root.is_dir() {
            files::make_folder(root).map_err(|error| self.fault(&error))?;
        }
        let kept = self.folders();
        if kept.len() >= MAX_KEPT {
            return Err(Error::Kept { limit: MAX_KEPT });
        }
        let with_bytes = |path: PathBuf| {
            let bytes = disk::bytes(&path);
            (path, bytes)
        };
        let kept: Vec<_> = kept.into_iter().map(with_bytes).collect();
        self.0.used.store(kept.iter().map(|(_, bytes)| bytes).sum(), Relaxed);
        self.0.owners.count(&kept);
        self.room(&about)?;
        let started = jiff::Timestamp::now();
        let id = name(started);
        let path = root.join(&id);
        files::make_folder(&path).map_err(|error| self.fault(&error))?;
        let sidecar = Sidecar::new(id, started.to_string(), about);
        Folder::begin(self.clone(), permit, path, sidecar).map_err(|error| self.fault(&error))
    }

    /// Checks that disk and quotas leave room for more of a recording.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Quota`], [`Error::OwnQuota`], [`Error::Folder`].
    fn room(&self, about: &About) -> Result<(), Error> {
        let settings = &self.0.settings;
        let disk = Disk::of(&settings.folder).map_err(|error| self.fault(&error))?;
        let (free, reserve) = (disk.free, disk.reserve(settings.reserve_bytes));
        if free < reserve {
            return Err(Error::Full { free, reserve });
        }
        let used = self.0.used.load(Relaxed);
        match disk.quota(settings.quota_bytes) {
            Some(quota) if used >= quota => Err(Error::Quota { used, quota }),
            _ => self.0.owners.check(about),
        }
    }

    fn permit(&self) -> Result<Permit, Error> {
        let permit = Permit(self.clone());
        let limit = self.0.settings.at_once;
        // Taken first: its drop gives it back.
        if self.0.running.fetch_add(1, Relaxed) < limit { Ok(permit) } else { Err(Error::AtOnce { limit }) }
    }

    /// All of them, the newest first.
    pub fn list(&self) -> Vec<Recording> {
        let mut all: Vec<_> = self.folders().iter().filter_map(|path| list::look(path).ok()).collect();
        all.sort_by(|one, other| other.id.cmp(&one.id));
        all
    }

    /// One of them.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn get(&self, id: &str) -> Result<Recording, Error> {
        list::look(&self.path(id)?).map_err(|_| Error::NotFound(id.to_owned()))
    }

    /// The newest one of a session, or of one that it took over.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn newest_of(&self, session: &str) -> Result<Recording, Error> {
        let all = self.list().into_iter();
        let mut of = all.filter(|recording| recording.sessions.iter().any(|one| one == session));
        of.next().ok_or_else(|| Error::NotFound(format!("of session {session}")))
    }

    /// A recording's `recording.json`, with all changes in it.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn document(&self, id: &str) -> Result<Document, Error> {
        Document::of(&self.path(id)?).map_err(|_| Error::NotFound(id.to_owned()))
    }

    /// Who owns a recording, by its id or by that of a session, whose newest one it is; empty where nobody is named, `None`
    /// where there is no such recording.
    pub fn owner(&self, id: &str) -> Option<String> {
        let recording = if is_name(id) { self.get(id) } else { self.newest_of(id) };
        recording.ok().map(|recording| recording.owner().to_owned())
    }

    /// The path of a recording's file.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn file(&self, id: &str, name: &str) -> Result<PathBuf, Error> {
        self.open(id, name)?;
        Ok(self.path(id)?.join(name))
    }

    /// A recording's file, to be read.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn open(&self, id: &str, name: &str) -> Result<fs::File, Error> {
        let unknown = || Error::NotFound(format!("{id} with a file of that name"));
        let recording = self.get(id)?;
        if recording.files.iter().all(|file| file.name != name) {
            return Err(unknown());
        }
        files::open(&self.path(id)?, name).map_err(|_| unknown())
    }

    /// Deletes a finished recording.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Running`], [`Error::Folder`].
    pub fn delete(&self, id: &str) -> Result<(), Error> {
        let path = self.path(id)?;
        let Some(_lock) = folder::lock(&path) else { return Err(Error::Running(id.to_owned())) };
        let bytes = disk::bytes(&path);
        fs::remove_dir_all(&path).map_err(|error| self.fault(&error))?;
        self.shrink(bytes);
        self.0.owners.shrink(&path, bytes);
        Ok(())
    }

    fn grow(&self, about: &About, bytes: u64) {
        self.0.used.fetch_add(bytes, Relaxed);
        self.0.owners.grow(about, bytes);
    }

    fn shrink(&self, bytes: u64) {
        self.0.used.update(Relaxed, Relaxed, |used| used.saturating_sub(bytes));
    }

    fn path(&self, id: &str) -> Result<PathBuf, Error> {
        let path = self.0.settings.folder.join(id);
        if is_name(id) && path.is_dir() { Ok(path) } else { Err(Error::NotFound(id.to_owned())) }
    }

    fn folders(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(&self.0.settings.folder) else { return Vec::new() };
        let named =
            entries.filter_map(Result::ok).filter(|entry| entry.file_name().to_str().is_some_and(is_name));
        named.map(|entry| entry.path()).collect()
    }

    fn fault(&self, error: &std::io::Error) -> Error {
        if error.kind() == std::io::ErrorKind::StorageFull {
            return Error::no_space();
        }
        Error::Folder { folder: self.0.settings.folder.display().to_string(), detail: error.to_string() }
    }
}

/// One of the recordings that may run at once.
struct Permit(Store);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.0.running.fetch_sub(1, Relaxed);
    }
}

/// A name that sorts by time, that no client can influence, and that differs in form from a session's id.
fn name(at: jiff::Timestamp) -> String {
    let random = uuid::Uuid::new_v4().simple().to_string();
    format!("{}-{}", at.strftime("%Y%m%d-%H%M%S"), &random[..6])
}

/// The path of a file in a recording's folder, which need not be the server's.
///
/// # Errors
/// There is no such file, or it is a link.
pub fn path_of(folder: &Path, name: &FileName) -> std::io::Result<PathBuf> {
    files::open(folder, name.as_str())?;
    Ok(folder.join(name.as_str()))
}

/// Whether a text is a recording's id.
pub fn is_name(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').collect();
    let all = |part: &str, length: usize, fits: fn(&u8) -> bool| {
        part.len() == length && part.as_bytes().iter().all(fits)
    };
    matches!(parts.as_slice(), [day, time, random]
        if all(day, 8, u8::is_ascii_digit) && all(time, 6, u8::is_ascii_digit) && all(random, 6, u8::is_ascii_hexdigit))
}

#[cfg(test)]
mod tests;
