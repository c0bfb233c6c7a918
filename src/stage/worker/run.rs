//! The loop of the thread `stage`.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Shared, scheduler::Life};
use crate::{
    frame::{Frame, Slot, Take},
    metrics::Step,
};

/// How long a change of parameters waits for a frame before it is applied without one.
const IDLE: Duration = Duration::from_millis(100);
/// How often a stage between two connections checks for the second, which follows within milliseconds.
const BETWEEN: Duration = Duration::from_millis(2);

/// Processes frames until the session has ended or another thread has the turn.
pub fn run(shared: &Arc<Shared>, turn: u64) {
    while let Some((input, wait)) = next(shared, turn) {
        match input.take_within(wait) {
            Take::Closed if !closed(shared, &input) => {}
            Take::Closed => break,
            Take::Empty => tick(shared, turn),
            Take::Item(frame) => take(shared, turn, frame),
        }
    }
    let mut scheduler = shared.lock();
    let left = (scheduler.turn == turn).then(|| (scheduler.stage.take(), scheduler.loading.take()));
    drop(scheduler);
    drop(left); // a model or a graph may be slow to stop
}

/// The source of the next frame, and how long to wait for it; `None` if another thread has the turn.
fn next(shared: &Arc<Shared>, turn: u64) -> Option<(Arc<Slot<Frame>>, Duration)> {
    let mut scheduler = shared.lock();
    if scheduler.turn != turn {
        return None;
    }
    shared.load_when_due(&mut scheduler);
    let wait = scheduler.clock.wait(&scheduler.entry.info, Instant::now(), IDLE);
    Some((scheduler.io.input.clone(), wait))
}

/// Whether the session of a closed slot has ended, and no other follows.
fn closed(shared: &Shared, input: &Arc<Slot<Frame>>) -> bool {
    let scheduler = shared.lock();
    if !Arc::ptr_eq(&scheduler.io.input, input) {
        return false;
    }
    let between = scheduler.life == Life::Between;
    drop(scheduler);
    if between {
        std::thread::park_timeout(BETWEEN);
    }
    !between
}

/// Without input, a generated frame may be due.
fn tick(shared: &Shared, turn: u64) {
    let mut scheduler = shared.lock();
    let frame = scheduler.generated(Instant::now());
    work(shared, turn, frame, scheduler);
}

fn take(shared: &Shared, turn: u64, frame: Frame) {
    let mut scheduler = shared.lock();
    let info = scheduler.entry.info.clone();
    if scheduler.clock.takes_input(&info, Instant::now()) {
        scheduler.io.ledger.record(Step::WaitForStage, frame.since.elapsed());
        let frame = scheduler.admitted(frame);
        work(shared, turn, Some(frame), scheduler);
    }
}

fn work(
    shared: &Shared,
    turn: u64,
    frame: Option<Frame>,
    mut scheduler: std::sync::MutexGuard<'_, super::Scheduler>,
) {
    if scheduler.turn != turn {
        return; // another thread took the turn: the frame is one of many
    }
    let Some(mut job) = scheduler.begin(frame, &shared.counters) else { return };
    drop(scheduler);
    job.run();
    let mut scheduler = shared.lock();
    let unwanted = scheduler.finish(turn, job, &shared.counters);
    drop(scheduler);
    super::discard(unwanted);
}
