//! A session's recording: started and stopped on request, watched while it goes, taken along by a reconnect.
//!
//! Runs on the session's task; the disk is asked on blocking threads, one request at a time.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::oneshot,
    task::{JoinHandle, spawn_blocking},
};

use super::{EndReason, Error, Id, Message, Recorded, RecordingInfo, RecordingState, Request, actor::Actor};
use crate::{
    media,
    metrics::Metrics,
    recordings::{self, About, End, EndCode, Store, What},
    stage::Values,
};

/// The last fragment takes some milliseconds; a disk that hangs must not hold a session.
pub const LIMIT: Duration = Duration::from_secs(8);
/// How often a key frame is asked for again, and the client told how it goes.
const SECOND: Duration = Duration::from_secs(1);
/// Requests that wait for the one before.
const QUEUE: usize = 8;
const ON_REQUEST: &str = "it was stopped on request";

type Reply = oneshot::Sender<Result<Recorded, Error>>;

/// What a blocking thread has done.
pub enum Done {
    Started(Result<media::Recording, recordings::Error>),
    Stopped(String, End),
}

/// The recording of a session.
pub struct Recorder {
    session: Id,
    store: Store,
    active: Option<Arc<media::Recording>>,
    /// What the sidecar says of the parameters.
    known: Values,
    told: Instant,
    pub work: Option<JoinHandle<Done>>,
    reply: Option<Reply>,
    waiting: VecDeque<(Request, Option<Reply>)>,
}

impl Recorder {
    /// One that goes on with the recording of a session before, or else begins with a wish.
    pub fn new(
        session: Id,
        store: Store,
        active: Option<Arc<media::Recording>>,
        wish: Option<Request>,
    ) -> Self {
        let waiting = wish.filter(|_| active.is_none()).map(|wish| (wish, None)).into_iter().collect();
        let (known, told) = (Values::new(), Instant::now());
        Self { session, store, active, known, told, work: None, reply: None, waiting }
    }

    /// Whether one is wanted that does not run yet.
    pub fn is_starting(&self) -> bool {
        self.active.is_none() && (self.work.is_some() || !self.waiting.is_empty())
    }

    /// Whether a request more has to be refused.
    pub fn is_full(&self) -> bool {
        self.waiting.len() >= QUEUE
    }

    /// Notes a change in the sidecar of what is recorded.
    pub fn note(&self, frame: Option<u64>, what: What) {
        if let Some(recording) = &self.active {
            recording.note(frame, what);
        }
    }

    /// Notes those parameters that have changed.
    pub fn parameters(&mut self, frame: u64, values: &Values) {
        if self.active.is_none() {
            return;
        }
        let is_new = |(name, value): &(&String, &serde_json::Value)| self.known.get(*name) != Some(*value);
        let parameters: Values =
            values.iter().filter(is_new).map(|(name, value)| (name.clone(), value.clone())).collect();
        if !parameters.is_empty() {
            self.known.clone_from(values);
            self.note(Some(frame), What::Parameters { parameters });
        }
    }

    /// What is recorded when the session is over, once a request that is under way is done.
    pub async fn settle(self, peer: &media::Peer) -> Option<Arc<media::Recording>> {
        let mut active = self.active;
        if let Some(work) = self.work
            && let Ok(Ok(Done::Started(Ok(started)))) = tokio::time::timeout(LIMIT, work).await
        {
            active = Some(Arc::new(started));
        }
        peer.unrecorded();
        active
    }
}

/// Ends a recording with its session. Blocks.
pub fn end_with_session(recording: &media::Recording, reason: EndReason, metrics: &Metrics) {
    let sentence = format!("its session ended: {}", reason.sentence());
    count(&recording.stop(EndCode::SessionEnded, &sentence, LIMIT), metrics);
}

fn count(end: &End, metrics: &Metrics) {
    metrics.recordings.with_label_values(&[end.code.name()]).inc();
    metrics.recording_bytes.inc_by(end.bytes);
}

impl Actor {
    /// Goes on with a recording that was taken over, or begins the one that came with the offer.
    pub(super) fn begin_recording(&mut self) {
        if let Some(recording) = self.recorder.active.clone() {
            let (peer, session) = (self.peer.clone(), self.recorder.session.to_string());
            self.recorder.known.clone_from(&self.parameters.values);
            self.show_recording(RecordingState::Running, &recording);
            spawn_blocking(move || recording.listen(&peer, &session)); // owned by the runtime; ends by itself in ms
        }
        self.next_request();
    }

    /// Starts or stops; the reply comes when that is done.
    pub(super) fn record(&mut self, request: Request, reply: Option<Reply>) {
        if !self.recorder.is_full() {
            self.recorder.waiting.push_back((request, reply));
            self.next_request();
        } else if let Some(reply) = reply {
            reply.send(Err(Error::Busy)).ok(); // caller gone
        }
    }

