//! Counters of the hand-over to workers: the proof that nothing is copied or converted on the way.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use prometheus::IntCounterVec;

use crate::metrics::Metrics;

/// Counted over all workers of a server.
#[derive(Debug, Default)]
pub struct Counters {
    /// Frames copied into shared memory, each once.
    pub copied_in: AtomicU64,
    /// Of these, frames that were copied row by row because their stride differs from the ring's.
    pub copied_by_row: AtomicU64,
    /// Bytes copied into shared memory.
    pub bytes_in: AtomicU64,
    /// Frames passed on where the worker left them.
    pub handed_on: AtomicU64,
    /// Largest batch of one call of a worker.
    pub largest_batch: AtomicU64,
    /// Processes started.
    pub started: AtomicU64,
    /// Processes that ended and were reaped.
    pub reaped: AtomicU64,
}

impl Counters {
    /// Exports them in `metrics`.
    pub fn show(self: &Arc<Self>, metrics: &Metrics) {
        let counters = self.clone();
        metrics.before_text(move |metrics| {
            let set = |metric: &IntCounterVec, label: &str, counter: &AtomicU64| {
                let metric = metric.with_label_values(&[label]);
                metric.reset();
                metric.inc_by(Self::read(counter));
            };
            set(&metrics.python_workers, "started", &counters.started);
            set(&metrics.python_workers, "ended", &counters.reaped);
            set(&metrics.python_pictures, "copied", &counters.copied_in);
            set(&metrics.python_pictures, "copied_by_row", &counters.copied_by_row);
            set(&metrics.python_pictures, "handed_on", &counters.handed_on);
        });
    }

    /// Increments `counter`.
    pub(super) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Relaxed);
    }

    /// The value of `counter`.
    pub fn read(counter: &AtomicU64) -> u64 {
        counter.load(Relaxed)
    }
}
