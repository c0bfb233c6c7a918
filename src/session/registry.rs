//! Id → handle; the permits that let sessions in; the tasks that run them.
//!
//! Shared by every request; the lock is held for a map look-up. All of it is reached through [`Registry`] alone.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument;

use super::{
    CodecInfo, Description, DescriptionKind, EndReason, Error, Id, Limits, Phase, Snapshot,
    actor::Command,
    birth::{Birth, Start},
    history::History,
    seat::{Claim, Seat},
};
use crate::{descriptors, media, metrics::Metrics, signalling, stage, turn};

/// Answers and ends are bounded inside; this catches a session task that is stuck.
const REPLY_LIMIT: Duration = Duration::from_secs(15);
/// Ended sessions that are remembered for 410 in place of 404.
const REMEMBERED: usize = 1000;
/// Requests for one session under way at once.
const MAILBOX: usize = 32;

/// What all sessions have in common.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many sessions may live at once.
    pub sessions: usize,
    /// Time limits of each.
    pub limits: Limits,
}

/// An answered offer.
#[derive(Clone, Debug)]
pub struct Created {
    /// The new session.
    pub id: Id,
    /// SDP of the answer.
    pub answer: String,
    /// With this a later offer takes the session's stage over.
    pub resume_token: String,
    /// Whether this offer took one over.
    pub resumed: bool,
}

/// What comes with an offer.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// An update as the data channel takes it.
    pub initial: stage::Values,
    /// The token of the session that is to be taken over.
    pub resume: Option<String>,
}

/// How full the server is.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Sessions that live.
    pub live: usize,
    /// Sessions that fit.
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
    permits: Arc<Semaphore>,
    sessions: Mutex<Sessions>,
    tasks: TaskTracker,
    cancel: CancellationToken,
}

#[derive(Default)]
struct Sessions {
    live: HashMap<Id, Handle>,
    /// Resume tokens of those that live.
    tokens: HashMap<String, Id>,
    ended: HashMap<Id, EndReason>,
    order: VecDeque<Id>,
}

/// The way to a session's task.
#[derive(Clone)]
struct Handle {
    mailbox: mpsc::Sender<Command>,
    snapshot: watch::Receiver<Snapshot>,
    history: History,
    token: String,
    seat: Seat,
}

/// The answer's SDP and the resume token.
type Answered = Result<(String, String), Error>;

/// Where a new session's place comes from.
enum Place {
    Seat(Seat),
    /// That of the session with this resume token.
    Claimed(Claim, String),
}

impl Registry {
    /// A registry without sessions; `cancel` ends them all.
    pub fn new(
        engine: media::Engine,
        catalog: stage::Catalog,
        turn: turn::Service,
        settings: Settings,
        metrics: Arc<Metrics>,
        cancel: CancellationToken,
    ) -> Self {
        metrics.sessions_limit.set(i64::try_from(settings.sessions).unwrap_or(i64::MAX));
        let permits = Arc::new(Semaphore::new(settings.sessions));
        Self(Arc::new(Inner {
            engine,
            catalog,
            turn,
            settings,
            metrics,
            permits,
            sessions: Mutex::default(),
            tasks: TaskTracker::new(),
            cancel,
        }))
    }

