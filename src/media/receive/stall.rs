//! Requests a key frame for decoders that do not: after garbage `avdec_h264` 1.22 waits for one without requesting it,
//! and other decoders continue from damaged references.
//!
//! Runs once per packet and once per frame on GStreamer's threads: two atomics, no lock.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use gst::prelude::*;

use crate::media::{
    graph::{Counters, probes},
    gst::events,
};

/// A key frame is decoded within tens of milliseconds, on a loaded host within half a second.
const STALL_LIMIT: Duration = Duration::from_secs(1);
/// Waits after the decoder's last fault: garbage arrives in bursts, a key frame inside one is garbage too, and not every
/// decoder reports what it conceals.
const SETTLED_AFTER: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];

/// Requests key frames through `depayloader` while it gets packets and no frame reaches `tap`, and twice more when the
/// faults of `decoder` have ceased.
pub fn watch(
    depayloader: &gst::Element,
    decoder: &gst::Element,
    tap: &gst::Element,
    counters: &Arc<Counters>,
) {
    let pads = [depayloader, decoder, tap].map(|element| element.static_pad("sink"));
    let [Some(packets), Some(units), Some(frames)] = pads else { return };
    let (stall, started) = (Arc::new(Stall::default()), Instant::now());
    let (entering, leaving, counters) = (stall.clone(), stall.clone(), counters.clone());
    let is_discont = |buffer: &gst::BufferRef| buffer.flags().contains(gst::BufferFlags::DISCONT);
    probes::STALL_UNITS.each(&units, move |_, buffer| entering.unit(is_discont(buffer)));
    probes::STALL_FRAMES.each(&frames, move |_, buffer| leaving.frame(is_discont(buffer)));
    probes::STALL_PACKETS.decide(&packets, move |pad, _| {
        let now = started.elapsed();
        let settled = stall.settled(counters.decoder_faults.load(Relaxed), now);
        if stall.packet(now) || settled {
            tracing::debug!(settled, "requesting a key frame");
            pad.push_event(events::key_request());
        }
        gst::PadProbeReturn::Ok
    });
}

#[derive(Default)]
struct Stall {
    /// Since when packets have arrived without a frame, in ms; 0 if they have not.
    since: AtomicU64,
    /// An access unit after a gap entered the decoder, and no frame after one has left it.
    gap: AtomicBool,
    /// Frames that follow an error which the decoder only marks (`gstvideodecoder.c`: it sets `discont` and posts nothing).
    marked: AtomicU64,
    /// Decoder faults so far, and when the newest was seen, in ms; 0 once it is dealt with.
    faults: AtomicU64,
    fault_at: AtomicU64,
    /// Key frames requested since then.
    requested: AtomicUsize,
}

impl Stall {
    /// A packet arrived; `true` if a key frame is due, which repeats after each [`STALL_LIMIT`].
    fn packet(&self, now: Duration) -> bool {
        let now = milliseconds(now);
        let since = self.since.load(Relaxed);
        if since == 0 {
            self.since.store(now, Relaxed);
            return false;
        }
        let due = u128::from(now.saturating_sub(since)) >= STALL_LIMIT.as_millis();
        if due {
            self.since.store(now, Relaxed);
        }
        due
    }

    fn unit(&self, is_discont: bool) {
        if is_discont {
            self.gap.store(true, Relaxed);
        }
    }

    fn frame(&self, is_discont: bool) {
        self.since.store(0, Relaxed);
        if is_discont && !self.gap.swap(false, Relaxed) {
            self.marked.fetch_add(1, Relaxed);
        }
    }

    /// Takes the count of the decoder's faults on the bus; `true` once the last fault is long enough ago.
    fn settled(&self, faults: u64, now: Duration) -> bool {
        let now = milliseconds(now);
        let faults = faults + self.marked.load(Relaxed);
        if self.faults.swap(faults, Relaxed) != faults {
            self.fault_at.store(now, Relaxed);
            self.requested.store(0, Relaxed);
        }
        let (at, requested) = (self.fault_at.load(Relaxed), self.requested.load(Relaxed));
        let Some(wait) = SETTLED_AFTER.get(requested).filter(|_| at > 0) else { return false };
        let due = u128::from(now.saturating_sub(at)) >= wait.as_millis();
        if due {
            self.requested.store(requested + 1, Relaxed);
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
    fn packets_without_a_frame_request_a_key_frame_every_second() {
        let stall = Stall::default();

        let requested: Vec<bool> = (2..9).map(|half| stall.packet(half * HALF)).collect();

        assert_eq!(requested, [false, false, true, false, true, false, true]);
    }

    #[test]
    fn faults_request_two_key_frames_when_they_cease() {
        let stall = Stall::default();
        let second = Duration::from_secs;

        assert!(!stall.settled(0, second(1)) && !stall.settled(3, second(2)) && !stall.settled(9, second(3)));
        assert!(stall.settled(9, second(4)) && !stall.settled(9, second(5)));
        assert!(stall.settled(9, second(8)) && !stall.settled(9, second(60)));
        assert!(!stall.settled(10, second(61)) && stall.settled(10, second(62)));
    }

    #[test]
    fn a_gap_that_the_decoder_makes_is_a_fault_and_one_that_it_gets_is_none() {
        let stall = Stall::default();
        let second = Duration::from_secs;

        stall.unit(true);
        stall.frame(true);
        assert!(!stall.settled(0, second(1)) && !stall.settled(0, second(9)), "the gap came with the stream");
        stall.unit(false);
        stall.frame(true);
        assert!(!stall.settled(0, second(10)) && stall.settled(0, second(11)));
    }

    #[test]
    fn a_slow_or_paused_stream_requests_nothing() {
        let stall = Stall::default();
        for second in (0..60).step_by(10) {
            assert!(!stall.packet(Duration::from_secs(second)));
            assert!(!stall.packet(Duration::from_secs(second) + HALF));
            stall.frame(false);
        }
    }
}