    fn next_request(&mut self) {
        while self.recorder.work.is_none()
            && let Some((request, reply)) = self.recorder.waiting.pop_front()
        {
            let status = match (request, &self.recorder.active) {
                (Request::Start { input }, None) => {
                    self.recorder.reply = reply;
                    self.start_recording(input);
                    return;
                }
                (Request::Stop, Some(_)) => {
                    self.recorder.reply = reply;
                    self.stop_recording();
                    return;
                }
                (Request::Start { .. }, Some(_)) => "already_recording",
                (Request::Stop, None) => "not_recording",
            };
            let id = self.recorder.active.as_ref().map(|recording| recording.id().to_owned());
            if let Some(reply) = reply {
                reply.send(Ok(Recorded { status, id })).ok(); // caller gone
            }
        }
    }

    fn start_recording(&mut self, input: bool) {
        // What runs while another pipeline loads is what is recorded.
        let (entry, values) = match &self.fallback {
            Some(running) => (&running.entry, &running.values),
            None => (&self.entry, &self.parameters.values),
        };
        self.recorder.known.clone_from(values);
        let (peer, store, session) =
            (self.peer.clone(), self.recorder.store.clone(), self.recorder.session.to_string());
        let parameters = values.clone();
        let about = About { session: session.clone(), pipeline_id: entry.info.id.clone(), parameters, input };
        self.recorder.work = Some(spawn_blocking(move || {
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

    fn stop_recording(&mut self) {
        let Some(recording) = self.recorder.active.take() else { return };
        let peer = self.peer.clone();
        self.recorder.work = Some(spawn_blocking(move || {
            peer.unrecorded();
            let end = recording.stop(EndCode::Stopped, ON_REQUEST, LIMIT);
            Done::Stopped(recording.id().to_owned(), end)
        }));
    }

    /// A request is done; `None`: its thread panicked.
    pub(super) fn recording_changed(&mut self, done: Option<Done>) {
        let reply = self.recorder.reply.take();
        let answer = match done {
            Some(Done::Started(Ok(recording))) => {
                tracing::info!(recording = recording.id(), "recording started");
                let id = Some(recording.id().to_owned());
                self.show_recording(RecordingState::Started, &recording);
                self.recorder.active = Some(Arc::new(recording));
                Ok(Recorded { status: "started", id })
            }
            Some(Done::Started(Err(error))) => {
                tracing::warn!(%error, "recording not started");
                self.metrics.recordings.with_label_values(&[EndCode::Failed.name()]).inc();
                let sentence = error.to_string();
                let state = RecordingState::Failed;
                self.tell_recording(RecordingInfo { state, id: None, sentence, bytes: 0, seconds: 0.0 });
                Err(error.into())
            }
            Some(Done::Stopped(id, end)) => {
                self.recording_over(&id, &end);
                Ok(Recorded { status: "stopped", id: Some(id) })
            }
            None => Err(Error::Busy),
        };
        if let Some(reply) = reply {
            reply.send(answer).ok(); // caller gone
        }
        self.next_request();
    }

    /// Looks how the recording goes: it may have ended by itself.
    pub(super) fn watch_recording(&mut self) {
        let Some(recording) = self.recorder.active.clone() else { return };
        let progress = recording.progress();
        if let Some(end) = progress.end {
            self.recorder.active = None;
            self.peer.unrecorded();
            self.recording_over(recording.id(), &end);
            return self.next_request();
        }
        if self.recorder.told.elapsed() < SECOND {
            return;
        }
        self.show_recording(RecordingState::Running, &recording);
        if progress.waits {
            let peer = self.peer.clone();
            spawn_blocking(move || recording.remind(&peer)); // owned by the runtime; ends by itself in ms
        }
    }

    fn recording_over(&mut self, id: &str, end: &End) {
        tracing::info!(recording = id, bytes = end.bytes, sentence = end.sentence, "recording over");
        count(end, &self.metrics);
        let state =
            if end.code == EndCode::Failed { RecordingState::Failed } else { RecordingState::Stopped };
        let (bytes, seconds, sentence) = (end.bytes, end.seconds, end.sentence.clone());
        self.tell_recording(RecordingInfo { state, id: Some(id.to_owned()), sentence, bytes, seconds });
    }

    fn show_recording(&mut self, state: RecordingState, recording: &media::Recording) {
        let progress = recording.progress();
        let waits = "it waits for a key frame";
        let sentence = if progress.waits { waits } else { "it goes on" }.to_owned();
        let (id, bytes, seconds) = (Some(recording.id().to_owned()), progress.bytes, progress.seconds);
        self.tell_recording(RecordingInfo { state, id, sentence, bytes, seconds });
    }

    fn tell_recording(&mut self, info: RecordingInfo) {
        self.recorder.told = Instant::now();
        self.snapshot.send_modify(|snapshot| snapshot.recording = Some(info.clone()));
        self.say(&Message::Recording(info));
    }
}
