//! Estimates the bitrate that the link to the peer can carry, from transport-wide feedback. Pure.
//!
//! Follows draft-ietf-rmcat-gcc-02 (on overuse, fall below the arrival rate; else rise multiplicatively far from the
//! last known limit and slowly near it) with three differences. Overuse is detected from the minimum delay over several
//! frames, not from the delay gradient: frames leave in bursts, and no pacer spreads them. Loss that persists at a
//! lower rate is random loss of the link and does not count as congestion. At the start the rate doubles every second
//! until a queue builds up.

use std::time::Duration;

use super::window::{Evidence, Packet, Window};

/// Standing queue in milliseconds: below `EMPTY_MS` it counts as none, below `RISE_MS` the rate rises, above
/// `OVERUSE_MS` it falls.
const EMPTY_MS: f64 = 8.0;
const RISE_MS: f64 = 25.0;
const OVERUSE_MS: f64 = 50.0;
/// The evidence for overuse.
const EVIDENCE: Evidence = (Duration::from_millis(150), 4);
/// A longer queue is accepted on weaker evidence: on a link that narrows, feedback comes through the growing queue,
/// and waiting for more frames only lengthens it.
const QUICK_EVIDENCE: [(Evidence, f64); 2] =
    [((Duration::from_millis(30), 2), 1.5 * OVERUSE_MS), ((Duration::ZERO, 1), 3.0 * OVERUSE_MS)];
/// On lossy links accept overuse on weaker evidence.
const LOSSY_EVIDENCE: Evidence = (Duration::from_millis(60), 2);
/// To drain a queue, send this fraction less than what arrives: enough to drain it in one second, within these bounds.
const DRAIN: (f64, f64) = (0.15, 0.4);
/// The encoder takes a few frames to follow a rate cut: ignore packets sent before.
const ENCODER_DELAY: Duration = Duration::from_millis(150);
/// While a queue stands the link is saturated, so a short span is enough to measure its capacity.
const CAPACITY_SPAN: Duration = Duration::from_millis(300);
/// Span over which the arrival rate limits growth.
const SENT_SPAN: Duration = Duration::from_secs(1);
/// A queue that shrinks by this many milliseconds is draining.
const DRAINING_MS: f64 = 5.0;
/// After this many rate cuts that did not drain the queue, it is no queue: the route has become longer.
const FUTILE_CUTS: u32 = 4;
/// Loss in excess of the link's random loss: below the first the rate rises, above the second it falls.
const LOW_LOSS: f64 = 0.05;
const HIGH_LOSS: f64 = 0.10;
/// From this much excess loss in a full queue on, a key frame repairs the video sooner than retransmissions.
const KEY_FRAME_LOSS: f64 = 0.2;
/// Time between two judgements of loss: by then the window holds only packets sent after the last rate cut.
const LOSS_ROUND: Duration = Duration::from_millis(1200);
/// Loss is random if at least this fraction of it persists after a rate cut.
const RANDOM_LOSS: f64 = 0.8;
/// While less gets lost, the known random loss decays by at most this factor per round.
const RANDOM_LOSS_KEPT: f64 = 0.9;
/// From this much loss on, the link is lossy and sending retransmissions twice is worth it.
const LOSSY: f64 = 0.02;
/// How long a link counts as lossy after its last loss of that size.
const LOSSY_KEPT: Duration = Duration::from_secs(10);
/// On a lossy link the rate does not rise beyond this: more packets mean more losses, each of which delays a frame.
const LOSSY_BPS: f64 = 1_200_000.0;
/// Growth per second at the start.
const START_GROWTH: f64 = 2.0;
/// Growth per second near the known limit, with a short queue and with none.
const NEAR_GROWTH: f64 = 1.03;
const EMPTY_GROWTH: f64 = 1.08;
/// Growth per second far from the limit; the factor itself rises every second, up to a maximum.
const FAR_GROWTH: f64 = 1.10;
const FAR_GROWTH_PER_S: f64 = 0.10;
const MAX_GROWTH: f64 = 1.5;
/// At this multiple of the known limit without a queue, the limit is obsolete.
const LIMIT_PASSED: f64 = 1.15;
/// The rate may exceed what is really sent by this factor plus this constant: an encoder that needs less proves nothing
/// about the link.
const UNUSED: f64 = 1.5;
const UNUSED_BPS: f64 = 50_000.0;

/// The estimate of one link.
#[derive(Debug)]
pub struct Estimate {
    window: Window,
    rate_bps: f64,
    bounds: (f64, f64),
    /// The link's capacity when it was last saturated; `None` before, and once it is obsolete.
    limit_bps: Option<f64>,
    starting: bool,
    /// When growth far from the limit began.
    far_since: Duration,
    /// Time of the last report.
    now: Duration,
    last_cut: Option<Cut>,
    loss: Loss,
    lossy_until: Duration,
    recovery: Recovery,
}

/// Whether so much got lost in a full queue that a key frame should replace the retransmissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Recovery {
    None,
    Due,
    Taken,
}

/// What is known about the loss of the link.
#[derive(Debug, Default)]
struct Loss {
    /// Share that gets lost at any rate.
    random: f64,
    /// Share before the last rate cut for loss.
    before_cut: Option<f64>,
    /// When it was last judged.
    judged: Duration,
}

/// A rate cut.
#[derive(Clone, Copy, Debug)]
struct Cut {
    at: Duration,
    queue_ms: f64,
    /// Consecutive cuts before it that did not drain the queue.
    futile: u32,
}

