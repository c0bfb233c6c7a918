//! The server's files that a session can play instead of its client's video.
//!
//! A name is looked up in two folders; it becomes part of a path only after it was found in one.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::control::{self, SOURCE, Source, SourceType};
use crate::{access::Caller, recordings, stage::Fault};

/// A file that can be a source.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = SourceFile)]
pub struct Found {
    /// Its name for people.
    pub name: String,
    /// The value for `source_name`.
    pub identifier: String,
    /// Its size.
    pub bytes: u64,
}

/// The files that sessions may play. Its functions read the disk.
#[derive(Clone)]
pub struct Sources {
    folder: Option<PathBuf>,
    recordings: recordings::Store,
}

impl Sources {
    /// The files of this folder and the recordings; without a folder, the recordings alone.
    pub fn new(folder: Option<PathBuf>, recordings: recordings::Store) -> Self {
        Self { folder, recordings }
    }

    /// The files of a kind that `caller` may play, by name.
    pub fn list(&self, kind: SourceType, caller: &Caller) -> Vec<Found> {
        match kind {
            SourceType::VideoFile => self.folder.as_deref().map(files).unwrap_or_default(),
            SourceType::Recording => {
                let recordings = self.recordings.list().into_iter();
                let own = recordings.filter(|recording| caller.owns(&recording.owner().into()));
                let segments = own.flat_map(|recording| {
                    let id = recording.id;
                    recording.files.into_iter().map(move |file| {
                        let identifier = format!("{id}/{}", file.name);
                        Found { name: identifier.clone(), identifier, bytes: file.bytes }
                    })
                });
                segments.collect()
            }
        }
    }

    /// The path of a source that `caller` may play.
    ///
    /// # Errors
    /// There is no such file, or it is another's.
    pub fn find(&self, source: &Source, caller: &Caller) -> Result<PathBuf, Fault> {
        let name = &source.source_name;
        let found = match source.source_type {
            SourceType::VideoFile => {
                let folder = self.folder.as_deref().ok_or_else(|| {
                    missing(
                        "this server has no folder of video files; start it with --video-files FOLDER".into(),
                    )
                })?;
                inside(folder, name)
            }
            SourceType::Recording => {
                let own = |id: &str| {
                    let recording = self.recordings.get(id).ok()?;
                    caller.owns(&recording.owner().into()).then_some(())
                };
                name.split_once('/').and_then(|(id, file)| own(id).and(self.recordings.file(id, file).ok()))
            }
        };
        found.ok_or_else(|| missing(format!("the server has no file named {name:?}")))
    }
}

/// The files in a folder whose names do not start with a dot, sorted.
fn files(folder: &Path) -> Vec<Found> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok().filter(|name| !name.starts_with('.'))?;
            let about = std::fs::metadata(entry.path()).ok().filter(std::fs::Metadata::is_file)?;
            Some(Found { identifier: name.clone(), name, bytes: about.len() })
        })
        .collect();
    found.sort_by(|one, other| one.name.cmp(&other.name));
    found
}

/// A file directly in a folder, by its name.
fn inside(folder: &Path, name: &str) -> Option<PathBuf> {
    let known = files(folder).into_iter().find(|file| file.name == name)?;
    Some(folder.join(known.name))
}

/// The fault of a source that is not available.
pub fn missing(sentence: String) -> Fault {
    control::fault(&format!("/{SOURCE}/source_name"), sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_into_the_folder_alone() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("clips");
        std::fs::create_dir_all(folder.join("deeper")).unwrap();
        for file in ["clips/b.mp4", "clips/a.mp4", "clips/.hidden", "clips/deeper/c.mp4", "secret"] {
            std::fs::write(dir.path().join(file), "x").unwrap();
        }

        assert_eq!(
            files(&folder).iter().map(|file| file.name.as_str()).collect::<Vec<_>>(),
            ["a.mp4", "b.mp4"]
        );
        assert_eq!(inside(&folder, "a.mp4"), Some(folder.join("a.mp4")));
        for name in [
            "",
            ".",
            "..",
            "../secret",
            "deeper",
            "deeper/c.mp4",
            ".hidden",
            "/etc/passwd",
            "c.mp4",
            "a.mp4\0",
        ] {
            assert_eq!(inside(&folder, name), None, "{name:?}");
        }
    }
}
