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

/// An encoder that hangs must not stop the others: whoever waited so long goes in.
const PATIENCE: Duration = Duration::from_millis(250);

/// The gate of one server.
pub struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    free: usize,
    waiting: VecDeque<u64>,
    next: u64,
}

/// A place inside; free again when it is dropped.
pub struct Pass(Option<Arc<Gate>>);

impl Gate {
    /// A gate for as many encoders as this process may use processors.
    pub fn of_host() -> Self {
        Self::new(std::thread::available_parallelism().map_or(1, std::num::NonZero::get))
    }

    fn new(places: usize) -> Self {
        let state = State { free: places, waiting: VecDeque::new(), next: 0 };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Waits for a place, first come, first served. Blocks for [`PATIENCE`] at most.
    pub fn enter(self: &Arc<Self>) -> Pass {
        let end = Instant::now() + PATIENCE;
        let mut state = self.lock();
        let turn = state.next;
        state.next += 1;
        state.waiting.push_back(turn);
        loop {
            if state.free > 0 && state.waiting.front() == Some(&turn) {
                state.free -= 1;
                state.waiting.pop_front();
                drop(state);
                self.changed.notify_all(); // there may be a place for the next one too
                return Pass(Some(self.clone()));
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                state.waiting.retain(|waiting| *waiting != turn);
                drop(state);
                self.changed.notify_all();
                return Pass(None);
            }
            (state, _) = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some(gate) = self.0.take() {
            gate.lock().free += 1;
            gate.changed.notify_all();
        }
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
        assert_eq!(gate.lock().free, 1);
    }

    #[test]
    fn a_place_that_is_never_left_stops_nobody_for_good() {
        let gate = Arc::new(Gate::new(1));
        let _hangs = gate.enter();

        let pass = gate.enter();

        assert!(pass.0.is_none());
        drop(pass);
        assert_eq!((gate.lock().free, gate.lock().waiting.len()), (0, 0));
    }
}
