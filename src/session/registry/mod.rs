//! Session ids and their handles, the permits that limit sessions, the tasks that run them.
//!
//! Shared by every request; the lock is held for a map look-up. Reached through [`Registry`] alone.

mod create;
mod permit;
mod settings;
mod shares;

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use self::create::{Created, Options};
use self::{permit::Permit, shares::Shares as Taken};
pub use self::{settings::Settings, shares::Settings as Shares};
use super::{
    Applied, CodecInfo, Description, EndReason, Error, Id, Phase, Recorded, Request, Snapshot, Sources,
    history::History, line::Line, minutes::Minutes, run::Command, usage,
};
use crate::{
    access::{Caller, Subject},
    limits, media,
    metrics::Metrics,
    recordings, signalling, stage, turn,
};

/// Answers and ends are bounded inside; this catches a stuck session task.
const REPLY_LIMIT: Duration = Duration::from_secs(15);
/// A stage takes an update before its next frame, or within 100 ms without frames; after two seconds it is still loading
/// or stuck in a frame.
const APPLIED_LIMIT: Duration = Duration::from_secs(2);
/// The last records of the usage log take milliseconds; a disk that hangs must not delay the shutdown.
const FLUSH_LIMIT: Duration = Duration::from_secs(2);
/// Ended sessions that are remembered, for 410 rather than 404.
const REMEMBERED: usize = 1000;

/// One viewer of a session. Dropping it ends its stream, which blocks for a few ms.
pub struct Viewer {
    _stream: media::TsStream,
    _permit: OwnedSemaphorePermit,
}

/// The number of sessions and its limit.
#[derive(Clone, Copy, Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = SessionLoad)]
pub struct Load {
    /// Live sessions.
    pub live: usize,
    /// How many may live at once.
    pub limit: usize,
}

/// All sessions of the server.
#[derive(Clone)]
pub struct Registry(Arc<Inner>);

struct Inner {
    engine: media::Engine,
    catalog: stage::Catalog,
    turn: turn::Service,
    settings: Settings,
    metrics: Arc<Metrics>,
    recordings: recordings::Store,
    sources: Sources,
    line: Line,
    shares: Arc<Taken>,
    minutes: Arc<Minutes>,
    /// Limits the viewers.
    viewers: Arc<Semaphore>,
    /// Limits the sessions without a client to one.
    headless: Arc<Semaphore>,
    usage: Option<usage::Log>,
    sessions: Mutex<Sessions>,
    tasks: TaskTracker,
    cancel: CancellationToken,
}

#[derive(Default)]
struct Sessions {
    live: HashMap<Id, Handle>,
    /// Resume tokens of the live sessions.
    tokens: HashMap<String, Id>,
    ended: HashMap<Id, Ended>,
    order: VecDeque<Id>,
}

/// What is remembered of a session that has ended.
struct Ended {
    reason: EndReason,
    owner: Subject,
}

/// Access to a session's task.
#[derive(Clone)]
struct Handle {
    owner: Subject,
    /// When its time is up.
    until: Option<Instant>,
    /// Where its offer came from, if addresses count for it.
    network: Option<IpAddr>,
    started: Instant,
    mailbox: mpsc::Sender<Command>,
    snapshot: watch::Receiver<Snapshot>,
    history: History,
    token: String,
    permit: Permit,
}

impl Registry {
    /// A registry without sessions; `cancel` ends all sessions. Blocks on the disk if there is a usage log.
    ///
    /// # Errors
    /// The usage log cannot be opened.
    pub fn new(
        engine: media::Engine,
        catalog: stage::Catalog,
        turn: turn::Service,
        settings: Settings,
        metrics: Arc<Metrics>,
        recordings: recordings::Store,
        cancel: CancellationToken,
    ) -> Result<Self, usage::OpenError> {
        metrics.sessions_limit.set(i64::try_from(settings.sessions).unwrap_or(i64::MAX));
        let sources = Sources::new(settings.video_files.clone(), recordings.clone());
        let Settings { shares, minutes_per_day, .. } = settings;
        let line = Line::new(settings.sessions, settings.waiting_line, metrics.clone());
        let viewers = Arc::new(Semaphore::new(settings.viewers));
        let usage =
            settings.usage_log.clone().map(|path| usage::Log::open(path, metrics.clone())).transpose()?;
        let tasks = TaskTracker::new();
        if settings.waiting_line > 0 {
            tasks.spawn(line.clone().serve(cancel.clone()));
        }
        Ok(Self(Arc::new(Inner {
            engine,
            catalog,
            turn,
            settings,
            metrics,
            recordings,
            sources,
            line,
            shares: Taken::new(shares),
            minutes: Minutes::new(minutes_per_day),
            viewers,
            headless: Arc::new(Semaphore::new(1)),
            usage,
            sessions: Mutex::default(),
            tasks,
            cancel,
        })))
    }

