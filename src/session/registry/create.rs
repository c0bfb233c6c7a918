//! Creates a session: checks the offer, takes a permit, builds the graph, which answers the offer, and builds a stage or
//! takes one over.
//!
//! Runs on the request's task up to the permit, then on the session's own; the graph is built on a blocking thread.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::{OwnedSemaphorePermit, oneshot},
    task::spawn_blocking,
};
use tracing::Instrument;

use super::{
    Handle, REPLY_LIMIT, Registry,
    permit::{Admission, Transfer},
};
use crate::{
    access::Caller,
    descriptors,
    frame::Layout,
    limits, media,
    session::{
        DescriptionKind, Error, Id, Phase, Snapshot, Sources,
        control::{self, Choice, Source, Update},
        history::History,
        minutes::Allowance,
        parts::{Context, InputFile, Recorder, Report, Steering},
        rights,
        run::{self, Command, Handover, Session},
        state::State,
        view::View,
    },
    signalling, stage,
    system::threads::{self, Room},
};

/// A session replies to a command within milliseconds.
const HANDOVER_LIMIT: Duration = Duration::from_secs(2);

/// The part of a request that describes the new session.
#[derive(Clone, Debug)]
pub struct Options {
    /// Who makes it and owns it.
    pub caller: Caller,
    /// An update, as on the data channel.
    pub initial: stage::Values,
    /// The resume token of the session to take over.
    pub resume_token: Option<String>,
    /// The token of a place that the waiting line holds for the caller.
    pub waiting_token: Option<String>,
}

/// A session that has started.
#[derive(Clone, Debug)]
pub struct Created {
    /// The new session.
    pub id: Id,
    /// The answer to its offer; `None` if there was none.
    pub answer: Option<signalling::Answer>,
    /// The token with which a later offer takes over the session's stage.
    pub resume_token: String,
    /// Whether this offer took one over.
    pub resumed: bool,
}

/// The pipeline and the parameters that a session starts with, checked.
struct Setup {
    caller: Caller,
    /// When its time is up.
    until: Option<Instant>,
    entry: stage::Entry,
    update: Update,
}

/// A session to be created.
struct New {
    id: Id,
    /// `None` for a session without a client.
    offer: Option<signalling::Offer>,
    setup: Setup,
    io: stage::Io,
    permit: Transfer,
    /// How long it may last, if its owner has a limit.
    allowance: Option<Allowance>,
    /// The session to take over.
    previous: Option<Handle>,
    /// The claim to be the only session without a client.
    only: Option<OwnedSemaphorePermit>,
}

impl Registry {
    /// Answers an offer. With the token of a live session, that session's stage continues with the new connection.
    ///
    /// # Errors
    /// [`Error::Full`], what the caller's share refuses, [`Error::Descriptors`], [`Error::ShuttingDown`], what is wrong with the update, or why the
    /// offer cannot be answered.
    pub async fn create(&self, offer: signalling::Offer, options: Options) -> Result<Created, Error> {
        self.check_running()?;
        let allowance = self.0.minutes.allowance(&options.caller)?;
        let previous = options.resume_token.as_deref().and_then(|token| self.by_token(token));
        let permit = match &previous {
            Some(previous) => previous.permit.transfer().ok_or(Error::Busy)?,
            None => self.permit(&options.caller, options.waiting_token.as_deref())?,
        };
        self.check_descriptors()?;
        self.check_threads().await?;
        let mut setup = self.setup(options.caller, options.initial)?;
        match &previous {
            Some(previous) => setup.resume(&self.0.catalog, previous),
            None => self.check_load(&setup)?,
        }
        setup.check_pipeline()?;
        let (id, offer, io) = (Id::random(), Some(offer), self.io()?);
        self.start(New { id, offer, setup, io, permit, allowance, previous, only: None }).await
    }

    /// Starts the session without a client; only one can run at a time.
    ///
    /// # Errors
    /// [`Error::Running`], and as [`Registry::create`].
    pub async fn create_headless(&self, caller: Caller, initial: stage::Values) -> Result<(), Error> {
        self.check_running()?;
        let id = Id::headless();
        let only = self.0.headless.clone().try_acquire_owned().map_err(|_| Error::Running(id.clone()))?;
        let permit = self.permit(&caller, None)?;
        self.check_descriptors()?;
        self.check_threads().await?;
        let setup = self.setup(caller, initial)?;
        setup.check_headless()?;
        self.check_load(&setup)?;
        let (offer, io, allowance, previous) = (None, self.io()?, None, None);
        self.start(New { id, offer, setup, io, permit, allowance, previous, only: Some(only) })
            .await
            .map(drop)
    }

