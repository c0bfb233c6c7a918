//! A file of the server's that is played in the place of the client's frames.

use std::{
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

use super::context::Context;
use crate::{
    frame::Layout,
    media,
    session::{
        EndReason, Message, Sources,
        control::{Choice, Source},
        files::missing,
    },
    stage::Fault,
};

/// A stage that gives nothing for so long, after a file's last frame, has nothing more to give.
const QUIET: Duration = Duration::from_secs(1);
/// One that makes frames by itself never ends.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);

/// Where a session's frames come from.
pub struct InputFile {
    /// Whether the client is to send frames.
    client_sends: bool,
    files: Sources,
    playback: Option<media::Playback>,
    /// The file that the session is to begin with.
    first: Option<Source>,
    /// What a session without a client waits for after its file's last frame.
    drain: Option<Drain>,
}

/// What an update chose: a file that plays already, or the client.
pub type Opened = Option<(Source, media::Playback)>;

impl InputFile {
    pub fn new(client_sends: bool, files: Sources, first: Option<Source>) -> Self {
        Self { client_sends, files, first, playback: None, drain: None }
    }

    /// Whether a file plays.
    pub fn plays(&self) -> bool {
        self.playback.is_some()
    }

    /// Whether the client's frames are what is waited for.
    pub fn expects_client(&self) -> bool {
        self.client_sends && !self.plays()
    }

    /// Opens what an update chooses, for a stage that takes these layouts. What played before plays on.
    ///
    /// # Errors
    /// There is no such file, or no thread for it.
    pub fn open(&self, cx: &Context, choice: Choice, layouts: &[Layout]) -> Result<Opened, Fault> {
        let source = match choice {
            Choice::Client if cx.peer().is_headless() => {
                return Err(missing("a session without a client has no camera; choose a file".into()));
            }
            Choice::Client => return Ok(None),
            Choice::File(source) => source,
        };
        let file = self.files.find(&source)?;
        let playback = cx.peer().play(file, source.repeat, layouts);
        let playback = playback.map_err(|error| missing(format!("the system gives no thread: {error}")))?;
        Ok(Some((source, playback)))
    }

    /// Takes the frames from there from now on.
    pub fn play(&mut self, cx: &Context, opened: Opened) {
        let (source, playback) = opened.unzip();
        self.playback = playback;
        self.drain = None;
        tell(cx, source, None);
    }

    /// Begins with the file that came with the session's start, which was there when it was checked. Where nobody is
    /// connected, it waits until the session is `ready`, with its stage and its recording: nothing of the file is to be
    /// lost.
    ///
    /// # Errors
    /// The file is gone, and nobody is there to send anything else.
    pub fn begin(&mut self, cx: &Context, layouts: &[Layout], ready: bool) -> Result<(), EndReason> {
        if !ready && cx.peer().is_headless() {
            return Ok(());
        }
        let Some(source) = self.first.take() else { return Ok(()) };
        match self.open(cx, Choice::File(source), layouts) {
            Ok(opened) => self.play(cx, opened),
            Err(fault) => {
                tracing::warn!(?fault, "the input's file is gone");
                if cx.peer().is_headless() {
                    return Err(EndReason::SourceFailed);
                }
            }
        }
        Ok(())
    }

    /// Lets the file's frames come in one of these layouts.
    pub fn set_layouts(&self, layouts: &[Layout]) {
        if let Some(playback) = &self.playback {
            playback.set_layouts(layouts);
        }
    }

    /// Notices a file that plays no more; what the client sends takes its place.
    ///
    /// # Errors
    /// Nobody is connected, and the stage has given what it had of the file.
    pub fn check(&mut self, cx: &Context) -> Result<(), EndReason> {
        let Some(over) = self.playback.as_ref().and_then(media::Playback::over) else { return Ok(()) };
        let error = match over {
            media::Over::Ended => None,
            media::Over::Failed(error) => {
                tracing::warn!(error, "the input's file plays no more");
                Some(error)
            }
        };
        if !cx.peer().is_headless() {
            self.playback = None;
            tell(cx, None, error);
            return Ok(());
        }
        if error.is_some() {
            return Err(EndReason::SourceFailed);
        }
        let (encoded, now) = (cx.peer().counters().encoded.load(Relaxed), Instant::now());
        let drain = self.drain.get_or_insert(Drain { since: now, encoded, changed: now });
        if drain.is_done(encoded, now) { Err(EndReason::SourceEnded) } else { Ok(()) }
    }
}

fn tell(cx: &Context, source: Option<Source>, error: Option<String>) {
    cx.view().set_source(source.as_ref());
    cx.say(&Message::InputSource { source, error });
}

/// The time after a file's last frame, in which the stage gives what it still has.
struct Drain {
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
}
