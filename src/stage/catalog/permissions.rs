//! Who may write a pipeline's folder: a pipeline is code that runs as the server's user.
//!
//! Owners are not looked at: in a container they are often the host's. A group is, unless it is the server's own or has the
//! number of the file's owner, which is how systems with a group for each user (umask 002) number them.

use std::{
    fs::Metadata,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::process::getegid;

use crate::stage::Error;

/// Files that are looked at; a pipeline has a handful.
const FILES: usize = 2000;
const GROUP_WRITES: u32 = 0o020;
const OTHERS_WRITE: u32 = 0o002;

/// Checks the folder, what is in it, and the folder that it is in; of what tools leave behind (`.venv`) only the top.
///
/// # Errors
/// [`Error::Description`] with the first path that others may write.
pub fn check(folder: &Path) -> Result<(), Error> {
    let mut left: Vec<_> = folder.parent().into_iter().map(|above| (above.to_owned(), false)).collect();
    left.push((folder.to_owned(), true));
    let mut seen = 0;
    while let Some((path, descends)) = left.pop() {
        seen += 1;
        // Through a link: a model may lie elsewhere. What is gone meanwhile is no danger.
        let Ok(about) = std::fs::metadata(&path) else { continue };
        if let Some(who) = writer(&about, getegid().as_raw()) {
            return Err(refusal(&path, who, about.mode()));
        }
        if descends && about.is_dir() && seen < FILES {
            left.extend(entries(&path));
        }
    }
    Ok(())
}

/// The entries of a folder, and whether to look into them: not behind links, which may lead round in circles.
fn entries(folder: &Path) -> impl Iterator<Item = (PathBuf, bool)> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| {
        let by_tools = entry.file_name().to_string_lossy().starts_with('.');
        let linked = entry.file_type().is_ok_and(|kind| kind.is_symlink());
        (entry.path(), !by_tools && !linked)
    })
}

/// Who besides the owner may write, as a person says it.
fn writer(about: &Metadata, own_group: u32) -> Option<&'static str> {
    let private = about.gid() == own_group || about.gid() == about.uid();
    if about.mode() & OTHERS_WRITE != 0 {
        Some("everybody")
    } else if about.mode() & GROUP_WRITES != 0 && !private {
        Some("a group")
    } else {
        None
    }
}

fn refusal(path: &Path, who: &str, mode: u32) -> Error {
    let (path, mode) = (path.display(), mode & 0o7777);
    Error::Description(format!(
        "{path}: expected a pipeline that only its owner may write, got mode {mode:o}, with which {who} may; \
         run chmod -R go-w {path}, or allow it with --writable-pipelines"
    ))
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{Permissions, create_dir, metadata, set_permissions, write},
        os::unix::fs::PermissionsExt,
    };

    use super::*;

    #[test]
    fn what_others_may_write_is_refused_wherever_it_lies() {
        let catalog = tempfile::tempdir().unwrap();
        let folder = catalog.path().join("a");
        create_dir(&folder).unwrap();
        create_dir(folder.join("weights")).unwrap();
        let script = folder.join("weights/model.py");
        write(&script, "").unwrap();
        let set = |path: &Path, mode| set_permissions(path, Permissions::from_mode(mode)).unwrap();
        assert_eq!(check(&folder), Ok(()));

        for path in [catalog.path(), &folder, &folder.join("weights"), &script] {
            let before = metadata(path).unwrap().mode();
            set(path, 0o777);
            let sentence = check(&folder).unwrap_err().to_string();
            assert!(sentence.starts_with(&path.display().to_string()), "{sentence}");
            assert!(sentence.contains("777") && sentence.contains("chmod -R go-w"), "{sentence}");
            set(path, before);
        }
        assert_eq!(check(&folder), Ok(()));
    }

    #[test]
    fn a_group_of_one_user_or_of_the_server_may_write() {
        let file = tempfile::NamedTempFile::new().unwrap();
        set_permissions(file.path(), Permissions::from_mode(0o664)).unwrap();
        let about = metadata(file.path()).unwrap();

        assert_eq!(writer(&about, about.gid()), None, "the server's own");
        let shared = about.gid() != about.uid();
        assert_eq!(writer(&about, about.gid() + 1), shared.then_some("a group"));
        set_permissions(file.path(), Permissions::from_mode(0o666)).unwrap();
        assert_eq!(writer(&metadata(file.path()).unwrap(), about.gid()), Some("everybody"));
    }
}
