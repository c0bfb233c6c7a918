//! What the integration tests share: a WebRTC client on another stack than the server's, the server as a process,
//! a stamp that carries a frame number in the frame itself, and waits with limits. Runs on the test's own threads; never
//! touches the server's modules, so that what it proves holds for any client.

// Every test file compiles this module for itself and uses its own part of it.
#![allow(dead_code, unused_imports)]

pub mod answerer;
mod builder;
pub mod call;
pub mod client;
pub mod coturn;
mod driver;
pub mod film;
pub mod frame_bomb;
pub mod hardware;
pub mod issuer;
pub mod link;
pub mod opus;
pub mod own_server;
pub mod recorded;
pub mod server;
mod shared;
pub mod small_disk;
pub mod stage;
pub mod stats;

pub use shared::{address, chain, codec, http, random, stamp};

use std::thread;
use std::time::{Duration, Instant};

/// How long a test waits for what has to come: longer than the slowest of it, a cold Python that imports numpy, takes
/// while a compiler has both cores. A limit and no measure: what is claimed never rests on how long something took.
pub const LIMIT: Duration = Duration::from_mins(1);
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
