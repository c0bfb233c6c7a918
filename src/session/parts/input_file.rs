//! A file of the server that is played instead of the client's video.

use std::{
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

use super::context::Context;
use crate::{
    access::Caller,
    frame::Layout,
    media,
    session::{
        EndReason, Message, Sources,
        control::{Choice, Source},
        files::missing,
    },
    stage::Fault,
};

/// A stage that returns no frame for this long after a file's last one has returned them all.
const QUIET: Duration = Duration::from_secs(1);
/// A pipeline that generates frames by itself never runs dry.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);

/// The source of a session's frames.
pub struct InputFile {
    /// Whether the client is expected to send video.
    client_sends: bool,
    files: Sources,
    playback: Option<media::Playback>,
    /// The file that the session starts with.
    first: Option<Source>,
    /// How long a session without a client waits after its file's last frame.
    drain: Option<Drain>,
}

/// The source that an update chose: a file that plays already, or the client.
pub type Opened = Option<(Source, media::Playback)>;

impl InputFile {
    pub fn new(client_sends: bool, files: Sources, first: Option<Source>) -> Self {
        Self { client_sends, files, first, playback: None, drain: None }
    }

    /// Whether a file plays.
    pub fn plays(&self) -> bool {
        self.playback.is_some()
    }

    /// Whether the session waits for the client's video.
    pub fn expects_client(&self) -> bool {
        self.client_sends && !self.plays()
    }

    /// Opens the source that an update of `caller` chose, for a stage that accepts these layouts. The previous one plays on.
    ///
    /// # Errors
    /// There is no such file, or no thread for it.
    pub fn open(
        &self,
        cx: &Context,
        choice: Choice,
        caller: &Caller,
        layouts: &[Layout],
    ) -> Result<Opened, Fault> {
        let source = match choice {
            Choice::Client if cx.peer().is_headless() => {
                return Err(missing("a session without a client has no camera; choose a file".into()));
            }
            Choice::Client => return Ok(None),
            Choice::File(source) => source,
        };
        let file = self.files.find(&source, caller)?;
        let playback = cx.peer().play(file, source.repeat, layouts);
        let playback = playback.map_err(|error| missing(format!("cannot start a thread: {error}")))?;
        Ok(Some((source, playback)))
    }

    /// Switches to the opened source.
    pub fn play(&mut self, cx: &Context, opened: Opened) {
        let (source, playback) = opened.unzip();
        self.playback = playback;
        self.drain = None;
        publish(cx, source, None);
    }

    /// Starts the file that was chosen with the offer and checked then. Without a client it waits until the session is
    /// `ready`, with its stage and its recording, so that no frame of the file is lost.
    ///
    /// # Errors
    /// The file is gone, and there is no client to send video instead.
    pub fn begin(
        &mut self,
        cx: &Context,
        caller: &Caller,
        layouts: &[Layout],
        ready: bool,
    ) -> Result<(), EndReason> {
        if !ready && cx.peer().is_headless() {
            return Ok(());
        }
        let Some(source) = self.first.take() else { return Ok(()) };
        match self.open(cx, Choice::File(source), caller, layouts) {
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

    /// Sets the layouts that the file's frames may have.
    pub fn set_layouts(&self, layouts: &[Layout]) {
        if let Some(playback) = &self.playback {
            playback.set_layouts(layouts);
        }
    }

    /// Returns to the client's video once the file has stopped playing.
    ///
    /// # Errors
    /// There is no client, and the stage has returned all frames of the file.
    pub fn check(&mut self, cx: &Context) -> Result<(), EndReason> {
        let Some(over) = self.playback.as_ref().and_then(media::Playback::over) else { return Ok(()) };
        let (error, reason) = match over {
            media::Over::Ended => (None, EndReason::SourceEnded),
            media::Over::Failed(error) => (Some(error), EndReason::SourceFailed),
            media::Over::TooLarge(error) => (Some(error), EndReason::FrameTooLarge),
        };
        if let Some(error) = &error {
            tracing::warn!(error, "the input's file stopped playing");
        }
        if !cx.peer().is_headless() {
            self.playback = None;
            publish(cx, None, error);
            return Ok(());
        }
        if error.is_some() {
            return Err(reason);
        }
        let (encoded, now) = (cx.peer().counters().encoded.load(Relaxed), Instant::now());
        let drain = self.drain.get_or_insert(Drain { since: now, encoded, changed: now });
        if drain.is_done(encoded, now) { Err(reason) } else { Ok(()) }
    }
}

fn publish(cx: &Context, source: Option<Source>, error: Option<String>) {
    cx.view().set_source(source.as_ref());
    cx.send(&Message::InputSource { source, error });
}

/// The time after a file's last frame in which the stage returns the frames that it still has.
struct Drain {
    since: Instant,
    encoded: u64,
    changed: Instant,
}

impl Drain {
    /// Whether the stage has returned all frames.
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
    fn a_stage_returns_its_last_frames_before_the_end_and_not_for_ever() {
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
