//! The task that runs one session: it turns what happens into inputs of [`State`] and carries its actions out.
//!
//! One tokio task a session. It holds no rules of its own and never blocks: what does goes to a blocking thread.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use tokio::{
    sync::{Notify, mpsc, oneshot, watch},
    task::{JoinHandle, spawn_blocking},
    time::MissedTickBehavior,
};
use tokio_util::sync::CancellationToken;

use super::{
    Drops, EndReason, Error, Figures, Id, Limits, Message, Phase, Snapshot, StageInfo,
    control::{self, Update},
    state::{Action, Input, State},
};
use crate::{media, signalling, stage};

/// Fine enough for limits of seconds; cheap enough for hundreds of sessions.
const TICK: Duration = Duration::from_millis(250);
const TICKS_PER_FIGURES: u32 = 4;
/// A last message needs one trip through SCTP; a vanished peer must not hold the end up.
const FLUSH_LIMIT: Duration = Duration::from_millis(300);
/// A stage between frames ends at once; one in a frame gets this long.
const STAGE_LIMIT: Duration = Duration::from_secs(1);
/// Stopping a graph takes 15 ms; on a loaded host under a second.
const GRAPH_LIMIT: Duration = Duration::from_secs(5);
const EVENTS: usize = 256;

/// A request to a session.
pub enum Command {
    /// The peer's candidates.
    Candidates(Vec<signalling::Candidate>, oneshot::Sender<()>),
    /// An update by HTTP.
    Parameters(stage::Values, oneshot::Sender<Result<stage::Values, Error>>),
    /// Another pipeline by HTTP.
    Switch(String, oneshot::Sender<Result<(), Error>>),
    /// The graph's picture.
    Dot(oneshot::Sender<String>),
    /// The end.
    Close,
}

/// The pipeline and parameters that a session starts with, checked.
pub struct Start {
    entry: stage::Entry,
    update: Update,
}

impl Start {
    /// Reads `initialParameters`.
    pub fn check(catalog: &stage::Catalog, mut initial: stage::Values) -> Result<Self, Error> {
        let chosen = control::take_pipeline(&mut initial).map_err(stage::Error::Parameters)?;
        let entry = catalog.get(&chosen.unwrap_or_else(|| catalog.default_id()))?;
        let update = control::check(initial, &entry.schema.defaults(), &entry.schema)
            .map_err(stage::Error::Parameters)?;
        Ok(Self { entry, update })
    }

    /// The pipeline's id.
    pub fn pipeline_id(&self) -> &str {
        &self.entry.info.id
    }
}

/// All that a session is made from.
pub struct Birth {
    pub id: Id,
    pub offer: signalling::Offer,
    pub start: Start,
    pub engine: media::Engine,
    pub catalog: stage::Catalog,
    pub ice: media::IceServers,
    pub limits: Limits,
    pub cancel: CancellationToken,
}

/// A live session.
pub struct Actor {
    state: State,
    peer: Arc<media::Peer>,
    worker: stage::Worker,
    io: stage::Io,
    entry: stage::Entry,
    catalog: stage::Catalog,
    parameters: stage::Parameters,
    /// Updates that are not in force yet: version, the client's mark, ignored keys.
    pending: Vec<(u64, Option<serde_json::Value>, Vec<String>)>,
    receives_video: bool,
    snapshot: watch::Sender<Snapshot>,
    meter: Meter,
    stats: Option<JoinHandle<Result<media::Stats, media::Error>>>,
    media_events: mpsc::Receiver<media::Event>,
    stage_events: mpsc::Receiver<stage::Event>,
    mail: Arc<Notify>,
    cancel: CancellationToken,
}

