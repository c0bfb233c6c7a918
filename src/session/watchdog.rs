//! Detects video packets that produce no frame, and decides what to do, so that no session waits for ever. Pure.

use std::time::{Duration, Instant};

/// Loss repairs itself sooner than this: a key frame takes a round trip and some tens of milliseconds.
const REQUEST_AFTER: Duration = Duration::from_secs(2);
/// After this long without a frame, the key frame request included, the decoder has stalled; a person sees frozen video.
const STALLED_AFTER: Duration = Duration::from_secs(5);
/// A source that sends no packet for this long has paused, and the waits start again.
const PAUSED_AFTER: Duration = Duration::from_secs(2);
/// A repair that lasts this long has succeeded.
const SUCCEEDED_AFTER: Duration = Duration::from_mins(1);

/// What to do about the missing frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Request a key frame.
    RequestKeyFrame,
    /// Restart the decoder.
    Restart,
    /// Replace the decoder with the next one.
    Replace,
    /// No repair helped.
    GiveUp,
}

/// Compares the counts of packets and frames.
#[derive(Clone, Debug, Default)]
pub struct Watchdog {
    packets: u64,
    frames: u64,
    /// When the last packets arrived.
    packet_at: Option<Instant>,
    /// Since when packets arrive without a frame.
    since: Option<Instant>,
    requested: bool,
    /// Repairs since one last succeeded, and when the last one was.
    repairs: u32,
    repaired_at: Option<Instant>,
}

impl Watchdog {
    /// Takes the counts of video packets and frames so far.
    pub fn check(&mut self, packets: u64, frames: u64, now: Instant) -> Option<Verdict> {
        let over =
            |at: Option<Instant>, limit| at.is_some_and(|at| now.saturating_duration_since(at) >= limit);
        if std::mem::replace(&mut self.frames, frames) != frames {
            self.reset();
            if over(self.repaired_at, SUCCEEDED_AFTER) {
                (self.repairs, self.repaired_at) = (0, None);
            }
        }
        if std::mem::replace(&mut self.packets, packets) != packets {
            self.packet_at = Some(now);
            self.since.get_or_insert(now);
        } else if over(self.packet_at, PAUSED_AFTER) {
            self.reset();
        }
        if over(self.since, STALLED_AFTER) {
            (self.since, self.requested) = (Some(now), false);
            (self.repairs, self.repaired_at) = (self.repairs + 1, Some(now));
            return Some(match self.repairs {
                1 => Verdict::Restart,
                2 => Verdict::Replace,
                _ => Verdict::GiveUp,
            });
        }
        let request = !self.requested && over(self.since, REQUEST_AFTER);
        self.requested |= request;
        request.then_some(Verdict::RequestKeyFrame)
    }

    /// Whether packets arrive while a frame is missing.
    pub fn is_waiting(&self) -> bool {
        self.since.is_some()
    }

    /// Restarts the waits.
    pub fn reset(&mut self) {
        (self.since, self.requested) = (None, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// One check per second, each with the counts of packets and frames.
    fn verdicts(watchdog: &mut Watchdog, start: Instant, looks: &[(u64, u64)]) -> Vec<(u32, Verdict)> {
        let looks = (0_u32..).zip(looks);
        let look = |(second, &(packets, frames)): (u32, &(u64, u64))| {
            watchdog.check(packets, frames, start + second * SECOND).map(|verdict| (second, verdict))
        };
        looks.filter_map(look).collect()
    }

    #[test]
    fn an_occasional_frame_is_enough() {
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
    fn a_key_frame_is_requested_before_each_repair_and_a_third_repair_gives_up() {
        let looks: Vec<_> = (1..20).map(|second| (second, 0)).collect();

        let verdicts = verdicts(&mut Watchdog::default(), Instant::now(), &looks);

        assert_eq!(
            verdicts[..6],
            [
                (2, Verdict::RequestKeyFrame),
                (5, Verdict::Restart),
                (7, Verdict::RequestKeyFrame),
                (10, Verdict::Replace),
                (12, Verdict::RequestKeyFrame),
                (15, Verdict::GiveUp)
            ]
        );
    }

    #[test]
    fn a_repair_that_lasted_a_minute_is_forgotten() {
        let (mut watchdog, start) = (Watchdog::default(), Instant::now());
        let stall: Vec<_> = (1..=6).map(|second| (second, 0)).collect();

        assert_eq!(verdicts(&mut watchdog, start, &stall).last(), Some(&(5, Verdict::Restart)));
        assert_eq!(watchdog.check(10, 1, start + 30 * SECOND), None);
        let soon: Vec<_> = (11..=16).map(|second| (second, 1)).collect();
        let verdicts_soon = verdicts(&mut watchdog, start + 31 * SECOND, &soon);
        assert_eq!(verdicts_soon.last(), Some(&(4, Verdict::Replace)), "it stalled again: the next repair");

        assert_eq!(watchdog.check(20, 2, start + 100 * SECOND), None);
        let later: Vec<_> = (21..=26).map(|second| (second, 2)).collect();
        let verdicts_later = verdicts(&mut watchdog, start + 101 * SECOND, &later);
        assert_eq!(verdicts_later.last(), Some(&(4, Verdict::Restart)));
    }
}
