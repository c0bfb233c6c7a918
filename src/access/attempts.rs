//! Failed sign-ins by address, so that nobody can try keys as fast as the network allows. Pure.

use std::{
    collections::HashMap,
    net::IpAddr,
    time::{Duration, Instant},
};

use super::network;

/// Failed sign-ins of one address in a [`WINDOW`]: a person mistypes three times.
const FAILURES: u32 = 10;
const WINDOW: Duration = Duration::from_mins(1);
/// Addresses that are remembered; one more makes room for itself by forgetting the oldest.
const ADDRESSES: usize = 4096;

/// The failed sign-ins of the last minute.
#[derive(Default)]
pub struct Attempts(HashMap<IpAddr, Failures>);

struct Failures {
    since: Instant,
    count: u32,
}

impl Attempts {
    /// Whether an address may try a key.
    ///
    /// # Errors
    /// How long it has to wait.
    pub fn check(&self, from: IpAddr, now: Instant) -> Result<(), Duration> {
        let Some(failures) = self.0.get(&network(from)) else { return Ok(()) };
        let left = (failures.since + WINDOW).saturating_duration_since(now);
        if failures.count < FAILURES || left.is_zero() { Ok(()) } else { Err(left) }
    }

    /// Counts a failure.
    pub fn failed(&mut self, from: IpAddr, now: Instant) {
        let from = network(from);
        if self.0.len() >= ADDRESSES && !self.0.contains_key(&from) {
            self.0.retain(|_, failures| now.saturating_duration_since(failures.since) < WINDOW);
            if self.0.len() >= ADDRESSES
                && let Some(oldest) = self.0.iter().min_by_key(|(_, one)| one.since).map(|(from, _)| *from)
            {
                self.0.remove(&oldest);
            }
        }
        let failures = self.0.entry(from).or_insert(Failures { since: now, count: 0 });
        if now.saturating_duration_since(failures.since) >= WINDOW {
            *failures = Failures { since: now, count: 0 };
        }
        failures.count += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(times: u32, from: &str, now: Instant) -> Attempts {
        let mut attempts = Attempts::default();
        (0..times).for_each(|_| attempts.failed(from.parse().unwrap(), now));
        attempts
    }

    #[test]
    fn an_address_waits_after_ten_failures_and_others_do_not() {
        let (now, one) = (Instant::now(), "203.0.113.1".parse().unwrap());
        assert_eq!(failed(FAILURES - 1, "203.0.113.1", now).check(one, now), Ok(()));

        let mut attempts = failed(FAILURES, "203.0.113.1", now);

        assert_eq!(attempts.check(one, now + WINDOW / 3), Err(WINDOW * 2 / 3));
        assert!(attempts.check("::ffff:203.0.113.1".parse().unwrap(), now).is_err());
        assert!(attempts.check("203.0.113.2".parse().unwrap(), now).is_ok());
        assert!(attempts.check(one, now + WINDOW).is_ok());
        attempts.failed(one, now + WINDOW);
        assert!(attempts.check(one, now + WINDOW).is_ok(), "a new minute counts from one");
    }

    #[test]
    fn an_ipv6_network_counts_as_one() {
        let now = Instant::now();
        let attempts = failed(FAILURES, "2001:db8::1", now);

        assert!(attempts.check("2001:db8::2".parse().unwrap(), now).is_err());
        assert!(attempts.check("2001:db8:0:1::1".parse().unwrap(), now).is_ok());
    }

    #[test]
    fn the_table_is_bounded() {
        let now = Instant::now();
        let mut attempts = Attempts::default();

        for number in 0..10_000_u32 {
            attempts.failed(IpAddr::from(number.to_be_bytes()), now);
        }

        assert_eq!(attempts.0.len(), ADDRESSES);
    }
}
