//! Retransmission: how many of the packets that the peer asks for go out again, and how soon we ask.
//!
//! On a link that loses packets without being full each goes out twice (RFC 4588 lets it): at 5 % of loss that is 5 %
//! more to send, and one in 400 is missing a round trip later in place of one in 20.
//!
//! No redundancy beside it: `fec-type=ulp-red` of webrtcbin 1.22 at 20 % goes well while nothing is lost, but in
//! `networks::loss::loss_and_delay_cost_chromium_no_freeze` Chromium shows no picture (0 to 8 a second, without it 24 to
//! 28), though both ends ask for what is missing and are answered.
//!
//! Runs on webrtcbin's threads, once a request.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use gst::prelude::*;

use crate::media::graph::{Counters, probes};

/// Name of the event with which rtpsession asks for a packet again.
const REQUEST: &str = "GstRTPRetransmissionRequest";
/// How far back a packet can be asked for: a browser asks ten times, a round trip apart.
const HISTORY_PACKETS: u32 = 1000;
const HISTORY_MS: u32 = 1000;
/// Retransmissions stand outside the encoder's rate control: unbounded, they are a storm where the link narrows
/// (measured with 500 packets of history: no picture for 12 s). A quarter mends 10 % of loss twice over. Where nothing
/// queues there is no storm, and each goes out twice.
const SHARE: f64 = 0.25;
const LOSSY_SHARE: f64 = 0.5;
/// A key frame's missing packets may go at once: this time of the share, and this many bytes at least.
const BURST: Duration = Duration::from_secs(1);
const LEAST_BYTES: f64 = 12_000.0;
/// Part of a round trip in which the peer cannot know that a packet is on its way again, and what it is at least.
const ON_ITS_WAY: f64 = 0.8;
const LEAST_WAIT: Duration = Duration::from_millis(15);
/// So long after a key frame that took the place of what got lost, that is still asked for.
const GONE_MS: u64 = 400;
/// Packets that the mean of their sizes is over.
const MEAN_OVER: u64 = 16;
/// Time between two transport-wide reports; without, one goes out a picture. Browsers themselves send them so.
const TWCC_INTERVAL: Duration = Duration::from_millis(80);
/// RTCP that may be sent, in bytes a second. It sets how soon one early packet, which a NACK is, may follow another
/// (`rtp_session_request_early_rtcp`), and 5 % of the session's rate sets that long. It is a bound, not a rate.
const RTCP_BYTES_S: f64 = 1_000_000.0;

/// Keeps what was sent, and bounds what of it is sent again to a share of the encoder's rate.
pub fn answer(element: &gst::Element, counters: &Arc<Counters>) {
    element.set_property("max-size-packets", HISTORY_PACKETS);
    element.set_property("max-size-time", HISTORY_MS);
    let (Some(input), Some(pad)) = (element.static_pad("sink"), element.static_pad("src")) else { return };
    let size = mean_size(&input);
    let counters = counters.clone();
    let state = Mutex::new((Budget::new(Instant::now()), Answered::default()));
    let repeating = AtomicBool::new(false);
    probes::NACK_RECEIVED.upstream(&pad, move |pad, event| {
        if !event.has_name(REQUEST) {
            return gst::PadProbeReturn::Ok;
        }
        // Requests come on one thread, so that this is the repetition which is asked for below.
        let repetition = repeating.load(Relaxed);
        let lossy = counters.lossy.load(Relaxed);
        let share = if lossy { LOSSY_SHARE } else { SHARE };
        let rate = counters.target_bps.load(Relaxed) as f64 / 8.0 * share;
        let round_trip = Duration::from_millis(counters.round_trip_ms.load(Relaxed));
        let number = event.structure().and_then(|fields| fields.get::<u32>("seqnum").ok());
        let now = Instant::now();
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let (budget, answered) = &mut *state;
        let fresh = repetition || number.is_none_or(|number| answered.note(number, round_trip, now));
        let anew = counters.recovery_ms.load(Relaxed);
        let gone = anew > 0 && counters.now_ms().saturating_sub(anew) < GONE_MS;
        let granted = fresh && !gone && budget.take(size.load(Relaxed) as f64, rate, now);
        drop(state);
        if !granted {
            return gst::PadProbeReturn::Handled;
        }
        if lossy && !repetition {
            repeating.store(true, Relaxed);
            pad.send_event(event.to_owned());
            repeating.store(false, Relaxed);
        }
        gst::PadProbeReturn::Ok
    });
}

