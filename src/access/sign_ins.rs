//! Sign-ins of browsers: what a cookie stands for. Pure but for the system's random numbers.
//!
//! They live in memory: a restart signs everybody out, and a key that is revoked ends its sign-ins.

use std::{
    collections::HashMap,
    io,
    time::{Duration, Instant},
};

use super::key::{Digest, random_text};

/// A page that is open asks every few seconds; one that was closed for a day signs in again.
const IDLE: Duration = Duration::from_hours(24);
/// Sign-ins of one key; one more ends the one that was idle for longest.
const PER_KEY: usize = 100;

/// All sign-ins, by the digest of the cookie's value.
#[derive(Default)]
pub struct SignIns(HashMap<Digest, SignIn>);

struct SignIn {
    key: Digest,
    used: Instant,
}

impl SignIns {
    /// A new sign-in with a key; gives the cookie's value.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn add(&mut self, key: Digest, now: Instant) -> io::Result<String> {
        let value = random_text()?;
        self.0.retain(|_, one| now.saturating_duration_since(one.used) < IDLE);
        if self.0.values().filter(|one| one.key == key).count() >= PER_KEY {
            let of_key = self.0.iter().filter(|(_, one)| one.key == key);
            let oldest = of_key.min_by_key(|(_, one)| one.used).map(|(cookie, _)| *cookie);
            oldest.map(|oldest| self.0.remove(&oldest));
        }
        self.0.insert(Digest::of(&value), SignIn { key, used: now });
        Ok(value)
    }

    /// The key that a cookie's value stands for.
    pub fn key(&mut self, value: &str, now: Instant) -> Option<Digest> {
        let found = self.0.get_mut(&Digest::of(value))?;
        if now.saturating_duration_since(found.used) >= IDLE {
            return None;
        }
        found.used = now;
        Some(found.key)
    }

    /// Ends a sign-in.
    pub fn remove(&mut self, value: &str) {
        self.0.remove(&Digest::of(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_stands_for_its_key_until_it_is_removed_or_idle() {
        let (key, now) = (Digest::of("key"), Instant::now());
        let mut all = SignIns::default();
        let (one, other) = (all.add(key, now).unwrap(), all.add(key, now).unwrap());

        assert_eq!((all.key(&one, now), all.key("forged", now)), (Some(key), None));
        all.remove(&one);
        assert_eq!((all.key(&one, now), all.key(&other, now)), (None, Some(key)));
        assert_eq!(all.key(&other, now + IDLE / 2), Some(key), "used, so not idle");
        assert_eq!(all.key(&other, now + IDLE + IDLE / 4), Some(key));
        assert_eq!(all.key(&other, now + 3 * IDLE), None);
    }

    #[test]
    fn a_key_has_so_many_sign_ins_and_takes_none_of_another() {
        let (key, now) = (Digest::of("key"), Instant::now());
        let mut all = SignIns::default();
        let foreign = all.add(Digest::of("other"), now).unwrap();
        let first = all.add(key, now).unwrap();

        for second in 1..=PER_KEY {
            all.add(key, now + Duration::from_secs(u64::try_from(second).unwrap())).unwrap();
        }

        assert_eq!(all.0.len(), PER_KEY + 1);
        assert!(all.key(&first, now).is_none() && all.key(&foreign, now).is_some());
    }
}