    /// Spawns the session's task and waits until it has started.
    async fn start(&self, new: New) -> Result<Created, Error> {
        let span = tracing::info_span!("session", id = %new.id, pipeline = new.setup.entry.info.id);
        let (reply, created) = oneshot::channel();
        self.0.tasks.spawn(self.clone().live(new, reply).instrument(span));
        tokio::time::timeout(REPLY_LIMIT, created)
            .await
            .map_err(|_| Error::Timeout { step: "the answer" })?
            .map_err(|_| Error::ShuttingDown)?
    }

    /// The session's task, from its graph to its end.
    async fn live(self, new: New, reply: oneshot::Sender<Result<Created, Error>>) {
        let New { id, offer, setup, mut io, permit, allowance, previous, only } = new;
        let (owner, until, network) = (setup.caller.subject().clone(), setup.until, setup.caller.network());
        let history = History::default();
        if let Some(offer) = &offer {
            history.add(DescriptionKind::Offer, &offer.sdp);
        }
        let (inputs, senders) = run::inputs(self.0.cancel.clone());
        let layouts = setup.entry.info.layouts.clone();
        let mut opened = match self.open_graph(&id, offer, layouts, &io, senders.media).await {
            Ok(opened) => opened,
            Err(error) => return drop(reply.send(Err(error))), // caller gone
        };
        let answer = opened.answer.take();
        if let Some(answer) = &answer {
            history.add(DescriptionKind::Answer, &answer.sdp);
        }
        io.clock = opened.peer.clock();
        let session = match self.session(&id, opened, setup, io, previous.as_ref(), senders.stage).await {
            Ok(session) => session.with_allowance(allowance),
            Err(error) => return drop(reply.send(Err(error))), // as above
        };
        let resumed = previous.is_some();
        if let Some(previous) = previous {
            self.lock().tokens.remove(&previous.token); // valid once
            self.0.metrics.sessions_resumed.inc();
        }
        let resume_token = uuid::Uuid::new_v4().to_string();
        let (mailbox, snapshot, token) = (senders.mailbox, session.subscribe(), resume_token.clone());
        let (started, permit) = (Instant::now(), permit.complete());
        self.insert(
            &id,
            Handle { owner, until, network, started, mailbox, snapshot, history, token, permit },
        );
        if let Some(network) = network {
            self.make_room(network);
        }
        let metrics = &self.0.metrics;
        metrics.sessions_started.inc();
        metrics.sessions.inc();
        let created = Created { id: id.clone(), answer, resume_token, resumed };
        let caller_gone = reply.send(Ok(created)).is_err();
        let over = session.run(inputs, caller_gone).await;
        metrics.sessions.dec();
        if let Some(usage) = &self.0.usage {
            usage.add(over.usage());
        }
        self.retire(&id, over.reason());
        drop(only); // before those who wait to start the next one are notified
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
        tracing::info!(video = %opened.video, audio = opened.audio, "graph built");
        Ok(opened)
    }

