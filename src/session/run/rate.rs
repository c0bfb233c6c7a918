//! How fast a session reads its client's messages: a token bucket (RFC 2697's, with one colour). Pure; time is an argument.

use std::time::{Duration, Instant};

/// Messages a second, and at once after a second without any.
const MESSAGES: f64 = 200.0;
/// Bytes a second, likewise.
const BYTES: f64 = 1_000_000.0;
/// A client that sends too much for this long is not a slider.
const PATIENCE: Duration = Duration::from_secs(5);
/// Messages that are dropped further apart than this are not one flood.
const PAUSE: Duration = Duration::from_secs(2);

/// The rate of one client.
pub struct Rate {
    messages: f64,
    bytes: f64,
    at: Instant,
    /// Since when messages have been dropped, and when last.
    flood: Option<(Instant, Instant)>,
}

impl Rate {
    pub fn new(now: Instant) -> Self {
        Self { messages: MESSAGES, bytes: BYTES, at: now, flood: None }
    }

    /// Whether a message of that many bytes may be read; counts it if so.
    pub fn allows(&mut self, bytes: usize, now: Instant) -> bool {
        let seconds = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        self.messages = (self.messages + seconds * MESSAGES).min(MESSAGES);
        self.bytes = (self.bytes + seconds * BYTES).min(BYTES);
        let bytes = bytes as f64;
        let allowed = self.messages >= 1.0 && self.bytes >= bytes;
        if allowed {
            self.messages -= 1.0;
            self.bytes -= bytes;
        }
        allowed
    }

    /// Records that messages were dropped; returns whether that has gone on for too long.
    pub fn dropped(&mut self, now: Instant) -> bool {
        let goes_on = self.flood.filter(|(_, last)| now.saturating_duration_since(*last) < PAUSE);
        let since = goes_on.map_or(now, |(since, _)| since);
        self.flood = Some((since, now));
        now.saturating_duration_since(since) >= PATIENCE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_of_a_second_passes_and_then_as_many_as_the_rate_allows() {
        let start = Instant::now();
        let mut rate = Rate::new(start);
        let mut burst = |now| (0..1000).filter(|_| rate.allows(10, now)).count();

        assert_eq!(burst(start), 200);
        assert_eq!(burst(start + Duration::from_millis(250)), 50);
        assert_eq!(burst(start + Duration::from_mins(1)), 200);
    }

    #[test]
    fn long_messages_use_it_up_sooner() {
        let start = Instant::now();
        let mut rate = Rate::new(start);

        assert_eq!((0..1000).filter(|_| rate.allows(50_000, start)).count(), 20);
    }

    #[test]
    fn a_burst_is_forgiven_and_a_flood_is_not() {
        let start = Instant::now();
        let second = Duration::from_secs(1);

        let mut bursts = Rate::new(start);
        assert!((0..20).all(|number| !bursts.dropped(start + number * 3 * second)));
        let mut flood = Rate::new(start);
        let closed: Vec<_> = (0..7).map(|number| flood.dropped(start + number * second)).collect();
        assert_eq!(closed, [false, false, false, false, false, true, true]);
    }
}
