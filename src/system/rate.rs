//! Turns a rising count into a rate.

use std::time::{Duration, Instant};

/// Closer readings mean nothing: the kernel counts in steps of a few milliseconds. `sysinfo` waits as long.
const LEAST: Duration = Duration::from_millis(200);
/// A mean over a longer time says nothing about the present.
const MOST: Duration = Duration::from_secs(15);

/// The rise of a count per second, between readings.
#[derive(Default)]
pub struct Rate {
    before: Option<(Instant, f64)>,
    last: Option<f64>,
}

impl Rate {
    /// The rate since the last reading; `None` at the first, after a long pause, and if the count fell.
    pub fn read(&mut self, now: Instant, count: Option<f64>) -> Option<f64> {
        let Some(count) = count else {
            *self = Self::default();
            return None;
        };
        let Some((at, before)) = self.before else {
            self.before = Some((now, count));
            return None;
        };
        let time = now.saturating_duration_since(at);
        if time < LEAST {
            return self.last;
        }
        self.before = Some((now, count));
        self.last = (time <= MOST && count >= before).then(|| (count - before) / time.as_secs_f64());
        self.last
    }
}

/// Whether a mean since `before` describes the present.
pub fn is_fresh(before: Option<Instant>, now: Instant) -> bool {
    before.is_some_and(|before| now.saturating_duration_since(before) <= MOST)
}

/// Whether a reading so soon after `before` means nothing.
pub fn is_too_soon(before: Option<Instant>, now: Instant) -> bool {
    before.is_some_and(|before| now.saturating_duration_since(before) < LEAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_the_rise_between_two_readings() {
        let (mut rate, start) = (Rate::default(), Instant::now());
        let at = |milliseconds| start + Duration::from_millis(milliseconds);

        assert_eq!(rate.read(at(0), Some(1.0)), None);
        assert_eq!(rate.read(at(100), Some(9.0)), None, "too soon to tell");
        assert_eq!(rate.read(at(2000), Some(5.0)), Some(2.0));
        assert_eq!(rate.read(at(2100), Some(99.0)), Some(2.0), "the last one stands");
    }

    #[test]
    fn what_is_not_of_the_present_is_not_known() {
        let (mut rate, start) = (Rate::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        rate.read(at(0), Some(1.0));

        assert_eq!(rate.read(at(60), Some(5.0)), None, "a mean of a minute");
        assert_eq!(rate.read(at(61), Some(4.0)), None, "the count restarted");
        assert_eq!(rate.read(at(62), None), None);
        assert_eq!(rate.read(at(63), Some(4.0)), None);
    }
}
