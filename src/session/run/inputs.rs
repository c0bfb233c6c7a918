//! The sources of a session's inputs: requests, the graph, the stage, the data channel, the server's shutdown.

use std::sync::Arc;

use tokio::sync::{Notify, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::Inputs;
use crate::{
    access::Caller,
    media,
    session::{
        EndReason, Error, Recorded, Request,
        parts::{Accepted, Steering},
    },
    signalling, stage,
};

/// Requests in progress for one session.
const MAILBOX: usize = 32;
/// Queued events of the graph or the stage.
const EVENTS: usize = 256;

/// A request to a session.
pub enum Command {
    /// The peer's candidates.
    Candidates(Vec<signalling::Candidate>, oneshot::Sender<()>),
    /// An update of this caller by HTTP.
    Update(stage::Values, Caller, oneshot::Sender<Result<Accepted, Error>>),
    /// The start or the end of a recording, by HTTP.
    Record(Request, oneshot::Sender<Result<Recorded, Error>>),
    /// A new connection of the same client takes the stage; this session ends.
    HandOver(oneshot::Sender<Handover>),
    /// A read of the graph, on a blocking thread.
    Inspect(Box<dyn FnOnce(&media::Peer) + Send>),
    /// End the session.
    End(EndReason),
}

/// What a session hands to the connection that resumes it.
pub struct Handover {
    pub steering: Steering,
    pub recording: Option<Arc<media::Recording>>,
}

/// The other ends of [`Inputs`].
pub struct Senders {
    pub mailbox: mpsc::Sender<Command>,
    /// For GStreamer's threads.
    pub media: Arc<dyn Fn(media::Event) + Send + Sync>,
    /// For the stage's thread.
    pub stage: stage::Tell,
}

/// The inputs of a new session, which ends with `cancel`.
pub fn inputs(cancel: CancellationToken) -> (Inputs, Senders) {
    let (mailbox, commands) = mpsc::channel(MAILBOX);
    let (tell_media, media) = mpsc::channel(EVENTS);
    let (tell_stage, stage) = mpsc::channel(EVENTS);
    let mail = Arc::new(Notify::new());
    let notify = mail.clone();
    let senders = Senders {
        mailbox,
        media: Arc::new(move |event| match event {
            media::Event::Mail => notify.notify_one(),
            event => drop(tell_media.try_send(event)), // full or over: the first events decided already
        }),
        stage: Box::new(move |event| {
            drop(tell_stage.try_send(event)); // full: the newest state is in the snapshot's next tick
        }),
    };
    (Inputs { commands, media, stage, mail, cancel }, senders)
}
