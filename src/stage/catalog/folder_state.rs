//! Whether a folder's files have changed: names, sizes, times and permissions; contents are not read.

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Limit of files per folder; a pipeline has a handful.
const FILES: usize = 2000;

/// A folder's files at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderState(Vec<(PathBuf, u64, Option<SystemTime>, u32)>);

impl FolderState {
    /// The state of `folder` and the folders below; what Python and editors leave behind is skipped.
    pub fn of(folder: &Path) -> Self {
        let around = folder.parent().into_iter().chain([folder]);
        let mut found: Vec<_> = around.filter_map(permissions_of).collect();
        let mut left = vec![folder.to_owned()];
        while let Some(folder) = left.pop() {
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                let (path, name) = (entry.path(), entry.file_name());
                let by_tools = name == "__pycache__" || name.to_string_lossy().starts_with('.');
                // Through a link: a model may lie elsewhere.
                let Ok(about) = std::fs::metadata(&path) else { continue };
                if by_tools || found.len() >= FILES {
                    continue;
                }
                found.extend(permissions_of(&path).filter(|_| about.is_dir()));
                if about.is_dir() && !entry.file_type().is_ok_and(|kind| kind.is_symlink()) {
                    left.push(path);
                } else {
                    found.push((path, about.len(), about.modified().ok(), about.mode()));
                }
            }
        }
        found.sort();
        Self(found)
    }
}

/// A folder's permissions; its size and its time change with what tools leave in it.
fn permissions_of(folder: &Path) -> Option<(PathBuf, u64, Option<SystemTime>, u32)> {
    Some((folder.to_owned(), 0, None, std::fs::metadata(folder).ok()?.mode()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_below_counts_and_what_tools_leave_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let before = FolderState::of(dir.path());

        std::fs::create_dir(dir.path().join("__pycache__")).unwrap();
        std::fs::write(dir.path().join("__pycache__/a.pyc"), "x").unwrap();
        std::fs::write(dir.path().join(".swp"), "x").unwrap();

        assert_eq!(FolderState::of(dir.path()), before);
        std::fs::create_dir(dir.path().join("weights")).unwrap();
        std::fs::write(dir.path().join("weights/a.bin"), "x").unwrap();
        assert_ne!(FolderState::of(dir.path()), before);

        let before = FolderState::of(dir.path());
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o750)).unwrap();
        assert_ne!(FolderState::of(dir.path()), before);
    }
}
