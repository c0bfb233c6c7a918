//! A decoder that is fed and gives no picture: after garbage `avdec_h264` 1.22 waits for a key frame without asking for
//! one, and the picture stands for good. Here somebody asks.
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

/// A key frame is decoded within some tens of milliseconds, on a loaded host within half a second.
const PATIENCE: Duration = Duration::from_secs(1);

/// Asks for a key frame through `depayloader` while it gets packets and no picture reaches `tap`.
pub fn watch(depayloader: &gst::Element, tap: &gst::Element) {
    let (Some(packets), Some(pictures)) = (depayloader.static_pad("sink"), tap.static_pad("sink")) else {
        return;
    };
    let (stall, started) = (Arc::new(Stall::default()), Instant::now());
    let decoded = stall.clone();
    pictures.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
        decoded.picture();
        gst::PadProbeReturn::Ok
    });
    packets.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST, move |pad, _| {
        if stall.packet(started.elapsed()) {
            tracing::debug!("packets and no picture: asking for a key frame");
            pad.push_event(gst_video::UpstreamForceKeyUnitEvent::builder().all_headers(true).build());
        }
        gst::PadProbeReturn::Ok
    });
}

/// Since when packets have come without a picture, in ms and never 0; 0 is not at all.
#[derive(Default)]
struct Stall(AtomicU64);

impl Stall {
    /// A packet came; gives whether it is time to ask, which it is again after as long a wait.
    fn packet(&self, now: Duration) -> bool {
        let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX).max(1);
        let since = self.0.load(Relaxed);
        if since == 0 {
            self.0.store(now, Relaxed);
            return false;
        }
        let due = u128::from(now.saturating_sub(since)) >= PATIENCE.as_millis();
        if due {
            self.0.store(now, Relaxed);
        }
        due
    }

    fn picture(&self) {
        self.0.store(0, Relaxed);
    }
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
    fn a_slow_or_paused_stream_asks_for_nothing() {
        let stall = Stall::default();
        for second in (0..60).step_by(10) {
            assert!(!stall.packet(Duration::from_secs(second)));
            assert!(!stall.packet(Duration::from_secs(second) + HALF));
            stall.picture();
        }
    }
}
