//! Limits concurrent encodes to the number of processors, first come, first served.
//!
//! A session takes its frame when its turn has come, so the frame is the newest and its encoding takes as long as it
//! takes alone. On an overloaded host each session sends fewer frames, and fresh ones; without the limit all encoders
//! run at once and each frame is old when it is done.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// An encoder that hangs must not stop the others; one frame takes some milliseconds, on a loaded host 50.
const PATIENCE: Duration = Duration::from_millis(250);

/// The limit of one server.
pub struct EncodeLimit {
    places: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Those that encode, the one that came first in front.
    encoding: VecDeque<u64>,
    waiting: VecDeque<u64>,
    next: u64,
}

/// Leave to encode one frame, given back when it is dropped.
pub struct Permit {
    limit: Arc<EncodeLimit>,
    turn: u64,
}

impl EncodeLimit {
    /// As many encoders as this process may use processors.
    pub fn of_host() -> Self {
        Self::new(std::thread::available_parallelism().map_or(1, std::num::NonZero::get))
    }

    fn new(places: usize) -> Self {
        Self { places, state: Mutex::default(), changed: Condvar::new() }
    }

    /// Waits for a place, first come, first served.
    ///
    /// Blocks; who is first in the queue and waits for [`PATIENCE`] takes the place of the one that has encoded for longest.
    pub fn acquire(self: &Arc<Self>) -> Permit {
        let mut state = self.lock();
        let turn = state.next;
        state.next += 1;
        state.waiting.push_back(turn);
        let mut first_since = None;
        loop {
            if state.waiting.front() == Some(&turn) {
                let since = *first_since.get_or_insert_with(Instant::now);
                if state.encoding.len() >= self.places && since.elapsed() >= PATIENCE {
                    state.encoding.pop_front();
                }
                if state.encoding.len() < self.places {
                    state.encoding.push_back(turn);
                    state.waiting.pop_front();
                    drop(state);
                    self.changed.notify_all(); // there may be a place for the next one too
                    return Permit { limit: self.clone(), turn };
                }
            }
            (state, _) = self.changed.wait_timeout(state, PATIENCE).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        // Gone already where another one took the place.
        self.limit.lock().encoding.retain(|turn| *turn != self.turn);
        self.limit.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn who_comes_first_goes_in_first() {
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
    fn a_place_that_is_not_left_costs_the_others_one_wait() {
        let limit = Arc::new(EncodeLimit::new(1));
        let hangs = limit.acquire();

        let second = limit.acquire();
        assert_eq!(limit.lock().encoding, [second.turn]);
        drop(second);
        assert!(limit.lock().encoding.is_empty(), "the next one does not wait");

        let third = limit.acquire();
        drop(hangs);
        assert_eq!(limit.lock().encoding, [third.turn], "who comes out late takes nobody's place along");
    }
}
