//! What the parts of a session share: the graph, the metrics, the view, and the data channel.

use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::{
    media,
    metrics::Metrics,
    session::{Message, view::View},
};

/// What the parts of a session share.
pub struct Context {
    peer: Arc<media::Peer>,
    metrics: Arc<Metrics>,
    view: View,
}

impl Context {
    pub fn new(peer: media::Peer, metrics: Arc<Metrics>, view: View) -> Self {
        Self { peer: Arc::new(peer), metrics, view }
    }

    pub fn peer(&self) -> &Arc<media::Peer> {
        &self.peer
    }

    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub fn view(&self) -> &View {
        &self.view
    }

    /// Sends a message on the data channel; returns its length in bytes, 0 if there is no channel.
    pub fn send(&self, message: &Message) -> usize {
        match serde_json::to_string(message) {
            Ok(text) if self.peer.send(&text) => text.len(),
            Ok(_) => 0,
            Err(error) => {
                tracing::error!(%error, "cannot serialise a message");
                0
            }
        }
    }
}

/// The result of a task once it is done; waits for ever if there is none. `None`: it panicked.
pub async fn finished<T>(task: &mut Option<JoinHandle<T>>) -> Option<T> {
    let Some(running) = task else { return std::future::pending().await };
    let outcome = running.await.ok();
    *task = None;
    outcome
}
