//! Waits for a graph, and stops it.

use std::time::{Duration, Instant};

use gst::prelude::*;

use crate::media::Error;

/// Waits until `condition` holds, for at most `limit`.
pub fn wait_until(
    limit: Duration,
    step: &'static str,
    mut condition: impl FnMut() -> bool,
) -> Result<(), Error> {
    let end = Instant::now() + limit;
    while !condition() {
        if Instant::now() >= end {
            return Err(Error::Timeout { step, limit });
        }
        std::thread::park_timeout(Duration::from_millis(2));
    }
    Ok(())
}

/// Stops a graph for good. Blocks for about 15 ms; never call it on a streaming thread.
pub fn stop(pipeline: &gst::Pipeline) {
    if let Some(bus) = pipeline.bus() {
        bus.set_flushing(true);
    }
    if let Err(error) = pipeline.set_state(gst::State::Null) {
        tracing::error!(%error, "cannot stop the graph");
    }
    if let Some(bus) = pipeline.bus() {
        bus.unset_sync_handler();
    }
}
