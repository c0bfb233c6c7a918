//! Whether a folder's files have changed: names, sizes and times; contents are not read.

use std::{
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Limit of files per folder; a pipeline has a handful.
const FILES: usize = 2000;

/// A folder's files at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderState(Vec<(PathBuf, u64, Option<SystemTime>)>);

impl FolderState {
    /// The state of `folder` and the folders below; what Python and editors leave behind is skipped.
    pub fn of(folder: &Path) -> Self {
        let mut found = Vec::new();
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
                if about.is_dir() && !entry.file_type().is_ok_and(|kind| kind.is_symlink()) {
                    left.push(path);
                } else {
                    found.push((path, about.len(), about.modified().ok()));
                }
            }
        }
        found.sort();
        Self(found)
    }
}

#[cfg(test)]
mod tests {
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
    }
}
