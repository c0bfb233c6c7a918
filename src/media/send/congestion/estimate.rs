//! How many bits a second the link to the peer takes, from what the peer says of each packet. Pure.
//!
//! The rules are those of draft-ietf-rmcat-gcc-02 (fall below what arrives when a queue builds up, rise
//! multiplicatively far from the last known limit and slowly near it) with three differences. The queue is read from
//! the least delay of some pictures, not from the slope of single ones: pictures come in bursts, and nothing paces
//! them. Loss that stays when less is sent is the link's own and does not count. The first seconds double the rate
//! each second until a queue shows.

use std::time::Duration;

use super::window::{Packet, Proof, Window};

/// Milliseconds of standing queue: below the first the rate rises, above the second it falls.
const EMPTY_MS: f64 = 8.0;
const CALM_MS: f64 = 25.0;
const FULL_MS: f64 = 50.0;
/// What it takes to believe in a queue, and in one of two and of three times the length that is too much: the news of
/// a link that narrows comes through its queue, and each picture of it later.
const PROOF: Proof = (Duration::from_millis(150), 4);
const QUICK_PROOFS: [(Proof, f64); 2] =
    [((Duration::from_millis(30), 2), 1.5 * FULL_MS), ((Duration::ZERO, 1), 3.0 * FULL_MS)];
/// Where much gets lost, less proof is enough.
const LOSSY_PROOF: Proof = (Duration::from_millis(60), 2);
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
/// Where so much is lost in a queue, a key frame is sooner there than what is missing.
const HOPELESS: f64 = 0.2;
/// The window shows only packets that were sent after a fall.
const LOSS_ROUND: Duration = Duration::from_millis(1200);
/// So much of the loss is left after a fall where it is the link's own; so much of that is kept a round.
const OWN_LOSS: f64 = 0.8;
const OWN_LOSS_KEPT: f64 = 0.9;
/// So much of what is sent gets lost where sending it twice is worth it.
const LOSSY: f64 = 0.02;
/// A link that loses now and then is taken for one that loses so long.
const LOSSY_KEPT: Duration = Duration::from_secs(10);
/// The rate does not rise past this on such a link: of more packets more get lost, and each holds the picture back.
const LOSSY_BPS: f64 = 1_200_000.0;
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
    lossy_until: Duration,
    broken: Broken,
}

/// Whether so much got lost in a queue that the picture had better begin anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Broken {
    No,
    Untold,
    Told,
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
            lossy_until: Duration::ZERO,
            broken: Broken::No,
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
        let calm = self.window.standing_ms(Duration::ZERO, PROOF).is_none_or(|queue| queue < CALM_MS);
        calm && self.lossy_until > self.now
    }

    /// Whether so much got lost since the last call that the picture had better begin anew.
    pub fn take_broken(&mut self) -> bool {
        let untold = self.broken == Broken::Untold;
        if untold {
            self.broken = Broken::Told;
        }
        untold
    }

    fn judge(&mut self, elapsed_s: f64) {
        let followed = self.fell.map_or(Duration::ZERO, |fall| fall.at + FOLLOWED);
        let lost = self.window.lost().unwrap_or(0.0);
        if lost >= LOSSY {
            self.lossy_until = self.now + LOSSY_KEPT;
        }
        let excess = lost - self.loss.own;
        // None: just after a fall, or too few pictures come to say.
        let Some(queue_ms) = self.queue_ms(followed, excess) else { return };
        if queue_ms > FULL_MS {
            if excess > HOPELESS && self.broken == Broken::No {
                self.broken = Broken::Untold;
            }
            self.queue_stands(queue_ms);
        } else if excess > MUCH_LOSS {
            self.judge_loss(lost, queue_ms);
        } else if queue_ms < CALM_MS && excess < LITTLE_LOSS {
            self.rise(lost, queue_ms, elapsed_s);
        }
    }

    fn queue_ms(&self, since: Duration, excess: f64) -> Option<f64> {
        let quick = QUICK_PROOFS.iter().find_map(|(proof, limit_ms)| {
            self.window.standing_ms(since, *proof).filter(|queue_ms| queue_ms > limit_ms)
        });
        let proof = if excess > MUCH_LOSS { LOSSY_PROOF } else { PROOF };
        quick.or_else(|| self.window.standing_ms(since, proof))
    }

    fn judge_loss(&mut self, lost: f64, queue_ms: f64) {
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

    fn rise(&mut self, lost: f64, queue_ms: f64, elapsed_s: f64) {
        (self.fell, self.broken) = (None, Broken::No);
        if self.now >= self.loss.judged + LOSS_ROUND {
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
        let most = if self.lossy_until > self.now { used.min(LOSSY_BPS) } else { used };
        let grown = self.rate_bps * growth.powf(elapsed_s);
        self.rate_bps = self.rate_bps.max(grown.min(most));
    }
}

#[cfg(test)]
mod tests;
