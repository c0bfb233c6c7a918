//! The estimate over simulated links: the rate that it reaches, and the queue that it allows.

use super::*;

const VIDEO: u8 = 96;
const BOUNDS: (u32, u32) = (100_000, 4_000_000);
/// Time between two frames, and between two reports.
const FRAME_S: f64 = 1.0 / 30.0;
const REPORT_S: f64 = 0.08;

/// A link with a queue, and an encoder before it that follows the estimate a few frames late.
struct Call {
    estimate: Estimate,
    rate_bps: f64,
    /// Capacity of the queue, in seconds of the link.
    queue_s: f64,
    delay_s: f64,
    jitter_s: f64,
    loss: f64,
    chance: u64,
    /// When the link has sent all that is queued.
    free_at: f64,
    now: f64,
    sent: Vec<Packet>,
    targets: Vec<f64>,
}

/// Measurements over a part of the call.
struct Span {
    rate_bps: f64,
    queue_ms: f64,
    lost: f64,
}

impl Call {
    fn new(rate_kbps: f64) -> Self {
        Self {
            estimate: Estimate::new(600_000, BOUNDS),
            rate_bps: rate_kbps * 1000.0,
            queue_s: 0.3,
            delay_s: 0.02,
            jitter_s: 0.0,
            loss: 0.0,
            chance: 1,
            free_at: 0.0,
            now: 100.0,
            sent: Vec::new(),
            targets: vec![600_000.0; 4],
        }
    }

    fn random(&mut self) -> f64 {
        self.chance =
            self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.chance >> 33) as f64 / f64::from(1_u32 << 31)
    }

    /// Runs for some seconds; returns the mean rate, the longest queue and the share of packets lost.
    fn run(&mut self, seconds: f64) -> Span {
        let (until, began) = (self.now + seconds, self.now);
        let (mut bits, mut packets, mut lost, mut queue, mut report_at) = (0.0, 0.0, 0.0, 0.0_f64, self.now);
        while self.now < until {
            let target = self.targets[self.targets.len() - 4]; // the encoder follows a few frames late
            let size = target * FRAME_S / 8.0 * (0.7 + 0.6 * self.random());
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a frame's packets")]
            let count = (size / 1100.0).ceil() as u32;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a packet's bytes")]
            let payload = (size / f64::from(count)) as u32;
            for _ in 0..count {
                let packet = self.send(payload);
                packets += 1.0;
                lost += f64::from(u8::from(packet.arrived.is_none()));
                bits += f64::from(payload) * 8.0;
                queue = queue.max(self.free_at - self.now);
                self.sent.push(packet);
            }
            self.now += FRAME_S;
            let known = self.now - self.delay_s * 2.0;
            let target = if self.now >= report_at + REPORT_S {
                report_at = self.now;
                let is_known = |packet: &Packet| packet.sent.as_secs_f64() + self.queue_of(packet) <= known;
                let (report, rest) = self.sent.iter().partition::<Vec<Packet>, _>(|packet| is_known(packet));
                self.sent = rest;
                f64::from(self.estimate.report(&report, VIDEO))
            } else {
                *self.targets.last().unwrap()
            };
            self.targets.push(target);
        }
        Span { rate_bps: bits / (self.now - began), queue_ms: queue * 1000.0, lost: lost / packets }
    }

    fn queue_of(&self, packet: &Packet) -> f64 {
        packet.arrived.map_or(0.0, |at| at.as_secs_f64() - packet.sent.as_secs_f64() - self.delay_s)
    }

    fn send(&mut self, payload: u32) -> Packet {
        let sent = Duration::from_secs_f64(self.now);
        self.free_at = self.free_at.max(self.now);
        let full = self.free_at - self.now > self.queue_s;
        if !full {
            self.free_at += f64::from(payload + 62) * 8.0 / self.rate_bps;
        }
        let arrival = self.free_at + self.delay_s + self.jitter_s * self.random();
        let lost = full || self.random() < self.loss;
        Packet {
            sent,
            arrived: (!lost).then(|| Duration::from_secs_f64(arrival)),
            payload,
            payload_type: VIDEO,
        }
    }
}

