//! A session's statistics, once a second: for its client, for the API, for the metrics.
//!
//! webrtcbin is queried on a blocking thread.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::task::{JoinHandle, spawn_blocking};

use super::{context::Context, meter::Meter};
use crate::{
    media,
    metrics::Metrics,
    session::{Message, usage::Media},
    stage,
};

/// The statistics of a session.
pub struct Report {
    io: stage::Io,
    meter: Meter,
    /// The query to webrtcbin in progress.
    stats: Option<JoinHandle<Result<media::Stats, media::Error>>>,
}

impl Report {
    pub fn new(metrics: Arc<Metrics>, io: stage::Io, stage: &stage::Counters) -> Self {
        Self { meter: Meter::new(metrics, io.ledger.clone(), stage), io, stats: None }
    }

    /// Once a second: rates from the counters, and the result of the previous query to webrtcbin.
    pub async fn measure(&mut self, cx: &Context, stage: &stage::Counters) {
        if let Some(stats) = self.answered(cx).await {
            self.meter.set_round_trip(stats.round_trip_s);
            if let (Some(sender), Some(share)) = (cx.peer().sender(), stats.share_lost_out) {
                sender.lost(share);
            }
            cx.view().set_connection(stats);
        }
        if let Some(sender) = cx.peer().sender() {
            sender.review();
        }
        let figures = self.meter.read(cx.peer(), stage, &self.io, Instant::now());
        cx.view().set_figures(cx.peer(), stage, &self.io, &figures);
        cx.send(&Message::Stats(figures));
    }

    /// What the session's media has taken so far.
    pub fn media(&self, cx: &Context) -> Media {
        Media::of(cx.peer(), &self.io.ledger)
    }

    /// Counts the last part of a second, and waits for the query in progress, which holds the graph.
    pub async fn finish(mut self, cx: &Context, stage: &stage::Counters, limit: Duration) {
        self.meter.read(cx.peer(), stage, &self.io, Instant::now());
        if let Some(task) = self.stats {
            tokio::time::timeout(limit, task).await.ok(); // bounded inside as well
        }
    }

    /// Takes webrtcbin's reply and queries it again.
    async fn answered(&mut self, cx: &Context) -> Option<media::Stats> {
        if self.stats.as_ref().is_some_and(|task| !task.is_finished()) {
            return None;
        }
        let peer = cx.peer().clone();
        let before = self.stats.replace(spawn_blocking(move || peer.stats()));
        before?.await.ok()?.ok()
    }
}