    /// Answers an offer. With the token of a session that lives, its stage goes on with this connection.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Descriptors`], [`Error::ShuttingDown`], what is wrong with the update, or why the
    /// offer cannot be answered.
    pub async fn create(&self, offer: signalling::Offer, wish: Wish) -> Result<Created, Error> {
        let inner = &self.0;
        if inner.cancel.is_cancelled() {
            return Err(Error::ShuttingDown);
        }
        let (before, place) = match wish.resume.as_deref().and_then(|token| self.by_token(token)) {
            Some(before) => {
                let claim = before.seat.claim().ok_or(Error::Busy)?;
                let token = before.token.clone();
                (Some(before), Place::Claimed(claim, token))
            }
            None => (None, Place::Seat(self.seat()?)),
        };
        self.check_descriptors()?;
        let mut start = Start::check(&inner.catalog, wish.initial)?;
        if let Some(before) = &before {
            start = start.like(&inner.catalog, &before.snapshot.borrow())?;
        }
        let id = Id::random();
        let resumed = before.is_some();
        let span = tracing::info_span!("session", %id, pipeline = start.pipeline_id());
        let (answered, answer) = oneshot::channel();
        let history = History::default();
        history.add(DescriptionKind::Offer, &offer.sdp);
        let birth = Birth {
            id: id.clone(),
            offer,
            start,
            engine: inner.engine.clone(),
            catalog: inner.catalog.clone(),
            ice: ice_servers(&inner.turn),
            limits: inner.settings.limits.clone(),
            cancel: inner.cancel.clone(),
            metrics: inner.metrics.clone(),
            before: before.map(|before| before.mailbox),
        };
        inner.tasks.spawn(self.clone().live(birth, place, history, answered).instrument(span));
        let (answer, resume_token) = tokio::time::timeout(REPLY_LIMIT, answer)
            .await
            .map_err(|_| Error::Timeout { step: "the answer" })?
            .map_err(|_| Error::ShuttingDown)??;
        Ok(Created { id, answer, resume_token, resumed })
    }

    /// A session's life, from its birth to its end.
    async fn live(self, birth: Birth, place: Place, history: History, answered: oneshot::Sender<Answered>) {
        let id = birth.id.clone();
        let metrics = self.0.metrics.clone();
        let (actor, answer) = match birth.open().await {
            Err(error) => return drop(answered.send(Err(error))), // caller gone: nothing to tell
            Ok(opened) => opened,
        };
        let Some(seat) = self.settle(place) else { return };
        let (mailbox, commands) = mpsc::channel(MAILBOX);
        let token = uuid::Uuid::new_v4().to_string();
        history.add(DescriptionKind::Answer, &answer);
        let snapshot = actor.watch();
        self.insert(&id, Handle { mailbox, snapshot, history, token: token.clone(), seat });
        metrics.sessions_started.inc();
        metrics.sessions.inc();
        let caller_gone = answered.send(Ok((answer, token))).is_err();
        let over = actor.run(commands, caller_gone).await;
        metrics.sessions.dec();
        self.retire(&id, over.reason);
        over.publish();
    }

    /// The place is the new session's from here on; a token that was used is worth nothing.
    fn settle(&self, place: Place) -> Option<Seat> {
        match place {
            Place::Seat(seat) => Some(seat),
            Place::Claimed(claim, token) => {
                self.lock().tokens.remove(&token);
                claim.settle()
            }
        }
    }

    fn seat(&self) -> Result<Seat, Error> {
        let permit = self.0.permits.clone().try_acquire_owned();
        permit.map(Seat::new).map_err(|_| Error::Full { limit: self.0.settings.sessions })
    }

    fn by_token(&self, token: &str) -> Option<Handle> {
        let sessions = self.lock();
        sessions.live.get(sessions.tokens.get(token)?).cloned()
    }

    /// Hands the peer's candidates on.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Ended`], [`Error::Busy`].
    pub async fn add_candidates(&self, id: &Id, candidates: Vec<signalling::Candidate>) -> Result<(), Error> {
        self.handle(id)?.history.add_candidates(&candidates);
        self.ask(id, |reply| Command::Candidates(candidates, reply)).await
    }

    /// Ends a session and waits until nothing of it is left.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Ended`], [`Error::Timeout`].
    pub async fn close(&self, id: &Id) -> Result<(), Error> {
        let mut handle = self.handle(id)?;
        handle.mailbox.try_send(Command::Close).map_err(|_| self.handle(id).err().unwrap_or(Error::Busy))?;
        let over = handle.snapshot.wait_for(|snapshot| snapshot.state == Phase::Ended);
        match tokio::time::timeout(REPLY_LIMIT, over).await {
            Ok(_) => Ok(()), // a closed watch: the task is over too
            Err(_) => Err(Error::Timeout { step: "closing the session" }),
        }
    }

    /// Applies an update; gives the effective values.
    ///
    /// # Errors
    /// [`stage::Error::Parameters`] with everything that is wrong, and the errors of the look-up.
    pub async fn set_parameters(&self, id: &Id, values: stage::Values) -> Result<stage::Values, Error> {
        self.ask(id, |reply| Command::Parameters(values, reply)).await?
    }

