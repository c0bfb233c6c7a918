//! Limits concurrent encodes to the number of CPUs, first come, first served.
//!
//! A session takes its frame only once it holds a permit, so the frame is the newest and encodes at full speed. An
//! overloaded host thus sends fewer frames, but fresh ones; without the limit all encoders run at once and every frame
//! is stale when it is done.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// A hung encoder must not block the others. One frame takes a few milliseconds, on a loaded host 50.
const HOLD_LIMIT: Duration = Duration::from_millis(250);

/// The limit of one server.
pub struct EncodeLimit {
    permits: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Turns that hold a permit, the oldest first.
    encoding: VecDeque<u64>,
    waiting: VecDeque<u64>,
    next: u64,
}

/// Permission to encode one frame; dropping it returns it.
pub struct Permit {
    limit: Arc<EncodeLimit>,
    turn: u64,
}

impl EncodeLimit {
    /// One permit per CPU that this process may use.
    pub fn of_host() -> Self {
        Self::new(std::thread::available_parallelism().map_or(1, std::num::NonZero::get))
    }

    fn new(permits: usize) -> Self {
        Self { permits, state: Mutex::default(), changed: Condvar::new() }
    }

    /// Waits for a permit, first come, first served. Blocks.
    ///
    /// After [`HOLD_LIMIT`] at the head of the queue, the caller revokes the oldest permit and takes it over.
    pub fn acquire(self: &Arc<Self>) -> Permit {
        let mut state = self.lock();
        let turn = state.next;
        state.next += 1;
        state.waiting.push_back(turn);
        let mut first_since = None;
        loop {
            if state.waiting.front() == Some(&turn) {
                let since = *first_since.get_or_insert_with(Instant::now);
                if state.encoding.len() >= self.permits && since.elapsed() >= HOLD_LIMIT {
                    state.encoding.pop_front();
                }
                if state.encoding.len() < self.permits {
                    state.encoding.push_back(turn);
                    state.waiting.pop_front();
                    drop(state);
                    self.changed.notify_all(); // there may be a permit for the next one too
                    return Permit { limit: self.clone(), turn };
                }
            }
            (state, _) = self.changed.wait_timeout(state, HOLD_LIMIT).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        // Absent if the permit was revoked.
        self.limit.lock().encoding.retain(|turn| *turn != self.turn);
        self.limit.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn permits_are_granted_in_order() {
        let limit = Arc::new(EncodeLimit::new(1));
        let first = limit.acquire();
        let (done, order) = mpsc::channel();

        let threads: Vec<_> = (0..3)
            .map(|number| {
                let (waiting, done) = (limit.clone(), done.clone());
                let thread = std::thread::spawn(move || {
                    let permit = waiting.acquire();
                    done.send(number).unwrap();
                    drop(permit);
                });
                while limit.lock().waiting.len() <= number {
                    std::thread::yield_now();
                }
                thread
            })
            .collect();
        drop(first);

        for thread in threads {
            thread.join().unwrap();
        }
        drop(done);
        assert_eq!(order.iter().collect::<Vec<_>>(), [0, 1, 2]);
        assert!(limit.lock().encoding.is_empty());
    }

    #[test]
    fn a_permit_that_is_never_returned_costs_the_others_one_wait() {
        let limit = Arc::new(EncodeLimit::new(1));
        let hangs = limit.acquire();

        let second = limit.acquire();
        assert_eq!(limit.lock().encoding, [second.turn]);
        drop(second);
        assert!(limit.lock().encoding.is_empty(), "the next one need not wait");

        let third = limit.acquire();
        drop(hangs);
        assert_eq!(limit.lock().encoding, [third.turn], "a revoked permit takes no other with it");
    }
}
