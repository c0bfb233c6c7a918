//! From an offer to a running session: the graph, the stage, and the task's state.
//!
//! Runs on the session's task; the graph is built on a blocking thread.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::{Notify, mpsc, oneshot, watch},
    task::spawn_blocking,
};
use tokio_util::sync::CancellationToken;

use super::{
    Drops, Error, Id, Limits, Phase, Snapshot,
    actor::{Actor, Command, Heir},
    control::{self, Choice, Source, Update},
    meter::Meter,
    recording::Recorder,
    repair::Repairs,
    source::{self, Sources},
    state::State,
};
use crate::{media, metrics::Metrics, recordings, signalling, stage};

/// Events of the graph or the stage that may wait for the session.
const EVENTS: usize = 256;
/// A session answers its mailbox within milliseconds.
const HAND_OVER_LIMIT: Duration = Duration::from_secs(2);

/// The pipeline and parameters that a session starts with, checked.
pub struct Start {
    entry: stage::Entry,
    update: Update,
}

impl Start {
    /// Reads `initialParameters`.
    pub fn check(
        catalog: &stage::Catalog,
        sources: &Sources,
        initial: stage::Values,
    ) -> Result<Self, stage::Error> {
        let selected = control::selected(&initial)?;
        let entry = catalog.get(&selected.unwrap_or_else(|| catalog.default_id()))?;
        let first = stage::Parameters { values: catalog.first_values(&entry), version: 0 };
        let update = Update::read(initial, &entry.schema, &first)?;
        if let Some(Choice::File(source)) = &update.source {
            source::check(sources, source)?;
        }
        Ok(Self { entry, update })
    }

    /// The same pipeline and parameters as a session that is taken over, should its stage be gone by then.
    pub fn like(mut self, catalog: &stage::Catalog, before: &Snapshot) -> Self {
        // A pipeline that is gone from the catalog lives on in the stage, and in nothing else.
        if let Ok(entry) = catalog.get(&before.pipeline_id) {
            let own = before.parameters.clone().into_iter().filter(|(name, _)| entry.schema.has(name));
            let values = &mut self.update.stage.parameters.values;
            *values = entry.schema.defaults();
            values.extend(own);
            self.entry = entry;
        }
        self.update.stage.paused = Some(before.paused);
        self.update.source = before.input_source.clone().map(Choice::File);
        self
    }