impl Birth {
    /// Builds the graph and the stage; gives the session and the answer's SDP.
    pub async fn open(self) -> Result<(Actor, String), Error> {
        let io = stage::Io::default();
        let (tell_media, media_events) = mpsc::channel(EVENTS);
        let mail = Arc::new(Notify::new());
        let notify = mail.clone();
        let tell: Arc<dyn Fn(media::Event) + Send + Sync> = Arc::new(move |event| match event {
            media::Event::Mail => notify.notify_one(),
            event => drop(tell_media.try_send(event)), // full or over: the first events decided already
        });
        let (slots, layouts, name) = (io.clone(), self.start.entry.info.layouts.clone(), format!("session-{}", self.id));
        let opened = spawn_blocking(move || {
            self.engine.open(media::Open {
                name,
                offer: &self.offer,
                ice: self.ice,
                input: slots.input,
                output: slots.output,
                layouts,
                tell,
            })
        })
        .await
        .map_err(|panic| media::Error::Graph(format!("building the graph panicked: {panic}")))??;
        let (tell_stage, stage_events) = mpsc::channel(EVENTS);
        let parameters = stage::Parameters { values: self.start.update.values, version: 1 };
        let entry = self.start.entry;
        let worker = stage::Worker::spawn(entry.clone(), parameters.clone(), io.clone(), move |event| {
            drop(tell_stage.try_send(event)); // full: the newest state is in the snapshot's next tick
        })
        .map_err(|error| Error::Thread(error.to_string()))?;
        if self.start.update.paused.is_some() {
            worker.set(parameters.clone(), self.start.update.paused);
        }
        let snapshot = first_snapshot(&self.id, &opened, &entry, &parameters, self.start.update.paused);
        let answer = opened.answer;
        tracing::info!(video = %opened.video, sound = opened.sound, "offer answered");
        let actor = Actor {
            state: State::new(self.limits, Instant::now()),
            peer: Arc::new(opened.peer),
            worker,
            io,
            entry,
            catalog: self.catalog,
            parameters,
            pending: Vec::new(),
            receives_video: opened.receives_video,
            snapshot: watch::Sender::new(snapshot),
            meter: Meter::new(),
            stats: None,
            media_events,
            stage_events,
            mail,
            cancel: self.cancel,
        };
        Ok((actor, answer))
    }
}

impl Actor {
    /// The session as others see it.
    pub fn watch(&self) -> watch::Receiver<Snapshot> {
        self.snapshot.subscribe()
    }

    /// Runs the session to its end and clears it away.
    pub async fn run(mut self, mut commands: mpsc::Receiver<Command>, caller_gone: bool) -> EndReason {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut ticks = 0_u32;
        let mut end = caller_gone.then_some(EndReason::ClosedByClient);
        let cancel = self.cancel.clone();
        let mail = self.mail.clone();
        while end.is_none() {
            end = tokio::select! {
                biased;
                () = cancel.cancelled() => self.apply(Input::End(EndReason::ServerShutdown)),
                Some(command) = commands.recv() => self.command(command),
                Some(event) = self.media_events.recv() => self.media_event(event),
                Some(event) = self.stage_events.recv() => self.stage_event(event),
                () = mail.notified() => self.read_mail(),
                _ = tick.tick() => {
                    ticks = ticks.wrapping_add(1);
                    if ticks.is_multiple_of(TICKS_PER_FIGURES) {
                        self.measure().await;
                    }
                    self.tick()
                }
            };
        }
        let reason = end.unwrap_or(EndReason::ClosedByClient);
        self.finish(reason).await;
        reason
    }

    fn command(&mut self, command: Command) -> Option<EndReason> {
        match command {
            Command::Candidates(candidates, reply) => {
                for candidate in &candidates {
                    self.peer.add_candidate(candidate);
                }
                reply.send(()).ok(); // caller gone: nothing to tell
            }
            Command::Parameters(values, reply) => {
                let outcome = self.update(values, None).map_err(|faults| stage::Error::Parameters(faults).into());
                reply.send(outcome.map(|()| self.parameters.values.clone())).ok(); // caller gone
            }
            Command::Switch(pipeline, reply) => {
                reply.send(self.switch(&pipeline).map_err(Error::from)).ok(); // caller gone
            }
            Command::Dot(reply) => {
                let peer = self.peer.clone();
                spawn_blocking(move || reply.send(peer.dot()).ok()); // owned by the runtime; ends by itself in ms
            }
            Command::Close => return self.apply(Input::End(EndReason::ClosedByClient)),
        }
        None
    }

