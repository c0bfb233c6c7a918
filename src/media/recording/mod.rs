//! Records the encoded output, and on request the encoded input, without transcoding.
//!
//! Owns one thread per recording ([`writer`]), fed by a bounded queue. Any failure ends the recording with a reason;
//! the session never waits for it and learns of it only from [`Recording::progress`].

mod audio_queue;
mod format;
mod segment;
mod writer;

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
        mpsc::{self, SyncSender, TrySendError},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{
    Peer,
    graph::feeds::{Numbers, Piece},
    gst::state,
};
use crate::{
    limits,
    recordings::{Change, End, EndCode, Error, Folder, What},
};

/// Ten seconds of video and audio: how far a disk may fall behind.
const CAPACITY: usize = 1024;

/// The state of a recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// Bytes written, updated once a second.
    pub bytes: u64,
    /// Seconds since its start.
    pub seconds: f64,
    /// Whether it waits for a key frame.
    pub waits: bool,
    /// How it ended, if it did.
    pub end: Option<End>,
}

/// A running recording. Dropping it ends it.
pub struct Recording {
    id: String,
    input: bool,
    started: Instant,
    queue: Queue,
    shared: Arc<Shared>,
    sources: AtomicU32,
    thread: JoinHandle<()>,
}

/// A message to the writer's thread.
enum Message {
    /// The session continues on another graph.
    Source(Source),
    /// An access unit or an audio packet.
    Piece(Piece),
    /// A change, for the sidecar.
    Note(Change),
    /// End the recording.
    End(EndCode, String),
}

/// A graph whose streams are recorded.
struct Source {
    /// Its number in the recording.
    number: u32,
    /// Its session's id.
    session: String,
    /// The instant of its running time zero.
    zero: Instant,
    /// Whether audio has arrived.
    audio: bool,
    /// Numbers of its frames.
    numbers: Arc<Numbers>,
}

/// The sending end of the thread's queue.
#[derive(Clone)]
struct Queue {
    messages: SyncSender<Message>,
    /// Set when the queue was full.
    overflow: Arc<AtomicBool>,
}

impl Queue {
    /// `false` if the queue is full or the thread has ended.
    fn put(&self, message: Message) -> bool {
        let put = self.messages.try_send(message);
        if let Err(TrySendError::Full(_)) = put {
            self.overflow.store(true, Relaxed);
        }
        put.is_ok()
    }
}

/// What the thread publishes.
#[derive(Default)]
struct Shared {
    bytes: AtomicU64,
    waits: AtomicBool,
    end: Mutex<Option<End>>,
}

/// Counts what a limit refused, or ended.
pub fn count_refusal(error: &Error) {
    let limit = match error {
        Error::Quota { .. } => &limits::RECORDINGS_QUOTA,
        Error::OwnQuota { .. } => &limits::SUBJECT_RECORDINGS,
        Error::Full { .. } => &limits::RECORDINGS_RESERVE,
        Error::Kept { .. } => &limits::RECORDINGS_KEPT,
        Error::AtOnce { .. } => &limits::RECORDINGS_AT_ONCE,
        Error::Files { .. } => &limits::RECORDING_FILES,
        Error::Change { .. } | Error::Changes { .. } => &limits::RECORDING_CHANGES,
        Error::NotFound(_)
        | Error::Running(_)
        | Error::Nothing
        | Error::Folder { .. }
        | Error::Write(_)
        | Error::Slow => return,
    };
    limit.refused();
}

impl Recording {
    /// Starts the thread; media comes with [`Recording::listen`].
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(folder: Folder) -> Result<Self, Error> {
        let (messages, read) = mpsc::sync_channel(CAPACITY);
        let queue = Queue { messages, overflow: Arc::default() };
        let shared = Arc::new(Shared { waits: AtomicBool::new(true), ..Shared::default() });
        let (id, input, started) = (folder.id().to_owned(), folder.about().input, folder.started());
        let writer = writer::Writer::new(folder, read, queue.overflow.clone(), shared.clone());
        let thread = thread::Builder::new()
            .name("recording".into())
            .spawn(move || writer.run())
            .map_err(|error| Error::Write(format!("cannot start a thread: {error}")))?;
        Ok(Self { id, input, started, queue, shared, sources: AtomicU32::new(0), thread })
    }

    /// The recording's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Records `peer`, the graph of `session`, from now on, and requests key frames for it. Blocks for a few ms.
    pub fn listen(&self, peer: &Peer, session: &str) {
        let feeds = peer.feeds();
        let number = self.sources.fetch_add(1, Relaxed) + 1;
        let now = Instant::now();
        let zero = now.checked_sub(peer.clock()()).unwrap_or(now);
        let (session, numbers) = (session.to_owned(), feeds.numbers().clone());
        self.queue.put(Message::Source(Source { number, session, zero, audio: feeds.has_audio(), numbers }));
        let queue = self.queue.clone();
        feeds.connect(number, self.input, Box::new(move |piece| queue.put(Message::Piece(piece))));
        self.request_key_frames(peer);
    }

    /// Requests key frames again. Blocks for a few ms.
    pub fn request_key_frames(&self, peer: &Peer) {
        if let Some(sender) = peer.sender() {
            sender.request_key_frame();
        }
        if let Some(receiver) = peer.receiver().filter(|_| self.input) {
            receiver.request_key_frame();
        }
    }

    /// Notes a change in the sidecar; `frame` is the first frame with it.
    pub fn note(&self, frame: Option<u64>, what: What) {
        self.queue.put(Message::Note(Change { at_s: self.started.elapsed().as_secs_f64(), frame, what }));
    }

    /// Its state.
    pub fn progress(&self) -> Progress {
        let end = self.shared.end.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let seconds = end.as_ref().map_or_else(|| self.started.elapsed().as_secs_f64(), |end| end.seconds);
        let bytes = end.as_ref().map_or_else(|| self.shared.bytes.load(Relaxed), |end| end.bytes);
        Progress { bytes, seconds, waits: self.shared.waits.load(Relaxed), end }
    }

    /// Ends it and waits until its files are closed, for at most `limit`. Blocks.
    pub fn stop(&self, code: EndCode, sentence: &str, limit: Duration) -> End {
        self.queue.put(Message::End(code, sentence.to_owned()));
        state::wait_until(limit, "closing a recording", || self.thread.is_finished()).ok(); // reported below
        let progress = self.progress();
        let stuck = || "the disk does not respond; the end of the recording may be missing".into();
        let (bytes, seconds) = (progress.bytes, progress.seconds);
        progress.end.unwrap_or_else(|| End { code: EndCode::Failed, sentence: stuck(), seconds, bytes })
    }
}
