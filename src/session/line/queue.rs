//! The order of those who wait for a place. Pure; time is an argument.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::access::{Caller, Party, Subject};

/// How long a place is held for the one whose turn it is: a page sends its offer within a second of being told.
const HOLD: Duration = Duration::from_secs(30);
/// One who neither watches nor asks for this long has gone.
const UNSEEN: Duration = Duration::from_secs(30);
/// Places of one address whose callers are not known: several people may share it.
const PER_ADDRESS: usize = 4;
/// Watchers of one ticket: tabs of one browser.
const WATCHERS: usize = 4;

/// All who wait, the first to come first; each holds a `P` from its turn on.
pub struct Queue<P> {
    tickets: VecDeque<Ticket<P>>,
    limit: usize,
}

struct Ticket<P> {
    id: String,
    owner: Subject,
    party: Option<Party>,
    seen: Instant,
    watchers: usize,
    turn: Option<Turn<P>>,
}

struct Turn<P> {
    token: String,
    place: P,
    until: Instant,
}

/// Where one stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// How many are served before it, and itself; 0 once it is its turn.
    pub position: usize,
    /// The token for the place that is held for it.
    pub token: Option<String>,
    /// Until when it is held.
    pub until: Option<Instant>,
}

/// Why one cannot wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// As many wait as may.
    Full,
    /// The caller has its share of the line.
    Share,
}

impl<P> Queue<P> {
    /// Nobody waits, and at most `limit` may.
    pub fn new(limit: usize) -> Self {
        Self { tickets: VecDeque::new(), limit }
    }

    /// Whether somebody waits whose turn it is not yet.
    pub fn is_waiting(&self) -> bool {
        self.tickets.iter().any(|ticket| ticket.turn.is_none())
    }

    /// Whether there are no tickets.
    pub fn is_empty(&self) -> bool {
        self.tickets.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.tickets.len()
    }