    fn media_event(&mut self, event: media::Event) -> Option<EndReason> {
        match event {
            media::Event::Connected => {
                tracing::info!("connected");
                self.apply(Input::Connected)
            }
            media::Event::Identified | media::Event::Mail => None,
            media::Event::Impostor => self.apply(Input::End(EndReason::FingerprintMismatch)),
            media::Event::IceFailed => self.apply(Input::End(EndReason::IceFailed)),
            media::Event::Closed => self.apply(Input::End(EndReason::ClosedByPeer)),
            media::Event::ChannelOpen => {
                let now = self.snapshot.borrow().stage.clone();
                self.say(&Message::StageState { state: now.state, detail: now.detail });
                None
            }
            media::Event::ChannelClosed => self.apply(Input::ChannelClosed),
            media::Event::Fault { element, detail } => {
                tracing::error!(element, detail, "element failed");
                self.apply(Input::End(EndReason::ElementError))
            }
        }
    }

    fn stage_event(&mut self, event: stage::Event) -> Option<EndReason> {
        match event {
            stage::Event::Applied { parameters, frame } => {
                let ready = |pending: &(u64, _, _)| pending.0 <= parameters.version;
                let answered: Vec<_> = self.pending.extract_if(.., |pending| ready(pending)).collect();
                for (_, id, ignored) in answered {
                    let parameters = parameters.values.clone();
                    self.say(&Message::ParametersUpdated { parameters, frame, ignored, id });
                }
            }
            stage::Event::Switched { pipeline, frame } => {
                tracing::info!(pipeline, "pipeline switched");
                self.say(&Message::PipelineChanged { pipeline_id: pipeline, frame });
            }
            stage::Event::State { state, detail } => self.stage_state(state, detail),
        }
        None
    }

    fn stage_state(&mut self, state: stage::State, detail: String) {
        if state == stage::State::Running {
            tracing::debug!(detail, "stage runs");
        } else {
            tracing::warn!(?state, detail, "stage");
        }
        self.snapshot.send_modify(|snapshot| snapshot.stage = StageInfo { state, detail: detail.clone() });
        self.say(&Message::StageState { state, detail });
    }

    fn read_mail(&mut self) -> Option<EndReason> {
        let (mail, lost) = self.peer.inbox().drain();
        if lost > 0 {
            let errors = vec![control::fault("", format!("{lost} messages came faster than they can be read"))];
            self.say(&Message::ParametersRejected { errors, id: None });
        }
        for message in mail {
            let rejected = match message {
                media::Mail::Text(text) => self.read_message(&text).err(),
                media::Mail::Binary => Some((vec![control::fault("", "text is wanted, bytes came".into())], None)),
                media::Mail::TooLong(length) => {
                    let sentence = format!("a message under 64 KiB is wanted, {length} bytes came");
                    Some((vec![control::fault("", sentence)], None))
                }
            };
            if let Some((errors, id)) = rejected {
                self.say(&Message::ParametersRejected { errors, id });
            }
        }
        None
    }

    fn read_message(&mut self, text: &str) -> Result<(), (Vec<stage::Fault>, Option<serde_json::Value>)> {
        let (mut object, id) = control::parse(text).map_err(|faults| (faults, None))?;
        let pipeline = control::take_pipeline(&mut object).map_err(|faults| (faults, id.clone()))?;
        if let Some(pipeline) = pipeline {
            let refused = |error: stage::Error| vec![control::fault("/pipeline_id", error.to_string())];
            self.switch(&pipeline).map_err(|error| (refused(error), id.clone()))?;
            if object.is_empty() && id.is_none() {
                return Ok(());
            }
        }
        self.update(object, id.clone()).map_err(|faults| (faults, id))
    }

    /// Checks an update and lets the stage have it before its next frame.
    fn update(&mut self, object: stage::Values, id: Option<serde_json::Value>) -> Result<(), Vec<stage::Fault>> {
        let update = control::check(object, &self.parameters.values, &self.entry.schema)?;
        self.parameters = stage::Parameters { values: update.values, version: self.parameters.version + 1 };
        self.pending.push((self.parameters.version, id, update.ignored));
        self.worker.set(self.parameters.clone(), update.paused);
        self.snapshot.send_modify(|snapshot| {
            snapshot.parameters = self.parameters.values.clone();
            snapshot.paused = update.paused.unwrap_or(snapshot.paused);
        });
        Ok(())
    }

