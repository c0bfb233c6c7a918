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
        EndReason, Id, Message,
        parts::{Left, RECORDING_LIMIT, Steering, end_with_session},
        usage::{self, Usage},
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
    usage: Usage,
    view: View,
}

impl Over {
    /// Why it ended.
    pub fn reason(&self) -> EndReason {
        self.usage.reason
    }

    /// What it has used.
    pub fn usage(&self) -> &Usage {
        &self.usage
    }

    /// Wakes those who wait for the end; the registry calls it once it has removed the session.
    pub fn publish(self) {
        self.view.set_ended(self.usage.reason);
    }
}

impl Session {
    /// Notifies the client, stops the stage and the graph, and logs what is left.
    pub(super) async fn finish(self, reason: EndReason) -> Over {
        let lasted = self.started.elapsed();
        let cx = self.cx;
        cx.metrics().sessions_ended.with_label_values(&[reason.code()]).inc();
        cx.metrics().session_seconds.inc_by(lasted.as_secs_f64());
        let last = Message::StreamStopped { reason, error_message: reason.sentence() };
        let sent_before = cx.peer().counters().channel_bytes_out.load(Relaxed);
        let length = cx.send(&last);
        let media = self.report.media(&cx);
        tracing::info!(reason = reason.code(), frames = media.frames_out, "session over");
        self.report.finish(&cx, self.steering.counters(), GRAPH_LIMIT).await;
        self.repairs.finish(GRAPH_LIMIT).await;
        let Left { active: recording, bytes } = self.recorder.leave(cx.peer()).await;
        let (steering, recording) = hand_over(self.successor, self.steering, recording);
        let view = cx.view().clone();
        let mut usage = Usage {
            at: jiff::Timestamp::now().to_string(),
            session: Id::from(view.id().as_str()),
            subject: self.caller.subject().clone(),
            pipelines: view.pipelines(),
            seconds: usage::seconds(lasted),
            media,
            recording_bytes: bytes,
            reason,
        };
        let stopped = spawn_blocking(move || {
            let bytes = recording.map_or(0, |recording| end_with_session(&recording, reason, cx.metrics()));
            if let Some(steering) = steering {
                steering.stop(STAGE_LIMIT);
            }
            cx.peer().flush(sent_before, length, FLUSH_LIMIT);
            drop(cx);
            memory::trim();
            bytes
        });
        let limit = FLUSH_LIMIT + STAGE_LIMIT + RECORDING_LIMIT + GRAPH_LIMIT;
        if let Ok(bytes) = tokio::time::timeout(limit, stopped).await {
            usage.recording_bytes += bytes.unwrap_or_default(); // a panic is in the log
        } else {
            tracing::error!("the graph did not stop; its threads were abandoned");
        }
        Over { usage, view }
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
