//! Fair shares of one worker's time: a session with slow frames, for which the others would lose theirs, has to skip its
//! own. Pure; time is an argument.
//!
//! A worker computes one frame, or batch, after the other, so a slow frame makes all sessions wait. What a session's frame
//! takes beyond what the others' frames leave it, and beyond what they take themselves, is its debt, which it pays off in
//! time: sessions with the same model and the same size owe nothing, however slow the model is.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// A session without a frame for this long is not one of the others.
const IDLE: Duration = Duration::from_secs(1);
/// Frames closer than this are no reason to slow others down: 30 a second.
const SHORTEST: Duration = Duration::from_micros(33_333);
/// What a session may owe: a new prompt or another size takes a model some hundred milliseconds, once.
const CREDIT: Duration = Duration::from_millis(500);
/// Debt is paid off fifteen times more slowly than it is made: a session in debt takes a fifteenth of the worker's time.
const PAY_OFF: u32 = 15;
/// Weight of the newest frame in a session's mean.
const NEWEST: u32 = 8;

/// The sessions of one worker.
#[derive(Debug, Default)]
pub struct Shares(HashMap<u64, Share>);

#[derive(Debug)]
struct Share {
    /// Mean time of a frame.
    mean: Duration,
    /// Time between two frames of the input.
    interval: Duration,
    /// Whether a frame is in work, and since when there has been none.
    working: bool,
    seen: Instant,
    debt: Duration,
    /// When the debt was last reduced.
    paid: Instant,
}

impl Shares {
    /// Whether a frame of that session may be computed now. `interval`: the time between two frames of its input.
    pub fn admits(&mut self, session: u64, interval: Duration, now: Instant) -> bool {
        let in_debt = self.0.values().filter(|share| share.debt > CREDIT).count();
        let alone = !self.others(session, now).any(|_| true);
        let share = self.0.entry(session).or_insert_with(|| Share::new(now));
        share.pay(now, in_debt);
        let admitted = alone || share.debt <= CREDIT;
        (share.interval, share.seen) = (interval.max(SHORTEST), now);
        share.working |= admitted;
        admitted
    }

    /// Records what a frame took.
    pub fn done(&mut self, session: u64, compute: Duration, now: Instant) {
        let excess = self.excess(session, compute, now);
        let Some(share) = self.0.get_mut(&session) else { return };
        share.debt += excess;
        share.mean =
            if share.mean.is_zero() { compute } else { (share.mean * (NEWEST - 1) + compute) / NEWEST };
        (share.working, share.seen) = (false, now);
    }

    /// Forgets a session.
    pub fn forget(&mut self, session: u64) {
        self.0.remove(&session);
    }

    /// What a frame took beyond what the others leave and what they take themselves.
    fn excess(&self, session: u64, compute: Duration, now: Instant) -> Duration {
        let (mut lightest, mut interval, mut lighter) = (None, Duration::MAX, Duration::ZERO);
        for other in self.others(session, now) {
            interval = interval.min(other.interval);
            lightest = Some(lightest.unwrap_or(other.mean).min(other.mean));
            if other.mean < compute {
                lighter += other.mean;
            }
        }
        let fair = lightest.map(|lightest| lightest.max(interval.saturating_sub(lighter)));
        fair.map_or(Duration::ZERO, |fair| compute.saturating_sub(fair))
    }

    /// The other sessions that use the worker.
    fn others(&self, session: u64, now: Instant) -> impl Iterator<Item = &Share> {
        let uses = move |share: &Share| share.working || now.saturating_duration_since(share.seen) < IDLE;
        self.0.iter().filter(move |(other, share)| **other != session && uses(share)).map(|(_, share)| share)
    }
}

impl Share {
    fn new(now: Instant) -> Self {
        let (mean, interval, debt) = (Duration::ZERO, SHORTEST, Duration::ZERO);
        Self { mean, interval, working: false, seen: now, debt, paid: now }
    }

    /// Reduces the debt by the time that has passed; all sessions in debt share the part of the worker's time for them.
    fn pay(&mut self, now: Instant, in_debt: usize) {
        let passed = now.saturating_duration_since(self.paid);
        let slower = PAY_OFF.saturating_mul(u32::try_from(in_debt.max(1)).unwrap_or(u32::MAX));
        self.debt = self.debt.saturating_sub(passed / slower);
        self.paid = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAMERA: Duration = SHORTEST;

    /// A worker that computes frames one after the other, for sessions with a camera each; gives how many frames of each it
    /// computes in ten seconds, after one to settle.
    fn computed(milliseconds: &[u64]) -> Vec<u32> {
        let mut shares = Shares::default();
        let begin = Instant::now();
        let mut now = begin;
        // The number of the newest frame of the camera that each session has had.
        let mut had = vec![0; milliseconds.len()];
        let mut frames = vec![0; milliseconds.len()];
        while now < begin + Duration::from_secs(11) {
            let drawn = (now - begin).as_micros() / CAMERA.as_micros() + 1;
            let mut worked = false;
            for (session, compute) in milliseconds.iter().enumerate() {
                if had[session] == drawn {
                    continue;
                }
                had[session] = drawn;
                if shares.admits(session as u64, CAMERA, now) {
                    let compute = Duration::from_millis(*compute);
                    now += compute;
                    shares.done(session as u64, compute, now);
                    frames[session] += u32::from(now > begin + Duration::from_secs(1));
                    worked = true;
                }
            }
            if !worked {
                now += Duration::from_millis(1);
            }
        }
        frames
    }

    #[test]
    fn a_slow_session_leaves_a_quick_one_five_sixths_of_its_frames() {
        for slow in [50, 100, 200, 500] {
            let frames = computed(&[5, slow]);

            assert!(frames[0] >= 250, "{slow} ms beside 5 ms: {frames:?} in ten seconds");
            assert!(frames[1] >= 1, "{slow} ms beside 5 ms: {frames:?} in ten seconds");
        }
        let many = computed(&[5, 200, 200, 200]);
        assert!(many[0] >= 200, "{many:?}");
    }

    #[test]
    fn sessions_of_one_model_share_it_however_slow_it_is() {
        for (each, least) in [(10, 290), (30, 140), (100, 45)] {
            let frames = computed(&[each, each]);

            assert!(frames.iter().all(|frames| *frames >= least), "{each} ms each: {frames:?}");
        }
    }

    #[test]
    fn who_takes_more_and_harms_nobody_goes_on() {
        assert!(computed(&[1, 28]).iter().all(|frames| *frames >= 290), "{:?}", computed(&[1, 28]));
        assert!(computed(&[200])[0] >= 49, "{:?}", computed(&[200]));
    }

    #[test]
    fn a_slow_frame_now_and_then_is_forgiven() {
        let (mut shares, begin) = (Shares::default(), Instant::now());
        let mut now = begin;

        for second in 0..20 {
            for frame in 0..30 {
                now = begin + Duration::from_secs(second) + CAMERA * frame;
                assert!(shares.admits(1, CAMERA, now));
                shares.done(1, Duration::from_millis(5), now);
                assert!(shares.admits(2, CAMERA, now), "second {second}, frame {frame}");
                let slow = frame == 0 && second % 5 == 0;
                shares.done(2, Duration::from_millis(if slow { 300 } else { 5 }), now);
            }
        }
        assert!(now > begin);
    }
}
