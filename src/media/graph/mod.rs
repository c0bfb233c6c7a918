//! What both directions of a session's graph share: its parts, counters, bus and table of probes.
//!
//! Start with [`probes`]: it lists everything that touches a packet or a frame, in the order a frame meets it.

pub mod audio;
pub mod bins;
pub mod failures;
pub mod faults;
pub mod feeds;
pub mod line;
pub mod panics;
pub mod probes;
pub mod timing;

mod counters;

use std::sync::Arc;

pub use counters::Counters;
use feeds::Feeds;
use timing::Timing;

use crate::{
    frame::{Frame, Layout, MaxFrame, Slot},
    media::Tell,
};

/// What the bins of one session share.
#[derive(Clone)]
pub struct Parts {
    /// Takes decoded frames.
    pub input: Arc<Slot<Frame>>,
    /// Gives the frames to send.
    pub output: Arc<Slot<Frame>>,
    /// Layouts that the stage accepts.
    pub layouts: Vec<Layout>,
    /// Counts and times.
    pub counters: Arc<Counters>,
    /// Measures each step of the delay.
    pub timing: Arc<Timing>,
    /// Copies access units for a recording.
    pub feeds: Arc<Feeds>,
    /// The largest frame that is decoded or played.
    pub max_frame: MaxFrame,
    /// Receives the graph's events.
    pub tell: Tell,
}
