//! One OS thread that runs one stage on a session's frames: takes the newest, sends the result.
//!
//! Runs: `stage`, which owns the stage while it processes a frame; `stage-load`, one at a time, which builds a stage while
//! the previous one runs. A stage that hangs keeps its thread, and another thread takes its turn: the session never waits for it. The
//! pipeline declares what is sent for a frame without a result ([`super::OnFailure`]).

mod clock;
mod job;
mod load;
mod run;
mod scheduler;
#[cfg(test)]
mod tests;

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use self::{
    load::Purpose,
    scheduler::{Life, Order, Scheduler},
};
use super::{
    Cause, Entry, Parameters, Stage, Transition, builds,
    catalog::build,
    io::{Counters, Event, Io, State, Status, Tell, Update},
};

/// Handle of the thread; when dropped it closes the slots, and the thread ends by itself.
pub struct Worker {
    shared: Arc<Shared>,
}

/// What the threads of one worker share; the lock is never held while a stage runs.
struct Shared {
    scheduler: Mutex<Scheduler>,
    /// A thread has ended.
    ended: Condvar,
    counters: Counters,
}

/// A stage's thread did not end within its limit.
#[derive(Debug, thiserror::Error)]
#[error("the stage hangs in a frame; its thread is abandoned")]
pub struct Abandoned;

