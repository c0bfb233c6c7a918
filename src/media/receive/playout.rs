//! Even pace for pictures that waited for retransmissions, and none of its delay where nothing is lost.
//!
//! A lost packet holds back what follows until it is there again, some round trips later; then those pictures come
//! at once, and of pictures that come at once the slots keep one. So the inlet waits with each picture as long as
//! retransmissions lately took. The wait is the sink's own on the pipeline's clock, which a teardown ends.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use gst::prelude::*;

use crate::media::graph::{Counters, probes};

/// Longest wait: more delay is worse to a person than a picture less.
const LONGEST: Duration = Duration::from_millis(250);
/// Under two pictures' time nothing is lost by coming at once.
const SHORTEST: Duration = Duration::from_millis(60);
/// A retransmission that was asked for longer ago than this has come, or never will.
const ASKED_MS: u64 = 1000;
/// Packets for the wait to fall to a third: some five seconds at 700 kbit/s.
const FORGETTING: u32 = 512;

/// Lets `sink` wait with its pictures as long as `packets`, behind the jitter buffer, shows that they are late.
pub fn pace(packets: &gst::Pad, sink: &gst_app::AppSink, counters: Arc<Counters>) {
    let Some(pictures) = sink.static_pad("sink") else { return };
    let latency = Arc::new(AtomicU64::new(0));
    // The sink adds the pipeline's latency, most of it the jitter buffer's, to each picture's time.
    let told = latency.clone();
    probes::PLAYOUT_LATENCY.upstream(&pictures, move |_, event| {
        if let gst::EventView::Latency(event) = event.view() {
            told.store(event.latency().nseconds(), Relaxed);
        }
        gst::PadProbeReturn::Ok
    });
    let wait = AtomicU64::new(0);
    let sink = sink.downgrade();
    probes::PLAYOUT_LATENESS.decide(packets, move |pad, packet| {
        let (Some(late), Some(sink)) = (lateness(pad, packet), sink.upgrade()) else {
            return gst::PadProbeReturn::Ok;
        };
        let asked = counters.nack_sent_ms.load(Relaxed);
        let asked = asked > 0 && counters.now_ms().saturating_sub(asked) < ASKED_MS;
        let next = next_wait(Duration::from_nanos(wait.load(Relaxed)), late, asked);
        let nanos = u64::try_from(next.as_nanos()).unwrap_or(0);
        let before = wait.swap(nanos, Relaxed);
        if nanos > 0 {
            let latency = i64::try_from(latency.load(Relaxed)).unwrap_or(0);
            sink.set_property("ts-offset", i64::try_from(nanos).unwrap_or(0) - latency);
        }
        if (nanos > 0) != (before > 0) {
            // A sink that does not wait at all costs the first picture nothing, whatever the latency is.
            sink.set_property("sync", nanos > 0);
        }
        gst::PadProbeReturn::Ok
    });
}

/// How long after its arrival time a packet comes out of the jitter buffer.
fn lateness(pad: &gst::Pad, packet: Option<&gst::BufferRef>) -> Option<Duration> {
    let pts = packet?.pts()?;
    let now = pad.parent_element()?.current_running_time()?;
    Some(now.saturating_sub(pts).into())
}

/// Rises at once to what is late because of a retransmission, and falls slowly.
fn next_wait(wait: Duration, late: Duration, asked: bool) -> Duration {
    if asked && late >= SHORTEST && late > wait {
        return late.min(LONGEST);
    }
    let fallen = wait.saturating_sub(wait / FORGETTING);
    if fallen < SHORTEST / 2 { Duration::ZERO } else { fallen }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_wait_is_as_long_as_a_retransmission_takes_and_no_longer_than_the_longest() {
        assert_eq!(next_wait(Duration::ZERO, 140 * MS, true), 140 * MS);
        assert_eq!(next_wait(140 * MS, 180 * MS, true), 180 * MS);
        assert_eq!(next_wait(140 * MS, 900 * MS, true), LONGEST);
    }

    #[test]
    fn nothing_waits_where_nothing_was_asked_for_again() {
        assert_eq!(next_wait(Duration::ZERO, 140 * MS, false), Duration::ZERO);
        assert_eq!(next_wait(Duration::ZERO, 20 * MS, true), Duration::ZERO);
    }

    #[test]
    fn the_wait_is_forgotten() {
        let after = |packets| (0..packets).fold(LONGEST, |wait, _| next_wait(wait, Duration::ZERO, false));

        assert!(after(100) > LONGEST / 2, "{:?}", after(100));
        assert_eq!(after(2000), Duration::ZERO);
    }
}
