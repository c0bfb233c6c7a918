//! Inspects a running graph: counters, webrtcbin's statistics, the graph as a drawing and as launch lines.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use gst::prelude::*;

use super::{Peer, Stats, stats};
use crate::media::{Error, graph::Counters, gst::convert, receive::Receiver};

impl Peer {
    /// Time from the graph's start to the first frame sent back; `None` before.
    pub fn first_sent(&self) -> Option<Duration> {
        self.parts.timing.first_sent()
    }

    /// The graph's counters.
    pub fn counters(&self) -> &Counters {
        &self.parts.counters
    }

    /// Whether the graph was built without a client.
    pub fn is_headless(&self) -> bool {
        self.mids.is_empty()
    }

    /// Time since the peer's last packet, or since the start before the first; zero without a peer.
    pub fn silent_for(&self) -> Duration {
        if self.is_headless() {
            return Duration::ZERO;
        }
        let last = Duration::from_millis(self.parts.counters.last_packet_ms.load(Relaxed));
        Duration::from_millis(self.parts.counters.now_ms()).saturating_sub(last)
    }

    /// Asks webrtcbin for its statistics (W3C webrtc-stats); empty without a peer. Blocks.
    ///
    /// # Errors
    /// webrtcbin did not answer in time.
    pub fn stats(&self) -> Result<Stats, Error> {
        if self.is_headless() {
            return Ok(Stats::default());
        }
        let reply = Self::ask("get-stats", |promise| {
            self.webrtc.emit_by_name::<()>("get-stats", &[&None::<gst::Pad>, promise]);
        })?;
        let stats = reply.map(|reply| stats::read(&reply)).unwrap_or_default();
        if let Some(seconds) = stats.round_trip_s.filter(|seconds| (0.0..10.0).contains(seconds)) {
            let round_trip = Duration::from_secs_f64(seconds);
            self.parts
                .counters
                .round_trip_ms
                .store(u64::try_from(round_trip.as_millis()).unwrap_or(0), Relaxed);
        }
        Ok(stats)
    }

    /// The graph in Graphviz's dot language.
    pub fn dot(&self) -> String {
        let details = gst::DebugGraphDetails::MEDIA_TYPE | gst::DebugGraphDetails::STATES;
        self.pipeline.debug_to_dot_data(details).to_string()
    }

    /// The graph as `gst-launch-1.0` lines for a shell, at the current bitrate.
    pub fn launch(&self) -> String {
        let bitrate = self.parts.counters.target_bps.load(Relaxed);
        let caps = self
            .receiver()
            .and_then(Receiver::tap)
            .and_then(|sink| sink.property::<Option<gst::Caps>>("caps"));
        let caps = caps.unwrap_or_else(|| convert::caps(&self.parts.layouts));
        let encoder = self.sender.as_ref().map(|sender| sender.row());
        let decoder = self.receiver().map(Receiver::row);
        let used = (encoder, decoder);
        self.launch_line.as_ref().map(|line| line.text(used, bitrate, &caps)).unwrap_or_default()
    }
}
