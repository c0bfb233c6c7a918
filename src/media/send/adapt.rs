//! What a bitrate is good for: bitrate first, then resolution, then frame rate, with floors. Pure.
//!
//! An encoder that gets too few bits for its pixels overshoots or smears; a smaller picture at the same bits is
//! better to look at and keeps the delay.

use std::time::{Duration, Instant};

/// Bits for a pixel below which a picture is made smaller.
const MIN_BITS_PER_PIXEL: f64 = 0.04;
/// A larger picture has to be affordable with this much to spare, so that it does not swing.
const HEADROOM: f64 = 1.4;
/// A change costs a key frame: down again after this, up again after that.
const DOWN_AFTER: Duration = Duration::from_secs(1);
const UP_AFTER: Duration = Duration::from_secs(5);
/// Faces are no longer told apart below this.
const MIN_HEIGHT: u32 = 180;
/// Frame rate that a step's need is reckoned with.
const FULL_FPS: u32 = 30;

/// How much of the picture is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Quarters of the width and height.
    pub quarters: u32,
    /// Pictures a second at most; `None` for as many as come.
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
    /// Everything.
    pub const FULL: Self = LADDER[0];

    /// The size sent for a picture of `size`: even, as chroma at half size wants it.
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

/// Remembers where on the ladder a session is.
#[derive(Debug, Default)]
pub struct Adapter {
    at: usize,
    changed: Option<Instant>,
}

impl Adapter {
    /// The step for `bitrate_bps` and a picture of `size`; call it when either changes and now and then.
    pub fn step(&mut self, bitrate_bps: u32, size: (u32, u32), now: Instant) -> Step {
        let calm = |limit| self.changed.is_none_or(|at| now.saturating_duration_since(at) >= limit);
        let wanted = fitting(f64::from(bitrate_bps), size);
        let to = if wanted > self.at && calm(DOWN_AFTER) {
            wanted
        } else if wanted < self.at && calm(UP_AFTER) {
            // One step at a time, and only where the next one is surely affordable.
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

/// The first step that `bitrate_bps` is enough for, or the last one that is allowed.
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
    fn a_small_picture_is_not_made_smaller() {
        assert_eq!(Adapter::default().step(1, (320, 180), Instant::now()), Step::FULL);
    }

    #[test]
    fn it_falls_at_once_and_climbs_slowly() {
        let start = Instant::now();
        let mut adapter = Adapter::default();

        assert_eq!(adapter.step(400_000, HD, start).quarters, 2);
        assert_eq!(adapter.step(4_000_000, HD, start + second(4)).quarters, 2);
        assert_eq!(adapter.step(4_000_000, HD, start + second(5)).quarters, 3);
        assert_eq!(adapter.step(4_000_000, HD, start + second(6)).quarters, 3);
        assert_eq!(adapter.step(4_000_000, HD, start + second(10)).quarters, 4);
    }

    #[test]
    fn it_does_not_swing_at_a_border() {
        let start = Instant::now();
        let mut adapter = Adapter::default();
        let border = 1_105_920; // what 1280x720 at 30 needs

        assert_eq!(adapter.step(border - 1, HD, start).quarters, 3);
        assert_eq!(adapter.step(border + 1, HD, start + second(60)).quarters, 3);
        assert_eq!(adapter.step(border * 3 / 2, HD, start + second(120)).quarters, 4);
    }
}
