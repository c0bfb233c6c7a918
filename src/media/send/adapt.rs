//! Fits resolution and frame rate to the bitrate: resolution drops first, then frame rate, down to a floor. Pure.
//!
//! An encoder with too few bits per pixel overshoots or smears. A smaller frame at the same bitrate looks better and
//! keeps the delay.

use std::time::{Duration, Instant};

/// Below this many bits per pixel the resolution drops.
const MIN_BITS_PER_PIXEL: f64 = 0.04;
/// Hysteresis: a larger size must fit with this much bitrate to spare.
const HEADROOM: f64 = 1.4;
/// Each change costs a key frame: least time before stepping down again, and before stepping up.
const DOWN_AFTER: Duration = Duration::from_secs(1);
const UP_AFTER: Duration = Duration::from_secs(5);
/// Faces are indistinguishable below this.
const MIN_HEIGHT: u32 = 180;
/// Assumed frame rate of a step without a limit.
const FULL_FPS: u32 = 30;

/// One step of the ladder: the size and frame rate that are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Width and height, in quarters of the input's.
    pub quarters: u32,
    /// Frame rate limit; `None` for none.
    pub fps: Option<u32>,
}

const LADDER: &[Step] = &[
    Step { quarters: 4, fps: None },
    Step { quarters: 3, fps: None },
    Step { quarters: 2, fps: None },
    Step { quarters: 2, fps: Some(20) },
    Step { quarters: 2, fps: Some(15) },
    Step { quarters: 2, fps: Some(10) },
];

impl Step {
    /// Full size and frame rate.
    pub const FULL: Self = LADDER[0];

    /// The size sent for an input of `size`: even, as subsampled chroma requires.
    pub fn scaled(self, (width, height): (u32, u32)) -> (u32, u32) {
        let scale = |length: u32| ((length * self.quarters / 4) & !1).max(2);
        if self.quarters == 4 { (width, height) } else { (scale(width), scale(height)) }
    }

    fn need_bps(self, size: (u32, u32)) -> f64 {
        let (width, height) = self.scaled(size);
        let fps = self.fps.unwrap_or(FULL_FPS);
        f64::from(width) * f64::from(height) * f64::from(fps) * MIN_BITS_PER_PIXEL
    }

    fn allowed(self, size: (u32, u32)) -> bool {
        self.quarters == 4 || self.scaled(size).1 >= MIN_HEIGHT
    }
}

/// The position of a session on the ladder.
#[derive(Debug, Default)]
pub struct Adapter {
    at: usize,
    changed: Option<Instant>,
}

impl Adapter {
    /// The step for `bitrate_bps` and an input of `size`. Call it when either changes, and regularly.
    pub fn step(&mut self, bitrate_bps: u32, size: (u32, u32), now: Instant) -> Step {
        let settled = |limit| self.changed.is_none_or(|at| now.saturating_duration_since(at) >= limit);
        let wanted = fitting(f64::from(bitrate_bps), size);
        let to = if wanted > self.at && settled(DOWN_AFTER) {
            wanted
        } else if wanted < self.at && settled(UP_AFTER) {
            // One step at a time, and only if the next one fits with headroom.
            fitting(f64::from(bitrate_bps) / HEADROOM, size).clamp(self.at - 1, self.at)
        } else {
            self.at
        };
        if to != self.at {
            self.at = to;
            self.changed = Some(now);
        }
        LADDER[self.at]
    }
}

/// The first allowed step that `bitrate_bps` suffices for, else the last allowed one.
fn fitting(bitrate_bps: f64, size: (u32, u32)) -> usize {
    let allowed = || LADDER.iter().enumerate().filter(|(_, step)| step.allowed(size));
    let fits = allowed().find(|(_, step)| step.need_bps(size) <= bitrate_bps);
    fits.or_else(|| allowed().next_back()).map_or(0, |(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HD: (u32, u32) = (1280, 720);

    fn second(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    #[test]
    fn resolution_goes_before_frame_rate_and_both_have_floors() {
        let step = |bps| Adapter::default().step(bps, HD, Instant::now());

        assert_eq!(step(2_000_000), Step::FULL);
        assert_eq!(step(800_000), Step { quarters: 3, fps: None });
        assert_eq!(step(400_000), Step { quarters: 2, fps: None });
        assert_eq!(step(150_000), Step { quarters: 2, fps: Some(15) });
        assert_eq!(step(1), Step { quarters: 2, fps: Some(10) });
        assert_eq!(Step { quarters: 3, fps: None }.scaled((854, 480)), (640, 360));
    }

    #[test]
    fn a_small_frame_is_not_made_smaller() {
        assert_eq!(Adapter::default().step(1, (320, 180), Instant::now()), Step::FULL);
    }

    #[test]
    fn it_steps_down_at_once_and_up_slowly() {
        let start = Instant::now();
        let mut adapter = Adapter::default();

        assert_eq!(adapter.step(400_000, HD, start).quarters, 2);
        assert_eq!(adapter.step(4_000_000, HD, start + second(4)).quarters, 2);
        assert_eq!(adapter.step(4_000_000, HD, start + second(5)).quarters, 3);
        assert_eq!(adapter.step(4_000_000, HD, start + second(6)).quarters, 3);
        assert_eq!(adapter.step(4_000_000, HD, start + second(10)).quarters, 4);
    }

    #[test]
    fn it_does_not_oscillate_at_a_threshold() {
        let start = Instant::now();
        let mut adapter = Adapter::default();
        let threshold = 1_105_920; // what 1280x720 at 30 needs

        assert_eq!(adapter.step(threshold - 1, HD, start).quarters, 3);
        assert_eq!(adapter.step(threshold + 1, HD, start + second(60)).quarters, 3);
        assert_eq!(adapter.step(threshold * 3 / 2, HD, start + second(120)).quarters, 4);
    }
}