#[test]
fn a_narrow_link_is_used_and_its_queue_stays_short() {
    for rate in [300.0, 700.0, 2000.0] {
        let mut call = Call::new(rate);
        call.run(5.0);
        let rest = call.run(30.0);

        assert!(rest.rate_bps > 0.7 * rate * 1000.0, "{rate}: {}", rest.rate_bps);
        assert!(rest.queue_ms < 200.0 && rest.lost < 0.001, "{rate}: {} ms, {}", rest.queue_ms, rest.lost);
    }
}

#[test]
fn a_wide_link_is_used_after_some_seconds() {
    let mut call = Call::new(20_000.0);
    call.run(3.0);

    assert!(call.run(2.0).rate_bps > 3_000_000.0);
}

#[test]
fn a_link_that_narrows_gets_less_within_a_second_and_recovers_its_rate_later() {
    let mut call = Call::new(2000.0);
    let before = call.run(10.0);
    call.rate_bps = 400_000.0;
    let narrowing = call.run(1.0);
    assert!(call.estimate.take_recovery() && !call.estimate.take_recovery());
    let narrow = call.run(7.0);
    call.rate_bps = 2_000_000.0;
    call.run(8.0);
    let wide = call.run(2.0);

    assert!(narrowing.lost < 0.7, "{}", narrowing.lost);
    assert!(
        narrow.rate_bps > 250_000.0 && narrow.queue_ms < 300.0,
        "{} {}",
        narrow.rate_bps,
        narrow.queue_ms
    );
    assert!(narrow.lost < 0.02, "{}", narrow.lost);
    assert!(wide.rate_bps > 0.8 * before.rate_bps, "{} then {}", before.rate_bps, wide.rate_bps);
}

#[test]
fn random_loss_and_jitter_cost_no_rate() {
    for (loss, jitter_s) in [(0.05, 0.0), (0.2, 0.0), (0.0, 0.02), (0.05, 0.02)] {
        let mut call = Call::new(20_000.0);
        (call.loss, call.jitter_s, call.delay_s) = (loss, jitter_s, 0.05);
        call.run(30.0);
        let rate = call.run(10.0).rate_bps;

        assert!(rate > 900_000.0, "loss {loss}, jitter {jitter_s}: {rate}");
    }
}

#[test]
fn a_longer_route_is_not_mistaken_for_a_queue_for_ever() {
    let mut call = Call::new(2000.0);
    call.run(10.0);
    call.delay_s = 0.15;
    call.run(10.0);

    assert!(call.run(5.0).rate_bps > 1_000_000.0);
}

#[test]
fn an_encoder_that_needs_little_proves_no_rate() {
    let mut estimate = Estimate::new(600_000, BOUNDS);
    for frame in 1..900_u32 {
        let sent = Duration::from_secs_f64(f64::from(frame) * FRAME_S);
        let packet = Packet { sent, arrived: Some(sent), payload: 500, payload_type: VIDEO };
        estimate.report(&[packet], VIDEO);
    }

    assert!(estimate.rate_bps < 700_000.0, "{}", estimate.rate_bps);
}

#[test]
fn headers_and_retransmissions_are_taken_off_the_video_bitrate() {
    let mut estimate = Estimate::new(1_000_000, BOUNDS);
    let at = |ms: u64| Duration::from_millis(1000 + ms);
    let packet =
        |ms, payload_type| Packet { sent: at(ms), arrived: Some(at(ms)), payload: 938, payload_type };

    let target =
        estimate.report(&[packet(0, VIDEO), packet(1, VIDEO), packet(2, VIDEO), packet(3, 97)], VIDEO);

    assert_eq!(target, 703_500, "three of four packets, 938 bytes of 1000");
}
