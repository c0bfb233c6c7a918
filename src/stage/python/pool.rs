//! The workers of one pipeline: one for each set of load-time values, shared by all sessions with those.
//!
//! Decides about the restarts of its workers (see [`Policy`]). The lock is never held while a worker loads.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Instant,
};

use super::{
    super::{Cause, Crash, Error, Restart, Values, builds, restart::Policy},
    connection::{Connection, Lease},
    settings::Settings,
    supervise::{self, Keeper},
};
use crate::limits;

/// All workers of a pipeline.
pub struct Pool {
    pub settings: Arc<Settings>,
    entries: Mutex<HashMap<String, PoolEntry>>,
}

/// The worker of one set of load-time values.
#[derive(Default)]
struct PoolEntry {
    active: Option<Arc<Connection>>,
    /// Loading, or loaded and ready to replace the active one.
    spare: Option<Lease>,
    policy: Policy,
    /// Why the last worker crashed.
    cause: Option<Cause>,
}

impl Pool {
    /// No worker yet.
    pub fn new(settings: Arc<Settings>) -> Self {
        Self { settings, entries: Mutex::default() }
    }

    /// A worker that is ready, with these load-time values; starts one if there is none. Blocks.
    ///
    /// # Errors
    /// [`Error::Died`] with why there is none.
    pub fn attach(self: &Arc<Self>, load_values: &Values) -> Result<Lease, Error> {
        let key = serde_json::to_string(load_values).unwrap_or_default();
        let lease = self.lease(&key, load_values)?;
        builds::end_turn(); // what follows is computed by the worker
        lease.wait_ready()?;
        if self.settings.hot_spare {
            self.keep_spare(&key, load_values);
        }
        Ok(lease)
    }

    fn lease(self: &Arc<Self>, key: &str, load_values: &Values) -> Result<Lease, Error> {
        let now = Instant::now();
        let mut entries = self.lock();
        entries.retain(|_, entry| entry.is_known(now));
        if let Some(lease) = entries.get(key).and_then(|entry| entry.active.as_ref()?.lease()) {
            return Ok(lease);
        }
        self.make_room(&entries)?;
        let entry = entries.entry(key.to_owned()).or_default();
        let Some(due) = entry.policy.next_start(now) else {
            let cause = entry.cause.clone().unwrap_or(Cause::Stopped);
            return Err(Error::Died(Crash { cause, restart: Some(Restart::GivenUp) }));
        };
        let lease = self.start(key, load_values.clone(), due)?;
        entry.active = Some(lease.clone());
        Ok(lease)
    }

    /// Ends the worker that has been unused for longest, where there may not be another one beside it.
    fn make_room(&self, entries: &HashMap<String, PoolEntry>) -> Result<(), Error> {
        let active = entries.values().filter_map(|entry| entry.active.as_ref());
        let live: Vec<_> = active.filter(|worker| worker.is_live()).collect();
        if live.len() < self.settings.max_workers {
            return Ok(());
        }
        let unused = live.iter().filter_map(|worker| Some((worker.unused_since()?, worker)));
        if let Some((_, worker)) = unused.min_by_key(|(since, _)| *since) {
            worker.stop();
            return Ok(());
        }
        limits::PYTHON_WORKERS.refused();
        let message = format!(
            "{} of {} workers run: {}",
            live.len(),
            self.settings.max_workers,
            limits::PYTHON_WORKERS
        );
        Err(Cause::Refused { message }.into())
    }

    fn start(self: &Arc<Self>, key: &str, load_values: Values, due: Instant) -> Result<Lease, Error> {
        let place = Place { pool: Arc::downgrade(self), key: key.to_owned() };
        supervise::start(self.settings.clone(), load_values, due, place)
    }

    fn keep_spare(self: &Arc<Self>, key: &str, load_values: &Values) {
        let mut entries = self.lock();
        let Some(entry) = entries.get_mut(key) else { return };
        if entry.spare.as_ref().is_some_and(|spare| spare.lease().is_some()) {
            return;
        }
        let Some(due) = entry.policy.next_start(Instant::now()) else { return };
        let spare = self
            .start(key, load_values.clone(), due)
            .inspect_err(|error| tracing::warn!(pipeline = self.settings.id, %error, "no spare worker"));
        let before = std::mem::replace(&mut entry.spare, spare.ok());
        drop(entries);
        drop(before);
    }

    fn ready(&self, key: &str) {
        if let Some(entry) = self.lock().get_mut(key) {
            entry.policy.up(Instant::now());
        }
    }

    fn ended(&self, key: &str, connection: &Arc<Connection>, cause: &Cause) -> Option<Restart> {
        let mut entries = self.lock();
        let entry = entries.get_mut(key)?;
        let stopped = *cause == Cause::Stopped;
        let restart = (!stopped).then(|| entry.policy.crashed(Instant::now()));
        if restart.is_some() {
            entry.cause = Some(cause.clone());
        }
        if entry.active.as_ref().is_some_and(|active| Arc::ptr_eq(active, connection)) {
            let spare = entry.spare.take();
            // The pipeline has no user left: its spare worker ends too.
            entry.active = spare.as_ref().filter(|_| !stopped).map(|spare| (**spare).clone());
            drop(entries);
            drop(spare);
        }
        restart
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, PoolEntry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A worker's place in a pool, which the worker may outlive.
struct Place {
    pool: Weak<Pool>,
    key: String,
}

impl Keeper for Place {
    fn ready(&self) {
        if let Some(pool) = self.pool.upgrade() {
            pool.ready(&self.key);
        }
    }

    fn ended(&self, connection: &Arc<Connection>, cause: &Cause) -> Option<Restart> {
        self.pool.upgrade()?.ended(&self.key, connection, cause)
    }
}

impl PoolEntry {
    fn is_known(&self, now: Instant) -> bool {
        self.active.is_some() || self.policy.remembers(now)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let entries = self.entries.get_mut().unwrap_or_else(PoisonError::into_inner);
        for entry in entries.values() {
            entry.active.iter().for_each(|active| active.stop());
            entry.spare.iter().for_each(|spare| spare.stop());
        }
    }
}
