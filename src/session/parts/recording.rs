//! A session's recording: started and stopped on request, watched while it runs, kept across a reconnect.
//!
//! Runs on the session's task; the disk is accessed on blocking threads, one request at a time.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::oneshot,
    task::{JoinHandle, spawn_blocking},
};

use super::context::{Context, finished};
use crate::{
    access::{Caller, Party},
    media,
    metrics::Metrics,
    recordings::{self, About, End, EndCode, Store, What},
    session::{
        EndReason, Error, Id, Message, Recorded, RecordedStatus, RecordingInfo, RecordingState, Request,
    },
    stage::Values,
};

/// The last fragment takes some milliseconds; a disk that hangs must not hold a session.
pub const LIMIT: Duration = Duration::from_secs(8);
/// How often a key frame is requested again and the client receives the progress.
const SECOND: Duration = Duration::from_secs(1);
/// Requests that wait for the previous one.
const QUEUE: usize = 8;
const ON_REQUEST: &str = "stopped on request";

type Reply = oneshot::Sender<Result<Recorded, Error>>;

/// The result of a blocking thread.
pub enum Done {
    Started(Result<media::Recording, recordings::Error>),
    Stopped(String, End),
}

/// The pipeline whose output is recorded, and its values.
#[derive(Clone, Copy)]
pub struct Running<'a> {
    pub pipeline_id: &'a str,
    pub values: &'a Values,
}

/// The recording of a session.
pub struct Recorder {
    session: Id,
    /// Who owns what is recorded.
    owner: Caller,
    store: Store,
    active: Option<Arc<media::Recording>>,
    /// The parameters for the sidecar.
    known: Values,
    published_at: Instant,
    work: Option<JoinHandle<Done>>,
    reply: Option<Reply>,
    waiting: VecDeque<(Request, Option<Reply>)>,
    /// Bytes of the recordings that have ended in this session.
    bytes: u64,
}

/// What a session's recordings leave at its end.
#[derive(Default)]
pub struct Left {
    /// The one that runs.
    pub active: Option<Arc<media::Recording>>,
    /// Bytes of those that have ended.
    pub bytes: u64,
}

impl Recorder {
    /// Continues the previous session's recording, or starts with a request.
    pub fn new(
        session: Id,
        owner: Caller,
        store: Store,
        active: Option<Arc<media::Recording>>,
        wish: Option<Request>,
    ) -> Self {
        let waiting = wish.filter(|_| active.is_none()).map(|wish| (wish, None)).into_iter().collect();
        let (known, published_at) = (Values::new(), Instant::now());
        Self {
            session,
            owner,
            store,
            active,
            known,
            published_at,
            work: None,
            reply: None,
            waiting,
            bytes: 0,
        }
    }

    /// Whether a requested recording does not run yet.
    pub fn is_starting(&self) -> bool {
        self.active.is_none() && (self.work.is_some() || !self.waiting.is_empty())
    }

    /// Whether the queue is full.
    pub fn is_full(&self) -> bool {
        self.waiting.len() >= QUEUE
    }

    /// Records a change of the pipeline or its parameters in the sidecar.
    pub fn add_change(&self, frame: Option<u64>, what: What) {
        if let Some(recording) = &self.active {
            recording.note(frame, what);
        }
    }

    /// Records the parameters that have changed.
    pub fn parameters(&mut self, frame: u64, values: &Values) {
        if self.active.is_none() {
            return;
        }
        let is_new = |(name, value): &(&String, &serde_json::Value)| self.known.get(*name) != Some(*value);
        let parameters: Values =
            values.iter().filter(is_new).map(|(name, value)| (name.clone(), value.clone())).collect();
        if !parameters.is_empty() {
            self.known.clone_from(values);
            self.add_change(Some(frame), What::Parameters { parameters });
        }
    }

    /// Continues a recording that was taken over, or starts the one that was requested with the offer.
    pub fn begin(&mut self, cx: &Context, running: Running<'_>) {
        if let Some(recording) = self.active.clone() {
            let (peer, session) = (cx.peer().clone(), self.session.to_string());
            self.known.clone_from(running.values);
            self.show(cx, RecordingState::Running, &recording);
            spawn_blocking(move || recording.listen(&peer, &session)); // owned by the runtime; ends by itself in ms
        }
        self.start_next(cx, running);
    }

    /// Starts or stops; replies when that is done.
    pub fn request(&mut self, cx: &Context, running: Running<'_>, request: Request, reply: Option<Reply>) {
        if !self.is_full() {
            self.waiting.push_back((request, reply));
            self.start_next(cx, running);
        } else if let Some(reply) = reply {
            reply.send(Err(Error::Busy)).ok(); // caller gone
        }
    }

    fn start_next(&mut self, cx: &Context, running: Running<'_>) {
        while self.work.is_none()
            && let Some((request, reply)) = self.waiting.pop_front()
        {
            let status = match (request, &self.active) {
                (Request::Start { input }, None) => {
                    self.reply = reply;
                    self.start(cx, running, input);
                    return;
                }
                (Request::Stop, Some(_)) => {
                    self.reply = reply;
                    self.stop(cx);
                    return;
                }
                (Request::Start { .. }, Some(_)) => RecordedStatus::AlreadyRecording,
                (Request::Stop, None) => RecordedStatus::NotRecording,
            };
            let id = self.active.as_ref().map(|recording| recording.id().to_owned());
            if let Some(reply) = reply {
                reply.send(Ok(Recorded { status, id })).ok(); // caller gone
            }
        }
    }

