//! The waiting line (`--waiting-line`): who finds the server full gets a ticket in place of a refusal, and in its turn a
//! token for the place that is held for it.
//!
//! Owns the task that hands out places as they become free. Nobody overtakes: while somebody waits, a place is given to the
//! first of them alone. Requests hold the lock for a walk over the line, which is bounded. Must never hold a place for
//! somebody who has gone.

mod queue;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

pub use queue::Standing;
use queue::{Queue, Refusal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::Error;
use crate::{access::Caller, limits, metrics::Metrics};

/// How often those who have gone are looked for.
const TICK: Duration = Duration::from_secs(1);

/// The places of the server and those who wait for one; clones share them.
#[derive(Clone)]
pub struct Line(Arc<Inner>);

struct Inner {
    limit: usize,
    places: Arc<Semaphore>,
    queue: Mutex<Queue<OwnedSemaphorePermit>>,
    /// Changes with each move.
    moves: watch::Sender<u64>,
    metrics: Arc<Metrics>,
}

impl Line {
    /// Nobody waits for one of `places`; at most `limit` may, and with 0 there is no line.
    pub fn new(places: usize, limit: usize, metrics: Arc<Metrics>) -> Self {
        let places = Arc::new(Semaphore::new(places));
        let queue = Mutex::new(Queue::new(limit));
        Self(Arc::new(Inner { limit, places, queue, moves: watch::Sender::new(0), metrics }))
    }

    /// How many places are free.
    pub fn free(&self) -> usize {
        self.0.places.available_permits()
    }

    /// A place: the one that is held under `token`, or a free one that nobody waits for.
    pub fn place(&self, caller: &Caller, token: Option<&str>) -> Option<OwnedSemaphorePermit> {
        let mut queue = self.lock();
        let held = token.and_then(|token| queue.redeem(caller, token, Instant::now()));
        if held.is_some() {
            self.moved(&queue);
        }
        held.or_else(|| {
            (!queue.is_waiting()).then(|| self.0.places.clone().try_acquire_owned().ok()).flatten()
        })
    }

    /// A ticket for a caller that found no place; `None` where there is no line.
    ///
    /// # Errors
    /// [`Error::LineFull`].
    pub fn join(&self, caller: &Caller) -> Option<Result<String, Error>> {
        if self.0.limit == 0 {
            return None;
        }
        let id = uuid::Uuid::new_v4().to_string();
        let mut queue = self.lock();
        let joined = queue.join(caller, id, Instant::now());
        self.moved(&queue);
        Some(joined.map_err(|refusal| {
            let limit = match refusal {
                Refusal::Full => &limits::WAITING_LINE,
                Refusal::Share => &limits::WAITING_SHARE,
            };
            limit.refused();
            Error::LineFull(limit)
        }))
    }

    /// Where a ticket of the caller's stands.
    ///
    /// # Errors
    /// [`Error::NoTicket`].
    pub fn standing(&self, caller: &Caller, ticket: &str) -> Result<Standing, Error> {
        self.lock().standing(caller, ticket, Instant::now()).ok_or(Error::NoTicket)
    }

    /// Gives a ticket of the caller's up.
    ///
    /// # Errors
    /// [`Error::NoTicket`].
    pub fn leave(&self, caller: &Caller, ticket: &str) -> Result<(), Error> {
        let mut queue = self.lock();
        let left = queue.leave(caller, ticket);
        self.moved(&queue);
        if left { Ok(()) } else { Err(Error::NoTicket) }
    }

    /// Watches a ticket of the caller's, which stays while it is watched.
    ///
    /// # Errors
    /// [`Error::NoTicket`], [`Error::Busy`].
    pub fn watch(&self, caller: &Caller, ticket: &str) -> Result<Watch, Error> {
        let has_room = self.lock().watch(caller, ticket).ok_or(Error::NoTicket)?;
        let moves = self.0.moves.subscribe();
        let watch = || Watch { line: self.clone(), ticket: ticket.to_owned(), moves, last: None };
        if has_room { Ok(watch()) } else { Err(Error::Busy) }
    }

    /// Hands out places as they become free, until `cancel`.
    pub async fn serve(self, cancel: CancellationToken) {
        let mut moves = self.0.moves.subscribe();
        loop {
            moves.mark_unchanged();
            let (is_empty, is_waiting) = {
                let queue = self.lock();
                (queue.is_empty(), queue.is_waiting())
            };
            tokio::select! {
                () = cancel.cancelled() => return,
                Ok(place) = self.0.places.clone().acquire_owned(), if is_waiting => self.hold(place),
                () = tokio::time::sleep(TICK), if !is_empty => self.expire(),
                _ = moves.changed(), if !is_waiting => {} // somebody may have joined
            }
        }
    }

    fn hold(&self, place: OwnedSemaphorePermit) {
        let now = Instant::now();
        let mut queue = self.lock();
        queue.expire(now);
        let token = uuid::Uuid::new_v4().to_string();
        drop(queue.hold(place, token, now)); // free again where everybody has gone
        self.moved(&queue);
    }

    fn expire(&self) {
        let mut queue = self.lock();
        if queue.expire(Instant::now()) {
            self.moved(&queue);
        }
    }

    fn moved(&self, queue: &Queue<OwnedSemaphorePermit>) {
        self.0.metrics.waiting.set(i64::try_from(queue.len()).unwrap_or(i64::MAX));
        self.0.moves.send_modify(|moves| *moves = moves.wrapping_add(1));
    }

    fn lock(&self) -> MutexGuard<'_, Queue<OwnedSemaphorePermit>> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who watches a ticket, until this is dropped.
pub struct Watch {
    line: Line,
    ticket: String,
    moves: watch::Receiver<u64>,
    last: Option<Standing>,
}

impl Watch {
    /// Waits until the ticket stands elsewhere than last time; `None` once there is no such ticket.
    pub async fn next(&mut self) -> Option<Standing> {
        loop {
            self.moves.mark_unchanged();
            let standing = self.line.lock().look(&self.ticket)?;
            if self.last.as_ref() != Some(&standing) {
                self.last = Some(standing.clone());
                return Some(standing);
            }
            self.moves.changed().await.ok()?;
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.line.lock().unwatch(&self.ticket, Instant::now());
    }
}
