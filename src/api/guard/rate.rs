//! How many requests a second each party may send: a token bucket each (RFC 2697, with one colour).
//!
//! Runs on tokio, once a request; the lock is held for a look-up.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::{
    access::{Caller, Party},
    limits,
};

/// Requests at once after a pause, in seconds of the rate: a page that opens loads everything at once.
const BURST_S: u32 = 4;
/// Parties that are remembered; one more makes room by forgetting those whose bucket is full again, then the longest idle.
const PARTIES: usize = 8192;

/// The buckets of all parties.
pub struct Rates {
    /// Requests a second; 0 is no limit.
    rate: u32,
    buckets: Mutex<HashMap<Party, Bucket>>,
}

struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Rates {
    /// Full buckets; `rate` requests a second, 0 is no limit.
    pub fn new(rate: u32) -> Self {
        Self { rate, buckets: Mutex::default() }
    }

    /// Counts a request to the route `path` of the API; others are free.
    ///
    /// # Errors
    /// How long the caller has to wait for the next one.
    pub fn check(&self, caller: &Caller, path: Option<&str>) -> Result<(), Duration> {
        let is_counted = path.is_some_and(|path| path.starts_with("/api/") || path == "/metrics");
        match caller.party() {
            Some(party) if is_counted && self.rate > 0 => {
                self.take(&party, Instant::now()).inspect_err(|_| {
                    limits::REQUEST_RATE.refused();
                })
            }
            _ => Ok(()),
        }
    }

    fn take(&self, party: &Party, now: Instant) -> Result<(), Duration> {
        let (rate, full) = (f64::from(self.rate), f64::from(self.rate) * f64::from(BURST_S));
        let mut buckets = self.lock();
        if buckets.len() >= PARTIES && !buckets.contains_key(party) {
            make_room(&mut buckets, now);
        }
        let bucket = buckets.entry(party.clone()).or_insert(Bucket { tokens: full, at: now });
        let grown = now.saturating_duration_since(bucket.at).as_secs_f64() * rate;
        *bucket = Bucket { tokens: (bucket.tokens + grown).min(full), at: now };
        if bucket.tokens < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - bucket.tokens) / rate));
        }
        bucket.tokens -= 1.0;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Party, Bucket>> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn make_room(buckets: &mut HashMap<Party, Bucket>, now: Instant) {
    let refill = Duration::from_secs(BURST_S.into());
    buckets.retain(|_, bucket| now.saturating_duration_since(bucket.at) < refill);
    if buckets.len() >= PARTIES
        && let Some(idle) = buckets.iter().min_by_key(|(_, bucket)| bucket.at).map(|(party, _)| party.clone())
    {
        buckets.remove(&idle);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Role;

    fn party(number: u32) -> Party {
        Party::Address(number.to_be_bytes().into())
    }

    #[test]
    fn a_burst_passes_and_then_as_many_as_the_rate_allows() {
        let (rates, start) = (Rates::new(50), Instant::now());
        let passed = |at, of| (0..1000).filter(|_| rates.take(&party(of), at).is_ok()).count();

        assert_eq!(passed(start, 1), 200);
        assert_eq!(rates.take(&party(1), start), Err(Duration::from_millis(20)));
        assert_eq!(passed(start, 2), 200, "another one has its own");
        assert_eq!(passed(start + Duration::from_millis(500), 1), 25);
        assert_eq!(passed(start + Duration::from_mins(1), 1), 200);
    }

    #[test]
    fn operators_and_what_is_not_the_api_are_free() {
        let rates = Rates::new(1);
        let caller = |role| Caller::new("a".into(), "a", role, [127, 0, 0, 1].into());
        let passed = |role, path| (0..100).filter(|_| rates.check(&caller(role), path).is_ok()).count();

        assert_eq!(passed(Role::User, Some("/health")), 100);
        assert_eq!(passed(Role::User, None), 100, "a file of the page");
        assert_eq!(passed(Role::Operator, Some("/api/v1/me")), 100);
        assert_eq!(passed(Role::User, Some("/api/v1/me")), 4);
        assert!(Rates::new(0).check(&caller(Role::User), Some("/api/v1/me")).is_ok());
    }

    #[test]
    fn the_table_is_bounded_and_forgets_the_idle_first() {
        let (rates, start) = (Rates::new(50), Instant::now());
        let spend = |of, at| (0..1000).filter(|_| rates.take(&party(of), at).is_ok()).count();
        spend(0, start + Duration::from_secs(1));

        for number in 1..20_000 {
            rates.take(&party(number), start).ok(); // one that floods uses up its bucket
        }

        assert_eq!(rates.lock().len(), PARTIES);
        assert_eq!(spend(0, start + Duration::from_secs(1)), 0, "a flood of others does not fill its bucket");
        rates.take(&party(30_000), start + Duration::from_mins(1)).unwrap();
        assert_eq!(rates.lock().len(), 1);
    }
}
