//! The load of a pipeline's sessions in seconds of computing per second, and whether another one fits. Pure but for its lock.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Weight of the newest frame in the means: about thirty frames count.
const NEWEST: f64 = 1.0 / 32.0;
/// A session without a frame for this long has no load.
const IDLE: Duration = Duration::from_secs(3);

/// The sessions of one pipeline, which share what it computes on.
#[derive(Debug, Default)]
pub struct Share(Mutex<Members>);

#[derive(Debug, Default)]
struct Members {
    next: u64,
    uses: BTreeMap<u64, Use>,
}

/// The load of one session.
#[derive(Clone, Copy, Debug)]
struct Use {
    compute_s: f64,
    interval_s: f64,
    at: Instant,
}

/// A session's part in a [`Share`], released when dropped.
#[derive(Debug)]
pub struct Member {
    share: Arc<Share>,
    number: u64,
}

impl Share {
    /// Adds a session.
    pub fn join(self: &Arc<Self>) -> Member {
        let mut members = self.lock();
        members.next += 1;
        Member { share: self.clone(), number: members.next }
    }

    /// Seconds of computing per second: of all sessions, and with another one at their mean.
    pub fn load(&self, now: Instant) -> (f64, f64) {
        let members = self.lock();
        let busy: Vec<_> = members
            .uses
            .values()
            .filter(|used| now.saturating_duration_since(used.at) < IDLE && used.interval_s > 0.0)
            .map(|used| used.compute_s / used.interval_s)
            .collect();
        let sum: f64 = busy.iter().sum();
        (sum, if busy.is_empty() { 0.0 } else { sum + sum / busy.len() as f64 })
    }

    fn lock(&self) -> MutexGuard<'_, Members> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Member {
    /// Records how long a frame was computed.
    pub fn record(&self, compute: Duration, now: Instant) {
        let compute_s = compute.as_secs_f64();
        let mut members = self.share.lock();
        let used = members.uses.entry(self.number).or_insert(Use { compute_s, interval_s: 0.0, at: now });
        let interval_s = now.saturating_duration_since(used.at).as_secs_f64();
        used.compute_s += (compute_s - used.compute_s) * NEWEST;
        used.interval_s = if used.interval_s > 0.0 {
            used.interval_s + (interval_s - used.interval_s) * NEWEST
        } else {
            interval_s
        };
        used.at = now;
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.share.lock().uses.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_more_session_is_like_the_mean_of_those_that_are_there() {
        let (share, start) = (Arc::new(Share::default()), Instant::now());
        let members = [share.join(), share.join()];
        let mut now = start;
        for _ in 0..60 {
            now += Duration::from_millis(40);
            for member in &members {
                member.record(Duration::from_millis(10), now);
            }
        }

        let (load, with_one_more) = share.load(now);

        assert!((load - 0.5).abs() < 0.01 && (with_one_more - 0.75).abs() < 0.01, "{load} {with_one_more}");
        assert!(share.load(now + IDLE).0 < 0.01, "who gets no frames computes nothing");
        drop(members);
        assert!(share.load(now).0 < 0.01);
    }
}
