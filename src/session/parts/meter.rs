//! Turns cumulative counters into rates once a second, and adds their growth to the server's metrics.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use crate::{
    media,
    metrics::{Ledger, Metrics, Step},
    session::Figures,
    stage,
};

/// The counter of abandoned stages.
const ABANDONED: usize = 11;

/// Turns cumulative counters into rates.
pub struct Meter {
    at: Instant,
    metrics: Arc<Metrics>,
    ledger: Arc<Ledger>,
    counts: Vec<u64>,
    total: (f64, u64),
    stage: (f64, u64),
    first_seen: bool,
    /// Round-trip time in seconds, as webrtcbin last reported it.
    round_trip: Option<f64>,
}

impl Meter {
    /// A meter that starts at zero.
    pub fn new(metrics: Arc<Metrics>, ledger: Arc<Ledger>, worker: &stage::Counters) -> Self {
        let now = Instant::now();
        let (total, stage) = (ledger.sum(Step::Total), ledger.sum(Step::Stage));
        // The previous session has already counted a stage that was taken over.
        let mut counts = vec![0; ABANDONED + 1];
        for (row, counter) in [(6, &worker.skipped), (7, &worker.paused), (ABANDONED, &worker.abandoned)] {
            counts[row] = counter.load(Relaxed);
        }
        Self { at: now, metrics, ledger, counts, total, stage, first_seen: false, round_trip: None }
    }

    /// Sets the round-trip time in seconds that webrtcbin reports.
    pub fn set_round_trip(&mut self, seconds: Option<f64>) {
        self.round_trip = seconds;
    }

    /// Rates since the last call.
    pub fn read(
        &mut self,
        peer: &media::Peer,
        worker: &stage::Counters,
        io: &stage::Io,
        now: Instant,
    ) -> Figures {
        let seconds = now.saturating_duration_since(self.at).as_secs_f64().max(0.001);
        self.at = now;
        let grown = self.count(peer, worker, io);
        if let Some(first) = peer.first_sent().filter(|_| !self.first_seen) {
            self.first_seen = true;
            self.metrics.first_frame.with_label_values::<&str>(&[]).observe(first.as_secs_f64());
        }
        let rate = |row: usize| grown.get(row).map_or(0.0, |&count| count as f64 / seconds);
        Figures {
            fps_in: tenth(rate(0)),
            fps_out: tenth(rate(1)),
            latency_ms: mean_ms(&mut self.total, self.ledger.sum(Step::Total)),
            stage_ms: mean_ms(&mut self.stage, self.ledger.sum(Step::Stage)),
            bitrate_in_bps: bits(rate(2)),
            bitrate_out_bps: bits(rate(3)),
            target_bps: peer.counters().target_bps.load(Relaxed),
            round_trip_ms: self.round_trip.map(|seconds| tenth(seconds * 1000.0)),
            dropped_before_stage: io.input.dropped(),
            dropped_before_encoder: io.output.dropped(),
        }
    }

    /// The growth of each counter, added to the server's metrics too. The first four make the rates.
    fn count(&mut self, peer: &media::Peer, worker: &stage::Counters, io: &stage::Io) -> Vec<u64> {
        let (counters, metrics) = (peer.counters(), &self.metrics);
        let load = |counter: &AtomicU64| counter.load(Relaxed);
        let rows = [
            (load(&counters.frames_in), metrics.frames.with_label_values(&["decoded"])),
            (load(&counters.encoded), metrics.frames.with_label_values(&["encoded"])),
            (load(&counters.bytes_in), metrics.bytes.with_label_values(&["in"])),
            (load(&counters.bytes_out), metrics.bytes.with_label_values(&["out"])),
            (io.input.dropped(), metrics.frames_dropped.with_label_values(&["before_stage"])),
            (io.output.dropped(), metrics.frames_dropped.with_label_values(&["before_encoder"])),
            (load(&worker.skipped), metrics.frames_dropped.with_label_values(&["skipped_by_stage"])),
            (load(&worker.paused), metrics.frames_dropped.with_label_values(&["paused"])),
            (
                peer.sender().map_or(0, media::Sender::skipped),
                metrics.frames_dropped.with_label_values(&["for_the_link"]),
            ),
            (load(&counters.key_requests_sent), metrics.key_requests.with_label_values(&["out"])),
            (load(&counters.key_requests_received), metrics.key_requests.with_label_values(&["in"])),
            (load(&worker.abandoned), metrics.stages_abandoned.clone()),
        ];
        self.counts.resize(rows.len(), 0);
        let grown = rows.into_iter().zip(&mut self.counts).map(|((count, server), last)| {
            let grown = count.saturating_sub(*last);
            *last = count;
            server.inc_by(grown);
            grown
        });
        grown.collect()
    }
}

/// Mean since `last`; `None` if the count did not grow.
fn mean_ms(last: &mut (f64, u64), now: (f64, u64)) -> Option<f64> {
    let (seconds, count) = (now.0 - last.0, now.1.saturating_sub(last.1));
    *last = now;
    (count > 0).then(|| tenth(seconds * 1000.0 / count as f64))
}

fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is positive and far below 2^63"
)]
fn bits(bytes: f64) -> u64 {
    (bytes * 8.0) as u64
}