    /// Checks that something makes pictures where nobody sends any.
    ///
    /// # Errors
    /// The pipeline needs an input, and no file is named.
    pub fn check_headless(&self) -> Result<(), stage::Error> {
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

    /// Whether the other sessions of the pipeline leave room for this one.
    pub fn check_load(&self) -> Result<(), Error> {
        Ok(self.entry.check_load()?)
    }

    /// The pipeline's id.
    pub fn pipeline_id(&self) -> &str {
        &self.entry.info.id
    }
}

/// All that a session is made from.
pub struct Birth {
    pub id: Id,
    /// Without one nobody is connected.
    pub offer: Option<signalling::Offer>,
    pub start: Start,
    pub engine: media::Engine,
    pub catalog: stage::Catalog,
    pub ice: media::IceServers,
    pub limits: Limits,
    pub cancel: CancellationToken,
    pub metrics: Arc<Metrics>,
    pub recordings: recordings::Store,
    pub sources: Sources,
    /// Whether a pipeline that has no room for one session more is refused.
    pub admission: bool,
    /// The session that is taken over.
    pub before: Option<mpsc::Sender<Command>>,
}

impl Birth {
    /// Builds the graph and the stage; gives the session and the answer's SDP, which is empty without an offer.
    pub async fn open(self) -> Result<(Actor, String), Error> {
        let ledger = self.metrics.ledger().map_err(|error| Error::Metrics(error.to_string()))?;
        let mut io = stage::Io::new(Arc::new(ledger));
        let (tell_media, media_events) = mpsc::channel(EVENTS);
        let mail = Arc::new(Notify::new());
        let tell = tell_session(tell_media, mail.clone());
        let (slots, name) = (io.clone(), format!("session-{}", self.id));
        let layouts = self.start.entry.info.layouts.clone();
        let opened = spawn_blocking(move || {
            let stage::Io { input, output, ledger, .. } = slots;
            let (offer, ice) = (self.offer.as_ref(), self.ice);
            self.engine.open(media::Open { name, offer, ice, input, output, layouts, ledger, tell })
        })
        .await
        .map_err(|panic| media::Error::Graph(format!("building the graph panicked: {panic}")))??;
        let (tell_stage, stage_events) = mpsc::channel(EVENTS);
        let tell: stage::Tell = Box::new(move |event| {
            drop(tell_stage.try_send(event)); // full: the newest state is in the snapshot's next tick
        });
        io.clock = opened.peer.clock();
        let (wish, source) = (self.start.update.recording, self.start.source());
        let heir = take_over(self.before, self.start, &io, tell).await?;
        opened.peer.set_layouts(&heir.entry.info.layouts);
        let snapshot = first_snapshot(&self.id, &opened, &heir);
        let answer = opened.answer;
        tracing::info!(video = %opened.video, sound = opened.sound, "graph built");
        let actor = Actor {
            state: State::new(self.limits, Instant::now()),
            peer: Arc::new(opened.peer),
            meter: Meter::new(self.metrics.clone(), io.ledger.clone(), heir.worker.counters()),
            metrics: self.metrics,
            worker: heir.worker,
            io,
            entry: heir.entry,
            catalog: self.catalog,
            parameters: heir.parameters,
            fallback: heir.fallback,
            admission: self.admission,
            awake_since: Instant::now(),
            pending: Vec::new(),
            receives_video: opened.receives_video,
            sources: self.sources,
            clip: None,
            first_source: source,
            drain: None,
            snapshot: watch::Sender::new(snapshot),
            stats: None,
            repairs: Repairs::default(),
            recorder: Recorder::new(self.id, self.recordings, heir.recording, wish),
            heir: None,
            media_events,
            stage_events,
            mail,
            cancel: self.cancel,
        };
        Ok((actor, answer))
    }
}

/// What the graph tells its session, from GStreamer's threads.
fn tell_session(
    events: mpsc::Sender<media::Event>,
    mail: Arc<Notify>,
) -> Arc<dyn Fn(media::Event) + Send + Sync> {
    Arc::new(move |event| match event {
        media::Event::Mail => mail.notify_one(),
        event => drop(events.try_send(event)), // full or over: the first events decided already
    })
}

/// The stage of the session before, or a new one where there is none.
async fn take_over(
    before: Option<mpsc::Sender<Command>>,
    start: Start,
    io: &stage::Io,
    tell: stage::Tell,
) -> Result<Heir, Error> {
    if let Some(before) = before {
        let (reply_to, reply) = oneshot::channel();
        // A session that ends or hangs leaves nothing; the client then gets a new stage.
        if before.try_send(Command::HandOver(reply_to)).is_ok()
            && let Ok(Ok(heir)) = tokio::time::timeout(HAND_OVER_LIMIT, reply).await
        {
            heir.worker.attach(io.clone(), tell);
            return Ok(heir);
        }
    }
    let (entry, stage::Update { parameters, paused, .. }) = (start.entry, start.update.stage);
    let worker = stage::Worker::spawn(entry.clone(), parameters.clone(), io.clone(), tell)
        .map_err(|error| Error::Thread(error.to_string()))?;
    if paused.is_some() {
        worker.update(stage::Update { parameters: parameters.clone(), paused, ..stage::Update::default() });
    }
    Ok(Heir { worker, entry, parameters, paused: paused.unwrap_or(false), fallback: None, recording: None })
}

fn first_snapshot(id: &Id, opened: &media::Opened, heir: &Heir) -> Snapshot {
    Snapshot {
        id: id.clone(),
        state: Phase::Connecting,
        created_at: jiff::Timestamp::now().to_string(),
        pipeline_id: heir.entry.info.id.clone(),
        parameters: heir.parameters.values.clone(),
        paused: heir.paused,
        stage: stage::Status::well(stage::State::Loading, "the stage is being built"),
        video_codec: opened.video.to_string(),
        audio_codec: opened.sound.then(|| "opus".to_owned()),
        encoder: opened.peer.sender().map(|sender| sender.element().to_owned()),
        decoder: opened.peer.receiver().map(|receiver| receiver.element().to_owned()),
        width: None,
        height: None,
        sent_width: None,
        sent_height: None,
        fps_limit: None,
        frames_in: 0,
        frames_out: 0,
        drops: Drops::default(),
        sound_packets: 0,
        key_requests_sent: 0,
        key_requests_received: 0,
        packets_lost_in: None,
        packets_lost_out: None,
        figures: None,
        latency: Vec::new(),
        client_delay_ms: None,
        candidate_pair: None,
        input_source: None,
        recording: None,
        end_reason: None,
    }
}
