//! Limits how often the codecs of a session may fail, and names the replacement.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::media::Error;

/// More failures than this within the window are final: the video itself breaks every codec, not bad luck.
const MOST: usize = 4;
const WINDOW: Duration = Duration::from_mins(1);

/// An encoder or decoder was replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaced {
    /// Factory name of the failed element.
    pub failed: &'static str,
    /// Factory name of its replacement.
    pub element: &'static str,
}

/// Failures of the last minute.
#[derive(Debug, Default)]
pub struct Failures(VecDeque<Instant>);

impl Failures {
    /// Counts one more failure of `what` (a plural noun).
    ///
    /// # Errors
    /// There were too many within the last minute.
    pub fn add(&mut self, what: &str, now: Instant) -> Result<(), Error> {
        self.0.push_back(now);
        while self.0.front().is_some_and(|at| now.duration_since(*at) > WINDOW) {
            self.0.pop_front();
        }
        if self.0.len() > MOST {
            return Err(Error::Graph(format!("{} {what} failed within a minute", self.0.len())));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fifth_failure_of_a_minute_is_final_and_an_old_one_is_forgotten() {
        let start = Instant::now();
        let mut failures = Failures::default();

        assert!((0..4).all(|_| failures.add("encoders", start).is_ok()));
        assert!(failures.add("encoders", start + WINDOW * 2).is_ok());
        assert!((0..3).all(|_| failures.add("encoders", start + WINDOW * 2).is_ok()));
        assert!(failures.add("encoders", start + WINDOW * 2).is_err());
    }
}
