//! Who may encode: as many sessions at once as there are processors, in the order in which they come.
//!
//! A session takes its picture when it is let in, so the picture is the newest and its encoding takes as long as it
//! takes alone. On an overloaded host each session sends fewer pictures, and fresh ones; without the gate all encoders
//! run at once and each picture is old when it is done.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// An encoder that hangs must not stop the others; one picture takes some milliseconds, on a loaded host 50.
const PATIENCE: Duration = Duration::from_millis(250);

/// The gate of one server.
pub struct Gate {
    places: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Those inside, the one that came first in front.
    inside: VecDeque<u64>,
    waiting: VecDeque<u64>,
    next: u64,
}

/// A place inside; free again when it is dropped.
pub struct Pass {
    gate: Arc<Gate>,
    turn: u64,
}

impl Gate {
    /// A gate for as many encoders as this process may use processors.
    pub fn of_host() -> Self {
        Self::new(std::thread::available_parallelism().map_or(1, std::num::NonZero::get))
    }

    fn new(places: usize) -> Self {
        Self { places, state: Mutex::default(), changed: Condvar::new() }
    }

    /// Waits for a place, first come, first served.
    ///
    /// Blocks; who is first in the queue and waits for [`PATIENCE`] takes the place of the one inside for longest.
    pub fn enter(self: &Arc<Self>) -> Pass {
        let mut state = self.lock();
        let turn = state.next;
        state.next += 1;
        state.waiting.push_back(turn);
        let mut first_since = None;
        loop {
            if state.waiting.front() == Some(&turn) {
                let since = *first_since.get_or_insert_with(Instant::now);
                if state.inside.len() >= self.places && since.elapsed() >= PATIENCE {
                    state.inside.pop_front();
                }
                if state.inside.len() < self.places {
                    state.inside.push_back(turn);
                    state.waiting.pop_front();
                    drop(state);
                    self.changed.notify_all(); // there may be a place for the next one too
                    return Pass { gate: self.clone(), turn };
                }
            }
            (state, _) = self.changed.wait_timeout(state, PATIENCE).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        // Gone already where another one took the place.
        self.gate.lock().inside.retain(|turn| *turn != self.turn);
        self.gate.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn who_comes_first_goes_in_first() {
        let gate = Arc::new(Gate::new(1));
        let inside = gate.enter();
        let (done, order) = mpsc::channel();

        let threads: Vec<_> = (0..3)
            .map(|number| {
                let (entering, done) = (gate.clone(), done.clone());
                let thread = std::thread::spawn(move || {
                    let pass = entering.enter();
                    done.send(number).unwrap();
                    drop(pass);
                });
                while gate.lock().waiting.len() <= number {
                    std::thread::yield_now();
                }
                thread
            })
            .collect();
        drop(inside);

        for thread in threads {
            thread.join().unwrap();
        }
        drop(done);
        assert_eq!(order.iter().collect::<Vec<_>>(), [0, 1, 2]);
        assert!(gate.lock().inside.is_empty());
    }

    #[test]
    fn a_place_that_is_not_left_costs_the_others_one_wait() {
        let gate = Arc::new(Gate::new(1));
        let hangs = gate.enter();

        let second = gate.enter();
        assert_eq!(gate.lock().inside, [second.turn]);
        drop(second);
        assert!(gate.lock().inside.is_empty(), "the next one does not wait");

        let third = gate.enter();
        drop(hangs);
        assert_eq!(gate.lock().inside, [third.turn], "who comes out late takes nobody's place along");
    }
}