    fn switch(&mut self, pipeline: &str) -> Result<(), stage::Error> {
        let entry = self.catalog.get(pipeline)?;
        if entry.info.id == self.entry.info.id {
            return Ok(());
        }
        self.parameters =
            stage::Parameters { values: entry.schema.defaults(), version: self.parameters.version + 1 };
        self.peer.set_layouts(&entry.info.layouts);
        self.worker.switch(entry.clone(), self.parameters.clone());
        self.entry = entry;
        self.snapshot.send_modify(|snapshot| {
            snapshot.pipeline_id = self.entry.info.id.clone();
            snapshot.parameters = self.parameters.values.clone();
        });
        Ok(())
    }

    fn tick(&mut self) -> Option<EndReason> {
        let input = Input::Tick {
            frames_in: self.peer.counters().frames_in.load(Relaxed),
            expects_video: self.receives_video,
            silent_for: self.peer.silent_for(),
            stage_busy: self.worker.busy_for(),
        };
        self.apply(input)
    }

    fn apply(&mut self, input: Input) -> Option<EndReason> {
        let mut end = None;
        for action in self.state.step(input, Instant::now()) {
            match action {
                Action::FirstFrame => tracing::info!("first frame"),
                Action::TellMissingInput => self.tell_missing_input(),
                Action::TellSlowStage => {
                    self.stage_state(stage::State::Degraded, "the stage takes over a second for one frame".into());
                }
                Action::TellStageBack => self.stage_state(stage::State::Running, "the stage runs".into()),
                Action::End(reason) => end = Some(reason),
            }
        }
        let phase = self.state.phase();
        if end.is_none() && self.snapshot.borrow().state != phase {
            self.snapshot.send_modify(|snapshot| snapshot.state = phase);
        }
        end
    }

    fn tell_missing_input(&mut self) {
        if self.entry.info.input == stage::Input::Required {
            let detail = "this pipeline needs an input picture and none has come".into();
            self.stage_state(stage::State::Degraded, detail);
        }
    }

    fn say(&self, message: &Message) {
        match serde_json::to_string(message) {
            Ok(text) => drop(self.peer.send(&text)), // no channel: the client asked for none
            Err(error) => tracing::error!(%error, "a message cannot be written"),
        }
    }

    /// Once a second: figures from the counters, and webrtcbin's own from the request before.
    async fn measure(&mut self) {
        let finished = match &mut self.stats {
            Some(task) if task.is_finished() => task.await.ok().and_then(Result::ok),
            _ => None,
        };
        if self.stats.as_ref().is_none_or(JoinHandle::is_finished) {
            let peer = self.peer.clone();
            self.stats = Some(spawn_blocking(move || peer.stats()));
        }
        if let Some(stats) = finished {
            self.meter.round_trip = stats.round_trip_s;
            self.snapshot.send_modify(|snapshot| {
                snapshot.packets_lost_in = stats.packets_lost_in;
                snapshot.packets_lost_out = stats.packets_lost_out;
                snapshot.candidate_pair = stats.pair.map(Into::into);
            });
        }
        let figures = self.meter.read(self.peer.counters(), &self.worker, &self.io, Instant::now());
        self.publish(&figures);
        self.say(&Message::Stats(figures));
    }

    fn publish(&self, figures: &Figures) {
        let (media, stage) = (self.peer.counters(), self.worker.counters());
        let size = media.size.load(Relaxed);
        self.snapshot.send_modify(|snapshot| {
            snapshot.width = u32::try_from(size >> 32).ok().filter(|width| *width > 0);
            snapshot.height = u32::try_from(size & u64::from(u32::MAX)).ok().filter(|height| *height > 0);
            snapshot.frames_in = media.frames_in.load(Relaxed);
            snapshot.frames_out = media.encoded.load(Relaxed);
            snapshot.sound_packets = media.sound_packets.load(Relaxed);
            snapshot.key_requests_sent = media.key_requests_sent.load(Relaxed);
            snapshot.key_requests_received = media.key_requests_received.load(Relaxed);
            snapshot.drops = Drops {
                before_stage: self.io.input.dropped(),
                before_encoder: self.io.output.dropped(),
                skipped_by_stage: stage.skipped.load(Relaxed),
                paused: stage.paused.load(Relaxed),
            };
            snapshot.figures = Some(figures.clone());
        });
    }

