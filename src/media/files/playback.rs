//! A video file in the place of the peer's picture: in a loop or once, at its own pace, into the input slot.
//!
//! Runs `playback`, one thread a session that plays one; it waits for the next picture's time and for nothing else.

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

/// A file that is so late goes on from where it is: the host, or the disk, was busy.
const LATE: Duration = Duration::from_millis(250);
/// Between the last picture and the first one again, where the file does not say.
const INTERVAL: Duration = Duration::from_millis(33);

/// The time of a graph since it runs.
pub type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;

/// A file that is being played; dropping it gives the peer its place back.
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
    /// Layouts that the stage takes from here on.
    layouts: Option<Vec<Layout>>,
    /// How it came to its end.
    over: Option<Over>,
}

/// How a file came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Over {
    /// With its last picture.
    Ended,
    /// It cannot be played any further.
    Failed(String),
}

impl Playback {
    /// Plays a file into the input slot, in a loop or once. `clock` is the time of the graph.
    ///
    /// # Errors
    /// The system gives no thread.
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

    /// Lets pictures come in one of these layouts.
    pub fn set_layouts(&self, layouts: &[Layout]) {
        self.shared.lock().layouts = Some(layouts.to_vec());
    }

    /// How it came to its end; `None` while it plays.
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
        // Counted: the playback that takes another one's place begins before that one has ended.
        self.parts.counters.playbacks.fetch_add(1, Relaxed);
        let over = self.play().err().map_or(Over::Ended, |error| Over::Failed(error.to_string()));
        self.parts.counters.playbacks.fetch_sub(1, Release);
        self.shared.lock().over = Some(over);
    }

    fn play(&mut self) -> Result<(), Error> {
        let mut reader = Reader::open(&self.file, &self.layouts)?;
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

    /// Plays the file once, its first picture at `start`; gives when the next one is due, `None` where it is to stop.
    fn pass(&mut self, reader: &mut Reader, start: Instant) -> Result<Option<Instant>, Error> {
        let (mut start, mut first, mut due) = (start, None, None);
        loop {
            if let Some(layouts) = self.shared.lock().layouts.take() {
                reader.set_layouts(&layouts);
                self.layouts = layouts;
            }
            let Some(frame) = reader.frame()? else {
                let interval = reader.fps().map_or(INTERVAL, |fps| Duration::from_secs_f64(1.0 / fps));
                let nothing = || Error::Graph(format!("{} has no picture", name(&self.file)));
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

    /// Waits; `false` where it is to stop.
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
        self.parts.input.put(frame); // closed: the session is ending
    }
}

/// Its name alone: where the server keeps its files is no client's business.
fn name(file: &Path) -> String {
    file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
