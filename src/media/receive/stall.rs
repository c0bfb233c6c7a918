//! Pictures that do not mend by themselves: after garbage `avdec_h264` 1.22 waits for a key frame without asking for
//! one, and other decoders go on from references that garbage made. Here somebody asks.
//!
//! Runs once a packet and once a picture on GStreamer's threads: two atomics, no lock.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use gst::prelude::*;

use crate::media::{
    graph::{Counters, probes},
    gst::events,
};

/// A key frame is decoded within some tens of milliseconds, on a loaded host within half a second.
const PATIENCE: Duration = Duration::from_secs(1);
/// After the last fault of the decoder: garbage comes in bursts, and a key frame inside one is garbage too.
const MENDED_AFTER: Duration = Duration::from_secs(1);

/// Asks for a key frame through `depayloader` while it gets packets and no picture reaches `tap`, and once more when
/// the decoder has had no fault for a while.
pub fn watch(depayloader: &gst::Element, tap: &gst::Element, counters: &Arc<Counters>) {
    let (Some(packets), Some(pictures)) = (depayloader.static_pad("sink"), tap.static_pad("sink")) else {
        return;
    };
    let (stall, started) = (Arc::new(Stall::default()), Instant::now());
    let (decoded, counters) = (stall.clone(), counters.clone());
    probes::STALL_FRAMES.each(&pictures, move |_, _| decoded.picture());
    probes::STALL_PACKETS.decide(&packets, move |pad, _| {
        let now = started.elapsed();
        let mend = stall.mend(counters.decoder_faults.load(Relaxed), now);
        if stall.packet(now) || mend {
            tracing::debug!(mend, "asking for a key frame");
            pad.push_event(events::key_request());
        }
        gst::PadProbeReturn::Ok
    });
}

#[derive(Default)]
struct Stall {
    /// Since when packets have come without a picture, in ms and never 0; 0 is not at all.
    since: AtomicU64,
    /// Faults seen so far, and when the newest was seen, in ms and never 0; 0 is settled.
    faults: AtomicU64,
    fault_at: AtomicU64,
}

impl Stall {
    /// A packet came; gives whether it is time to ask, which it is again after as long a wait.
    fn packet(&self, now: Duration) -> bool {
        let now = milliseconds(now);
        let since = self.since.load(Relaxed);
        if since == 0 {
            self.since.store(now, Relaxed);
            return false;
        }
        let due = u128::from(now.saturating_sub(since)) >= PATIENCE.as_millis();
        if due {
            self.since.store(now, Relaxed);
        }
        due
    }

    fn picture(&self) {
        self.since.store(0, Relaxed);
    }

    /// The decoder has had so many faults by now; gives whether the last one is long enough ago to ask.
    fn mend(&self, faults: u64, now: Duration) -> bool {
        let now = milliseconds(now);
        if self.faults.swap(faults, Relaxed) != faults {
            self.fault_at.store(now, Relaxed);
        }
        let at = self.fault_at.load(Relaxed);
        let due = at > 0 && u128::from(now.saturating_sub(at)) >= MENDED_AFTER.as_millis();
        if due {
            self.fault_at.store(0, Relaxed);
        }
        due
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF: Duration = Duration::from_millis(500);

    #[test]
    fn packets_without_a_picture_ask_once_a_second() {
        let stall = Stall::default();

        let asked: Vec<bool> = (2..9).map(|half| stall.packet(half * HALF)).collect();

        assert_eq!(asked, [false, false, true, false, true, false, true]);
    }

    #[test]
    fn faults_ask_once_when_they_are_over() {
        let stall = Stall::default();
        let second = Duration::from_secs;

        assert!(!stall.mend(0, second(1)) && !stall.mend(3, second(2)) && !stall.mend(9, second(3)));
        assert!(stall.mend(9, second(4)));
        assert!(!stall.mend(9, second(9)));
    }

    #[test]
    fn a_slow_or_paused_stream_asks_for_nothing() {
        let stall = Stall::default();
        for second in (0..60).step_by(10) {
            assert!(!stall.packet(Duration::from_secs(second)));
            assert!(!stall.packet(Duration::from_secs(second) + HALF));
            stall.picture();
        }
    }
}
