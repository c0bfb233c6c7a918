//! When a stage that crashed is built again, and when no more. Pure; time comes in.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// First wait before a crashed stage is built again; doubles up to the next constant.
const BACKOFF: Duration = Duration::from_millis(250);
const BACKOFF_LIMIT: Duration = Duration::from_secs(30);
/// A stage that ran for so long starts with the first wait again.
const GOOD: Duration = Duration::from_mins(1);
/// So many crashes in so long are final: the model is broken, not unlucky.
pub const CRASHES: usize = 5;
const CRASH_WINDOW: Duration = Duration::from_mins(10);

/// A stage's crashes.
#[derive(Debug, Default)]
pub struct Health {
    crashes: VecDeque<Instant>,
    doublings: u32,
    up_since: Option<Instant>,
}

impl Health {
    /// The stage runs.
    pub fn up(&mut self, now: Instant) {
        self.up_since = Some(now);
    }

    /// The stage crashed: when to build it again; `None` when it is given up.
    pub fn crashed(&mut self, now: Instant) -> Option<Instant> {
        self.crashes.push_back(now);
        while self.crashes.front().is_some_and(|first| now.duration_since(*first) > CRASH_WINDOW) {
            self.crashes.pop_front();
        }
        if self.crashes.len() >= CRASHES {
            return None;
        }
        if self.up_since.take().is_some_and(|since| now.duration_since(since) >= GOOD) {
            self.doublings = 0;
        }
        let wait = BACKOFF.saturating_mul(2_u32.saturating_pow(self.doublings)).min(BACKOFF_LIMIT);
        self.doublings += 1;
        Some(now + wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_the_fifth_crash_is_the_last() {
        let mut health = Health::default();
        let now = Instant::now();

        let waits: Vec<_> = (0..CRASHES).map(|_| health.crashed(now).map(|due| due - now)).collect();

        let millis = |millis| Some(Duration::from_millis(millis));
        assert_eq!(waits, [millis(250), millis(500), millis(1000), millis(2000), None]);
    }

    #[test]
    fn a_minute_without_a_crash_forgets_the_waits_and_ten_forget_the_crashes() {
        let mut health = Health::default();
        let mut now = Instant::now();
        for _ in 0..40 {
            health.up(now);
            now += Duration::from_mins(3);

            assert_eq!(health.crashed(now), Some(now + BACKOFF));
        }
    }
}