    /// Those who wait for a place.
    pub fn line(&self) -> &Line {
        &self.0.line
    }

    /// The files that sessions may play.
    pub fn sources(&self) -> &Sources {
        &self.0.sources
    }

    /// Passes on the peer's candidates.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Ended`], [`Error::Busy`].
    pub async fn add_candidates(&self, id: &Id, candidates: Vec<signalling::Candidate>) -> Result<(), Error> {
        self.handle(id)?.history.add_candidates(&candidates);
        self.ask(id, |reply| Command::Candidates(candidates, reply)).await
    }

    /// Ends a session and waits until it has released everything.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Ended`], [`Error::Timeout`].
    pub async fn close(&self, id: &Id) -> Result<(), Error> {
        let mut handle = self.handle(id)?;
        handle
            .mailbox
            .try_send(Command::End(EndReason::ClosedByClient))
            .map_err(|_| self.handle(id).err().unwrap_or(Error::Busy))?;
        let over = handle.snapshot.wait_for(|snapshot| snapshot.state == Phase::Ended);
        match tokio::time::timeout(REPLY_LIMIT, over).await {
            Ok(_) => Ok(()), // a closed watch: the task is over too
            Err(_) => Err(Error::Timeout { step: "closing the session" }),
        }
    }

    /// Applies an update of `caller` as the data channel does, and waits briefly for the first frame that has it.
    ///
    /// # Errors
    /// [`stage::Error::Parameters`] with every fault, why the selected pipeline cannot run, and the errors of the look-up.
    pub async fn update(&self, id: &Id, caller: Caller, object: stage::Values) -> Result<Applied, Error> {
        let accepted = self.ask(id, |reply| Command::Update(object, caller, reply)).await??;
        match tokio::time::timeout(APPLIED_LIMIT, accepted.outcome).await {
            Ok(Ok(outcome)) => outcome.map_err(|faults| stage::Error::Parameters(faults).into()),
            // It takes longer, or the session has ended.
            Err(_) | Ok(Err(_)) => Ok(Applied { parameters: accepted.parameters, frame: None }),
        }
    }

    /// Starts or stops the session's recording.
    ///
    /// # Errors
    /// [`Error::Recording`], and the errors of the look-up.
    pub async fn record(&self, id: &Id, request: Request) -> Result<Recorded, Error> {
        self.ask(id, |reply| Command::Record(request, reply)).await?
    }

    /// Switches the pipeline; the connection stays.
    ///
    /// # Errors
    /// [`stage::Error::UnknownPipeline`], and the errors of the look-up.
    pub async fn switch_pipeline(&self, id: &Id, caller: Caller, pipeline_id: &str) -> Result<(), Error> {
        let object = stage::Values::from_iter([("pipeline_id".to_owned(), pipeline_id.into())]);
        self.ask(id, |reply| Command::Update(object, caller, reply)).await?.map(drop)
    }

    /// The session's graph in the DOT language.
    ///
    /// # Errors
    /// The errors of the look-up.
    pub async fn graph_dot(&self, id: &Id) -> Result<String, Error> {
        self.inspect(id, media::Peer::dot).await
    }

    /// The session's graph as lines for a shell.
    ///
    /// # Errors
    /// The errors of the look-up.
    pub async fn launch(&self, id: &Id) -> Result<String, Error> {
        self.inspect(id, media::Peer::launch).await
    }

