//! How a session comes about: what comes with an offer is checked, a permit is had, the graph is built and answers, and
//! a stage is built or taken over.
//!
//! Runs on the request's task up to the permit, on the session's own from there on; the graph is built on a blocking
//! thread.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::{OwnedSemaphorePermit, oneshot},
    task::spawn_blocking,
};
use tracing::Instrument;

use super::{Handle, REPLY_LIMIT, Registry, permit::Transfer};
use crate::{
    descriptors,
    frame::Layout,
    media,
    session::{
        DescriptionKind, Error, Id, Phase, Snapshot, Sources,
        control::{self, Choice, Source, Update},
        history::History,
        parts::{Context, InputFile, Recorder, Report, Steering},
        run::{self, Command, Handover, Session},
        state::State,
        view::View,
    },
    signalling, stage,
};

/// A session answers its mailbox within milliseconds.
const HANDOVER_LIMIT: Duration = Duration::from_secs(2);

/// What comes with an offer.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// An update as the data channel takes it.
    pub initial: stage::Values,
    /// The token of the session that is to be taken over.
    pub resume_token: Option<String>,
}

/// A session that has begun.
#[derive(Clone, Debug)]
pub struct Created {
    /// The new session.
    pub id: Id,
    /// The answer to its offer; `None` where there was none.
    pub answer: Option<signalling::Answer>,
    /// With this a later offer takes the session's stage over.
    pub resume_token: String,
    /// Whether this offer took one over.
    pub resumed: bool,
}

/// The pipeline and the parameters that a session starts with, checked.
struct Setup {
    entry: stage::Entry,
    update: Update,
}

/// A session that is to be.
struct New {
    id: Id,
    /// Without one nobody is connected.
    offer: Option<signalling::Offer>,
    setup: Setup,
    io: stage::Io,
    permit: Transfer,
    /// The session that is taken over.
    previous: Option<Handle>,
    /// Of the one session without a client.
    only: Option<OwnedSemaphorePermit>,
}

impl Registry {
    /// Answers an offer. With the token of a session that lives, its stage goes on with this connection.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Descriptors`], [`Error::ShuttingDown`], what is wrong with the update, or why the
    /// offer cannot be answered.
    pub async fn create(&self, offer: signalling::Offer, options: Options) -> Result<Created, Error> {
        self.check_running()?;
        let previous = options.resume_token.as_deref().and_then(|token| self.by_token(token));
        let permit = match &previous {
            Some(previous) => previous.permit.transfer().ok_or(Error::Busy)?,
            None => self.permit()?,
        };
        self.check_descriptors()?;
        let mut setup = self.setup(options.initial)?;
        match &previous {
            Some(previous) => setup.resume(&self.0.catalog, &previous.snapshot.borrow()),
            None => self.check_load(&setup)?,
        }
        let (id, offer, io) = (Id::random(), Some(offer), self.io()?);
        self.start(New { id, offer, setup, io, permit, previous, only: None }).await
    }

    /// Starts the session without a client, of which there is one at a time.
    ///
    /// # Errors
    /// [`Error::Running`], and as [`Registry::create`].
    pub async fn create_headless(&self, initial: stage::Values) -> Result<(), Error> {
        self.check_running()?;
        let id = Id::headless();
        let only = self.0.headless.clone().try_acquire_owned().map_err(|_| Error::Running(id.clone()))?;
        let permit = self.permit()?;
        self.check_descriptors()?;
        let setup = self.setup(initial)?;
        setup.check_headless()?;
        self.check_load(&setup)?;
        let (offer, io, previous) = (None, self.io()?, None);
        self.start(New { id, offer, setup, io, permit, previous, only: Some(only) }).await.map(drop)
    }

    /// Lets a session live on a task of its own and waits until it has begun.
    async fn start(&self, new: New) -> Result<Created, Error> {
        let span = tracing::info_span!("session", id = %new.id, pipeline = new.setup.entry.info.id);
        let (reply, created) = oneshot::channel();
        self.0.tasks.spawn(self.clone().live(new, reply).instrument(span));
        tokio::time::timeout(REPLY_LIMIT, created)
            .await
            .map_err(|_| Error::Timeout { step: "the answer" })?
            .map_err(|_| Error::ShuttingDown)?
    }

