//! How long the sessions of each subject have lasted today, in UTC.
//!
//! Shared by all sessions, which add to it four times a second; the lock is held for a look-up. Kept in memory: a restart
//! begins a new day.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use crate::{
    access::{Caller, Party},
    limits,
    session::Error,
};

const DAY_S: u64 = 24 * 60 * 60;
/// Parties that are remembered; for one more, the one with the least time is forgotten.
const PARTIES: usize = 65_536;

/// The time of all subjects.
pub struct Minutes {
    /// Minutes of one subject a day; 0 is no limit.
    limit: u64,
    today: Mutex<Today>,
}

#[derive(Default)]
struct Today {
    /// Days since 1970.
    day: u64,
    spent: HashMap<Party, Duration>,
}

impl Minutes {
    /// At most `limit` minutes a day for each; 0 is no limit.
    pub fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self { limit, today: Mutex::default() })
    }

    /// The time that a new session of a caller may take; `None` where it has no limit.
    ///
    /// # Errors
    /// [`Error::Minutes`].
    pub fn allowance(self: &Arc<Self>, caller: &Caller) -> Result<Option<Allowance>, Error> {
        let now = unix_now();
        let Some(party) = caller.party().filter(|_| self.limit > 0) else { return Ok(None) };
        if self.is_used_up(&party, Duration::ZERO, now) {
            limits::MINUTES.refused();
            let wait = Duration::from_secs(DAY_S - now.as_secs() % DAY_S);
            return Err(Error::Minutes { limit: self.limit, wait });
        }
        Ok(Some(Allowance { minutes: self.clone(), party, at: Instant::now() }))
    }

    /// Adds to a party's time; whether it is used up then. `now` is the time since 1970.
    fn is_used_up(&self, party: &Party, time: Duration, now: Duration) -> bool {
        let mut today = self.lock();
        let day = now.as_secs() / DAY_S;
        if today.day != day {
            *today = Today { day, spent: HashMap::new() };
        }
        let limit = Duration::from_secs(self.limit.saturating_mul(60));
        if let Some(spent) = today.spent.get_mut(party) {
            *spent = spent.saturating_add(time);
            return *spent >= limit;
        }
        if time.is_zero() {
            return false;
        }
        if today.spent.len() >= PARTIES
            && let Some(least) =
                today.spent.iter().min_by_key(|(_, spent)| **spent).map(|(party, _)| party.clone())
        {
            today.spent.remove(&least);
        }
        today.spent.insert(party.clone(), time);
        time >= limit
    }

    fn lock(&self) -> MutexGuard<'_, Today> {
        self.today.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The time of one session, which counts to its subject's.
pub struct Allowance {
    minutes: Arc<Minutes>,
    party: Party,
    /// Until when it has been counted.
    at: Instant,
}

impl Allowance {
    /// Counts the time since the last call; whether the subject's time is used up.
    pub fn is_used_up(&mut self, now: Instant) -> bool {
        let time = now.saturating_duration_since(std::mem::replace(&mut self.at, now));
        self.minutes.is_used_up(&self.party, time, unix_now())
    }
}

fn unix_now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Role;

    const MINUTE: Duration = Duration::from_mins(1);

    fn party(number: u32) -> Party {
        Party::Address(number.to_be_bytes().into())
    }

    #[test]
    fn the_time_of_all_sessions_of_a_subject_adds_up_and_a_new_day_begins_with_none() {
        let minutes = Minutes::new(10);
        let noon = Duration::from_secs(20_000 * DAY_S + DAY_S / 2);

        assert!(!minutes.is_used_up(&party(1), 6 * MINUTE, noon));
        assert!(!minutes.is_used_up(&party(2), 6 * MINUTE, noon));
        assert!(!minutes.is_used_up(&party(1), 3 * MINUTE, noon));
        assert!(minutes.is_used_up(&party(1), MINUTE, noon));
        assert!(minutes.is_used_up(&party(1), Duration::ZERO, noon), "nor does it get another session");
        let midnight = Duration::from_secs(20_001 * DAY_S);
        assert!(!minutes.is_used_up(&party(1), Duration::ZERO, midnight));
        assert!(!minutes.is_used_up(&party(1), MINUTE, midnight));
    }

    #[test]
    fn a_session_counts_its_time_once() {
        let minutes = Minutes::new(1);
        let caller = Caller::new("a".into(), "a", Role::User, [127, 0, 0, 1].into());
        let mut one = minutes.allowance(&caller).unwrap().unwrap();
        let start = one.at;

        assert!(!one.is_used_up(start + MINUTE / 2));
        assert!(!one.is_used_up(start + MINUTE / 2));
        assert!(one.is_used_up(start + MINUTE));

        let refused = minutes.allowance(&caller).err();
        assert!(
            matches!(refused, Some(Error::Minutes { limit: 1, wait }) if wait <= Duration::from_secs(DAY_S))
        );
        let operator = Caller::new("b".into(), "b", Role::Operator, [127, 0, 0, 1].into());
        assert!(minutes.allowance(&operator).unwrap().is_none());
        assert!(Minutes::new(0).allowance(&caller).unwrap().is_none());
    }

    #[test]
    fn the_table_is_bounded_and_keeps_those_who_used_most() {
        let minutes = Minutes::new(10);
        let now = Duration::from_secs(20_000 * DAY_S);
        minutes.is_used_up(&party(0), 10 * MINUTE, now);

        for number in 1..=u32::try_from(PARTIES).unwrap() {
            minutes.is_used_up(&party(number), Duration::from_millis(u64::from(number)), now);
        }

        assert_eq!(minutes.lock().spent.len(), PARTIES);
        assert!(minutes.is_used_up(&party(0), Duration::ZERO, now));
    }
}
