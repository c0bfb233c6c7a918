//! Recording: what is sent, and what comes if wanted, written as it is encoded already.
//!
//! Owns one thread a recording ([`writer`]), fed by a bounded queue. Whatever fails ends the recording with a
//! sentence; a session neither waits for it nor hears of it but by [`Recording::progress`].

mod format;
mod mixer;
mod segment;
mod vp9;
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
use crate::recordings::{Change, End, EndCode, Error, Folder, What};

/// Ten seconds of picture and sound: what a disk may be behind by.
const CAPACITY: usize = 1024;

/// How a recording goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// Bytes written, looked at once a second.
    pub bytes: u64,
    /// Since its start.
    pub seconds: f64,
    /// Whether a key frame is waited for.
    pub waits: bool,
    /// How it ended.
    pub end: Option<End>,
}

/// A recording that is under way. Dropping it ends it.
pub struct Recording {
    id: String,
    input: bool,
    started: Instant,
    queue: Queue,
    shared: Arc<Shared>,
    sources: AtomicU32,
    thread: JoinHandle<()>,
}

/// What the thread is told.
enum Message {
    /// Another graph goes on.
    Source(Source),
    /// Something of a stream.
    Piece(Piece),
    /// Something changed.
    Note(Change),
    /// It is to end.
    End(EndCode, String),
}

/// A graph whose streams are recorded.
struct Source {
    /// Its number in the recording.
    number: u32,
    /// The session that it is of.
    session: String,
    /// When its running time was zero.
    zero: Instant,
    /// Whether audio has come.
    sound: bool,
    /// Numbers of its frames.
    numbers: Arc<Numbers>,
}

/// The way to the thread.
#[derive(Clone)]
struct Queue {
    messages: SyncSender<Message>,
    /// Set when there was no room for one.
    overflow: Arc<AtomicBool>,
}

impl Queue {
    /// `false` where the thread takes no more.
    fn put(&self, message: Message) -> bool {
        let put = self.messages.try_send(message);
        if let Err(TrySendError::Full(_)) = put {
            self.overflow.store(true, Relaxed);
        }
        put.is_ok()
    }
}

/// What the thread shows.
#[derive(Default)]
struct Shared {
    bytes: AtomicU64,
    waits: AtomicBool,
    end: Mutex<Option<End>>,
}

impl Recording {
    /// Starts the thread; nothing comes before [`Recording::listen`].
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(folder: Folder) -> Result<Self, Error> {
        let (messages, read) = mpsc::sync_channel(CAPACITY);
        let queue = Queue { messages, overflow: Arc::default() };
        let shared = Arc::new(Shared { waits: AtomicBool::new(true), ..Shared::default() });
        let (id, input, started) = (folder.id().to_owned(), folder.about().input, folder.started());
        let writer = writer::Writer::new(folder, read, queue.overflow.clone(), shared.clone());
        let thread = thread::Builder::new()
            .name("recording".into())
            .spawn(move || writer.run())
            .map_err(|error| Error::Write(format!("the system gives no thread: {error}")))?;
        Ok(Self { id, input, started, queue, shared, sources: AtomicU32::new(0), thread })
    }

    /// The recording's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Hears `peer`, the graph of `session`, from here on and asks both sides for a key frame. Blocks for some ms.
    pub fn listen(&self, peer: &Peer, session: &str) {
        let feeds = peer.feeds();
        let number = self.sources.fetch_add(1, Relaxed) + 1;
        let now = Instant::now();
        let zero = now.checked_sub(peer.clock()()).unwrap_or(now);
        let (session, numbers) = (session.to_owned(), feeds.numbers().clone());
        self.queue.put(Message::Source(Source { number, session, zero, sound: feeds.has_audio(), numbers }));
        let queue = self.queue.clone();
        feeds.connect(number, self.input, Box::new(move |piece| queue.put(Message::Piece(piece))));
        self.remind(peer);
    }

    /// Asks for a key frame again. Blocks for some ms.
    pub fn remind(&self, peer: &Peer) {
        if let Some(sender) = peer.sender() {
            sender.request_key_frame();
        }
        if let Some(receiver) = peer.receiver().filter(|_| self.input) {
            receiver.request_key_frame();
        }
    }

    /// Notes a change in the sidecar; `frame` is the first picture that has it.
    pub fn note(&self, frame: Option<u64>, what: What) {
        self.queue.put(Message::Note(Change { at_s: self.started.elapsed().as_secs_f64(), frame, what }));
    }

    /// How it goes.
    pub fn progress(&self) -> Progress {
        let end = self.shared.end.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let seconds = end.as_ref().map_or_else(|| self.started.elapsed().as_secs_f64(), |end| end.seconds);
        let bytes = end.as_ref().map_or_else(|| self.shared.bytes.load(Relaxed), |end| end.bytes);
        Progress { bytes, seconds, waits: self.shared.waits.load(Relaxed), end }
    }

    /// Ends it and waits until its files are closed, for at most `limit`. Blocks.
    pub fn stop(&self, code: EndCode, sentence: &str, limit: Duration) -> End {
        self.queue.put(Message::End(code, sentence.to_owned()));
        state::wait_until(limit, "closing a recording", || self.thread.is_finished()).ok(); // told below
        let progress = self.progress();
        let stuck = || "the disk does not answer; the end of the recording may be missing".into();
        let (bytes, seconds) = (progress.bytes, progress.seconds);
        progress.end.unwrap_or_else(|| End { code: EndCode::Failed, sentence: stuck(), seconds, bytes })
    }
}