    /// A session's life, from its graph to its end.
    async fn live(self, new: New, reply: oneshot::Sender<Result<Created, Error>>) {
        let New { id, offer, setup, mut io, permit, previous, only } = new;
        let history = History::default();
        if let Some(offer) = &offer {
            history.add(DescriptionKind::Offer, &offer.sdp);
        }
        let (inputs, senders) = run::inputs(self.0.cancel.clone());
        let layouts = setup.entry.info.layouts.clone();
        let mut opened = match self.open_graph(&id, offer, layouts, &io, senders.media).await {
            Ok(opened) => opened,
            Err(error) => return drop(reply.send(Err(error))), // caller gone: nothing to tell
        };
        let answer = opened.answer.take();
        if let Some(answer) = &answer {
            history.add(DescriptionKind::Answer, &answer.sdp);
        }
        io.clock = opened.peer.clock();
        let session = match self.session(&id, opened, setup, io, previous.as_ref(), senders.stage).await {
            Ok(session) => session,
            Err(error) => return drop(reply.send(Err(error))), // as above
        };
        let resumed = previous.is_some();
        if let Some(previous) = previous {
            self.lock().tokens.remove(&previous.token); // it works once
            self.0.metrics.sessions_resumed.inc();
        }
        let resume_token = uuid::Uuid::new_v4().to_string();
        let (mailbox, snapshot, token) = (senders.mailbox, session.subscribe(), resume_token.clone());
        self.insert(&id, Handle { mailbox, snapshot, history, token, permit: permit.complete() });
        let metrics = &self.0.metrics;
        metrics.sessions_started.inc();
        metrics.sessions.inc();
        let created = Created { id: id.clone(), answer, resume_token, resumed };
        let caller_gone = reply.send(Ok(created)).is_err();
        let over = session.run(inputs, caller_gone).await;
        metrics.sessions.dec();
        self.retire(&id, over.reason());
        drop(only); // before those are told who wait to start the next
        over.publish();
    }

    /// Builds the graph, which answers the offer.
    async fn open_graph(
        &self,
        id: &Id,
        offer: Option<signalling::Offer>,
        layouts: Vec<Layout>,
        io: &stage::Io,
        tell: Arc<dyn Fn(media::Event) + Send + Sync>,
    ) -> Result<media::Opened, Error> {
        let name = format!("session-{id}");
        let (engine, servers) = (self.0.engine.clone(), self.0.turn.for_server());
        let ice = media::IceServers { stun: servers.stun, turn: servers.turn };
        let stage::Io { input, output, ledger, .. } = io.clone();
        let opened = spawn_blocking(move || {
            let offer = offer.as_ref();
            engine.open(media::Open { name, offer, ice, input, output, layouts, ledger, tell })
        });
        let opened = opened
            .await
            .map_err(|panic| media::Error::Graph(format!("building the graph panicked: {panic}")))??;
        tracing::info!(video = %opened.video, sound = opened.sound, "graph built");
        Ok(opened)
    }

    /// A session of that graph, with a stage of its own or that of the session before.
    async fn session(
        &self,
        id: &Id,
        opened: media::Opened,
        setup: Setup,
        io: stage::Io,
        previous: Option<&Handle>,
        tell: stage::Tell,
    ) -> Result<Session, Error> {
        let inner = &self.0;
        let (source, recording) = (setup.source(), setup.update.recording);
        let Handover { steering, recording: active } = if let Some(handover) = take_over(previous).await {
            handover.steering.attach(io.clone(), tell);
            handover
        } else {
            let (catalog, admission) = (inner.catalog.clone(), inner.settings.admission);
            let (entry, update) = (setup.entry, setup.update.stage);
            let steering = Steering::start(catalog, admission, entry, update, io.clone(), tell)
                .map_err(|error| Error::Thread(error.to_string()))?;
            Handover { steering, recording: None }
        };
        opened.peer.set_layouts(&steering.info().layouts);
        let (pipeline, values) = (steering.info(), steering.values());
        let view = View::new(Snapshot::first(id, &opened, pipeline, values, steering.is_paused()));
        let report = Report::new(inner.metrics.clone(), io, steering.counters());
        let input_file = InputFile::new(opened.receives_video, inner.sources.clone(), source);
        let recorder = Recorder::new(id.clone(), inner.recordings.clone(), active, recording);
        let cx = Context::new(opened.peer, inner.metrics.clone(), view);
        let state = State::new(inner.settings.limits.clone(), Instant::now());
        Ok(Session::new(cx, state, steering, input_file, recorder, report))
    }

