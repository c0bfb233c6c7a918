//! One OS thread that owns one stage: takes the newest frame, gives back what the stage made of it.
//!
//! Runs: the thread `stage`. A stage that panics or fails never takes the thread along: the frame goes
//! through unchanged, the state is said, and the stage is built again with backoff.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError, atomic::Ordering::Relaxed},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::{
    Entry, Output, Parameters, Stage,
    io::{Counters, Event, Io, State, Tell},
};
use crate::{
    frame::{Frame, Put, Take},
    metrics::Step,
};

/// How long a change may wait for a frame before it is applied without one.
const IDLE: Duration = Duration::from_millis(100);
/// First wait before a crashed stage is built again; doubles up to the next constant.
const BACKOFF: Duration = Duration::from_millis(250);
const BACKOFF_LIMIT: Duration = Duration::from_secs(30);
/// How often a stage between two sessions looks for the second; that takes milliseconds.
const BETWEEN: Duration = Duration::from_millis(2);
/// So many crashes in so long are final: the model is broken, not unlucky.
const CRASHES: usize = 5;
const CRASH_WINDOW: Duration = Duration::from_mins(10);

/// Handle of the thread; dropping it closes the slots and lets the thread end by itself.
pub struct Worker {
    shared: Arc<Shared>,
    io: Io,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    change: Mutex<Change>,
    busy_since: Mutex<Option<Instant>>,
    counters: Counters,
}

/// What to do between this frame and the next; the newest wins.
#[derive(Default)]
struct Change {
    parameters: Option<Parameters>,
    pipeline: Option<Entry>,
    paused: Option<bool>,
    attach: Option<(Io, Tell)>,
    /// The session before is over and the one after has not come yet.
    between: bool,
}

impl Worker {
    /// Starts the thread; the stage is built on it.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn spawn(entry: Entry, parameters: Parameters, io: Io, events: Tell) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            change: Mutex::default(),
            busy_since: Mutex::default(),
            counters: Counters::default(),
        });
        let running = Running {
            stage: None,
            entry,
            parameters,
            paused: false,
            crashes: VecDeque::new(),
            retry_at: Some(Instant::now()),
            state: State::Loading,
            next_seq: 0,
            io: io.clone(),
            shared: shared.clone(),
            events,
        };
        let thread = std::thread::Builder::new().name("stage".into()).spawn(move || running.run())?;
        Ok(Self { shared, io, thread: Some(thread) })
    }

    /// New parameters, and whether to pause, from the next frame on; replaces what has not been applied.
    pub fn set(&self, parameters: Parameters, paused: Option<bool>) {
        let mut change = lock(&self.shared.change);
        change.parameters = Some(parameters);
        change.paused = paused.or(change.paused);
    }

    /// Another pipeline from the next frame on.
    pub fn switch(&self, entry: Entry, parameters: Parameters) {
        let mut change = lock(&self.shared.change);
        change.parameters = Some(parameters);
        change.pipeline = Some(entry);
    }

    /// Lets the slots be closed without an end of the stage: [`Worker::attach`] follows, or the worker is dropped.
    pub fn detach(&self) {
        lock(&self.shared.change).between = true;
    }

    /// Works for another session from here on: takes from and gives to `io` once its own slots are closed.
    pub fn attach(&mut self, io: Io, events: Tell) {
        lock(&self.shared.change).attach = Some((io.clone(), events));
        self.close();
        self.io = io;
    }

    /// How long the stage has been at the same frame; zero between frames.
    pub fn busy_for(&self) -> Duration {
        lock(&self.shared.busy_since).map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// What the worker has done so far.
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// Closes the slots and waits for the thread for at most `limit`. Blocks.
    ///
    /// # Errors
    /// The thread itself where it hangs in the stage: it cannot be ended, only left.
    pub fn stop(mut self, limit: Duration) -> Result<(), Left> {
        lock(&self.shared.change).between = false;
        self.close();
        let Some(thread) = self.thread.take() else { return Ok(()) };
        let end = Instant::now() + limit;
        while !thread.is_finished() {
            if Instant::now() >= end {
                return Err(Left);
            }
            std::thread::park_timeout(Duration::from_millis(2));
        }
        thread.join().ok(); // a panic outside the stage: the worker is gone either way
        Ok(())
    }

    fn close(&self) {
        self.io.input.close();
        self.io.output.close();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        lock(&self.shared.change).between = false;
        self.close();
    }
}

/// A stage's thread did not end within its limit.
#[derive(Debug, thiserror::Error)]
#[error("the stage hangs in its frame; its thread is left behind")]
pub struct Left;

/// What the thread owns.
struct Running {
    stage: Option<Box<dyn Stage>>,
    entry: Entry,
    parameters: Parameters,
    paused: bool,
    crashes: VecDeque<Instant>,
    /// When to build the stage again; `None` once it failed for good.
    retry_at: Option<Instant>,
    state: State,
    next_seq: u64,
    io: Io,
    shared: Arc<Shared>,
    events: Tell,
}

impl Running {
    fn run(mut self) {
        loop {
            self.build_when_due();
            match self.io.input.take_within(IDLE) {
                Take::Closed if self.attached() => {}
                Take::Closed if lock(&self.shared.change).between => std::thread::park_timeout(BETWEEN),
                Take::Closed => return,
                Take::Empty => self.apply_change(),
                Take::Item(frame) => {
                    self.next_seq = frame.seq;
                    self.apply_change();
                    self.build_when_due();
                    self.work(frame);
                }
            }
        }
    }

