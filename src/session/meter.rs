//! Rising counts become rates, once a second.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

use super::Figures;
use crate::{media, stage};

/// Turns rising counts into rates.
pub struct Meter {
    at: Instant,
    frames_in: u64,
    encoded: u64,
    bytes_in: u64,
    bytes_out: u64,
    /// Round-trip time in seconds, as webrtcbin said last.
    pub round_trip: Option<f64>,
}

impl Meter {
    /// A meter that starts at zero.
    pub fn new() -> Self {
        Self { at: Instant::now(), frames_in: 0, encoded: 0, bytes_in: 0, bytes_out: 0, round_trip: None }
    }

    /// Rates since the last call.
    pub fn read(
        &mut self,
        media: &media::Counters,
        worker: &stage::Worker,
        io: &stage::Io,
        now: Instant,
    ) -> Figures {
        let seconds = now.saturating_duration_since(self.at).as_secs_f64().max(0.001);
        self.at = now;
        let rate = |last: &mut u64, counter: &AtomicU64| {
            let count = counter.load(Relaxed);
            let rate = f64::from(u32::try_from(count - *last).unwrap_or(u32::MAX)) / seconds;
            *last = count;
            rate
        };
        let fps_in = rate(&mut self.frames_in, &media.frames_in);
        let fps_out = rate(&mut self.encoded, &media.encoded);
        let bytes_in = rate(&mut self.bytes_in, &media.bytes_in);
        let bytes_out = rate(&mut self.bytes_out, &media.bytes_out);
        let moving = fps_out > 0.0;
        Figures {
            fps_in: tenth(fps_in),
            fps_out: tenth(fps_out),
            latency_ms: moving.then(|| milliseconds(media.age_us.load(Relaxed))),
            stage_ms: moving.then(|| milliseconds(worker.counters().last_us.load(Relaxed))),
            bitrate_in_bps: bits(bytes_in),
            bitrate_out_bps: bits(bytes_out),
            target_bps: media.target_bps.load(Relaxed),
            round_trip_ms: self.round_trip.map(|seconds| tenth(seconds * 1000.0)),
            dropped_before_stage: io.input.dropped(),
            dropped_before_encoder: io.output.dropped(),
        }
    }
}

fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn milliseconds(microseconds: u64) -> f64 {
    tenth(Duration::from_micros(microseconds).as_secs_f64() * 1000.0)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is positive and far below 2^63"
)]
fn bits(bytes: f64) -> u64 {
    (bytes * 8.0) as u64
}
