//! How many bits a second the link to the peer takes, from what the peer says of each packet. Pure.
//!
//! The rules are those of draft-ietf-rmcat-gcc-02 (fall below what arrives when a queue builds up, rise
//! multiplicatively far from the last known limit and slowly near it) with three differences. The queue is read from
//! the least delay of some pictures, not from the slope of single ones: pictures come in bursts, and nothing paces
//! them. Loss that stays when less is sent is the link's own and does not count. The first seconds double the rate
//! each second until a queue shows.

use std::time::Duration;

use super::window::{Packet, Window};

/// Milliseconds of standing queue: below the first the rate rises, above the second it falls.
const EMPTY_MS: f64 = 8.0;
const CALM_MS: f64 = 25.0;
const FULL_MS: f64 = 50.0;
/// Part of what arrives that is not sent while a queue is to drain: as much as drains it in a second, within these.
const DRAIN: (f64, f64) = (0.15, 0.4);
/// An encoder needs some pictures to follow: what was sent sooner says nothing of the new rate.
const FOLLOWED: Duration = Duration::from_millis(150);
/// While a queue stands the link is busy, so that little time tells what it takes.
const BUSY_OVER: Duration = Duration::from_millis(300);
/// What is sent at all, calm or not.
const SENT_OVER: Duration = Duration::from_secs(1);
/// A queue that falls by so many milliseconds is draining.
const DRAINING_MS: f64 = 5.0;
/// So many falls that drain nothing: it is the route that takes longer now.
const VAIN: u32 = 4;
/// Loss above the link's own: below the first the rate rises, above the second it falls.
const LITTLE_LOSS: f64 = 0.05;
const MUCH_LOSS: f64 = 0.10;
/// The window shows only packets that were sent after a fall.
const LOSS_ROUND: Duration = Duration::from_millis(1200);
/// So much of the loss is left after a fall where it is the link's own; so much of that is kept a round.
const OWN_LOSS: f64 = 0.8;
const OWN_LOSS_KEPT: f64 = 0.9;
/// So much of what is sent gets lost where sending it twice is worth it.
const LOSSY: f64 = 0.02;
/// Growth a second: at the start, close to the known limit with and without a queue, and far from it, where it grows
/// itself by the second.
const START_GROWTH: f64 = 2.0;
const NEAR_GROWTH: f64 = 1.03;
const EMPTY_GROWTH: f64 = 1.08;
const FAR_GROWTH: f64 = 1.10;
const FAR_GROWTH_A_SECOND: f64 = 0.10;
const MOST_GROWTH: f64 = 1.5;
/// The known limit is passed when the rate is so many times it with no queue.
const PASSED: f64 = 1.15;
/// The rate may be so many times what is really sent: an encoder that needs less proves nothing of the link.
const UNUSED: f64 = 1.5;
const UNUSED_BPS: f64 = 50_000.0;

/// The estimate of one link.
#[derive(Debug)]
pub struct Estimate {
    window: Window,
    rate_bps: f64,
    bounds: (f64, f64),
    /// What the link took when it was last full; `None` before that, and when that is known to be over.
    limit_bps: Option<f64>,
    starting: bool,
    /// When the limit was passed, or the start.
    far_since: Duration,
    /// Time of the last report.
    now: Duration,
    fell: Option<Fall>,
    loss: Loss,
}

/// What gets lost.
#[derive(Debug, Default)]
struct Loss {
    /// Share that is lost whatever is sent.
    own: f64,
    /// Share before the last fall for its sake.
    before: Option<f64>,
    /// When it was judged last.
    judged: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Fall {
    at: Duration,
    queue_ms: f64,
    vain: u32,
}

impl Estimate {
    /// Begins at `start_bps`, and stays within `bounds`.
    pub fn new(start_bps: u32, bounds: (u32, u32)) -> Self {
        let bounds = (f64::from(bounds.0), f64::from(bounds.1));
        Self {
            window: Window::default(),
            rate_bps: f64::from(start_bps).clamp(bounds.0, bounds.1),
            bounds,
            limit_bps: None,
            starting: true,
            far_since: Duration::ZERO,
            now: Duration::ZERO,
            fell: None,
            loss: Loss::default(),
        }
    }