    /// Whether another session took this stage over; its first event is the stage's state.
    fn attached(&mut self) -> bool {
        let mut change = lock(&self.shared.change);
        let Some((io, events)) = change.attach.take() else { return false };
        change.between = false;
        drop(change);
        (self.io, self.events) = (io, events);
        let detail = "the stage goes on with a new connection".to_owned();
        (self.events)(Event::State { state: self.state, detail });
        true
    }

    fn apply_change(&mut self) {
        let change = {
            let mut change = lock(&self.shared.change);
            let (attach, between) = (change.attach.take(), change.between);
            std::mem::replace(&mut *change, Change { attach, between, ..Change::default() })
        };
        if let Some(entry) = change.pipeline {
            self.switch(entry, change.parameters.clone());
        }
        self.paused = change.paused.unwrap_or(self.paused);
        let Some(parameters) = change.parameters else { return };
        self.parameters = parameters;
        self.set_parameters();
        (self.events)(Event::Applied { parameters: self.parameters.clone(), frame: self.next_seq });
    }

    fn switch(&mut self, entry: Entry, parameters: Option<Parameters>) {
        let pipeline = entry.info.id.clone();
        self.entry = entry;
        self.parameters = parameters.unwrap_or_default();
        self.stage = None;
        self.crashes.clear();
        self.retry_at = Some(Instant::now());
        self.build_when_due();
        (self.events)(Event::Switched { pipeline, frame: self.next_seq });
    }

    fn build_when_due(&mut self) {
        if self.stage.is_some() || self.retry_at.is_none_or(|due| Instant::now() < due) {
            return;
        }
        match catch_unwind(AssertUnwindSafe(|| (self.entry.factory)())) {
            Ok(Ok(stage)) => {
                self.stage = Some(stage);
                self.set_parameters();
                self.enter(State::Running, "the stage runs".into());
            }
            Ok(Err(error)) => self.crashed(&format!("the stage cannot start: {error}")),
            Err(panic) => self.crashed(&format!("the stage panicked at its start: {}", panic_text(&*panic))),
        }
    }

    fn set_parameters(&mut self) {
        let Some(stage) = self.stage.as_mut() else { return };
        match catch_unwind(AssertUnwindSafe(|| stage.set(&self.parameters))) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                self.enter(State::Degraded, format!("the stage keeps its old parameters: {error}"));
            }
            Err(panic) => {
                self.crashed(&format!("the stage panicked on its parameters: {}", panic_text(&*panic)));
            }
        }
    }

    fn work(&mut self, frame: Frame) {
        self.next_seq = frame.seq + 1;
        if self.paused {
            self.shared.counters.paused.fetch_add(1, Relaxed);
            return;
        }
        self.io.ledger.record(Step::WaitForStage, frame.since.elapsed());
        let started = Instant::now();
        *lock(&self.shared.busy_since) = Some(started);
        let output = self.process(&frame);
        *lock(&self.shared.busy_since) = None;
        self.io.ledger.record(Step::Stage, started.elapsed());
        self.shared.counters.processed.fetch_add(1, Relaxed);
        let mut picture = match output {
            Output::Frame(picture) => picture,
            Output::Passthrough => frame,
            Output::Skip => {
                self.shared.counters.skipped.fetch_add(1, Relaxed);
                return;
            }
        };
        picture.since = Instant::now();
        let _: Put = self.io.output.put(picture); // closed: the session is ending
    }

    /// The stage's output, or the input itself where the stage is not there or fails.
    fn process(&mut self, frame: &Frame) -> Output {
        let Some(stage) = self.stage.as_mut() else {
            self.shared.counters.failed.fetch_add(1, Relaxed);
            return Output::Passthrough;
        };
        match catch_unwind(AssertUnwindSafe(|| stage.process(frame))) {
            Ok(Ok(output)) => {
                if self.state == State::Degraded {
                    self.enter(State::Running, "the stage runs".into());
                }
                return output;
            }
            Ok(Err(error @ super::Error::Died(_))) => self.crashed(&format!("the stage is gone: {error}")),
            Ok(Err(error)) => {
                self.enter(State::Degraded, format!("frame {} went through unchanged: {error}", frame.seq));
            }
            Err(panic) => self.crashed(&format!("the stage panicked: {}", panic_text(&*panic))),
        }
        self.shared.counters.failed.fetch_add(1, Relaxed);
        Output::Passthrough
    }

    fn crashed(&mut self, what: &str) {
        self.stage = None;
        let now = Instant::now();
        self.crashes.push_back(now);
        while self.crashes.front().is_some_and(|first| now.duration_since(*first) > CRASH_WINDOW) {
            self.crashes.pop_front();
        }
        if self.crashes.len() >= CRASHES {
            self.retry_at = None;
            self.enter(State::Failed, format!("{what}; it is given up after {CRASHES} crashes"));
            return;
        }
        let doublings = u32::try_from(self.crashes.len() - 1).unwrap_or(u32::MAX);
        let wait = BACKOFF.saturating_mul(2_u32.saturating_pow(doublings)).min(BACKOFF_LIMIT);
        self.retry_at = Some(now + wait);
        self.enter(State::Restarting, format!("{what}; the picture goes through unchanged until it is back"));
    }

    fn enter(&mut self, state: State, detail: String) {
        if self.state != state {
            self.state = state;
            (self.events)(Event::State { state, detail });
        }
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".into())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
