//! When a pipeline generates a frame: at its own rate, as long as no input frames drive it.

use std::time::{Duration, Instant};

use super::super::{Info, Input};

/// Input that pauses for this long no longer drives the pipeline: no camera pauses for half a second.
const QUIET: Duration = Duration::from_millis(500);

/// When the next generated frame is due.
#[derive(Debug)]
pub struct Clock {
    due: Instant,
    heard: Option<Instant>,
}

impl Clock {
    /// The first frame is due at once.
    pub fn new(now: Instant) -> Self {
        Self { due: now, heard: None }
    }

    /// Whether to process an input frame.
    pub fn takes_input(&mut self, info: &Info, now: Instant) -> bool {
        self.heard = Some(now);
        info.input != Input::None
    }

    /// How long to wait for input, at most `limit`.
    pub fn wait(&self, info: &Info, now: Instant, limit: Duration) -> Duration {
        if self.drives(info, now) { self.due.saturating_duration_since(now).min(limit) } else { limit }
    }

    /// Whether a frame is due. The next one is then due an interval later, never earlier to make up for a late one.
    pub fn fires(&mut self, info: &Info, now: Instant) -> bool {
        if !self.drives(info, now) || now < self.due {
            return false;
        }
        self.due = if now - self.due < info.interval { self.due } else { now } + info.interval;
        true
    }

    fn drives(&self, info: &Info, now: Instant) -> bool {
        match info.input {
            Input::Required => false,
            Input::None => true,
            Input::Optional => self.heard.is_none_or(|at| now.saturating_duration_since(at) >= QUIET),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::Catalog;

    fn info(input: Input) -> Info {
        Info { input, interval: Duration::from_millis(100), ..Catalog::default().get("echo").unwrap().info }
    }

    #[test]
    fn it_strikes_at_its_rate_and_never_makes_up_for_lost_time() {
        let (info, start) = (info(Input::None), Instant::now());
        let mut clock = Clock::new(start);
        let at = |millis| start + Duration::from_millis(millis);

        let fires: Vec<_> =
            [0, 50, 100, 210, 950, 951, 1050].into_iter().filter(|ms| clock.fires(&info, at(*ms))).collect();

        assert_eq!(fires, [0, 100, 210, 950, 1050]);
    }

    #[test]
    fn input_frames_drive_where_they_are_optional() {
        let (info, start) = (info(Input::Optional), Instant::now());
        let mut clock = Clock::new(start);

        assert!(clock.takes_input(&info, start));
        assert!(!clock.fires(&info, start + Duration::from_millis(300)));
        assert!(clock.fires(&info, start + Duration::from_millis(501)));
    }

    #[test]
    fn a_pipeline_that_needs_frames_has_no_clock() {
        let (info, start) = (info(Input::Required), Instant::now());

        assert!(!Clock::new(start).fires(&info, start + Duration::from_secs(9)));
    }
}