    /// A session with that graph, and with a stage of its own or the one that it takes over.
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
        let (source, recording, until) = (setup.source(), setup.update.recording, setup.until);
        let caller = setup.caller;
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
        let recorder = Recorder::new(id.clone(), caller.clone(), inner.recordings.clone(), active, recording);
        let cx = Context::new(opened.peer, inner.metrics.clone(), view);
        let state = State::new(inner.settings.limits.clone(), until, Instant::now());
        Ok(Session::new(caller, cx, state, steering, input_file, recorder, report))
    }

    fn check_running(&self) -> Result<(), Error> {
        if self.0.cancel.is_cancelled() { Err(Error::ShuttingDown) } else { Ok(()) }
    }

    fn permit(&self, caller: &Caller, token: Option<&str>) -> Result<Transfer, Error> {
        let share = self.0.shares.take(caller)?;
        let place = self.0.line.place(caller, token);
        let place = place.ok_or(Error::Full { limit: self.0.settings.sessions })?;
        Ok(Transfer::of(Admission::new(place, share)))
    }

    fn by_token(&self, token: &str) -> Option<Handle> {
        let sessions = self.lock();
        sessions.live.get(sessions.tokens.get(token)?).cloned()
    }

    /// Whether a live session has that resume token.
    pub fn can_resume(&self, token: &str) -> bool {
        self.by_token(token).is_some()
    }

    fn check_descriptors(&self) -> Result<(), Error> {
        let needed = self.starting() * descriptors::SESSION + descriptors::RESERVE;
        let free = descriptors::free();
        if free < needed { Err(Error::Descriptors { free, needed }) } else { Ok(()) }
    }

    /// The same for threads.
    async fn check_threads(&self) -> Result<(), Error> {
        let needed = threads::needed(self.starting());
        let room = spawn_blocking(threads::Room::read).await;
        let Room { free, limit } = room.map_err(|panic| Error::Thread(panic.to_string()))?;
        if free >= needed {
            return Ok(());
        }
        limits::THREADS.refused();
        Err(Error::Threads { free, limit, needed })
    }

    /// Sessions that are not connected yet have not opened all their descriptors, nor started all their threads: how many
    /// of them, with the one that is created, count in full.
    fn starting(&self) -> usize {
        let admitted = self.0.settings.sessions - self.0.line.free();
        let standing = |handle: &&Handle| handle.snapshot.borrow().state != Phase::Connecting;
        let standing = self.lock().live.values().filter(standing).count();
        admitted.saturating_sub(standing)
    }

    /// Whether the pipeline has capacity for another session.
    fn check_load(&self, setup: &Setup) -> Result<(), Error> {
        if self.0.settings.admission { Ok(setup.entry.check_load()?) } else { Ok(()) }
    }

    fn setup(&self, caller: Caller, initial: stage::Values) -> Result<Setup, Error> {
        Ok(Setup::read(&self.0.catalog, &self.0.sources, caller, initial)?)
    }

    /// Empty slots between a graph and a stage.
    fn io(&self) -> Result<stage::Io, Error> {
        let ledger = self.0.metrics.ledger().map_err(|error| Error::Metrics(error.to_string()))?;
        Ok(stage::Io { max_frame: self.0.engine.max_frame(), ..stage::Io::new(Arc::new(ledger)) })
    }
}

impl Setup {
    /// Reads `initialParameters`.
    fn read(
        catalog: &stage::Catalog,
        sources: &Sources,
        caller: Caller,
        initial: stage::Values,
    ) -> Result<Self, stage::Error> {
        rights::permit(&initial, caller.rights(), rights::Moment::Start)?;
        let selected = control::selected(&initial)?;
        let entry = catalog.get(&selected.unwrap_or_else(|| catalog.default_id()))?;
        let first = stage::Parameters { values: catalog.first_values(&entry), version: 0 };
        let update = Update::read(initial, &entry.schema, &first)?;
        if let Some(Choice::File(source)) = &update.source {
            sources.find(source, &caller)?;
        }
        let seconds = caller.token().and_then(|token| token.limits.max_seconds);
        let until =
            seconds.and_then(|seconds| Instant::now().checked_add(Duration::from_secs(seconds.into())));
        Ok(Self { caller, until, entry, update })
    }

    /// Takes the pipeline and the parameters of a session that is taken over, in case its stage is gone by then.
    fn resume(&mut self, catalog: &stage::Catalog, previous: &Handle) {
        // A session that is taken over has no more time than it had.
        self.until = [self.until, previous.until].into_iter().flatten().min();
        let previous = previous.snapshot.borrow();
        // A pipeline that was removed from the catalog exists only in the stage.
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

    /// Checks that the caller may run the pipeline.
    fn check_pipeline(&self) -> Result<(), stage::Error> {
        Ok(rights::permit_pipeline(&self.caller, &self.entry.info.id)?)
    }

    /// Checks that there are input frames, or that the pipeline needs none.
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

/// Takes over what a session leaves; one that ends or hangs leaves nothing, and the client gets a new stage.
async fn take_over(previous: Option<&Handle>) -> Option<Handover> {
    let (successor, handover) = oneshot::channel();
    previous?.mailbox.try_send(Command::HandOver(successor)).ok()?;
    tokio::time::timeout(HANDOVER_LIMIT, handover).await.ok()?.ok()
}
