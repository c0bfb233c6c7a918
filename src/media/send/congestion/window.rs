//! What the peer said of the packets of the last second, and what it tells of the link. Pure.

use std::{collections::VecDeque, time::Duration};

/// How long packets are looked at: a second shows the share that gets lost.
const KEPT: Duration = Duration::from_secs(1);
/// How much proof a queue needs: least delay of so many pictures over so long. A picture's first packets wait for
/// the queue alone, its later ones for each other too, and jitter is never negative.
pub type Proof = (Duration, usize);
/// How long the least delay counts as that of an empty queue: clocks drift and routes change.
const BASE_KEPT: Duration = Duration::from_secs(10);
const BASE_STEP: Duration = Duration::from_millis(100);
/// IPv4, UDP, SRTP's tag, the RTP header with its extensions: what a packet costs the link beside its payload.
const OVERHEAD: u32 = 20 + 8 + 10 + 12 + 12;

/// A packet that the peer reported on (draft-holmer-rmcat-transport-wide-cc-extensions-01).
#[derive(Clone, Copy, Debug)]
pub struct Packet {
    /// When it left, by our clock.
    pub sent: Duration,
    /// When it came, by the peer's clock; `None` where it did not.
    pub arrived: Option<Duration>,
    /// Bytes of payload.
    pub payload: u32,
    /// Its payload type: tells retransmissions from the picture.
    pub payload_type: u8,
}

impl Packet {
    /// Bits that it costs the link.
    fn bits(&self) -> f64 {
        f64::from(self.payload + OVERHEAD) * 8.0
    }

    /// How long it was on its way, by clocks that differ by a constant, in milliseconds.
    fn way_ms(&self) -> Option<f64> {
        Some((self.arrived?.as_secs_f64() - self.sent.as_secs_f64()) * 1000.0)
    }
}

/// The reports of the last second, the newest last.
#[derive(Debug, Default)]
pub struct Window {
    packets: VecDeque<Packet>,
    /// Least delays of an empty queue in milliseconds, each since its time.
    bases: VecDeque<(Duration, f64)>,
}

impl Window {
    /// Takes a report in.
    pub fn add(&mut self, report: &[Packet]) {
        for packet in report {
            if let Some(way) = packet.way_ms() {
                self.learn_base(packet.sent, way);
            }
            self.packets.push_back(*packet);
        }
        let Some(newest) = self.newest() else { return };
        while self.packets.front().is_some_and(|packet| packet.sent + KEPT < newest) {
            self.packets.pop_front();
        }
    }

    /// When the newest packet that was reported on left.
    pub fn newest(&self) -> Option<Duration> {
        self.packets.back().map(|packet| packet.sent)
    }

    /// Milliseconds that each packet sent since `since` waits behind those of earlier pictures; `None` where too
    /// few of them are known.
    pub fn standing_ms(&self, since: Duration, (over, wanted): Proof) -> Option<f64> {
        let (newest, base) = (self.newest()?, self.base()?);
        let mut least = f64::INFINITY;
        let mut pictures = 0;
        let mut picture = None;
        for packet in self.packets.iter().rev().take_while(|packet| packet.sent >= since) {
            if pictures >= wanted && packet.sent + over < newest {
                break;
            }
            let Some(way) = packet.way_ms() else { continue };
            least = least.min(way);
            pictures += usize::from(picture.replace(packet.sent) != Some(packet.sent));
        }
        (pictures >= wanted).then_some(least - base)
    }

    /// The delay that counts as none is what it is now: the route has changed.
    pub fn forget_base(&mut self) {
        self.bases.clear();
    }

    /// Bits a second that arrived within the last `over`.
    pub fn arrived_bps(&self, over: Duration) -> Option<f64> {
        let last = self.packets.iter().filter_map(|packet| packet.arrived).max()?;
        let first = self.packets.iter().filter_map(|packet| packet.arrived).min()?;
        let over = over.min(last.saturating_sub(first));
        let arrived = self.packets.iter().filter(|packet| packet.arrived.is_some_and(|at| at + over > last));
        (!over.is_zero()).then(|| arrived.map(Packet::bits).sum::<f64>() / over.as_secs_f64())
    }

    /// Share of the packets of the last second that got lost; `None` where there are too few for one.
    pub fn lost(&self) -> Option<f64> {
        let lost = self.packets.iter().filter(|packet| packet.arrived.is_none()).count();
        (self.packets.len() >= 20).then(|| lost as f64 / self.packets.len() as f64)
    }

    /// Share of the link's bits that are payload of the picture: the rest are headers and retransmissions.
    pub fn picture_share(&self, payload_type: u8) -> Option<f64> {
        let all: f64 = self.packets.iter().map(Packet::bits).sum();
        let pictures = self.packets.iter().filter(|packet| packet.payload_type == payload_type);
        let payload: f64 = pictures.map(|packet| f64::from(packet.payload) * 8.0).sum();
        (payload > 0.0).then(|| payload / all)
    }

    fn base(&self) -> Option<f64> {
        self.bases.iter().map(|(_, way)| *way).reduce(f64::min)
    }

    /// A sliding minimum: a queue of delays, each higher than those before it.
    fn learn_base(&mut self, sent: Duration, way: f64) {
        while self.bases.len() > 1 && self.bases.front().is_some_and(|(at, _)| *at + BASE_KEPT < sent) {
            self.bases.pop_front();
        }
        while self.bases.back().is_some_and(|(_, before)| *before >= way) {
            self.bases.pop_back();
        }
        if self.bases.back().is_none_or(|(at, _)| *at + BASE_STEP <= sent) {
            self.bases.push_back((sent, way));
        }
    }
}
