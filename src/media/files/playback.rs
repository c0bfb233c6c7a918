//! Plays a video file in place of the peer's video: in a loop or once, at its own frame rate, into the input slot.
//!
//! Runs on `playback`, one thread per session that plays a file; it waits only for the next frame's time.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::Ordering::{Relaxed, Release},
    },
    time::{Duration, Instant},
};

use super::Reader;
use crate::{
    frame::{Frame, Layout},
    media::{Error, graph::Parts},
};

/// Playback this late continues from where it is instead of catching up: the host or the disk was busy.
const LATE: Duration = Duration::from_millis(250);
/// Interval from the last frame to the first one again, if its frame rate is unknown.
const INTERVAL: Duration = Duration::from_millis(33);

/// A graph's running time.
pub type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;

/// A file that is playing; dropping it returns to the peer's video.
pub struct Playback {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    stop: bool,
    /// New layouts that the stage accepts.
    layouts: Option<Vec<Layout>>,
    /// How it ended.
    over: Option<Over>,
}

/// How playback ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Over {
    /// With the file's last frame.
    Ended,
    /// The rest of the file cannot be played.
    Failed(String),
    /// Its frames are too large.
    TooLarge(String),
}

impl Playback {
    /// Plays a file into the input slot, in a loop or once. `clock` is the graph's running time.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(
        file: PathBuf,
        repeat: bool,
        layouts: &[Layout],
        parts: &Parts,
        clock: Clock,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new() });
        let (layouts, parts) = (layouts.to_vec(), parts.clone());
        let player = Player { file, repeat, layouts, parts, clock, shared: shared.clone() };
        std::thread::Builder::new().name("playback".into()).spawn(move || player.run())?;
        Ok(Self { shared })
    }

    /// Makes frames come in one of these layouts.
    pub fn set_layouts(&self, layouts: &[Layout]) {
        self.shared.lock().layouts = Some(layouts.to_vec());
    }

    /// How it ended; `None` while it plays.
    pub fn over(&self) -> Option<Over> {
        self.shared.lock().over.clone()
    }
}

impl Drop for Playback {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Player {
    file: PathBuf,
    repeat: bool,
    layouts: Vec<Layout>,
    parts: Parts,
    clock: Clock,
    shared: Arc<Shared>,
}

impl Player {
    fn run(mut self) {
        // A counter, not a flag: a playback starts before the one that it replaces has ended.
        self.parts.counters.playbacks.fetch_add(1, Relaxed);
        let over = match self.play() {
            Ok(()) => Over::Ended,
            Err(error @ Error::FrameTooLarge { .. }) => Over::TooLarge(error.to_string()),
            Err(error) => Over::Failed(error.to_string()),
        };
        self.parts.counters.playbacks.fetch_sub(1, Release);
        self.shared.lock().over = Some(over);
    }

    fn play(&mut self) -> Result<(), Error> {
        let mut reader = Reader::open(&self.file, &self.layouts, self.parts.max_frame)?;
        let mut due = Instant::now();
        loop {
            let Some(end) = self.pass(&mut reader, due)? else { return Ok(()) };
            if !self.repeat {
                return Ok(());
            }
            due = end;
            reader.rewind()?;
        }
    }

    /// Plays the file once, its first frame at `start`. Returns when the next frame is due; `None` once stopped.
    fn pass(&mut self, reader: &mut Reader, start: Instant) -> Result<Option<Instant>, Error> {
        let (mut start, mut first, mut due) = (start, None, None);
        loop {
            if let Some(layouts) = self.shared.lock().layouts.take() {
                reader.set_layouts(&layouts);
                self.layouts = layouts;
            }
            let Some(frame) = reader.frame()? else {
                let interval = reader.fps().map_or(INTERVAL, |fps| Duration::from_secs_f64(1.0 / fps));
                let nothing = || Error::Graph(format!("{} has no video frame", name(&self.file)));
                return due.map(|due: Instant| Some(due + interval)).ok_or_else(nothing);
            };
            let since = frame.pts.saturating_sub(*first.get_or_insert(frame.pts));
            let now = Instant::now();
            if now.saturating_duration_since(start + since) > LATE {
                start = now.checked_sub(since).unwrap_or(now);
            }
            due = Some(start + since);
            if !self.wait_until(start + since) {
                return Ok(None);
            }
            self.put(frame);
        }
    }

    /// Waits until `due`; `false` once stopped.
    fn wait_until(&self, due: Instant) -> bool {
        let limit = due.saturating_duration_since(Instant::now());
        let waited = self.shared.changed.wait_timeout_while(self.shared.lock(), limit, |state| !state.stop);
        !waited.unwrap_or_else(PoisonError::into_inner).0.stop
    }

    fn put(&self, frame: Frame) {
        let counters = &self.parts.counters;
        counters.size.store(u64::from(frame.width) << 32 | u64::from(frame.height), Relaxed);
        let seq = counters.frames_in.fetch_add(1, Relaxed);
        let frame = Frame { seq, pts: (self.clock)(), since: Instant::now(), ..frame };
        self.parts.input.put(frame); // a closed slot: the session is ending
    }
}

/// Only its name: clients need not know where the server keeps its files.
fn name(file: &Path) -> String {
    file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
