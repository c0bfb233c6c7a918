//! Limits the retransmissions (RTX) that the peer's NACKs trigger, and sends our own NACKs early.
//!
//! On a link that loses packets without congestion each retransmission is sent twice (RFC 4588 allows it): at 5 % loss
//! that adds 5 % to what is sent, and one packet in 400 instead of one in 20 is still missing a round trip later.
//!
//! No FEC on top: `fec-type=ulp-red` of webrtcbin 1.22 at 20 % works without loss, but in
//! `networks::loss::loss_and_delay_cost_chromium_no_freeze` Chromium freezes (0 to 8 frames a second, without it 24 to
//! 28), although both ends send NACKs and get their retransmissions.
//!
//! Runs on webrtcbin's threads, once per NACK and packet.

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

/// Name of the event by which rtpsession passes on a NACK, one per packet.
const NACK: &str = "GstRTPRetransmissionRequest";
/// Sent packets kept for retransmission: a browser sends up to ten NACKs for one, a round trip apart.
const HISTORY_PACKETS: u32 = 1000;
const HISTORY_MS: u32 = 1000;
/// Share of the bitrate for retransmissions, which the encoder's rate control does not see: unbounded, they flood a
/// link that narrows (measured with 500 packets of history: no frame for 12 s). A quarter repairs 10 % loss twice over.
/// A lossy link without a queue cannot be flooded; there each is sent twice, from twice the share.
const SHARE: f64 = 0.25;
const LOSSY_SHARE: f64 = 0.5;
/// Burst allowance, for a key frame's lost packets: the share over this time, and at least this many bytes.
const BURST: Duration = Duration::from_secs(1);
const MIN_BURST_BYTES: f64 = 12_000.0;
/// Ignore repeated NACKs for a packet within this fraction of a round trip of its retransmission, and at least for this
/// long: the peer cannot have received it yet.
const REPEAT_AFTER: f64 = 0.8;
const MIN_REPEAT_AFTER: Duration = Duration::from_millis(15);
/// For this long after a key frame replaced retransmissions, NACKs are still for packets from before it: ignore them.
const OBSOLETE_MS: u64 = 400;
/// Number of packets that the running mean of their sizes covers.
const MEAN_OVER: u64 = 16;
/// Time between two transport-wide reports, the interval that browsers use; without it one is sent per frame.
const TWCC_INTERVAL: Duration = Duration::from_millis(80);
/// RTCP bandwidth in bytes a second. It decides how soon one early RTCP packet, such as a NACK, may follow another
/// (`rtp_session_request_early_rtcp`); the usual 5 % of the session's rate makes that wait long. A bound, not a rate.
const RTCP_BYTES_S: f64 = 1_000_000.0;

/// Keeps sent packets for retransmission, and limits retransmissions to a share of the encoder's bitrate.
pub fn limit(element: &gst::Element, counters: &Arc<Counters>) {
    element.set_property("max-size-packets", HISTORY_PACKETS);
    element.set_property("max-size-time", HISTORY_MS);
    let (Some(input), Some(pad)) = (element.static_pad("sink"), element.static_pad("src")) else { return };
    let size = mean_size(&input);
    let counters = counters.clone();
    let state = Mutex::new((Budget::new(Instant::now()), Retransmitted::default()));
    let repeating = AtomicBool::new(false);
    probes::NACK_RECEIVED.upstream(&pad, move |pad, event| {
        if !event.has_name(NACK) {
            return gst::PadProbeReturn::Ok;
        }
        // NACKs arrive on one thread, so this is the repetition that is triggered below.
        let repetition = repeating.load(Relaxed);
        let lossy = counters.lossy.load(Relaxed);
        let share = if lossy { LOSSY_SHARE } else { SHARE };
        let rate = counters.target_bps.load(Relaxed) as f64 / 8.0 * share;
        let round_trip = Duration::from_millis(counters.round_trip_ms.load(Relaxed));
        let number = event.structure().and_then(|fields| fields.get::<u32>("seqnum").ok());
        let now = Instant::now();
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let (budget, retransmitted) = &mut *state;
        let fresh = repetition || number.is_none_or(|number| retransmitted.note(number, round_trip, now));
        let recovery = counters.recovery_ms.load(Relaxed);
        let obsolete = recovery > 0 && counters.now_ms().saturating_sub(recovery) < OBSOLETE_MS;
        let granted = fresh && !obsolete && budget.take(size.load(Relaxed) as f64, rate, now);
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

/// Sends NACKs as soon as they are due, and transport-wide feedback at a fixed interval.
pub fn send_rtcp_early(session: &gst::Element) {
    let inner: gst::glib::Object = session.property("internal-session");
    inner.set_property("twcc-feedback-interval", u64::try_from(TWCC_INTERVAL.as_nanos()).unwrap_or(0));
    session.set_property("rtcp-fraction", RTCP_BYTES_S);
}

/// Tracks the mean size of the packets that pass, in bytes: it is small at a low bitrate.
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

/// Recently retransmitted packets, to ignore the repeated NACKs of a hasty peer.
#[derive(Default)]
struct Retransmitted(HashMap<u32, Instant>);

impl Retransmitted {
    /// Records a retransmission; `false` if the packet was already retransmitted within a round trip.
    fn note(&mut self, number: u32, round_trip: Duration, now: Instant) -> bool {
        let wait = round_trip.mul_f64(REPEAT_AFTER).max(MIN_REPEAT_AFTER);
        self.0.retain(|_, at| now.saturating_duration_since(*at) < wait);
        let fresh = !self.0.contains_key(&number);
        if fresh {
            self.0.insert(number, now);
        }
        fresh
    }
}

/// A token bucket of bytes for retransmission.
struct Budget {
    bytes: f64,
    at: Instant,
}

impl Budget {
    fn new(at: Instant) -> Self {
        Self { bytes: f64::INFINITY, at }
    }

    /// Takes `size` bytes if the bucket, filled at `rate` bytes a second, holds them.
    fn take(&mut self, size: f64, rate: f64, now: Instant) -> bool {
        let most = (rate * BURST.as_secs_f64()).max(MIN_BURST_BYTES);
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
    fn a_packet_in_flight_is_not_retransmitted_again() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let round_trip = Duration::from_millis(100);
        let mut retransmitted = Retransmitted::default();

        assert!(retransmitted.note(1, round_trip, at(0)));
        assert!(!retransmitted.note(1, round_trip, at(60)));
        assert!(retransmitted.note(2, round_trip, at(60)));
        assert!(retransmitted.note(1, round_trip, at(90)));
        assert_eq!(retransmitted.0.len(), 2);
    }

    #[test]
    fn a_flood_of_nacks_gets_a_share_and_no_more() {
        let start = Instant::now();
        let mut budget = Budget::new(start);
        let rate = 12_000.0;
        let flood =
            |budget: &mut Budget, at: Instant| (0..500).filter(|_| budget.take(1200.0, rate, at)).count();

        assert_eq!(flood(&mut budget, start), 10, "a burst at first");
        assert_eq!(flood(&mut budget, start + Duration::from_millis(500)), 5, "then by the rate");
        assert_eq!(flood(&mut budget, start + Duration::from_mins(1)), 10, "and a burst again after a pause");
    }
}
