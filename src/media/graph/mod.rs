//! What both directions of a session's graph share: its parts, what is counted, the bus, the table of probes.
//!
//! [`probes`] is where to begin: it lists what touches a packet or a frame, in the order of a frame's way.

pub mod audio;
pub mod bins;
pub mod failures;
pub mod faults;
pub mod feeds;
pub mod line;
pub mod probes;
pub mod timing;

mod counters;

use std::sync::Arc;

pub use counters::Counters;
use feeds::Feeds;
use timing::Timing;

use crate::frame::{Frame, Layout, Slot};

/// What the bins of one session work with.
#[derive(Clone)]
pub struct Parts {
    /// Decoded frames go in here.
    pub input: Arc<Slot<Frame>>,
    /// Frames to send come from here.
    pub output: Arc<Slot<Frame>>,
    /// Layouts that the stage takes.
    pub layouts: Vec<Layout>,
    /// What has happened so far.
    pub counters: Arc<Counters>,
    /// Where each millisecond goes.
    pub timing: Arc<Timing>,
    /// Where a recording reads along.
    pub feeds: Arc<Feeds>,
}
