//! Measures the delay inside the graph for the ledger: when each frame entered the decoder, the encoder, the network.
//!
//! Runs on GStreamer's threads, a few atomic stores per frame. A frame is identified by its running time, which every
//! element keeps.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use crate::metrics::{Ledger, Step};

/// Frames inside one element at a time: hardware codecs hold up to 16.
const IN_FLIGHT: usize = 32;

/// When frames entered each step of the graph.
pub struct Timing {
    ledger: Arc<Ledger>,
    started: Instant,
    decoding: Marks,
    encoding: Marks,
    sending: Marks,
    /// Frames payloaded and frames sent so far: their order links the two.
    payloaded: AtomicUsize,
    sent: AtomicUsize,
    /// Payload type of the video that is sent.
    payload: AtomicU32,
    /// When the first frame was sent, in microseconds after the start; 0 before.
    first: AtomicU64,
}

impl Timing {
    /// Records the times of one graph into `ledger`.
    pub fn new(ledger: Arc<Ledger>) -> Self {
        Self {
            ledger,
            started: Instant::now(),
            decoding: Marks::default(),
            encoding: Marks::default(),
            sending: Marks::default(),
            payloaded: AtomicUsize::new(0),
            sent: AtomicUsize::new(0),
            payload: AtomicU32::new(u32::MAX),
            first: AtomicU64::new(0),
        }
    }

    /// Records a step that the caller measured.
    pub fn record(&self, step: Step, time: Duration) {
        self.ledger.record(step, time);
    }

    /// An access unit enters the decoder, `age` after its first packet arrived.
    pub fn decoder_gets(&self, running: gst::ClockTime, age: Duration) {
        self.ledger.record(Step::JitterBuffer, age);
        self.decoding.set(running.nseconds(), self.now());
    }

    /// A decoded frame leaves the decoder.
    pub fn decoder_gives(&self, running: gst::ClockTime) {
        if let Some(time) = self.decoding.since(running.nseconds(), self.now()) {
            self.ledger.record(Step::Decode, time);
        }
    }

    /// A frame enters the encoder.
    pub fn encoder_gets(&self, running: gst::ClockTime) {
        self.encoding.set(running.nseconds(), self.now());
    }

    /// An access unit leaves the encoder, `age` after the first packet of its frame arrived.
    pub fn encoder_gives(&self, running: gst::ClockTime, age: Duration) {
        if let Some(time) = self.encoding.since(running.nseconds(), self.now()) {
            self.ledger.record(Step::Encode, time);
        }
        let turn = self.payloaded.fetch_add(1, Relaxed);
        self.sending.put(turn, micros(age), self.now());
    }

    /// Time from the graph's start to the first frame sent back; `None` before.
    pub fn first_sent(&self) -> Option<Duration> {
        Some(self.first.load(Relaxed)).filter(|at| *at > 0).map(Duration::from_micros)
    }

    /// Forgets frames that were encoded and never sent, because their encoder was removed.
    pub fn forget(&self) {
        self.sent.store(self.payloaded.load(Relaxed), Relaxed);
    }

    /// Sets the payload type by which [`Timing::packet`] recognises video.
    pub fn set_payload(&self, payload: u8) {
        self.payload.store(u32::from(payload), Relaxed);
    }

    /// A packet leaves for the network; SRTP leaves the header readable (RFC 3711, 3.1).
    pub fn packet(&self, packet: &gst::BufferRef) {
        let mut head = [0; 2];
        if packet.copy_to_slice(0, &mut head).is_err() {
            return;
        }
        let (last, payload) = (head[1] & 0x80 != 0, u32::from(head[1] & 0x7f));
        if !last || payload != self.payload.load(Relaxed) {
            return;
        }
        let turn = self.sent.load(Relaxed);
        if turn >= self.payloaded.load(Relaxed) {
            return; // a marker bit without an access unit of ours
        }
        self.sent.store(turn + 1, Relaxed);
        if turn == 0 {
            self.first.store(self.now().max(1), Relaxed);
        }
        let (age, at) = self.sending.get(turn);
        let time = self.now().saturating_sub(at);
        self.ledger.record(Step::Send, Duration::from_micros(time));
        self.ledger.record(Step::Total, Duration::from_micros(age + time));
    }

    fn now(&self) -> u64 {
        micros(self.started.elapsed())
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// A lock-free ring of (key, time): one writer, one reader behind it.
struct Marks {
    ring: [(AtomicU64, AtomicU64); IN_FLIGHT],
    next: AtomicUsize,
}

impl Default for Marks {
    fn default() -> Self {
        let empty = || (AtomicU64::new(u64::MAX), AtomicU64::new(0));
        Self { ring: std::array::from_fn(|_| empty()), next: AtomicUsize::new(0) }
    }
}

impl Marks {
    fn set(&self, key: u64, at: u64) {
        self.put(self.next.fetch_add(1, Relaxed), key, at);
    }

    fn put(&self, turn: usize, key: u64, at: u64) {
        let (slot, time) = &self.ring[turn % IN_FLIGHT];
        time.store(at, Relaxed);
        slot.store(key, Relaxed);
    }

    fn get(&self, turn: usize) -> (u64, u64) {
        let (slot, time) = &self.ring[turn % IN_FLIGHT];
        (slot.load(Relaxed), time.load(Relaxed))
    }

    /// Time since `key` was set; `None` if it never was, or has been overwritten.
    fn since(&self, key: u64, now: u64) -> Option<Duration> {
        let (_, time) = self.ring.iter().find(|(slot, _)| slot.load(Relaxed) == key)?;
        Some(Duration::from_micros(now.saturating_sub(time.load(Relaxed))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_found_until_the_ring_has_come_round() {
        let marks = Marks::default();
        marks.set(7, 100);

        assert_eq!(marks.since(7, 250), Some(Duration::from_micros(150)));
        assert_eq!(marks.since(8, 250), None);

        (0..IN_FLIGHT as u64).for_each(|key| marks.set(1000 + key, 0));
        assert_eq!(marks.since(7, 250), None);
    }

    #[test]
    fn a_frame_is_sent_with_its_last_packet() {
        gst::init().unwrap();
        let ledger = Arc::new(crate::metrics::Metrics::new().unwrap().ledger().unwrap());
        let timing = Timing::new(ledger.clone());
        timing.set_payload(96);
        let packet = |second: u8| gst::Buffer::from_slice([0x80, second, 0, 0]);

        timing.packet(&packet(0x80 | 0x60)); // nothing was encoded yet
        timing.encoder_gives(gst::ClockTime::SECOND, Duration::from_millis(20));
        timing.packet(&packet(0x60));
        timing.packet(&packet(0x80 | 0x61));
        assert_eq!(ledger.quantiles(Step::Total), None);

        timing.packet(&packet(0x80 | 0x60));

        let total = ledger.quantiles(Step::Total).unwrap();
        assert_eq!(total.count, 1);
        assert!(total.mean_ms >= 20.0);
    }
}
