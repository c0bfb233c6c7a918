//! Deletes recordings that are older than their retention.
//!
//! One tokio task for the life of the server; the disk is touched on blocking threads.

use std::time::{Duration, SystemTime};

use tokio::task::{JoinHandle, spawn_blocking};
use tokio_util::sync::CancellationToken;

use super::Store;

/// Fine enough for a retention of hours.
const INTERVAL: Duration = Duration::from_mins(10);

impl Store {
    /// Closes what a killed server left open, then deletes what is too old, every ten minutes until `stop`.
    pub fn start_sweeping(&self, stop: CancellationToken) -> JoinHandle<()> {
        let store = self.clone();
        tokio::spawn(async move {
            let tidied = store.clone();
            spawn_blocking(move || tidied.tidy()).await.ok(); // a panic is in the log
            while stop.run_until_cancelled(tokio::time::sleep(INTERVAL)).await.is_some() {
                let swept = store.clone();
                spawn_blocking(move || swept.sweep(SystemTime::now())).await.ok(); // likewise
            }
        })
    }
}
