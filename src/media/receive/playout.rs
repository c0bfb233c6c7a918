//! Plays frames out evenly after retransmissions, and adds no delay where nothing is lost.
//!
//! A lost packet holds back everything behind it until its retransmission arrives, round trips later. Then those frames
//! come in a burst, of which a slot keeps one. So the appsink delays each frame by as long as retransmissions recently
//! took. The delay is the sink's own wait on the pipeline's clock, which a teardown interrupts.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use gst::prelude::*;

use crate::media::graph::{Counters, probes};

/// Longest delay: beyond it, a person prefers a lost frame.
const LONGEST: Duration = Duration::from_millis(250);
/// Shortest delay: a burst shorter than two frame intervals loses nothing.
const SHORTEST: Duration = Duration::from_millis(60);
/// A retransmission requested longer ago than this has arrived, or never will.
const NACK_MS: u64 = 1000;
/// Packets for the delay to fall to a third: about five seconds at 700 kbit/s.
const DECAY_PACKETS: u32 = 512;

/// Makes `sink` delay its frames by the lateness of the packets at `packets`, behind the jitter buffer.
pub fn pace(packets: &gst::Pad, sink: &gst_app::AppSink, counters: Arc<Counters>) {
    let Some(frames) = sink.static_pad("sink") else { return };
    let latency = Arc::new(AtomicU64::new(0));
    // The sink adds the pipeline's latency, mostly the jitter buffer's, to each frame's time.
    let told = latency.clone();
    probes::PLAYOUT_LATENCY.upstream(&frames, move |_, event| {
        if let gst::EventView::Latency(event) = event.view() {
            told.store(event.latency().nseconds(), Relaxed);
        }
        gst::PadProbeReturn::Ok
    });
    let delay = AtomicU64::new(0);
    let sink = sink.downgrade();
    probes::PLAYOUT_LATENESS.decide(packets, move |pad, packet| {
        let (Some(late), Some(sink)) = (lateness(pad, packet), sink.upgrade()) else {
            return gst::PadProbeReturn::Ok;
        };
        let nack = counters.nack_sent_ms.load(Relaxed);
        let waiting = nack > 0 && counters.now_ms().saturating_sub(nack) < NACK_MS;
        let next = next_delay(Duration::from_nanos(delay.load(Relaxed)), late, waiting);
        let nanos = u64::try_from(next.as_nanos()).unwrap_or(0);
        let before = delay.swap(nanos, Relaxed);
        if nanos > 0 {
            let latency = i64::try_from(latency.load(Relaxed)).unwrap_or(0);
            sink.set_property("ts-offset", i64::try_from(nanos).unwrap_or(0) - latency);
        }
        if (nanos > 0) != (before > 0) {
            // Without sync the sink adds nothing to the first frame, whatever the latency.
            sink.set_property("sync", nanos > 0);
        }
        gst::PadProbeReturn::Ok
    });
}

/// How long a packet spent in the jitter buffer.
fn lateness(pad: &gst::Pad, packet: Option<&gst::BufferRef>) -> Option<Duration> {
    let pts = packet?.pts()?;
    let now = pad.parent_element()?.current_running_time()?;
    Some(now.saturating_sub(pts).into())
}

/// The next delay: rises at once to the lateness caused by a retransmission, and decays slowly.
fn next_delay(delay: Duration, late: Duration, retransmitted: bool) -> Duration {
    if retransmitted && late >= SHORTEST && late > delay {
        return late.min(LONGEST);
    }
    let decayed = delay.saturating_sub(delay / DECAY_PACKETS);
    if decayed < SHORTEST / 2 { Duration::ZERO } else { decayed }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_delay_is_as_long_as_a_retransmission_takes_up_to_a_limit() {
        assert_eq!(next_delay(Duration::ZERO, 140 * MS, true), 140 * MS);
        assert_eq!(next_delay(140 * MS, 180 * MS, true), 180 * MS);
        assert_eq!(next_delay(140 * MS, 900 * MS, true), LONGEST);
    }

    #[test]
    fn nothing_is_delayed_without_a_nack() {
        assert_eq!(next_delay(Duration::ZERO, 140 * MS, false), Duration::ZERO);
        assert_eq!(next_delay(Duration::ZERO, 20 * MS, true), Duration::ZERO);
    }

    #[test]
    fn the_delay_decays() {
        let after = |packets| (0..packets).fold(LONGEST, |delay, _| next_delay(delay, Duration::ZERO, false));

        assert!(after(100) > LONGEST / 2, "{:?}", after(100));
        assert_eq!(after(2000), Duration::ZERO);
    }
}
