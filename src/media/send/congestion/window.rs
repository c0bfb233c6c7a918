//! The peer's feedback on the packets of the last second, and what it says about the link. Pure.

use std::{collections::VecDeque, time::Duration};

/// How long packets are kept: one second is enough to measure loss.
const KEPT: Duration = Duration::from_secs(1);
/// The evidence that a queue needs: the minimum delay over at least this time and this many frames. The minimum counts,
/// since a frame's first packets wait only for the queue, its later ones also for each other, and jitter only adds.
pub type Evidence = (Duration, usize);
/// How long a minimum delay counts as the base delay of an empty queue: clocks drift and routes change.
const BASE_KEPT: Duration = Duration::from_secs(10);
const BASE_STEP: Duration = Duration::from_millis(100);
/// Overhead per packet: IPv4, UDP, the SRTP tag, the RTP header and its extensions.
const OVERHEAD: u32 = 20 + 8 + 10 + 12 + 12;

/// A packet that the peer reported on (draft-holmer-rmcat-transport-wide-cc-extensions-01).
#[derive(Clone, Copy, Debug)]
pub struct Packet {
    /// When it was sent, by our clock.
    pub sent: Duration,
    /// When it arrived, by the peer's clock; `None` if it was lost.
    pub arrived: Option<Duration>,
    /// Bytes of payload.
    pub payload: u32,
    /// Its payload type, which tells video from retransmissions.
    pub payload_type: u8,
}

impl Packet {
    /// Bits on the wire.
    fn bits(&self) -> f64 {
        f64::from(self.payload + OVERHEAD) * 8.0
    }

    /// One-delay delay in milliseconds, plus the constant difference of the two clocks.
    fn delay_ms(&self) -> Option<f64> {
        Some((self.arrived?.as_secs_f64() - self.sent.as_secs_f64()) * 1000.0)
    }
}

/// The packets of the last second, newest last.
#[derive(Debug, Default)]
pub struct Window {
    packets: VecDeque<Packet>,
    /// Candidates for the base delay in milliseconds, each with its time.
    bases: VecDeque<(Duration, f64)>,
}

impl Window {
    /// Adds a report.
    pub fn add(&mut self, report: &[Packet]) {
        for packet in report {
            if let Some(delay) = packet.delay_ms() {
                self.learn_base(packet.sent, delay);
            }
            self.packets.push_back(*packet);
        }
        let Some(newest) = self.newest() else { return };
        while self.packets.front().is_some_and(|packet| packet.sent + KEPT < newest) {
            self.packets.pop_front();
        }
    }

    /// When the newest reported packet was sent.
    pub fn newest(&self) -> Option<Duration> {
        self.packets.back().map(|packet| packet.sent)
    }

    /// The standing queue in milliseconds: how long every packet sent since `since` waited behind earlier frames.
    /// `None` without enough evidence.
    pub fn standing_queue_ms(&self, since: Duration, (over, wanted): Evidence) -> Option<f64> {
        let (newest, base) = (self.newest()?, self.base()?);
        let mut minimum = f64::INFINITY;
        let mut frames = 0;
        let mut frame = None;
        for packet in self.packets.iter().rev().take_while(|packet| packet.sent >= since) {
            if frames >= wanted && packet.sent + over < newest {
                break;
            }
            let Some(delay) = packet.delay_ms() else { continue };
            minimum = minimum.min(delay);
            frames += usize::from(frame.replace(packet.sent) != Some(packet.sent));
        }
        (frames >= wanted).then_some(minimum - base)
    }

    /// Learns the base delay again, because the route has changed.
    pub fn forget_base(&mut self) {
        self.bases.clear();
    }

    /// Arrival rate over the last `over`, in bit/s.
    pub fn arrived_bps(&self, over: Duration) -> Option<f64> {
        let last = self.packets.iter().filter_map(|packet| packet.arrived).max()?;
        let first = self.packets.iter().filter_map(|packet| packet.arrived).min()?;
        let over = over.min(last.saturating_sub(first));
        let arrived = self.packets.iter().filter(|packet| packet.arrived.is_some_and(|at| at + over > last));
        (!over.is_zero()).then(|| arrived.map(Packet::bits).sum::<f64>() / over.as_secs_f64())
    }

    /// Share of packets lost in the last second; `None` if too few were sent.
    pub fn lost(&self) -> Option<f64> {
        let lost = self.packets.iter().filter(|packet| packet.arrived.is_none()).count();
        (self.packets.len() >= 20).then(|| lost as f64 / self.packets.len() as f64)
    }

    /// Share of the sent bits that is video payload; the rest is headers and retransmissions.
    pub fn video_share(&self, payload_type: u8) -> Option<f64> {
        let all: f64 = self.packets.iter().map(Packet::bits).sum();
        let video = self.packets.iter().filter(|packet| packet.payload_type == payload_type);
        let payload: f64 = video.map(|packet| f64::from(packet.payload) * 8.0).sum();
        (payload > 0.0).then(|| payload / all)
    }

    fn base(&self) -> Option<f64> {
        self.bases.iter().map(|(_, delay)| *delay).reduce(f64::min)
    }

    /// Sliding minimum: keeps delays in ascending order.
    fn learn_base(&mut self, sent: Duration, delay: f64) {
        while self.bases.len() > 1 && self.bases.front().is_some_and(|(at, _)| *at + BASE_KEPT < sent) {
            self.bases.pop_front();
        }
        while self.bases.back().is_some_and(|(_, before)| *before >= delay) {
            self.bases.pop_back();
        }
        if self.bases.back().is_none_or(|(at, _)| *at + BASE_STEP <= sent) {
            self.bases.push_back((sent, delay));
        }
    }
}
