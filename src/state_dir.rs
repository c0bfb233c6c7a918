//! The folder for what has to outlive the process: keys and certificates. Only the server's user may enter it.
//!
//! Every function blocks on the disk: for the start, for commands and for blocking threads.

use std::{
    fs::{self, DirBuilder, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// The server's user alone.
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// The folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateDir(PathBuf);

impl Default for StateDir {
    /// `$XDG_STATE_HOME/scope`, by default `~/.local/state/scope` (XDG Base Directory Specification 0.8), or
    /// `scope-state` below the working folder where there is no home.
    fn default() -> Self {
        let absolute =
            |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let home = || absolute("HOME").map(|home| home.join(".local/state"));
        let parent = absolute("XDG_STATE_HOME").or_else(home);
        Self(parent.map_or_else(|| "scope-state".into(), |parent| parent.join("scope")))
    }
}

impl From<PathBuf> for StateDir {
    fn from(path: PathBuf) -> Self {
        Self(path)
    }
}

impl StateDir {
    /// The path of a file in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Makes the folder where it is missing, and takes it from everybody else where they may enter it.
    ///
    /// # Errors
    /// The system's error.
    pub fn prepare(&self) -> io::Result<()> {
        if let Some(parent) = self.0.parent() {
            fs::create_dir_all(parent)?;
        }
        match DirBuilder::new().mode(FOLDER_MODE).create(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made,
        }
        let of_others = fs::metadata(&self.0)?.permissions().mode() & 0o077;
        if of_others == 0 {
            return Ok(());
        }
        fs::set_permissions(&self.0, Permissions::from_mode(FOLDER_MODE))
    }
}

/// Writes a new file that only the server's user can read.
///
/// # Errors
/// It exists, or another error of the system.
pub fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    written.inspect_err(|_| drop(fs::remove_file(path))) // half of it is worse than none
}

/// Writes a file that only the server's user can read, in place of an earlier one: readers see the old or the new one.
///
/// # Errors
/// The system's error; the earlier file stands.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.{}", std::process::id()));
    fs::remove_file(&beside).ok(); // left by a process that was killed
    create(&beside, bytes)?;
    fs::rename(&beside, path).inspect_err(|_| drop(fs::remove_file(&beside)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_folder_and_its_files_are_the_users_alone() {
        let outer = tempfile::tempdir().unwrap();
        let state = StateDir::from(outer.path().join("deep/scope"));

        state.prepare().unwrap();
        create(&state.path("a"), b"one").unwrap();
        replace(&state.path("a"), b"two").unwrap();

        assert_eq!((mode(&state.0), mode(&state.path("a"))), (0o700, 0o600));
        assert_eq!(fs::read(state.path("a")).unwrap(), b"two");
        assert_eq!(fs::read_dir(&state.0).unwrap().count(), 1, "nothing is left beside it");
        assert_eq!(create(&state.path("a"), b"three").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn a_folder_that_others_may_enter_is_closed() {
        let outer = tempfile::tempdir().unwrap();
        let state = StateDir::from(outer.path().join("scope"));
        fs::create_dir(&state.0).unwrap();
        fs::set_permissions(&state.0, Permissions::from_mode(0o755)).unwrap();

        state.prepare().unwrap();

        assert_eq!(mode(&state.0), 0o700);
    }
}