/// Lets requests out when they are made, and tells the peer how its packets arrive some times a second.
pub fn hurry(session: &gst::Element) {
    let inner: gst::glib::Object = session.property("internal-session");
    inner.set_property("twcc-feedback-interval", u64::try_from(TWCC_INTERVAL.as_nanos()).unwrap_or(0));
    session.set_property("rtcp-fraction", RTCP_BYTES_S);
}

/// The mean size of the packets that pass, in bytes: small where the rate is low.
fn mean_size(pad: &gst::Pad) -> Arc<AtomicU64> {
    let mean = Arc::new(AtomicU64::new(0));
    let sizes = mean.clone();
    probes::PACKET_SIZES.decide(pad, move |_, packet| {
        if let Some(size) = packet.and_then(|packet| u64::try_from(packet.size()).ok()) {
            let before = sizes.load(Relaxed);
            sizes.store((before * (MEAN_OVER - 1) + size).div_ceil(MEAN_OVER), Relaxed);
        }
        gst::PadProbeReturn::Ok
    });
    mean
}

/// Packets that were sent again, and when: one that is on its way is asked for again by a hasty peer.
#[derive(Default)]
struct Answered(HashMap<u32, Instant>);

impl Answered {
    /// Whether the packet of that number has not been sent again within a round trip.
    fn note(&mut self, number: u32, round_trip: Duration, now: Instant) -> bool {
        let wait = round_trip.mul_f64(ON_ITS_WAY).max(LEAST_WAIT);
        self.0.retain(|_, at| now.saturating_duration_since(*at) < wait);
        let fresh = !self.0.contains_key(&number);
        if fresh {
            self.0.insert(number, now);
        }
        fresh
    }
}

/// Bytes that may be sent again.
struct Budget {
    bytes: f64,
    at: Instant,
}

impl Budget {
    fn new(at: Instant) -> Self {
        Self { bytes: f64::INFINITY, at }
    }

    /// Takes a packet of `size` bytes where there is room for it, at `rate` bytes a second.
    fn take(&mut self, size: f64, rate: f64, now: Instant) -> bool {
        let most = (rate * BURST.as_secs_f64()).max(LEAST_BYTES);
        let earned = now.saturating_duration_since(self.at).as_secs_f64() * rate;
        self.bytes = (self.bytes + earned).min(most);
        self.at = now;
        let enough = self.bytes >= size;
        if enough {
            self.bytes -= size;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_on_its_way_is_not_sent_again() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let round_trip = Duration::from_millis(100);
        let mut answered = Answered::default();

        assert!(answered.note(1, round_trip, at(0)));
        assert!(!answered.note(1, round_trip, at(60)));
        assert!(answered.note(2, round_trip, at(60)));
        assert!(answered.note(1, round_trip, at(90)));
        assert_eq!(answered.0.len(), 2);
    }

    #[test]
    fn a_storm_of_requests_gets_a_share_and_no_more() {
        let start = Instant::now();
        let mut budget = Budget::new(start);
        let rate = 12_000.0;
        let storm =
            |budget: &mut Budget, at: Instant| (0..500).filter(|_| budget.take(1200.0, rate, at)).count();

        assert_eq!(storm(&mut budget, start), 10, "a burst at first");
        assert_eq!(storm(&mut budget, start + Duration::from_millis(500)), 5, "then by the rate");
        assert_eq!(storm(&mut budget, start + Duration::from_mins(1)), 10, "and a burst again after a pause");
    }
}
