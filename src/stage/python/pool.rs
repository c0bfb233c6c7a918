//! The workers of one pipeline: one for each set of load-time values, shared by all sessions with those.
//!
//! The lock is held for a look and a start, never while a worker loads.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use super::{
    super::{
        Cause, Crash, Error, Restart, Values,
        restart::Policy,
    },
    settings::Settings,
    supervise,
    work::{Lease, Work},
};

/// All workers of a pipeline.
pub struct Pool {
    pub settings: Arc<Settings>,
    posts: Mutex<HashMap<String, Post>>,
}

/// The worker of one set of load-time values.
#[derive(Default)]
struct Post {
    active: Option<Arc<Work>>,
    /// Loads, or waits loaded, to take the active one's place.
    spare: Option<Lease>,
    policy: Policy,
    /// Why the last worker crashed.
    cause: Option<Cause>,
}

impl Pool {
    /// No worker yet.
    pub fn new(settings: Arc<Settings>) -> Self {
        Self { settings, posts: Mutex::default() }
    }

    /// A worker that is ready, with these load-time values; starts one where there is none. Blocks.
    ///
    /// # Errors
    /// [`Error::Died`] with why there is none.
    pub fn attach(self: &Arc<Self>, load_values: &Values) -> Result<Lease, Error> {
        let key = serde_json::to_string(load_values).unwrap_or_default();
        let lease = self.lease(&key, load_values)?;
        lease.wait_ready()?;
        if self.settings.hot_spare {
            self.keep_spare(&key, load_values);
        }
        Ok(lease)
    }

    fn lease(self: &Arc<Self>, key: &str, load_values: &Values) -> Result<Lease, Error> {
        let now = Instant::now();
        let mut posts = self.lock();
        posts.retain(|_, post| post.is_known(now));
        let post = posts.entry(key.to_owned()).or_default();
        if let Some(lease) = post.active.as_ref().and_then(Work::lease) {
            return Ok(lease);
        }
        let Some(due) = post.policy.next_start(now) else {
            let cause = post.cause.clone().unwrap_or(Cause::Stopped);
            return Err(Error::Died(Crash { cause, restart: Some(Restart::GivenUp) }));
        };
        let lease = supervise::start(self, key, load_values.clone(), due)?;
        post.active = Some(lease.clone());
        Ok(lease)
    }

    fn keep_spare(self: &Arc<Self>, key: &str, load_values: &Values) {
        let mut posts = self.lock();
        let Some(post) = posts.get_mut(key) else { return };
        if post.spare.as_ref().is_some_and(|spare| spare.lease().is_some()) {
            return;
        }
        let Some(due) = post.policy.next_start(Instant::now()) else { return };
        let spare = supervise::start(self, key, load_values.clone(), due)
            .inspect_err(|error| tracing::warn!(pipeline = self.settings.id, %error, "no spare worker"));
        let before = std::mem::replace(&mut post.spare, spare.ok());
        drop(posts);
        drop(before);
    }

    /// A worker is ready.
    pub fn up(&self, key: &str) {
        if let Some(post) = self.lock().get_mut(key) {
            post.policy.up(Instant::now());
        }
    }

    /// A worker is over: decides what follows; called before its sessions are told.
    pub fn over(&self, key: &str, work: &Arc<Work>, cause: &Cause) -> Option<Restart> {
        let mut posts = self.lock();
        let post = posts.get_mut(key)?;
        let stopped = *cause == Cause::Stopped;
        let restart = (!stopped).then(|| post.policy.crashed(Instant::now()));
        post.cause = restart.map(|_| cause.clone());
        if post.active.as_ref().is_some_and(|active| Arc::ptr_eq(active, work)) {
            let spare = post.spare.take();
            // Nobody uses the pipeline any more: its spare goes too.
            post.active = spare.as_ref().filter(|_| !stopped).map(|spare| (**spare).clone());
            drop(posts);
            drop(spare);
        }
        restart
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Post>> {
        self.posts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Post {
    fn is_known(&self, now: Instant) -> bool {
        self.active.is_some() || self.policy.remembers(now)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let posts = self.posts.get_mut().unwrap_or_else(PoisonError::into_inner);
        for post in posts.values() {
            post.active.iter().for_each(|active| active.stop());
            post.spare.iter().for_each(|spare| spare.stop());
        }
    }
}