    /// Takes a report in, and says how many bits a second the picture may have, its headers and retransmissions
    /// taken off; `payload_type` is the picture's.
    pub fn report(&mut self, packets: &[Packet], payload_type: u8) -> u32 {
        self.window.add(packets);
        let before = self.now;
        self.now = self.window.newest().unwrap_or(before).max(before);
        if before.is_zero() {
            self.far_since = self.now;
        } else {
            self.judge(self.now.saturating_sub(before).as_secs_f64().min(0.2));
        }
        self.rate_bps = self.rate_bps.clamp(self.bounds.0, self.bounds.1);
        let share = self.window.picture_share(payload_type).unwrap_or(1.0);
        let picture = (self.rate_bps * share).clamp(self.bounds.0, self.bounds.1);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it lies between two u32"
        )]
        let picture = picture as u32;
        picture
    }

    /// Whether packets get lost though nothing queues: sending less would not help, sending twice does.
    pub fn is_lossy(&self) -> bool {
        let calm = self.window.standing_ms(Duration::ZERO, false).is_none_or(|queue| queue < CALM_MS);
        calm && self.window.lost().is_some_and(|lost| lost >= LOSSY)
    }

    fn judge(&mut self, elapsed_s: f64) {
        let followed = self.fell.map_or(Duration::ZERO, |fall| fall.at + FOLLOWED);
        let excess = self.window.lost().unwrap_or(0.0) - self.loss.own;
        // None: just after a fall, or too few pictures come to say.
        let Some(queue_ms) = self.window.standing_ms(followed, excess > MUCH_LOSS) else { return };
        if queue_ms > FULL_MS {
            self.queue_stands(queue_ms);
        } else if excess > MUCH_LOSS {
            self.judge_loss(queue_ms);
        } else if queue_ms < CALM_MS && excess < LITTLE_LOSS {
            self.rise(queue_ms, elapsed_s);
        }
    }

    fn judge_loss(&mut self, queue_ms: f64) {
        let Some(lost) = self.window.lost() else { return };
        if self.now < self.loss.judged + LOSS_ROUND {
            return;
        }
        self.loss.judged = self.now;
        if self.loss.before.take().is_some_and(|before| lost >= OWN_LOSS * before) {
            self.loss.own = lost;
            return;
        }
        self.loss.before = Some(lost);
        self.fall(self.rate_bps * (1.0 - 0.5 * lost), queue_ms);
    }

    fn queue_stands(&mut self, queue_ms: f64) {
        if let Some(fall) = &mut self.fell {
            let draining = queue_ms < fall.queue_ms - DRAINING_MS;
            if draining {
                *fall = Fall { at: self.now, queue_ms, vain: 0 };
                return;
            }
            if fall.vain >= VAIN {
                self.window.forget_base();
                self.fell = None;
                return;
            }
        }
        let Some(arrived) = self.window.arrived_bps(BUSY_OVER) else { return };
        // Where limits differ much, the link is another one than before.
        self.limit_bps = Some(match self.limit_bps {
            Some(limit) if (0.7..1.3).contains(&(arrived / limit)) => 0.5 * limit + 0.5 * arrived,
            _ => arrived,
        });
        self.fall(arrived * (1.0 - (queue_ms / 1000.0).clamp(DRAIN.0, DRAIN.1)), queue_ms);
    }

    fn fall(&mut self, to_bps: f64, queue_ms: f64) {
        let vain = self.fell.map_or(0, |fall| fall.vain + 1);
        self.rate_bps = self.rate_bps.min(to_bps);
        self.fell = Some(Fall { at: self.now, queue_ms, vain });
        (self.starting, self.far_since) = (false, self.now);
    }

    fn rise(&mut self, queue_ms: f64, elapsed_s: f64) {
        self.fell = None;
        if self.now >= self.loss.judged + LOSS_ROUND {
            let lost = self.window.lost().unwrap_or(0.0);
            self.loss = Loss {
                own: self.loss.own.min(lost.max(OWN_LOSS_KEPT * self.loss.own)),
                before: None,
                judged: self.now,
            };
        }
        if self.limit_bps.is_some_and(|limit| self.rate_bps > PASSED * limit) {
            (self.limit_bps, self.far_since) = (None, self.now);
        }
        let growth = match self.limit_bps {
            _ if self.starting => START_GROWTH,
            Some(limit) if self.rate_bps > 0.8 * limit => {
                if queue_ms < EMPTY_MS {
                    EMPTY_GROWTH
                } else {
                    NEAR_GROWTH
                }
            }
            _ => {
                let seconds = self.now.saturating_sub(self.far_since).as_secs_f64();
                FAR_GROWTH_A_SECOND.mul_add(seconds, FAR_GROWTH).min(MOST_GROWTH)
            }
        };
        let used = self.window.arrived_bps(SENT_OVER).unwrap_or(0.0) * UNUSED + UNUSED_BPS;
        let grown = self.rate_bps * growth.powf(elapsed_s);
        self.rate_bps = self.rate_bps.max(grown.min(used));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PICTURE: u8 = 96;
    const BOUNDS: (u32, u32) = (100_000, 4_000_000);
    /// Time between two pictures, and between two reports.
    const PICTURE_S: f64 = 1.0 / 30.0;
    const REPORT_S: f64 = 0.08;

    /// A link with a queue, and an encoder before it that follows the estimate some pictures late.
    struct Call {
        estimate: Estimate,
        rate_bps: f64,
        /// Bytes that the queue holds, in seconds of the link.
        queue_s: f64,
        way_s: f64,
        jitter_s: f64,
        loss: f64,
        chance: u64,
        /// When the link has sent what it took.
        free_at: f64,
        now: f64,
        sent: Vec<Packet>,
        grants: Vec<f64>,
    }

    /// What a span of the call was like.
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
                way_s: 0.02,
                jitter_s: 0.0,
                loss: 0.0,
                chance: 1,
                free_at: 0.0,
                now: 100.0,
                sent: Vec::new(),
                grants: vec![600_000.0; 4],
            }
        }

        fn random(&mut self) -> f64 {
            self.chance =
                self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.chance >> 33) as f64 / f64::from(1_u32 << 31)
        }

        /// Runs for some seconds; gives the mean rate, the longest queue and the share that got lost.
        fn run(&mut self, seconds: f64) -> Span {
            let (until, began) = (self.now + seconds, self.now);
            let (mut bits, mut packets, mut lost, mut queue, mut report_at) =
                (0.0, 0.0, 0.0, 0.0_f64, self.now);
            while self.now < until {
                let grant = self.grants[self.grants.len() - 4]; // the encoder follows some pictures late
                let size = grant * PICTURE_S / 8.0 * (0.7 + 0.6 * self.random());
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a picture's packets"
                )]
                let count = (size / 1100.0).ceil() as u32;
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a packet's bytes"
                )]
                let payload = (size / f64::from(count)) as u32;
                for _ in 0..count {
                    let packet = self.send(payload);
                    packets += 1.0;
                    lost += f64::from(u8::from(packet.arrived.is_none()));
                    bits += f64::from(payload) * 8.0;
                    queue = queue.max(self.free_at - self.now);
                    self.sent.push(packet);
                }
                self.now += PICTURE_S;
                let known = self.now - self.way_s * 2.0;
                let grant = if self.now >= report_at + REPORT_S {
                    report_at = self.now;
                    let is_known =
                        |packet: &Packet| packet.sent.as_secs_f64() + self.queue_of(packet) <= known;
                    let (report, rest) =
                        self.sent.iter().partition::<Vec<Packet>, _>(|packet| is_known(packet));
                    self.sent = rest;
                    f64::from(self.estimate.report(&report, PICTURE))
                } else {
                    *self.grants.last().unwrap()
                };
                self.grants.push(grant);
            }
            Span { rate_bps: bits / (self.now - began), queue_ms: queue * 1000.0, lost: lost / packets }
        }

        fn queue_of(&self, packet: &Packet) -> f64 {
            packet.arrived.map_or(0.0, |at| at.as_secs_f64() - packet.sent.as_secs_f64() - self.way_s)
        }

        fn send(&mut self, payload: u32) -> Packet {
            let sent = Duration::from_secs_f64(self.now);
            self.free_at = self.free_at.max(self.now);
            let full = self.free_at - self.now > self.queue_s;
            if !full {
                self.free_at += f64::from(payload + 62) * 8.0 / self.rate_bps;
            }
            let way = self.free_at + self.way_s + self.jitter_s * self.random();
            let lost = full || self.random() < self.loss;
            Packet {
                sent,
                arrived: (!lost).then(|| Duration::from_secs_f64(way)),
                payload,
                payload_type: PICTURE,
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
            assert!(
                rest.queue_ms < 200.0 && rest.lost < 0.001,
                "{rate}: {} ms, {}",
                rest.queue_ms,
                rest.lost
            );
        }
    }

    #[test]
    fn a_wide_link_is_used_after_some_seconds() {
        let mut call = Call::new(20_000.0);
        call.run(3.0);

        assert!(call.run(2.0).rate_bps > 3_000_000.0);
    }

    #[test]
    fn a_link_that_narrows_gets_less_within_a_second_and_all_of_it_back_later() {
        let mut call = Call::new(2000.0);
        let before = call.run(10.0);
        call.rate_bps = 400_000.0;
        let narrowing = call.run(1.0);
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
    fn loss_that_is_always_there_and_jitter_take_no_rate() {
        for (loss, jitter_s) in [(0.05, 0.0), (0.2, 0.0), (0.0, 0.02), (0.05, 0.02)] {
            let mut call = Call::new(20_000.0);
            (call.loss, call.jitter_s, call.way_s) = (loss, jitter_s, 0.05);
            call.run(30.0);
            let rate = call.run(10.0).rate_bps;

            assert!(rate > 1_500_000.0, "loss {loss}, jitter {jitter_s}: {rate}");
        }
    }

    #[test]
    fn a_longer_route_is_not_taken_for_a_queue_for_ever() {
        let mut call = Call::new(2000.0);
        call.run(10.0);
        call.way_s = 0.15;
        call.run(10.0);

        assert!(call.run(5.0).rate_bps > 1_000_000.0);
    }

    #[test]
    fn an_encoder_that_needs_little_proves_no_rate() {
        let mut estimate = Estimate::new(600_000, BOUNDS);
        for picture in 1..900_u32 {
            let sent = Duration::from_secs_f64(f64::from(picture) * PICTURE_S);
            let packet = Packet { sent, arrived: Some(sent), payload: 500, payload_type: PICTURE };
            estimate.report(&[packet], PICTURE);
        }

        assert!(estimate.rate_bps < 700_000.0, "{}", estimate.rate_bps);
    }

    #[test]
    fn headers_and_retransmissions_are_taken_off_the_picture() {
        let mut estimate = Estimate::new(1_000_000, BOUNDS);
        let at = |ms: u64| Duration::from_millis(1000 + ms);
        let packet =
            |ms, payload_type| Packet { sent: at(ms), arrived: Some(at(ms)), payload: 938, payload_type };

        let granted = estimate
            .report(&[packet(0, PICTURE), packet(1, PICTURE), packet(2, PICTURE), packet(3, 97)], PICTURE);

        assert_eq!(granted, 703_500, "three of four packets, 938 bytes of 1000");
    }
}
