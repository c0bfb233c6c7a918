//! How many stages are built at once in this process: each takes a core, and the memory of a model.
//!
//! Turns are given in the order in which they were asked for. Never blocks: who has no turn yet asks again.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// A build that takes longer than this no longer counts, so that slow models do not hold up everybody else's.
const TURN_LIMIT: Duration = Duration::from_secs(10);
/// On one core, too, a slow build leaves room for another one.
const AT_LEAST: usize = 2;

static BUILDS: LazyLock<Arc<Builds>> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism().map_or(AT_LEAST, usize::from);
    Arc::new(Builds::new(cores.max(AT_LEAST)))
});

thread_local! {
    static TURN: RefCell<Option<Turn>> = const { RefCell::new(None) };
}

/// A place in the line of all builds of this process.
pub fn queue() -> Place {
    Builds::queue(&BUILDS)
}

/// Builds with a turn, which ends with the build.
pub fn with_turn<T>(turn: Turn, build: impl FnOnce() -> T) -> T {
    TURN.set(Some(turn));
    let stage = build();
    end_turn();
    stage
}

/// Ends the turn of this thread's build early: from here on it waits for another process.
pub fn end_turn() {
    TURN.take();
}

/// The builds under way and those that wait.
struct Builds {
    at_once: usize,
    line: Mutex<Line>,
}

#[derive(Default)]
struct Line {
    next: u64,
    waiting: BTreeSet<u64>,
    /// Until when each build counts.
    under_way: BTreeMap<u64, Instant>,
}

/// A place in the line; given up when dropped.
pub struct Place {
    builds: Arc<Builds>,
    number: u64,
}

/// The permission to build; given back when dropped.
pub struct Turn {
    builds: Arc<Builds>,
    number: u64,
}

impl Builds {
    fn new(at_once: usize) -> Self {
        Self { at_once, line: Mutex::default() }
    }

    fn queue(self: &Arc<Self>) -> Place {
        let mut line = self.lock();
        line.next += 1;
        let number = line.next;
        line.waiting.insert(number);
        drop(line);
        Place { builds: self.clone(), number }
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// The turn, once there is room for this build and for those before it.
    pub fn turn(&self, now: Instant) -> Option<Turn> {
        let mut line = self.builds.lock();
        line.under_way.retain(|_, until| *until > now);
        let before = line.waiting.range(..self.number).count();
        if !line.waiting.contains(&self.number) || before + line.under_way.len() >= self.builds.at_once {
            return None;
        }
        line.waiting.remove(&self.number);
        line.under_way.insert(self.number, now + TURN_LIMIT);
        drop(line);
        Some(Turn { builds: self.builds.clone(), number: self.number })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.builds.lock().waiting.remove(&self.number);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.builds.lock().under_way.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_come_in_order_and_no_more_than_there_may_be() {
        let (builds, now) = (Arc::new(Builds::new(2)), Instant::now());
        let places: Vec<_> = (0..4).map(|_| Builds::queue(&builds)).collect();

        assert!(places[2].turn(now).is_none(), "two are before it");
        let (first, second) = (places[0].turn(now).unwrap(), places[1].turn(now).unwrap());
        assert!(places[2].turn(now).is_none() && places[0].turn(now).is_none());
        drop(first);

        assert!(places[3].turn(now).is_none(), "one is before it");
        let third = places[2].turn(now);
        assert!(third.is_some() && places[3].turn(now).is_none());
        drop(second);
        assert!(places[3].turn(now).is_some());
    }

    #[test]
    fn who_leaves_the_line_or_builds_for_long_holds_nobody_up() {
        let (builds, now) = (Arc::new(Builds::new(1)), Instant::now());
        let [slow, gone, last] = [0; 3].map(|_| Builds::queue(&builds));
        let turn = slow.turn(now);

        drop(gone);

        assert!(turn.is_some() && last.turn(now).is_none());
        assert!(last.turn(now + TURN_LIMIT).is_some());
    }

    #[test]
    fn a_turn_ends_with_its_build_or_before() {
        let (builds, now) = (Arc::new(Builds::new(1)), Instant::now());
        let [one, other] = [0; 2].map(|_| Builds::queue(&builds));

        let free = with_turn(one.turn(now).unwrap(), || {
            let taken = other.turn(now).is_none();
            end_turn();
            taken.then(|| other.turn(now)).flatten()
        });

        assert!(free.is_some());
    }
}