    fn start(&mut self, cx: &Context, running: Running<'_>, input: bool) {
        let Running { pipeline_id, values } = running;
        self.known.clone_from(values);
        let (peer, store, session) = (cx.peer().clone(), self.store.clone(), self.session.to_string());
        let about = About {
            session: session.clone(),
            pipeline_id: pipeline_id.to_owned(),
            parameters: values.clone(),
            input,
            owner: Some(self.owner.subject().to_string()),
            limited: matches!(self.owner.party(), Some(Party::Subject(_))),
        };
        self.work = Some(spawn_blocking(move || {
            let sends = peer.sender().is_some() || (input && peer.receiver().is_some());
            let started = || {
                if !sends {
                    return Err(recordings::Error::Nothing);
                }
                let recording = media::Recording::start(store.create(about)?)?;
                recording.listen(&peer, &session);
                Ok(recording)
            };
            Done::Started(started())
        }));
    }

    fn stop(&mut self, cx: &Context) {
        let Some(recording) = self.active.take() else { return };
        let peer = cx.peer().clone();
        self.work = Some(spawn_blocking(move || {
            peer.stop_feeding_recording();
            let end = recording.stop(EndCode::Stopped, ON_REQUEST, LIMIT);
            Done::Stopped(recording.id().to_owned(), end)
        }));
    }

    /// Waits for the request in progress, for ever if there is none; `None`: its thread panicked.
    pub async fn done(&mut self) -> Option<Done> {
        finished(&mut self.work).await
    }

    /// Applies the result of [`Recorder::done`].
    pub fn apply(&mut self, cx: &Context, running: Running<'_>, done: Option<Done>) {
        let reply = self.reply.take();
        let answer = match done {
            Some(Done::Started(Ok(recording))) => {
                tracing::info!(recording = recording.id(), "recording started");
                let id = Some(recording.id().to_owned());
                self.show(cx, RecordingState::Started, &recording);
                self.active = Some(Arc::new(recording));
                Ok(Recorded { status: RecordedStatus::Started, id })
            }
            Some(Done::Started(Err(error))) => {
                tracing::warn!(%error, "recording not started");
                media::count_recording_refusal(&error);
                cx.metrics().recordings.with_label_values(&[EndCode::Failed.name()]).inc();
                let sentence = error.to_string();
                let state = RecordingState::Failed;
                self.publish(cx, RecordingInfo { state, id: None, sentence, bytes: 0, seconds: 0.0 });
                Err(error.into())
            }
            Some(Done::Stopped(id, end)) => {
                self.over(cx, &id, &end);
                Ok(Recorded { status: RecordedStatus::Stopped, id: Some(id) })
            }
            None => Err(Error::Busy),
        };
        if let Some(reply) = reply {
            reply.send(answer).ok(); // caller gone
        }
        self.start_next(cx, running);
    }

    /// Checks the recording's progress: it may have ended by itself.
    pub fn check(&mut self, cx: &Context, running: Running<'_>) {
        let Some(recording) = self.active.clone() else { return };
        let progress = recording.progress();
        if let Some(end) = progress.end {
            self.active = None;
            cx.peer().stop_feeding_recording();
            self.over(cx, recording.id(), &end);
            return self.start_next(cx, running);
        }
        if self.published_at.elapsed() < SECOND {
            return;
        }
        self.show(cx, RecordingState::Running, &recording);
        if progress.waits {
            let peer = cx.peer().clone();
            spawn_blocking(move || recording.request_key_frames(&peer)); // owned by the runtime; ends by itself in ms
        }
    }

    fn over(&mut self, cx: &Context, id: &str, end: &End) {
        tracing::info!(recording = id, bytes = end.bytes, sentence = end.sentence, "recording over");
        count(end, cx.metrics());
        self.bytes += end.bytes;
        let state =
            if end.code == EndCode::Failed { RecordingState::Failed } else { RecordingState::Stopped };
        let (bytes, seconds, sentence) = (end.bytes, end.seconds, end.sentence.clone());
        self.publish(cx, RecordingInfo { state, id: Some(id.to_owned()), sentence, bytes, seconds });
    }

    fn show(&mut self, cx: &Context, state: RecordingState, recording: &media::Recording) {
        let progress = recording.progress();
        let waits = "waiting for a key frame";
        let sentence = if progress.waits { waits } else { "recording" }.to_owned();
        let (id, bytes, seconds) = (Some(recording.id().to_owned()), progress.bytes, progress.seconds);
        self.publish(cx, RecordingInfo { state, id, sentence, bytes, seconds });
    }

    fn publish(&mut self, cx: &Context, info: RecordingInfo) {
        self.published_at = Instant::now();
        cx.view().set_recording(info.clone());
        cx.send(&Message::Recording(info));
    }

    /// What is left at the session's end, once the request in progress is done.
    pub async fn leave(self, peer: &media::Peer) -> Left {
        let Self { mut active, mut bytes, work, .. } = self;
        if let Some(work) = work
            && let Ok(Ok(done)) = tokio::time::timeout(LIMIT, work).await
        {
            match done {
                Done::Started(started) => active = started.ok().map(Arc::new),
                Done::Stopped(_, end) => bytes += end.bytes,
            }
        }
        peer.stop_feeding_recording();
        Left { active, bytes }
    }
}

/// Ends a recording with its session; gives its bytes. Blocks.
pub fn end_with_session(recording: &media::Recording, reason: EndReason, metrics: &Metrics) -> u64 {
    let sentence = format!("the session ended: {}", reason.sentence());
    let end = recording.stop(EndCode::SessionEnded, &sentence, LIMIT);
    count(&end, metrics);
    end.bytes
}

fn count(end: &End, metrics: &Metrics) {
    metrics.recordings.with_label_values(&[end.code.name()]).inc();
    metrics.recording_bytes.inc_by(end.bytes);
}