impl Estimate {
    /// Starts at `start_bps` and stays within `bounds`.
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
            last_cut: None,
            loss: Loss::default(),
            lossy_until: Duration::ZERO,
            recovery: Recovery::None,
        }
    }

    /// Takes a feedback report and returns the video bitrate in bit/s, without headers and retransmissions.
    /// `payload_type` is the video's.
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
        let share = self.window.video_share(payload_type).unwrap_or(1.0);
        let video = (self.rate_bps * share).clamp(self.bounds.0, self.bounds.1);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it lies between two u32"
        )]
        let video = video as u32;
        video
    }

    /// Whether packets get lost without a queue: a lower rate would not help, sending retransmissions twice does.
    pub fn is_lossy(&self) -> bool {
        let queue_ms = self.window.standing_queue_ms(Duration::ZERO, EVIDENCE);
        queue_ms.is_none_or(|queue_ms| queue_ms < RISE_MS) && self.lossy_until > self.now
    }

    /// Whether a key frame should replace the retransmissions; `true` once per overuse.
    pub fn take_recovery(&mut self) -> bool {
        let due = self.recovery == Recovery::Due;
        if due {
            self.recovery = Recovery::Taken;
        }
        due
    }

    fn judge(&mut self, elapsed_s: f64) {
        let since = self.last_cut.map_or(Duration::ZERO, |cut| cut.at + ENCODER_DELAY);
        let lost = self.window.lost().unwrap_or(0.0);
        if lost >= LOSSY {
            self.lossy_until = self.now + LOSSY_KEPT;
        }
        let excess = lost - self.loss.random;
        // None: just after a rate cut, or too few frames for evidence.
        let Some(queue_ms) = self.queue_ms(since, excess) else { return };
        if queue_ms > OVERUSE_MS {
            if excess > KEY_FRAME_LOSS && self.recovery == Recovery::None {
                self.recovery = Recovery::Due;
            }
            self.on_overuse(queue_ms);
        } else if excess > HIGH_LOSS {
            self.judge_loss(lost, queue_ms);
        } else if queue_ms < RISE_MS && excess < LOW_LOSS {
            self.rise(lost, queue_ms, elapsed_s);
        }
    }

    fn queue_ms(&self, since: Duration, excess: f64) -> Option<f64> {
        let quick = QUICK_EVIDENCE.iter().find_map(|(evidence, limit_ms)| {
            self.window.standing_queue_ms(since, *evidence).filter(|queue_ms| queue_ms > limit_ms)
        });
        let evidence = if excess > HIGH_LOSS { LOSSY_EVIDENCE } else { EVIDENCE };
        quick.or_else(|| self.window.standing_queue_ms(since, evidence))
    }

    fn judge_loss(&mut self, lost: f64, queue_ms: f64) {
        if self.now < self.loss.judged + LOSS_ROUND {
            return;
        }
        self.loss.judged = self.now;
        if self.loss.before_cut.take().is_some_and(|before| lost >= RANDOM_LOSS * before) {
            self.loss.random = lost;
            return;
        }
        self.loss.before_cut = Some(lost);
        self.cut_rate(self.rate_bps * (1.0 - 0.5 * lost), queue_ms);
    }

    fn on_overuse(&mut self, queue_ms: f64) {
        if let Some(cut) = &mut self.last_cut {
            let draining = queue_ms < cut.queue_ms - DRAINING_MS;
            if draining {
                *cut = Cut { at: self.now, queue_ms, futile: 0 };
                return;
            }
            if cut.futile >= FUTILE_CUTS {
                self.window.forget_base();
                self.last_cut = None;
                return;
            }
        }
        let Some(arrived) = self.window.arrived_bps(CAPACITY_SPAN) else { return };
        // A very different limit means that the link has changed.
        self.limit_bps = Some(match self.limit_bps {
            Some(limit) if (0.7..1.3).contains(&(arrived / limit)) => 0.5 * limit + 0.5 * arrived,
            _ => arrived,
        });
        self.cut_rate(arrived * (1.0 - (queue_ms / 1000.0).clamp(DRAIN.0, DRAIN.1)), queue_ms);
    }

    fn cut_rate(&mut self, to_bps: f64, queue_ms: f64) {
        let futile = self.last_cut.map_or(0, |cut| cut.futile + 1);
        self.rate_bps = self.rate_bps.min(to_bps);
        self.last_cut = Some(Cut { at: self.now, queue_ms, futile });
        (self.starting, self.far_since) = (false, self.now);
    }

    fn rise(&mut self, lost: f64, queue_ms: f64, elapsed_s: f64) {
        (self.last_cut, self.recovery) = (None, Recovery::None);
        if self.now >= self.loss.judged + LOSS_ROUND {
            self.loss = Loss {
                random: self.loss.random.min(lost.max(RANDOM_LOSS_KEPT * self.loss.random)),
                before_cut: None,
                judged: self.now,
            };
        }
        if self.limit_bps.is_some_and(|limit| self.rate_bps > LIMIT_PASSED * limit) {
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
                FAR_GROWTH_PER_S.mul_add(seconds, FAR_GROWTH).min(MAX_GROWTH)
            }
        };
        let used = self.window.arrived_bps(SENT_SPAN).unwrap_or(0.0) * UNUSED + UNUSED_BPS;
        let most = if self.lossy_until > self.now { used.min(LOSSY_BPS) } else { used };
        let grown = self.rate_bps * growth.powf(elapsed_s);
        self.rate_bps = self.rate_bps.max(grown.min(most));
    }
}

#[cfg(test)]
mod tests;
