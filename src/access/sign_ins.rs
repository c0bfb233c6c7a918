//! Sign-ins of browsers: what a cookie stands for. Pure but for the system's random numbers.
//!
//! They live in memory: a restart signs everybody out, and a key that is revoked, or a token that ends, ends its sign-ins.

use std::{
    collections::HashMap,
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use super::key::{Digest, random_text};

/// A page that is open asks every few seconds; one that was closed for a day signs in again.
const IDLE: Duration = Duration::from_hours(24);
/// Sign-ins of one key or person; one more ends the one that was idle for longest.
const PER_KEY: usize = 100;

/// All sign-ins, by the digest of the cookie's value.
#[derive(Default)]
pub struct SignIns(HashMap<Digest, SignIn>);

/// What was shown at the sign-in, and is looked at again with each request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A key.
    Key(Digest),
    /// A token of the issuer.
    Token(Arc<str>),
}

struct SignIn {
    owner: Digest,
    proof: Proof,
    used: Instant,
}

impl SignIns {
    /// A new sign-in of an owner; gives the cookie's value.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn add(&mut self, owner: Digest, proof: Proof, now: Instant) -> io::Result<String> {
        let value = random_text()?;
        self.0.retain(|_, one| now.saturating_duration_since(one.used) < IDLE);
        if self.0.values().filter(|one| one.owner == owner).count() >= PER_KEY {
            let of_owner = self.0.iter().filter(|(_, one)| one.owner == owner);
            let oldest = of_owner.min_by_key(|(_, one)| one.used).map(|(cookie, _)| *cookie);
            oldest.map(|oldest| self.0.remove(&oldest));
        }
        self.0.insert(Digest::of(&value), SignIn { owner, proof, used: now });
        Ok(value)
    }

    /// What a cookie's value stands for.
    pub fn proof(&mut self, value: &str, now: Instant) -> Option<Proof> {
        let found = self.0.get_mut(&Digest::of(value))?;
        if now.saturating_duration_since(found.used) >= IDLE {
            return None;
        }
        found.used = now;
        Some(found.proof.clone())
    }

    /// Ends a sign-in.
    pub fn remove(&mut self, value: &str) {
        self.0.remove(&Digest::of(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl SignIns {
        fn add_key(&mut self, key: Digest, now: Instant) -> String {
            self.add(key, Proof::Key(key), now).unwrap()
        }

        fn key(&mut self, value: &str, now: Instant) -> Option<Digest> {
            self.proof(value, now).map(|proof| match proof {
                Proof::Key(key) => key,
                Proof::Token(token) => panic!("{token}"),
            })
        }
    }

    #[test]
    fn a_cookie_stands_for_its_key_until_it_is_removed_or_idle() {
        let (key, now) = (Digest::of("key"), Instant::now());
        let mut all = SignIns::default();
        let (one, other) = (all.add_key(key, now), all.add_key(key, now));

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
        let foreign = all.add_key(Digest::of("other"), now);
        let first = all.add_key(key, now);

        for second in 1..=PER_KEY {
            all.add_key(key, now + Duration::from_secs(u64::try_from(second).unwrap()));
        }

        assert_eq!(all.0.len(), PER_KEY + 1);
        assert!(all.key(&first, now).is_none() && all.key(&foreign, now).is_some());
    }
}