    /// Puts another pipeline in the stage's place; the connection stays.
    ///
    /// # Errors
    /// [`stage::Error::UnknownPipeline`], and the errors of the look-up.
    pub async fn switch_pipeline(&self, id: &Id, pipeline_id: &str) -> Result<(), Error> {
        let pipeline_id = pipeline_id.to_owned();
        self.ask(id, |reply| Command::Switch(pipeline_id, reply)).await?
    }

    /// The session's graph in Graphviz's language.
    ///
    /// # Errors
    /// The errors of the look-up.
    pub async fn graph_dot(&self, id: &Id) -> Result<String, Error> {
        self.look(id, media::Peer::dot).await
    }

    /// What the session runs, as lines for a shell.
    ///
    /// # Errors
    /// The errors of the look-up.
    pub async fn launch(&self, id: &Id) -> Result<String, Error> {
        self.look(id, media::Peer::launch).await
    }

    /// What both sides said to connect, without secrets.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Ended`].
    pub fn descriptions(&self, id: &Id) -> Result<Vec<Description>, Error> {
        Ok(self.handle(id)?.history.all())
    }

    /// Every session that lives.
    pub fn list(&self) -> Vec<Snapshot> {
        let mut all: Vec<_> =
            self.lock().live.values().map(|handle| handle.snapshot.borrow().clone()).collect();
        all.sort_by(|one, other| one.created_at.cmp(&other.created_at));
        all
    }

    /// One session that lives.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Ended`].
    pub fn get(&self, id: &Id) -> Result<Snapshot, Error> {
        Ok(self.handle(id)?.snapshot.borrow().clone())
    }

    /// How full the server is.
    pub fn load(&self) -> Load {
        Load { live: self.lock().live.len(), limit: self.0.settings.sessions }
    }

    /// The codec table and each row's fate.
    pub fn codecs(&self) -> Vec<CodecInfo> {
        self.0.engine.trials().iter().map(CodecInfo::from).collect()
    }

    /// Waits, after `cancel`, until every session is over, for at most `limit`; gives how many are left.
    pub async fn drained(&self, limit: Duration) -> usize {
        self.0.tasks.close();
        let end = Instant::now() + limit;
        match tokio::time::timeout_at(end.into(), self.0.tasks.wait()).await {
            Ok(()) => 0,
            Err(_) => self.0.tasks.len(),
        }
    }

    async fn look<T: Send + 'static>(&self, id: &Id, look: fn(&media::Peer) -> T) -> Result<T, Error> {
        // caller gone: nothing to tell
        self.ask(id, |reply| Command::Look(Box::new(move |peer| drop(reply.send(look(peer)))))).await
    }

    /// Sessions that do not stand yet have not taken all their descriptors: each of them, and this one, counts whole.
    fn check_descriptors(&self) -> Result<(), Error> {
        let admitted = self.0.settings.sessions - self.0.permits.available_permits();
        let standing = |handle: &&Handle| handle.snapshot.borrow().state != Phase::Connecting;
        let standing = self.lock().live.values().filter(standing).count();
        let wanted = admitted.saturating_sub(standing) * descriptors::SESSION + descriptors::RESERVE;
        let free = descriptors::free();
        if free < wanted { Err(Error::Descriptors { free, wanted }) } else { Ok(()) }
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
            Some(&reason) => Error::Ended { id: id.clone(), reason },
            None => Error::NotFound(id.clone()),
        })
    }

    fn insert(&self, id: &Id, handle: Handle) {
        let mut sessions = self.lock();
        sessions.tokens.insert(handle.token.clone(), id.clone());
        sessions.live.insert(id.clone(), handle);
    }

    fn retire(&self, id: &Id, reason: EndReason) {
        let mut sessions = self.lock();
        if let Some(handle) = sessions.live.remove(id) {
            sessions.tokens.remove(&handle.token);
        }
        sessions.ended.insert(id.clone(), reason);
        sessions.order.push_back(id.clone());
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

fn ice_servers(turn: &turn::Service) -> media::IceServers {
    let servers = turn.for_server();
    media::IceServers { stun: servers.stun, turn: servers.turn }
}
