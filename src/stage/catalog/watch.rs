//! Reads the catalog again when its folders change.
//!
//! Runs: `catalog`, a thread of its own. Where the system cannot watch more folders it polls them.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use notify::{EventKind, RecursiveMode, Watcher};

use super::Catalog;
use crate::stage::Error;

/// A folder that is being copied is read once nothing has changed for this long.
const QUIET: Duration = Duration::from_millis(150);
/// And at the latest after this long.
const LONGEST: Duration = Duration::from_secs(1);
/// How often folders that cannot be watched are polled; with a watch, for changes that it missed (a network share).
const LOOK: Duration = Duration::from_secs(1);
const LOOK_ANYWAY: Duration = Duration::from_secs(30);

enum Sign {
    Changed,
    Stop,
}

/// The watch; dropping it ends it.
pub struct Watch {
    signs: Sender<Sign>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Watches the folders of `catalog`.
    ///
    /// # Errors
    /// The system refused a thread.
    pub fn start(catalog: Catalog) -> std::io::Result<Self> {
        let (signs, received) = channel();
        let watcher = watcher(&catalog, signs.clone());
        let look = if watcher.is_some() { LOOK_ANYWAY } else { LOOK };
        let thread = std::thread::Builder::new().name("catalog".into()).spawn(move || {
            let _watcher = watcher;
            follow(&catalog, &received, look);
        })?;
        Ok(Self { signs, thread: Some(thread) })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.signs.send(Sign::Stop).ok(); // the thread has ended
        if let Some(thread) = self.thread.take() {
            thread.join().ok(); // its panic ends the watch alone
        }
    }
}

fn watcher(catalog: &Catalog, signs: Sender<Sign>) -> Option<notify::RecommendedWatcher> {
    let told = move |event: notify::Result<notify::Event>| {
        if !event.is_ok_and(|event| matches!(event.kind, EventKind::Access(_))) {
            signs.send(Sign::Changed).ok(); // the thread has ended
        }
    };
    let start = || {
        let mut watcher = notify::recommended_watcher(told)?;
        for dir in catalog.dirs() {
            watcher.watch(dir, RecursiveMode::Recursive)?;
        }
        Ok::<_, notify::Error>(watcher)
    };
    start().map_err(|error| tracing::warn!(%error, "folders of pipelines are polled, not watched")).ok()
}

fn follow(catalog: &Catalog, signs: &Receiver<Sign>, look: Duration) {
    loop {
        match signs.recv_timeout(look) {
            Ok(Sign::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            Ok(Sign::Changed) if !settle(signs) => return,
            Ok(Sign::Changed) | Err(RecvTimeoutError::Timeout) => {}
        }
        for id in catalog.refresh() {
            match catalog.get(&id) {
                Ok(_) => tracing::info!(pipeline = id, "pipeline read"),
                Err(Error::UnknownPipeline { .. }) => tracing::info!(pipeline = id, "pipeline removed"),
                Err(error) => tracing::warn!(pipeline = id, %error, "pipeline broken"),
            }
        }
    }
}

/// Waits until the changes end; `false`: stop.
fn settle(signs: &Receiver<Sign>) -> bool {
    let end = Instant::now() + LONGEST;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        match signs.recv_timeout(QUIET.min(left)) {
            Ok(Sign::Changed) if !left.is_zero() => {}
            Ok(Sign::Changed) | Err(RecvTimeoutError::Timeout) => return true,
            Ok(Sign::Stop) | Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
}
