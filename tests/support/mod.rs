//! What the integration tests share: a WebRTC client on another stack than the server's, the server as a process,
//! a stamp that carries a frame number in the picture, and waits with limits. Runs on the test's own threads; never
//! touches the server's modules, so that what it proves holds for any client.

// Every test file compiles this module for itself and uses its own part of it.
#![allow(dead_code)]

pub mod address;
pub mod answerer;
mod builder;
pub mod call;
pub mod chain;
pub mod client;
pub mod codec;
pub mod coturn;
mod driver;
pub mod film;
pub mod hardware;
pub mod hardware_decoder;
pub mod http;
pub mod link;
pub mod looks;
pub mod opus;
pub mod own_server;
pub mod recorded;
pub mod server;
pub mod stamp;
pub mod stats;

use std::thread;
use std::time::{Duration, Instant};

/// Half of a frame at 25 frames/s: finer than anything that is waited for, and no load on two cores.
const POLL: Duration = Duration::from_millis(20);

/// Polls `condition` until it holds or `limit` has passed. Returns whether it held.
#[must_use]
pub fn wait_until(mut condition: impl FnMut() -> bool, limit: Duration) -> bool {
    let deadline = Instant::now() + limit;
    loop {
        if condition() {
            return true;
        }
        let now = Instant::now();
        if now >= deadline {
            return false;
        }
        thread::park_timeout(POLL.min(deadline - now));
    }
}