    /// A ticket for a caller, at the end; one who is known and waits already keeps that ticket. A key and the tokens that it
    /// minted get at most half of the line, operators as many as they ask for.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn join(&mut self, caller: &Caller, id: String, now: Instant) -> Result<String, Refusal> {
        let party = caller.party();
        let is_known = matches!(party, Some(Party::Subject(_)));
        let mut own = self.tickets.iter_mut().filter(|ticket| is_known && ticket.owner == *caller.subject());
        if let Some(ticket) = own.next() {
            ticket.seen = now;
            return Ok(ticket.id.clone());
        }
        let share = match &party {
            Some(Party::Subject(_)) => (self.limit / 2).max(1),
            Some(Party::Address(_)) => PER_ADDRESS,
            None => usize::MAX,
        };
        if self.tickets.iter().filter(|ticket| ticket.party == party).count() >= share {
            return Err(Refusal::Share);
        }
        if self.tickets.len() >= self.limit {
            return Err(Refusal::Full);
        }
        let owner = caller.subject().clone();
        self.tickets.push_back(Ticket { id: id.clone(), owner, party, seen: now, watchers: 0, turn: None });
        Ok(id)
    }

    /// Holds a place for the first who waits, under a new token; gives the place back if nobody does.
    pub fn hold(&mut self, place: P, token: String, now: Instant) -> Option<P> {
        let Some(next) = self.tickets.iter_mut().find(|ticket| ticket.turn.is_none()) else {
            return Some(place);
        };
        next.turn = Some(Turn { token, place, until: now + HOLD });
        None
    }

    /// The place that is held under a token of the caller's; the token is used up.
    pub fn redeem(&mut self, caller: &Caller, token: &str, now: Instant) -> Option<P> {
        let fits = |ticket: &Ticket<P>| {
            let turn = ticket.turn.as_ref();
            caller.owns(&ticket.owner) && turn.is_some_and(|turn| turn.token == token && now < turn.until)
        };
        let index = self.tickets.iter().position(fits)?;
        self.tickets.remove(index)?.turn.map(|turn| turn.place)
    }

    /// Where a ticket of the caller's stands, who is seen by asking; `None` if there is no such ticket.
    pub fn standing(&mut self, caller: &Caller, id: &str, now: Instant) -> Option<Standing> {
        self.own(caller, id)?.seen = now;
        self.look(id)
    }

    /// Where a ticket stands.
    pub fn look(&self, id: &str) -> Option<Standing> {
        let index = self.tickets.iter().position(|ticket| ticket.id == id)?;
        let before = self.tickets.iter().take(index).filter(|ticket| ticket.turn.is_none()).count();
        Some(match &self.tickets.get(index)?.turn {
            Some(turn) => Standing { position: 0, token: Some(turn.token.clone()), until: Some(turn.until) },
            None => Standing { position: before + 1, token: None, until: None },
        })
    }

    /// Gives a ticket of the caller's up; whether there was one.
    pub fn leave(&mut self, caller: &Caller, id: &str) -> bool {
        let before = self.tickets.len();
        self.tickets.retain(|ticket| !(ticket.id == id && caller.owns(&ticket.owner)));
        self.tickets.len() < before
    }

    /// Counts one who watches a ticket of the caller's; `None` if there is no such ticket, `Some(false)` if too many do.
    pub fn watch(&mut self, caller: &Caller, id: &str) -> Option<bool> {
        let ticket = self.own(caller, id)?;
        let has_room = ticket.watchers < WATCHERS;
        ticket.watchers += usize::from(has_room);
        Some(has_room)
    }

    /// One has stopped watching.
    pub fn unwatch(&mut self, id: &str, now: Instant) {
        if let Some(ticket) = self.tickets.iter_mut().find(|ticket| ticket.id == id) {
            ticket.watchers = ticket.watchers.saturating_sub(1);
            ticket.seen = now;
        }
    }

    /// Drops those who have gone, and those who did not take their place in time; whether there were any.
    pub fn expire(&mut self, now: Instant) -> bool {
        let before = self.tickets.len();
        self.tickets.retain(|ticket| {
            let is_there = ticket.watchers > 0 || now.saturating_duration_since(ticket.seen) < UNSEEN;
            is_there && ticket.turn.as_ref().is_none_or(|turn| now < turn.until)
        });
        self.tickets.len() < before
    }

    fn own(&mut self, caller: &Caller, id: &str) -> Option<&mut Ticket<P>> {
        self.tickets.iter_mut().find(|ticket| ticket.id == id && caller.owns(&ticket.owner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Role;

    const SECOND: Duration = Duration::from_secs(1);

    fn user(name: &str) -> Caller {
        Caller::new(name.into(), name, Role::User, [203, 0, 113, 1].into())
    }

    fn position(queue: &Queue<u8>, id: &str) -> Option<usize> {
        queue.look(id).map(|standing| standing.position)
    }

    #[test]
    fn the_first_to_come_is_served_first_and_positions_fall() {
        let (mut queue, now) = (Queue::new(9), Instant::now());
        for name in ["a", "b", "c"] {
            queue.join(&user(name), name.into(), now).unwrap();
        }
        let positions = |queue: &Queue<u8>| ["a", "b", "c"].map(|id| position(queue, id));

        assert_eq!(positions(&queue), [Some(1), Some(2), Some(3)]);
        assert_eq!(queue.hold(7, "token".into(), now), None);
        assert_eq!(positions(&queue), [Some(0), Some(1), Some(2)]);
        assert_eq!(queue.redeem(&user("a"), "token", now + SECOND), Some(7));
        assert_eq!(positions(&queue), [None, Some(1), Some(2)]);
        assert!(queue.leave(&user("b"), "b"));
        assert_eq!(positions(&queue), [None, None, Some(1)]);
        queue.hold(8, "other".into(), now);
        assert_eq!(queue.hold(9, "nobody's".into(), now), Some(9));
    }

    #[test]
    fn a_token_is_the_owners_and_works_once_and_for_thirty_seconds() {
        let (mut queue, now) = (Queue::new(9), Instant::now());
        queue.join(&user("a"), "a".into(), now).unwrap();
        queue.hold(7, "token".into(), now);

        assert_eq!(queue.redeem(&user("b"), "token", now), None);
        assert_eq!(queue.redeem(&user("a"), "", now), None);
        assert_eq!(queue.redeem(&user("a"), "token", now + HOLD), None);
        assert_eq!(queue.redeem(&user("a"), "token", now + HOLD / 2), Some(7));
        assert_eq!(queue.redeem(&user("a"), "token", now + HOLD / 2), None);
    }

    #[test]
    fn who_has_gone_is_dropped_and_who_watches_or_asks_stays() {
        let (mut queue, now) = (Queue::new(9), Instant::now());
        for name in ["watches", "asks", "gone", "late"] {
            queue.join(&user(name), name.into(), now).unwrap();
        }
        assert_eq!(queue.watch(&user("watches"), "watches"), Some(true));
        queue.standing(&user("asks"), "asks", now + 20 * SECOND).unwrap();
        queue.standing(&user("late"), "late", now + 20 * SECOND).unwrap();

        assert!(!queue.expire(now + UNSEEN.saturating_sub(SECOND)) && queue.expire(now + UNSEEN));
        assert_eq!(
            ["watches", "asks", "gone", "late"].map(|id| position(&queue, id)),
            [Some(1), Some(2), None, Some(3)]
        );
        queue.unwatch("watches", now + UNSEEN);
        assert!(queue.expire(now + 2 * UNSEEN) && queue.is_empty());
    }

    #[test]
    fn a_place_that_nobody_takes_goes_to_the_next() {
        let (mut queue, now) = (Queue::new(9), Instant::now());
        let place = std::sync::Arc::new(());
        queue.join(&user("a"), "a".into(), now).unwrap();
        queue.watch(&user("a"), "a");
        queue.hold(place.clone(), "token".into(), now);

        assert!(!queue.expire(now + HOLD.saturating_sub(SECOND)));
        assert!(queue.expire(now + HOLD));

        assert_eq!((queue.is_empty(), std::sync::Arc::strong_count(&place)), (true, 1), "the place is free");
    }

    #[test]
    fn each_token_of_a_key_waits_by_itself_and_all_of_them_take_half_of_the_line() {
        let (mut queue, now) = (Queue::<u8>::new(4), Instant::now());
        let token =
            |id: &str| Caller::new(Subject::minted("key:app", id), id, Role::User, [203, 0, 113, 1].into());
        let mut join = |id: &str| queue.join(&token(id), id.into(), now);

        assert_eq!((join("a"), join("b")), (Ok("a".into()), Ok("b".into())));
        assert_eq!((join("c"), join("a")), (Err(Refusal::Share), Ok("a".into())));
        assert!(queue.join(&user("other"), "other".into(), now).is_ok());
    }

    #[test]
    fn the_line_is_bounded_in_all_and_for_each() {
        let (mut queue, now) = (Queue::<u8>::new(6), Instant::now());
        let stranger = |last: u8| Caller::anybody([203, 0, 113, last].into());
        let mut join = |caller: &Caller, id: &str| queue.join(caller, id.into(), now);

        assert_eq!(join(&user("a"), "one").as_deref(), Ok("one"));
        assert_eq!(join(&user("a"), "two").as_deref(), Ok("one"), "the same place");
        for number in 0..PER_ADDRESS {
            join(&stranger(1), &format!("{number}")).unwrap();
        }
        assert_eq!(join(&stranger(1), "more"), Err(Refusal::Share));
        assert!(join(&stranger(2), "another").is_ok());
        assert_eq!(join(&stranger(3), "last"), Err(Refusal::Full));
        assert!((0..WATCHERS).all(|_| queue.watch(&user("a"), "one") == Some(true)));
        assert_eq!((queue.watch(&user("a"), "one"), queue.watch(&user("b"), "one")), (Some(false), None));
    }
}