    /// The next frame that the session sends, as a JPEG of `quality` 0 to 100; `None` if none is sent in time.
    ///
    /// # Errors
    /// The errors of the look-up.
    pub async fn still(&self, id: &Id, quality: u8) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.inspect(id, move |peer| peer.still(quality)).await??)
    }

    /// Writes what the session sends to `give`, as a transport stream, until the session ends or `give` refuses more.
    ///
    /// # Errors
    /// [`Error::Viewers`], [`media::Error::NoStream`], and the errors of the look-up.
    pub async fn view(&self, id: &Id, give: media::Give) -> Result<Viewer, Error> {
        let Ok(permit) = self.0.viewers.clone().try_acquire_owned() else {
            limits::VIEWERS.refused();
            return Err(Error::Viewers { limit: self.0.settings.viewers });
        };
        let stream = self.inspect(id, |peer| peer.view(give)).await??;
        Ok(Viewer { _stream: stream, _permit: permit })
    }

    /// The signalling of both sides, without secrets.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Ended`].
    pub fn descriptions(&self, id: &Id) -> Result<Vec<Description>, Error> {
        Ok(self.handle(id)?.history.all())
    }

    /// Who owns a session, live or ended; `None` where no session ever had that id.
    pub fn owner(&self, id: &Id) -> Option<Subject> {
        let sessions = self.lock();
        let live = sessions.live.get(id).map(|handle| &handle.owner);
        live.or_else(|| sessions.ended.get(id).map(|ended| &ended.owner)).cloned()
    }

    /// Every live session that `caller` owns.
    pub fn list(&self, caller: &Caller) -> Vec<Snapshot> {
        let sessions = self.lock();
        let own = sessions.live.values().filter(|handle| caller.owns(&handle.owner));
        let mut all: Vec<_> = own.map(|handle| handle.snapshot.borrow().clone()).collect();
        drop(sessions);
        all.sort_by(|one, other| one.created_at.cmp(&other.created_at));
        all
    }

    /// One live session.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Ended`].
    pub fn get(&self, id: &Id) -> Result<Snapshot, Error> {
        Ok(self.handle(id)?.snapshot.borrow().clone())
    }

    /// The server's occupancy.
    pub fn load(&self) -> Load {
        Load { live: self.lock().live.len(), limit: self.0.settings.sessions }
    }

    /// The codec table, with each row's result.
    pub fn codecs(&self) -> Vec<CodecInfo> {
        self.0.engine.trials().iter().map(CodecInfo::from).collect()
    }

    /// Waits, after `cancel`, at most `limit` until every session has ended; returns how many are left.
    pub async fn drained(&self, limit: Duration) -> usize {
        self.0.tasks.close();
        let end = Instant::now() + limit;
        let left = match tokio::time::timeout_at(end.into(), self.0.tasks.wait()).await {
            Ok(()) => 0,
            Err(_) => self.0.tasks.len(),
        };
        if let Some(usage) = &self.0.usage {
            usage.flush(FLUSH_LIMIT).await;
        }
        left
    }

    async fn inspect<T: Send + 'static>(
        &self,
        id: &Id,
        read: impl FnOnce(&media::Peer) -> T + Send + 'static,
    ) -> Result<T, Error> {
        // caller gone
        self.ask(id, |reply| Command::Inspect(Box::new(move |peer| drop(reply.send(read(peer)))))).await
    }

    async fn ask<T>(&self, id: &Id, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, Error> {
        let handle = self.handle(id)?;
        let (reply_to, reply) = oneshot::channel();
        handle
            .mailbox
            .try_send(command(reply_to))
            .map_err(|_| self.handle(id).err().unwrap_or(Error::Busy))?;
        match tokio::time::timeout(REPLY_LIMIT, reply).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(_)) => Err(self.handle(id).err().unwrap_or(Error::Busy)), // it ended in between
            Err(_) => Err(Error::Timeout { step: "the session's reply" }),
        }
    }

    fn handle(&self, id: &Id) -> Result<Handle, Error> {
        let sessions = self.lock();
        if let Some(handle) = sessions.live.get(id) {
            return Ok(handle.clone());
        }
        Err(match sessions.ended.get(id) {
            Some(ended) => Error::Ended { id: id.clone(), reason: ended.reason },
            None => Error::NotFound(id.clone()),
        })
    }

    fn insert(&self, id: &Id, handle: Handle) {
        let mut sessions = self.lock();
        sessions.tokens.insert(handle.token.clone(), id.clone());
        sessions.live.insert(id.clone(), handle);
    }

    /// Ends the oldest sessions of an address that wait for their connection, down to as many as may.
    fn make_room(&self, network: IpAddr) {
        let limit = self.0.settings.shares.connecting;
        let sessions = self.lock();
        let connecting = sessions.live.values().filter(|handle| {
            handle.network == Some(network) && handle.snapshot.borrow().state == Phase::Connecting
        });
        let mut connecting: Vec<_> = connecting.collect();
        connecting.sort_by_key(|handle| handle.started);
        let too_many = connecting.len().saturating_sub(limit);
        for oldest in connecting.iter().take(too_many) {
            limits::CONNECTING.refused();
            oldest.mailbox.try_send(Command::End(EndReason::GaveWay)).ok(); // busy or over: the timeout ends it
        }
    }

    fn retire(&self, id: &Id, reason: EndReason) {
        let mut sessions = self.lock();
        let Some(handle) = sessions.live.remove(id) else { return };
        sessions.tokens.remove(&handle.token);
        if sessions.ended.insert(id.clone(), Ended { reason, owner: handle.owner }).is_none() {
            sessions.order.push_back(id.clone());
        }
        if sessions.order.len() > REMEMBERED
            && let Some(oldest) = sessions.order.pop_front()
        {
            sessions.ended.remove(&oldest);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Sessions> {
        self.0.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
