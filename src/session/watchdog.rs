//! Packets of the picture that become no picture: whoever waits for one must not wait for ever. Pure.

use std::time::{Duration, Instant};

/// So long without a picture is no loss that mends itself: a key frame takes a round trip and some tens of ms.
const ASK: Duration = Duration::from_secs(2);
/// So long after that request the decoder is what stands: a person sees the picture stand.
const STALLED: Duration = Duration::from_secs(5);
/// So long without a packet is a source that pauses, and its waits start anew.
const PAUSE: Duration = Duration::from_secs(2);
/// What was mended so long ago has held.
const HELD: Duration = Duration::from_mins(1);

/// What to do about a picture that does not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Ask for a key frame.
    Ask,
    /// Build the decoder anew.
    Restart,
    /// Put the next decoder in its place.
    Replace,
    /// Nothing helps.
    GiveUp,
}

/// Looks at the counts of packets and pictures.
#[derive(Clone, Debug, Default)]
pub struct Watchdog {
    packets: u64,
    frames: u64,
    /// When packets came last.
    packet_at: Option<Instant>,
    /// Since when packets come without a picture.
    since: Option<Instant>,
    asked: bool,
    /// Cures since it last held, and when the last one was.
    cures: u32,
    cured_at: Option<Instant>,
}

impl Watchdog {
    /// So many packets of the picture and so many pictures have come by `now`.
    pub fn look(&mut self, packets: u64, frames: u64, now: Instant) -> Option<Verdict> {
        let over =
            |at: Option<Instant>, limit| at.is_some_and(|at| now.saturating_duration_since(at) >= limit);
        if std::mem::replace(&mut self.frames, frames) != frames {
            self.rest();
            if over(self.cured_at, HELD) {
                (self.cures, self.cured_at) = (0, None);
            }
        }
        if std::mem::replace(&mut self.packets, packets) != packets {
            self.packet_at = Some(now);
            self.since.get_or_insert(now);
        } else if over(self.packet_at, PAUSE) {
            self.rest();
        }
        if over(self.since, STALLED) {
            (self.since, self.asked) = (Some(now), false);
            (self.cures, self.cured_at) = (self.cures + 1, Some(now));
            return Some(match self.cures {
                1 => Verdict::Restart,
                2 => Verdict::Replace,
                _ => Verdict::GiveUp,
            });
        }
        let ask = !self.asked && over(self.since, ASK);
        self.asked |= ask;
        ask.then_some(Verdict::Ask)
    }

    /// Whether packets come and a picture is waited for.
    pub fn waits(&self) -> bool {
        self.since.is_some()
    }

    /// Waits anew.
    pub fn rest(&mut self) {
        (self.since, self.asked) = (None, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Looks once a second; each gives the count of packets and of pictures.
    fn verdicts(watchdog: &mut Watchdog, start: Instant, looks: &[(u64, u64)]) -> Vec<(u32, Verdict)> {
        let looks = (0_u32..).zip(looks);
        let look = |(second, &(packets, frames)): (u32, &(u64, u64))| {
            watchdog.look(packets, frames, start + second * SECOND).map(|verdict| (second, verdict))
        };
        looks.filter_map(look).collect()
    }

    #[test]
    fn a_picture_now_and_then_is_enough() {
        let looks: Vec<_> = (0..60).map(|second| (second, second / 2)).collect();

        assert_eq!(verdicts(&mut Watchdog::default(), Instant::now(), &looks), []);
    }

    #[test]
    fn a_source_that_pauses_or_is_silent_is_waited_for() {
        let start = Instant::now();
        let silent = vec![(0, 0); 60];
        let pauses: Vec<_> = (0..60).map(|second| (second / 4, 1)).collect();

        assert_eq!(verdicts(&mut Watchdog::default(), start, &silent), []);
        assert_eq!(verdicts(&mut Watchdog::default(), start, &pauses), []);
    }

    #[test]
    fn a_key_frame_is_asked_for_before_each_cure_and_three_cures_are_one_too_many() {
        let looks: Vec<_> = (1..20).map(|second| (second, 0)).collect();

        let verdicts = verdicts(&mut Watchdog::default(), Instant::now(), &looks);

        assert_eq!(
            verdicts[..6],
            [
                (2, Verdict::Ask),
                (5, Verdict::Restart),
                (7, Verdict::Ask),
                (10, Verdict::Replace),
                (12, Verdict::Ask),
                (15, Verdict::GiveUp)
            ]
        );
    }

    #[test]
    fn a_cure_that_held_for_a_minute_is_forgotten() {
        let (mut watchdog, start) = (Watchdog::default(), Instant::now());
        let stall: Vec<_> = (1..=6).map(|second| (second, 0)).collect();

        assert_eq!(verdicts(&mut watchdog, start, &stall).last(), Some(&(5, Verdict::Restart)));
        assert_eq!(watchdog.look(10, 1, start + 30 * SECOND), None);
        let soon: Vec<_> = (11..=16).map(|second| (second, 1)).collect();
        let verdicts_soon = verdicts(&mut watchdog, start + 31 * SECOND, &soon);
        assert_eq!(verdicts_soon.last(), Some(&(4, Verdict::Replace)), "it stalled again: the next cure");

        assert_eq!(watchdog.look(20, 2, start + 100 * SECOND), None);
        let later: Vec<_> = (21..=26).map(|second| (second, 2)).collect();
        let verdicts_later = verdicts(&mut watchdog, start + 101 * SECOND, &later);
        assert_eq!(verdicts_later.last(), Some(&(4, Verdict::Restart)));
    }
}
