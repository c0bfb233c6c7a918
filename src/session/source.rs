//! What a session's picture comes from: its client, or a file of the server's that its client names.
//!
//! Names are looked up in two folders, and never become a part of a path before they are known to be one there.

use std::{
    path::{Path, PathBuf},
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

use serde::Serialize;

use super::{
    EndReason, Message,
    actor::Actor,
    control::{self, Choice, SOURCE, Source, SourceType},
};
use crate::{
    media, recordings,
    stage::{self, Fault},
};

/// A stage that gives nothing for so long, after a file's last picture, has nothing more to give.
const QUIET: Duration = Duration::from_secs(1);
/// One that makes pictures by itself never ends.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);

/// A file that can be a source.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Found {
    /// As people know it.
    pub name: String,
    /// What `source_name` has to be.
    pub identifier: String,
    /// Its size.
    pub bytes: u64,
}

/// The files that sessions may take. Its functions ask the disk.
#[derive(Clone)]
pub struct Sources {
    /// The folder of files; without one there are recordings alone.
    pub folder: Option<PathBuf>,
    /// The recordings.
    pub recordings: recordings::Store,
}

impl Sources {
    /// What there is of a kind, by name.
    pub fn list(&self, kind: SourceType) -> Vec<Found> {
        match kind {
            SourceType::VideoFile => self.folder.as_deref().map(files).unwrap_or_default(),
            SourceType::Recording => {
                let recordings = self.recordings.list();
                let pictures = recordings.into_iter().flat_map(|recording| {
                    let id = recording.id;
                    recording.files.into_iter().map(move |file| {
                        let identifier = format!("{id}/{}", file.name);
                        Found { name: identifier.clone(), identifier, bytes: file.bytes }
                    })
                });
                pictures.collect()
            }
        }
    }

    /// Where a source is.
    ///
    /// # Errors
    /// There is no such file.
    pub fn find(&self, source: &Source) -> Result<PathBuf, String> {
        let name = &source.source_name;
        let found = match source.source_type {
            SourceType::VideoFile => {
                let folder = self.folder.as_deref().ok_or(
                    "this server has no folder of video files; it is started with --video-files FOLDER",
                )?;
                inside(folder, name)
            }
            SourceType::Recording => {
                name.split_once('/').and_then(|(id, file)| self.recordings.file(id, file).ok())
            }
        };
        found.ok_or_else(|| format!("a file of the server's is wanted, there is none named {name:?}"))
    }
}

/// The files in a folder whose names do not begin with a dot, sorted.
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

/// A file of a folder, by a name that leads nowhere else.
fn inside(folder: &Path, name: &str) -> Option<PathBuf> {
    let known = files(folder).into_iter().find(|file| file.name == name)?;
    Some(folder.join(known.name))
}

/// Where a chosen file is.
///
/// # Errors
/// There is none of that name.
pub fn check(sources: &Sources, source: &Source) -> Result<PathBuf, Fault> {
    sources.find(source).map_err(missing)
}

fn missing(sentence: String) -> Fault {
    control::fault(&format!("/{SOURCE}/source_name"), sentence)
}

/// Where the frames are to come from: a file that plays already, or the client.
pub type Opened = Option<(Source, media::Playback)>;

impl Actor {
    /// Opens what an update chooses, for a stage of that pipeline.
    ///
    /// # Errors
    /// There is no such file, or no thread for it.
    pub(super) fn open(&self, choice: Choice, entry: &stage::Entry) -> Result<Opened, Fault> {
        let source = match choice {
            Choice::Client if self.peer.is_headless() => {
                return Err(missing("a session without a client has no camera; choose a file".into()));
            }
            Choice::Client => return Ok(None),
            Choice::File(source) => source,
        };
        let file = check(&self.sources, &source)?;
        let clip = self.peer.play(file, source.repeat, &entry.info.layouts);
        let clip = clip.map_err(|error| missing(format!("the system gives no thread: {error}")))?;
        Ok(Some((source, clip)))
    }

    /// Takes the frames from there from now on.
    pub(super) fn play(&mut self, opened: Opened) {
        let (source, clip) = opened.unzip();
        self.clip = clip;
        self.drain = None;
        self.snapshot.send_modify(|snapshot| snapshot.input_source.clone_from(&source));
        self.say(&Message::InputSource { source, error: None });
    }

    /// Takes the picture from the file that came with the session's start, which was there when it was checked. Where
    /// nobody is connected, it waits for the stage and the recording: nothing of it is to be lost; and the session ends
    /// where it is gone by then.
    pub(super) fn begin_source(&mut self) -> Option<EndReason> {
        let ready =
            self.snapshot.borrow().stage.state == stage::State::Running && !self.recorder.is_starting();
        if (ready || !self.peer.is_headless())
            && let Some(source) = self.first_source.take()
        {
            match self.open(Choice::File(source), &self.entry) {
                Ok(opened) => self.play(opened),
                Err(fault) => {
                    tracing::warn!(?fault, "the input's file is gone");
                    return self.peer.is_headless().then_some(EndReason::SourceFailed);
                }
            }
        }
        None
    }

    /// Tells the client of a file that plays no more; what the client sends takes its place. Where nobody is connected,
    /// the session ends, once the stage has given what it had of the file.
    pub(super) fn watch_clip(&mut self) -> Option<EndReason> {
        let over = self.clip.as_ref().and_then(media::Playback::over)?;
        if self.peer.is_headless() {
            return match over {
                media::Over::Failed(error) => {
                    tracing::error!(error, "the input's file plays no more");
                    Some(EndReason::SourceFailed)
                }
                media::Over::Ended => {
                    let encoded = self.peer.counters().encoded.load(Relaxed);
                    let now = Instant::now();
                    let drain = self.drain.get_or_insert(Drain { since: now, encoded, changed: now });
                    drain.is_done(encoded, now).then_some(EndReason::SourceEnded)
                }
            };
        }
        let error = match over {
            media::Over::Ended => None,
            media::Over::Failed(error) => {
                tracing::warn!(error, "the input's file plays no more");
                Some(error)
            }
        };
        self.clip = None;
        self.snapshot.send_modify(|snapshot| snapshot.input_source = None);
        self.say(&Message::InputSource { source: None, error });
        None
    }
}

/// The time after a file's last picture, in which the stage gives what it still has.
pub struct Drain {
    since: Instant,
    encoded: u64,
    changed: Instant,
}

impl Drain {
    /// Whether the stage has nothing more to give.
    fn is_done(&mut self, encoded: u64, now: Instant) -> bool {
        if encoded != self.encoded {
            (self.encoded, self.changed) = (encoded, now);
        }
        now - self.changed >= QUIET || now - self.since >= DRAIN_LIMIT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_gives_its_last_pictures_before_the_end_and_not_for_ever() {
        let start = Instant::now();
        let drain = || Drain { since: start, encoded: 7, changed: start };
        let at = |seconds: f64| start + Duration::from_secs_f64(seconds);

        let mut slow = drain();
        assert!(!slow.is_done(7, at(0.9)) && !slow.is_done(8, at(0.95)) && !slow.is_done(8, at(1.9)));
        assert!(slow.is_done(8, at(2.0)));
        let mut endless = drain();
        assert!((1..40).all(|quarter| !endless.is_done(7 + quarter, at(0.25 * quarter as f64))));
        assert!(endless.is_done(99, at(10.0)));
    }

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
