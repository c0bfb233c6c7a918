//! How many sessions each subject and each address has.
//!
//! Shared by all requests; the lock is held for a look-up. The table has only those who have a session.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    access::{Caller, Party},
    limits,
    session::Error,
};

/// How many sessions each may have at once; 0 is no limit.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Of one subject.
    pub per_subject: usize,
    /// Of one address.
    pub per_address: usize,
    /// Of one address, before they are connected.
    pub connecting: usize,
}

impl Default for Settings {
    fn default() -> Self {
        // Connecting takes a second at most; more at once come of a flood, or of a proxy on another host.
        Self { per_subject: 0, per_address: 0, connecting: 4 }
    }
}

/// The sessions of each subject and each address.
pub struct Shares {
    settings: Settings,
    taken: Mutex<HashMap<Party, usize>>,
}

impl Shares {
    /// None yet.
    pub fn new(settings: Settings) -> Arc<Self> {
        Arc::new(Self { settings, taken: Mutex::default() })
    }

    /// Counts one more session of a caller, until the share is dropped.
    ///
    /// # Errors
    /// [`Error::SubjectSessions`], [`Error::AddressSessions`].
    pub fn take(self: &Arc<Self>, caller: &Caller) -> Result<Share, Error> {
        let Settings { per_subject, per_address, .. } = self.settings;
        let subject = caller.party().filter(|party| per_subject > 0 && matches!(party, Party::Subject(_)));
        let address = caller.network().filter(|_| per_address > 0).map(Party::Address);
        let mut taken = self.lock();
        let has = |party: &Option<Party>| party.as_ref().and_then(|party| taken.get(party)).copied();
        if has(&subject).is_some_and(|sessions| sessions >= per_subject) {
            limits::SUBJECT_SESSIONS.refused();
            return Err(Error::SubjectSessions { limit: per_subject });
        }
        if has(&address).is_some_and(|sessions| sessions >= per_address) {
            limits::ADDRESS_SESSIONS.refused();
            return Err(Error::AddressSessions { limit: per_address });
        }
        let parties: Vec<_> = subject.into_iter().chain(address).collect();
        for party in &parties {
            *taken.entry(party.clone()).or_default() += 1;
        }
        Ok(Share { shares: self.clone(), parties })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Party, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One session of a subject and of an address.
pub struct Share {
    shares: Arc<Shares>,
    parties: Vec<Party>,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.shares.lock();
        for party in &self.parties {
            if let Some(sessions) = taken.get_mut(party) {
                *sessions -= 1;
                if *sessions == 0 {
                    taken.remove(party);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Role;

    fn caller(name: &str, role: Role, from: &str) -> Caller {
        Caller::new(name.into(), name, role, from.parse().unwrap())
    }

    #[test]
    fn each_subject_has_its_own_share_and_gets_it_back() {
        let shares = Shares::new(Settings { per_subject: 2, ..Settings::default() });
        let alice = |from| caller("alice", Role::User, from);

        let one = shares.take(&alice("203.0.113.1")).unwrap();
        let _two = shares.take(&alice("203.0.113.2")).unwrap();

        assert!(matches!(shares.take(&alice("::1")), Err(Error::SubjectSessions { limit: 2 })));
        assert!(shares.take(&caller("bob", Role::User, "203.0.113.1")).is_ok());
        assert!((0..9).all(|_| shares.take(&caller("boss", Role::Operator, "203.0.113.1")).is_ok()));
        drop(one);
        assert!(shares.take(&alice("::1")).is_ok());
    }

    #[test]
    fn an_address_has_a_share_for_all_who_ask_from_it() {
        let shares = Shares::new(Settings { per_address: 1, ..Settings::default() });
        let strangers = |from: &str| Caller::anybody(from.parse().unwrap());

        let one = shares.take(&strangers("2001:db8::1")).unwrap();

        let same = [strangers("2001:db8::2"), caller("alice", Role::User, "2001:db8::3")];
        assert!(same.iter().all(|one| matches!(shares.take(one), Err(Error::AddressSessions { limit: 1 }))));
        assert!(shares.take(&strangers("2001:db8:0:1::1")).is_ok());
        drop(one);
        assert!(shares.lock().is_empty(), "nobody without a session is remembered");
    }
}