    /// Tells the client, stops the stage and the graph, and says what is left.
    async fn finish(self, reason: EndReason) {
        let farewell = Message::StreamStopped { reason: reason.code(), error_message: reason.sentence() };
        self.say(&farewell);
        tracing::info!(reason = reason.code(), frames = self.peer.counters().encoded.load(Relaxed), "session over");
        if let Some(task) = self.stats {
            tokio::time::timeout(GRAPH_LIMIT, task).await.ok(); // it holds the peer; bounded inside as well
        }
        let (peer, worker) = (self.peer, self.worker);
        let stopped = spawn_blocking(move || {
            peer.flush(FLUSH_LIMIT);
            if let Err(left) = worker.stop(STAGE_LIMIT) {
                tracing::error!("{left}");
            }
            drop(peer);
        });
        if tokio::time::timeout(FLUSH_LIMIT + STAGE_LIMIT + GRAPH_LIMIT, stopped).await.is_err() {
            tracing::error!("the graph does not stop; its threads are left behind");
        }
        self.snapshot.send_modify(|snapshot| {
            snapshot.state = Phase::Ended;
            snapshot.end_reason = Some(reason);
        });
    }
}

/// Turns rising counts into rates.
struct Meter {
    at: Instant,
    frames_in: u64,
    encoded: u64,
    bytes_in: u64,
    bytes_out: u64,
    round_trip: Option<f64>,
}

impl Meter {
    fn new() -> Self {
        Self { at: Instant::now(), frames_in: 0, encoded: 0, bytes_in: 0, bytes_out: 0, round_trip: None }
    }

    fn read(
        &mut self,
        media: &media::Counters,
        worker: &stage::Worker,
        io: &stage::Io,
        now: Instant,
    ) -> Figures {
        let seconds = now.saturating_duration_since(self.at).as_secs_f64().max(0.001);
        self.at = now;
        let rate = |last: &mut u64, counter: &std::sync::atomic::AtomicU64| {
            let count = counter.load(Relaxed);
            let rate = f64::from(u32::try_from(count - *last).unwrap_or(u32::MAX)) / seconds;
            *last = count;
            rate
        };
        let fps_in = rate(&mut self.frames_in, &media.frames_in);
        let fps_out = rate(&mut self.encoded, &media.encoded);
        let bytes_in = rate(&mut self.bytes_in, &media.bytes_in);
        let bytes_out = rate(&mut self.bytes_out, &media.bytes_out);
        let moving = fps_out > 0.0;
        Figures {
            fps_in: tenth(fps_in),
            fps_out: tenth(fps_out),
            latency_ms: moving.then(|| milliseconds(media.age_us.load(Relaxed))),
            stage_ms: moving.then(|| milliseconds(worker.counters().last_us.load(Relaxed))),
            bitrate_in_bps: bits(bytes_in),
            bitrate_out_bps: bits(bytes_out),
            target_bps: media.target_bps.load(Relaxed),
            round_trip_ms: self.round_trip.map(|seconds| tenth(seconds * 1000.0)),
            dropped_before_stage: io.input.dropped(),
            dropped_before_encoder: io.output.dropped(),
        }
    }
}

fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn milliseconds(microseconds: u64) -> f64 {
    tenth(Duration::from_micros(microseconds).as_secs_f64() * 1000.0)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate is positive and far below 2^63")]
fn bits(bytes: f64) -> u64 {
    (bytes * 8.0) as u64
}

fn first_snapshot(
    id: &Id,
    opened: &media::Opened,
    entry: &stage::Entry,
    parameters: &stage::Parameters,
    paused: Option<bool>,
) -> Snapshot {
    Snapshot {
        id: id.clone(),
        state: Phase::Connecting,
        created_at: jiff::Timestamp::now().to_string(),
        pipeline_id: entry.info.id.clone(),
        parameters: parameters.values.clone(),
        paused: paused.unwrap_or(false),
        stage: StageInfo { state: stage::State::Loading, detail: "the stage is being built".into() },
        video_codec: opened.video.to_string(),
        audio_codec: opened.sound.then(|| "opus".to_owned()),
        width: None,
        height: None,
        frames_in: 0,
        frames_out: 0,
        drops: Drops::default(),
        sound_packets: 0,
        key_requests_sent: 0,
        key_requests_received: 0,
        packets_lost_in: None,
        packets_lost_out: None,
        figures: None,
        candidate_pair: None,
        end_reason: None,
    }
}
