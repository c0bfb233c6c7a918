//! How a recording's folder and its files are made and opened: for the server's own user alone, and through no link.
//!
//! A recording may have been copied in from elsewhere, so neither the names in its sidecar nor its files are trusted.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

use rustix::{
    fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2},
    io::Errno,
};

/// What a camera saw is nobody else's, whatever the process's umask.
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// Makes a folder.
///
/// # Errors
/// The system's.
pub fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(FOLDER_MODE).create(path)
}

/// Creates a file that does not exist yet.
///
/// # Errors
/// The system's.
pub fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path)
}

/// Opens a plain file that lies directly in `folder`, to be read. No link is followed, and no pipe is waited for.
///
/// # Errors
/// There is no such file, or it is something else.
pub fn open(folder: &Path, name: &str) -> io::Result<File> {
    if name.contains('/') {
        return Err(Errno::NOENT.into());
    }
    let folder = openat(CWD, folder, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    let file = match openat2(&folder, name, flags, Mode::empty(), beneath) {
        // Before Linux 5.6, or under a seccomp filter that does not know it. A name without a slash stays beneath.
        Err(Errno::NOSYS | Errno::PERM) => openat(&folder, name, flags, Mode::empty()),
        opened => opened,
    };
    let file = File::from(file?);
    if file.metadata()?.is_file() { Ok(file) } else { Err(Errno::NOENT.into()) }
}

/// The permission bits of a folder that other users may look into; `None` if they may not, or there is none.
pub fn exposed(folder: &Path) -> Option<u32> {
    let mode = fs::metadata(folder).ok()?.permissions().mode() & 0o777;
    (mode & !FOLDER_MODE != 0).then_some(mode)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_is_made_is_its_users_alone_and_what_is_open_to_others_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let (folder, file) = (dir.path().join("recordings"), dir.path().join("recordings/output-000.mp4"));

        make_folder(&folder).unwrap();
        create(&file).unwrap();

        assert_eq!((mode(&folder), mode(&file)), (0o700, 0o600));
        assert_eq!((exposed(&folder), exposed(&dir.path().join("none"))), (None, None));
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o750)).unwrap();
        assert_eq!(exposed(&folder), Some(0o750));
        assert!(create(&file).is_err(), "an existing file is not written over");
    }

    #[test]
    fn only_a_plain_file_of_the_folder_itself_is_opened() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("recording");
        fs::create_dir_all(folder.join("deeper")).unwrap();
        for file in ["secret", "recording/own", "recording/deeper/file"] {
            fs::write(dir.path().join(file), file).unwrap();
        }
        symlink("../secret", folder.join("link")).unwrap();
        symlink("own", folder.join("inner-link")).unwrap();
        let pipe = std::process::Command::new("mkfifo").arg(folder.join("pipe")).status().unwrap();
        assert!(pipe.success());

        assert_eq!(io::read_to_string(open(&folder, "own").unwrap()).unwrap(), "recording/own");
        for name in [
            "",
            ".",
            "..",
            "../secret",
            "/etc/passwd",
            "link",
            "inner-link",
            "pipe",
            "deeper",
            "deeper/file",
            "none",
        ] {
            assert!(open(&folder, name).is_err(), "{name:?}");
        }
    }
}
