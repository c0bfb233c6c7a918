//! The end of a session: notifies the client, stops the stage or hands it over, stops the graph.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::{sync::oneshot, task::spawn_blocking};

use super::{Handover, Session};
use crate::{
    media, memory,
    session::{
        EndReason, Message,
        parts::{RECORDING_LIMIT, Steering, end_with_session},
        view::View,
    },
};

/// A last message needs one trip through SCTP; a vanished peer must not delay the end.
const FLUSH_LIMIT: Duration = Duration::from_millis(300);
/// A stage between frames stops at once; one that processes a frame gets this long.
const STAGE_LIMIT: Duration = Duration::from_secs(1);
/// Stopping a graph takes 15 ms; on a loaded host under a second.
const GRAPH_LIMIT: Duration = Duration::from_secs(5);

/// A session that has released everything.
pub struct Over {
    reason: EndReason,
    view: View,
}

impl Over {
    /// Why it ended.
    pub fn reason(&self) -> EndReason {
        self.reason
    }

    /// Wakes those who wait for the end; the registry calls it once it has removed the session.
    pub fn publish(self) {
        self.view.set_ended(self.reason);
    }
}

impl Session {
    /// Notifies the client, stops the stage and the graph, and logs what is left.
    pub(super) async fn finish(self, reason: EndReason) -> Over {
        let cx = self.cx;
        cx.metrics().sessions_ended.with_label_values(&[reason.code()]).inc();
        let last = Message::StreamStopped { reason, error_message: reason.sentence() };
        let sent_before = cx.peer().counters().channel_bytes_out.load(Relaxed);
        let length = cx.send(&last);
        let frames = cx.peer().counters().encoded.load(Relaxed);
        tracing::info!(reason = reason.code(), frames, "session over");
        self.report.finish(&cx, self.steering.counters(), GRAPH_LIMIT).await;
        self.repairs.finish(GRAPH_LIMIT).await;
        let recording = self.recorder.leave(cx.peer()).await;
        let (steering, recording) = hand_over(self.successor, self.steering, recording);
        let view = cx.view().clone();
        let stopped = spawn_blocking(move || {
            if let Some(recording) = recording {
                end_with_session(&recording, reason, cx.metrics());
            }
            if let Some(steering) = steering {
                steering.stop(STAGE_LIMIT);
            }
            cx.peer().flush(sent_before, length, FLUSH_LIMIT);
            drop(cx);
            memory::trim();
        });
        if tokio::time::timeout(FLUSH_LIMIT + STAGE_LIMIT + RECORDING_LIMIT + GRAPH_LIMIT, stopped)
            .await
            .is_err()
        {
            tracing::error!("the graph did not stop; its threads were abandoned");
        }
        Over { reason, view }
    }
}

/// Hands the stage and the recording to the connection that resumes the session; returns them if it is gone.
fn hand_over(
    successor: Option<oneshot::Sender<Handover>>,
    mut steering: Steering,
    recording: Option<Arc<media::Recording>>,
) -> (Option<Steering>, Option<Arc<media::Recording>>) {
    let Some(successor) = successor else { return (Some(steering), recording) };
    steering.detach();
    match successor.send(Handover { steering, recording }) {
        Ok(()) => (None, None),
        Err(left) => (Some(left.steering), left.recording), // caller gone
    }
}
