//! How an offer becomes a session: its place on the server, its birth, its life, and what a resume token takes over.
//!
//! Runs on the request's task up to the answer, on the session's own from the birth on.

use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tracing::Instrument;

use super::{
    DescriptionKind, Error, Id, Phase,
    actor::Command,
    birth::{Birth, Start},
    history::History,
    registry::{Handle, REPLY_LIMIT, Registry},
    seat::{Claim, Seat},
};
use crate::{descriptors, media, signalling, stage, turn};

/// Requests for one session under way at once.
const MAILBOX: usize = 32;

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

/// The answer's SDP and the resume token.
type Answered = Result<(String, String), Error>;

/// Where a new session's place comes from.
enum Place {
    Seat(Seat),
    /// That of the session with this resume token.
    Claimed(Claim, String),
}

impl Registry {
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
        let mut start = Start::check(&inner.catalog, &inner.sources, wish.initial)?;
        if let Some(before) = &before {
            start = start.like(&inner.catalog, &before.snapshot.borrow());
        } else if inner.settings.admission {
            start.check_load()?;
        }
        let id = Id::random();
        let resumed = before.is_some();
        let before = before.map(|before| before.mailbox);
        let birth = self.birth(id.clone(), Some(offer), start, before);
        let (answer, resume_token) = self.begin(birth, place, None).await?;
        if resumed {
            self.0.metrics.sessions_resumed.inc();
        }
        Ok(Created { id, answer, resume_token, resumed })
    }

    /// Starts the session without a client, of which there is one at a time.
    ///
    /// # Errors
    /// [`Error::Running`], and as [`Registry::create`].
    pub async fn create_headless(&self, initial: stage::Values) -> Result<(), Error> {
        let inner = &self.0;
        if inner.cancel.is_cancelled() {
            return Err(Error::ShuttingDown);
        }
        let id = Id::headless();
        let only = inner.headless.clone().try_acquire_owned().map_err(|_| Error::Running(id.clone()))?;
        let seat = self.seat()?;
        self.check_descriptors()?;
        let start = Start::check(&inner.catalog, &inner.sources, initial)?;
        start.check_headless()?;
        if inner.settings.admission {
            start.check_load()?;
        }
        let birth = self.birth(id, None, start, None);
        self.begin(birth, Place::Seat(seat), Some(only)).await.map(drop)
    }

    fn birth(
        &self,
        id: Id,
        offer: Option<signalling::Offer>,
        start: Start,
        before: Option<mpsc::Sender<Command>>,
    ) -> Birth {
        let inner = &self.0;
        Birth {
            id,
            offer,
            start,
            engine: inner.engine.clone(),
            catalog: inner.catalog.clone(),
            ice: ice_servers(&inner.turn),
            limits: inner.settings.limits.clone(),
            cancel: inner.cancel.clone(),
            metrics: inner.metrics.clone(),
            recordings: inner.recordings.clone(),
            sources: inner.sources.clone(),
            admission: inner.settings.admission,
            before,
        }
    }

    /// Lets a session live on a task of its own and waits for its answer.
    async fn begin(&self, birth: Birth, place: Place, only: Option<OwnedSemaphorePermit>) -> Answered {
        let span = tracing::info_span!("session", id = %birth.id, pipeline = birth.start.pipeline_id());
        let (answered, answer) = oneshot::channel();
        self.0.tasks.spawn(self.clone().live(birth, place, only, answered).instrument(span));
        tokio::time::timeout(REPLY_LIMIT, answer)
            .await
            .map_err(|_| Error::Timeout { step: "the answer" })?
            .map_err(|_| Error::ShuttingDown)?
    }

    /// A session's life, from its birth to its end.
    async fn live(
        self,
        birth: Birth,
        place: Place,
        only: Option<OwnedSemaphorePermit>,
        answered: oneshot::Sender<Answered>,
    ) {
        let history = History::default();
        if let Some(offer) = &birth.offer {
            history.add(DescriptionKind::Offer, &offer.sdp);
        }
        let id = birth.id.clone();
        let metrics = self.0.metrics.clone();
        let (actor, answer) = match birth.open().await {
            Err(error) => return drop(answered.send(Err(error))), // caller gone: nothing to tell
            Ok(opened) => opened,
        };
        let Some(seat) = self.settle(place) else { return };
        let (mailbox, commands) = mpsc::channel(MAILBOX);
        let token = uuid::Uuid::new_v4().to_string();
        if !answer.is_empty() {
            history.add(DescriptionKind::Answer, &answer);
        }
        let snapshot = actor.watch();
        self.insert(&id, Handle { mailbox, snapshot, history, token: token.clone(), seat });
        metrics.sessions_started.inc();
        metrics.sessions.inc();
        let caller_gone = answered.send(Ok((answer, token))).is_err();
        let over = actor.run(commands, caller_gone).await;
        metrics.sessions.dec();
        self.retire(&id, over.reason);
        drop(only); // before those are told who wait to start the next
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

    /// Sessions that do not stand yet have not taken all their descriptors: each of them, and this one, counts whole.
    fn check_descriptors(&self) -> Result<(), Error> {
        let admitted = self.0.settings.sessions - self.0.permits.available_permits();
        let standing = |handle: &&Handle| handle.snapshot.borrow().state != Phase::Connecting;
        let standing = self.lock().live.values().filter(standing).count();
        let wanted = admitted.saturating_sub(standing) * descriptors::SESSION + descriptors::RESERVE;
        let free = descriptors::free();
        if free < wanted { Err(Error::Descriptors { free, wanted }) } else { Ok(()) }
    }
}

fn ice_servers(turn: &turn::Service) -> media::IceServers {
    let servers = turn.for_server();
    media::IceServers { stun: servers.stun, turn: servers.turn }
}
