//! The crash policy: when a crashed stage is built again, and when it is given up. Pure; time is an argument.
//!
//! Each crash is decided once, by the one part that sees all crashes of the same thing: the pool for a Python worker,
//! whose process many sessions share and would each count, and the session's [`Worker`](super::Worker) for every other
//! stage. The decision travels with the cause, as a [`Crash`]; a session follows a decision that was made.

use std::{
    collections::VecDeque,
    fmt,
    time::{Duration, Instant},
};

use super::Cause;

/// First wait before a crashed stage is built again; doubles up to the next constant.
const BACKOFF: Duration = Duration::from_millis(250);
const BACKOFF_LIMIT: Duration = Duration::from_secs(30);
/// A stage that ran for this long starts with the first wait again.
const GOOD: Duration = Duration::from_mins(1);
/// This many crashes within this long are final: the model is broken, not unlucky.
pub const CRASHES: usize = 5;
const CRASH_WINDOW: Duration = Duration::from_mins(10);
/// A stage that was given up may be tried once more after this, if a new session requests it.
const GIVEN_UP: Duration = Duration::from_secs(30);

/// What follows from a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// It is built again at this time.
    At(Instant),
    /// It is not built again by itself.
    GivenUp,
}

/// The end of a stage.
#[derive(Clone, Debug, PartialEq)]
pub struct Crash {
    /// Why.
    pub cause: Cause,
    /// The decision, if it has been made.
    pub restart: Option<Restart>,
}

impl From<Cause> for Crash {
    fn from(cause: Cause) -> Self {
        Self { cause, restart: None }
    }
}

impl fmt::Display for Crash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.restart {
            None | Some(Restart::At(_)) => write!(formatter, "{}", self.cause),
            Some(Restart::GivenUp) => write!(formatter, "{}; gave up after {CRASHES} crashes", self.cause),
        }
    }
}

/// The crashes of one stage, or of one worker that many stages share, and what follows from them.
#[derive(Debug, Default)]
pub struct Policy {
    crashes: VecDeque<Instant>,
    doublings: u32,
    up_since: Option<Instant>,
    /// The last decision and when it was made.
    decided: Option<(Instant, Restart)>,
}

impl Policy {
    /// Records that it runs.
    pub fn up(&mut self, now: Instant) {
        self.up_since = Some(now);
        self.decided = None;
    }

    /// Records a crash and decides what follows.
    pub fn crashed(&mut self, now: Instant) -> Restart {
        let restart = self.decide(now);
        self.decided = Some((now, restart));
        restart
    }

    fn decide(&mut self, now: Instant) -> Restart {
        self.crashes.push_back(now);
        while self.crashes.front().is_some_and(|first| now.duration_since(*first) > CRASH_WINDOW) {
            self.crashes.pop_front();
        }
        if self.crashes.len() >= CRASHES {
            return Restart::GivenUp;
        }
        if self.up_since.take().is_some_and(|since| now.duration_since(since) >= GOOD) {
            self.doublings = 0;
        }
        let wait = BACKOFF.saturating_mul(2_u32.saturating_pow(self.doublings)).min(BACKOFF_LIMIT);
        self.doublings += 1;
        Restart::At(now + wait)
    }

    /// When it may start on request, not before `now`; `None` while it is given up.
    pub fn next_start(&self, now: Instant) -> Option<Instant> {
        match self.decided {
            None => Some(now),
            Some((_, Restart::At(due))) => Some(due.max(now)),
            Some((since, Restart::GivenUp)) => (now.duration_since(since) >= GIVEN_UP).then_some(now),
        }
    }

    /// Whether its crashes still count.
    pub fn remembers(&self, now: Instant) -> bool {
        self.crashes.back().is_some_and(|last| now.duration_since(*last) <= CRASH_WINDOW)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_the_fifth_crash_is_the_last() {
        let mut policy = Policy::default();
        let now = Instant::now();

        let decided: Vec<_> = (0..CRASHES).map(|_| policy.crashed(now)).collect();

        let waits = [250, 500, 1000, 2000].map(|millis| Restart::At(now + Duration::from_millis(millis)));
        assert_eq!(decided[..4], waits);
        assert_eq!(decided[4], Restart::GivenUp);
    }

    #[test]
    fn a_minute_without_a_crash_forgets_the_waits_and_ten_forget_the_crashes() {
        let mut policy = Policy::default();
        let mut now = Instant::now();
        for _ in 0..40 {
            policy.up(now);
            now += Duration::from_mins(3);

            assert_eq!(policy.crashed(now), Restart::At(now + BACKOFF));
        }
        assert!(policy.remembers(now) && !policy.remembers(now + CRASH_WINDOW + GOOD));
    }

    #[test]
    fn what_was_given_up_may_be_tried_once_more_after_half_a_minute() {
        let mut policy = Policy::default();
        let now = Instant::now();
        assert_eq!(policy.next_start(now), Some(now));
        policy.crashed(now);
        assert_eq!(policy.next_start(now), Some(now + BACKOFF), "not before its wait is over");
        for _ in 1..CRASHES {
            policy.crashed(now);
        }

        assert_eq!(policy.next_start(now + Duration::from_secs(29)), None);
        let later = now + GIVEN_UP;
        assert_eq!(policy.next_start(later), Some(later));
        assert_eq!(policy.crashed(later), Restart::GivenUp);
        assert_eq!(policy.next_start(later), None);
        policy.up(later);
        assert_eq!(policy.next_start(later), Some(later));
    }
}