impl Worker {
    /// Starts the thread; the stage is built on another.
    ///
    /// # Errors
    /// The system refused a thread.
    pub fn spawn(entry: Entry, parameters: Parameters, io: Io, events: Tell) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            scheduler: Mutex::new(Scheduler::new(entry.clone(), parameters.clone(), io, events)),
            ended: Condvar::new(),
            counters: Counters::default(),
        });
        let worker = Self { shared };
        let mut scheduler = worker.shared.lock();
        worker.shared.start_thread(&mut scheduler)?;
        worker.shared.load(&mut scheduler, entry, parameters, Purpose::Start);
        drop(scheduler);
        Ok(worker)
    }

    /// Queues new parameters for the next frame; they replace those that were not applied yet.
    pub fn update(&self, update: Update) {
        self.shared.lock().update(update);
    }

    /// Loads another pipeline, or the same with other load-time parameters: the stage runs until the new one is ready.
    pub fn switch(&self, entry: Entry, update: Update) {
        let mut scheduler = self.shared.lock();
        scheduler.paused = update.paused.unwrap_or(scheduler.paused);
        self.shared.load(&mut scheduler, entry, update.parameters, Purpose::Replace);
    }

    /// Cancels a switch: the running stage stays, with this update.
    pub fn keep(&self, update: Update) {
        let mut scheduler = self.shared.lock();
        scheduler.forget_load();
        scheduler.update(update);
    }

    /// Keeps the stage when its slots close: [`Worker::attach`] follows, or the worker is dropped.
    pub fn detach(&self) {
        self.shared.lock().life = Life::Between;
    }

    /// Continues with another connection; its first event is the stage's status.
    pub fn attach(&self, io: Io, events: Tell) {
        let mut scheduler = self.shared.lock();
        let before = scheduler.attach(io, events);
        drop(scheduler);
        before.input.close();
        before.output.close();
    }

    /// Checks the stage's limits: one that hangs loses its turn, one that is due is built. Returns at once; call it several
    /// times a second. `awake`: how long this process has run without being suspended.
    pub fn supervise(&self, awake: Duration) {
        self.shared.supervise(awake);
    }

    /// The stage's status.
    pub fn status(&self) -> Status {
        self.shared.lock().status.clone()
    }

    /// How long the stage has spent on the current frame; zero between frames.
    pub fn busy_for(&self) -> Duration {
        self.shared.lock().busy.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// The worker's counters.
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// Closes the slots and waits for the threads for at most `limit`. Blocks.
    ///
    /// # Errors
    /// A thread hangs in the stage: it cannot be ended, only abandoned.
    pub fn stop(self, limit: Duration) -> Result<(), Abandoned> {
        self.close();
        let running = |scheduler: &mut Scheduler| !scheduler.threads.is_empty();
        let waited = self.shared.ended.wait_timeout_while(self.shared.lock(), limit, running);
        let (scheduler, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if scheduler.threads.is_empty() { Ok(()) } else { Err(Abandoned) }
    }

    fn close(&self) {
        let mut scheduler = self.shared.lock();
        scheduler.life = Life::Over;
        let io = scheduler.io.clone();
        drop(scheduler);
        io.input.close();
        io.output.close();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Scheduler> {
        self.scheduler.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a thread and gives it the turn.
    fn start_thread(self: &Arc<Self>, scheduler: &mut Scheduler) -> std::io::Result<()> {
        let turn = scheduler.turn + 1;
        let shared = self.clone();
        let thread = std::thread::Builder::new().name("stage".into());
        thread.spawn(move || {
            run::run(&shared, turn);
            shared.lock().threads.remove(&turn);
            shared.ended.notify_all();
        })?;
        scheduler.turn = turn;
        scheduler.threads.insert(turn);
        Ok(())
    }

    /// Asks for a stage in place of one that was asked for before; its build begins now or when it is due.
    fn load(
        self: &Arc<Self>,
        scheduler: &mut Scheduler,
        entry: Entry,
        parameters: Parameters,
        purpose: Purpose,
    ) {
        scheduler.ask_for(entry, parameters, purpose);
        self.build_when_due(scheduler);
        scheduler.report_waiting();
    }

    /// Builds the stage that is asked for, on a thread of its own, once it is its turn.
    fn build_when_due(self: &Arc<Self>, scheduler: &mut Scheduler) {
        let Some((order, turn)) = scheduler.next_build(Instant::now()) else { return };
        let shared = self.clone();
        let thread = std::thread::Builder::new().name("stage-load".into()).spawn(move || {
            let Order { number, entry, parameters, size } = order;
            let told = shared.clone();
            let step = move |step: &str| told.lock().loading_step(number, step);
            let built = builds::with_turn(turn, || build(&entry, &parameters, size, step));
            let mut scheduler = shared.lock();
            let unwanted = scheduler.loaded(number, built.map(|stage| (stage, parameters.version)));
            shared.build_when_due(&mut scheduler);
            drop(scheduler);
            drop(unwanted);
        });
        if let Err(error) = thread {
            scheduler.building = None;
            scheduler.load_failed(Cause::NotStarted { message: error.to_string() }.into());
        }
    }

    /// Builds the stage that is asked for, or the crashed one again, once that is due.
    fn load_when_due(self: &Arc<Self>, scheduler: &mut Scheduler) {
        if scheduler.loading.is_none() && scheduler.retry_at.is_some_and(|due| due <= Instant::now()) {
            let (entry, parameters) = (scheduler.entry.clone(), scheduler.parameters.clone());
            self.load(scheduler, entry, parameters, Purpose::Start);
        } else {
            self.build_when_due(scheduler);
        }
    }

    fn supervise(self: &Arc<Self>, awake: Duration) {
        let mut scheduler = self.lock();
        let busy = scheduler.busy.map(|since| since.elapsed().min(awake));
        if busy.is_some_and(|busy| busy >= scheduler.entry.info.deadline) {
            if scheduler.hung.is_none() {
                self.replace_thread(&mut scheduler);
            }
            if let Some(turn) = scheduler.hung {
                scheduler.threads.remove(&turn);
                self.counters.abandoned.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                scheduler.give_up();
            }
        } else if scheduler.hung.is_none() && busy.is_some_and(|busy| busy >= scheduler.patience()) {
            self.replace_thread(&mut scheduler);
            let seconds = busy.unwrap_or_default().as_secs_f64();
            scheduler.enter(Status::degraded(Cause::Slow { seconds }));
        }
        if scheduler.abandon_build(awake) {
            self.counters.abandoned.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
        self.load_when_due(&mut scheduler);
    }

    /// Gives the turn to another thread; the thread that hangs returns its stage when its frame is done.
    fn replace_thread(self: &Arc<Self>, scheduler: &mut Scheduler) {
        let at_work = scheduler.turn;
        match self.start_thread(scheduler) {
            Ok(()) => scheduler.hung = Some(at_work),
            Err(error) => tracing::error!(%error, "no thread to take the turn of a stage that hangs"),
        }
    }
}

/// Drops a stage on a thread of its own: a model or a graph may be slow to stop.
fn discard(stage: Option<Box<dyn Stage>>) {
    if let Some(stage) = stage {
        // Without a thread the stage is dropped with the closure, here.
        std::thread::Builder::new().name("stage-drop".into()).spawn(move || drop(stage)).ok();
    }
}