    fn check_running(&self) -> Result<(), Error> {
        if self.0.cancel.is_cancelled() { Err(Error::ShuttingDown) } else { Ok(()) }
    }

    fn permit(&self) -> Result<Transfer, Error> {
        let permit = self.0.permits.clone().try_acquire_owned();
        permit.map(Transfer::of).map_err(|_| Error::Full { limit: self.0.settings.sessions })
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

    /// Whether the other sessions of the pipeline leave room for this one.
    fn check_load(&self, setup: &Setup) -> Result<(), Error> {
        if self.0.settings.admission { Ok(setup.entry.check_load()?) } else { Ok(()) }
    }

    fn setup(&self, initial: stage::Values) -> Result<Setup, Error> {
        Ok(Setup::read(&self.0.catalog, &self.0.sources, initial)?)
    }

    /// Empty slots between a graph and a stage.
    fn io(&self) -> Result<stage::Io, Error> {
        let ledger = self.0.metrics.ledger().map_err(|error| Error::Metrics(error.to_string()))?;
        Ok(stage::Io::new(Arc::new(ledger)))
    }
}

impl Setup {
    /// Reads `initialParameters`.
    fn read(
        catalog: &stage::Catalog,
        sources: &Sources,
        initial: stage::Values,
    ) -> Result<Self, stage::Error> {
        let selected = control::selected(&initial)?;
        let entry = catalog.get(&selected.unwrap_or_else(|| catalog.default_id()))?;
        let first = stage::Parameters { values: catalog.first_values(&entry), version: 0 };
        let update = Update::read(initial, &entry.schema, &first)?;
        if let Some(Choice::File(source)) = &update.source {
            sources.find(source)?;
        }
        Ok(Self { entry, update })
    }

    /// Takes the pipeline and the parameters of a session that is taken over, should its stage be gone by then.
    fn resume(&mut self, catalog: &stage::Catalog, previous: &Snapshot) {
        // A pipeline that is gone from the catalog lives on in the stage, and in nothing else.
        if let Ok(entry) = catalog.get(&previous.pipeline_id) {
            let own = previous.parameters.clone().into_iter().filter(|(name, _)| entry.schema.has(name));
            let values = &mut self.update.stage.parameters.values;
            *values = entry.schema.defaults();
            values.extend(own);
            self.entry = entry;
        }
        self.update.stage.paused = Some(previous.paused);
        self.update.source = previous.input_source.clone().map(Choice::File);
    }

    /// Checks that something makes frames where nobody sends any.
    fn check_headless(&self) -> Result<(), stage::Error> {
        if self.entry.info.input == stage::Input::Required && self.source().is_none() {
            let sentence = format!("the pipeline {} needs input frames; choose a file", self.entry.info.id);
            return Err(control::fault("/input_source", sentence).into());
        }
        Ok(())
    }

    fn source(&self) -> Option<Source> {
        match &self.update.source {
            Some(Choice::File(source)) => Some(source.clone()),
            Some(Choice::Client) | None => None,
        }
    }
}

/// What a session leaves; one that ends or hangs leaves nothing, and the client gets a new stage.
async fn take_over(previous: Option<&Handle>) -> Option<Handover> {
    let (successor, handover) = oneshot::channel();
    previous?.mailbox.try_send(Command::HandOver(successor)).ok()?;
    tokio::time::timeout(HANDOVER_LIMIT, handover).await.ok()?.ok()
}
