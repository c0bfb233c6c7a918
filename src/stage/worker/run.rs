//! The loop of the thread `stage`.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Shared, desk::Life};
use crate::{
    frame::{Frame, Slot, Take},
    metrics::Step,
};

/// How long a change may wait for a frame before it is applied without one.
const IDLE: Duration = Duration::from_millis(100);
/// How often a stage between two sessions looks for the second; that takes milliseconds.
const BETWEEN: Duration = Duration::from_millis(2);

/// Works until the session is over or another thread has the turn.
pub fn run(shared: &Arc<Shared>, turn: u64) {
    while let Some((input, wait)) = next(shared, turn) {
        match input.take_within(wait) {
            Take::Closed if !closed(shared, &input) => {}
            Take::Closed => break,
            Take::Empty => tick(shared, turn),
            Take::Item(frame) => take(shared, turn, frame),
        }
    }
    let mut desk = shared.lock();
    let left = (desk.turn == turn).then(|| (desk.stage.take(), desk.loading.take()));
    drop(desk);
    drop(left); // a model or a graph may take its time to end
}

/// Where the next frame comes from, and how long to wait for it; `None` where another thread has the turn.
fn next(shared: &Arc<Shared>, turn: u64) -> Option<(Arc<Slot<Frame>>, Duration)> {
    let mut desk = shared.lock();
    if desk.turn != turn {
        return None;
    }
    shared.load_when_due(&mut desk);
    let wait = desk.clock.wait(&desk.entry.info, Instant::now(), IDLE);
    Some((desk.io.input.clone(), wait))
}

/// Whether the session of a closed slot is over, and no other follows.
fn closed(shared: &Shared, input: &Arc<Slot<Frame>>) -> bool {
    let desk = shared.lock();
    if !Arc::ptr_eq(&desk.io.input, input) {
        return false;
    }
    let between = desk.life == Life::Between;
    drop(desk);
    if between {
        std::thread::park_timeout(BETWEEN);
    }
    !between
}

/// Nothing came in: a picture may be due all the same.
fn tick(shared: &Shared, turn: u64) {
    let mut desk = shared.lock();
    let frame = desk.generated(Instant::now());
    work(shared, turn, frame, desk);
}

fn take(shared: &Shared, turn: u64, frame: Frame) {
    let mut desk = shared.lock();
    let info = desk.entry.info.clone();
    if desk.clock.takes_input(&info, Instant::now()) {
        desk.io.ledger.record(Step::WaitForStage, frame.since.elapsed());
        let frame = desk.admitted(frame);
        work(shared, turn, Some(frame), desk);
    }
}

fn work(shared: &Shared, turn: u64, frame: Option<Frame>, mut desk: std::sync::MutexGuard<'_, super::Desk>) {
    if desk.turn != turn {
        return; // relieved in between: the frame is one of many
    }
    let Some(job) = desk.begin(frame, &shared.counters) else { return };
    drop(desk);
    let done = job.run();
    let mut desk = shared.lock();
    let unwanted = desk.finish(turn, done, &shared.counters);
    drop(desk);
    super::discard(unwanted);
}
