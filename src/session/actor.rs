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
    Drops, EndReason, Error, Figures, Message, Phase, Snapshot, StageInfo, control,
    meter::Meter,
    state::{Action, Input, State},
};
use crate::{media, memory, signalling, stage};

/// Fine enough for limits of seconds; cheap enough for hundreds of sessions.
const TICK: Duration = Duration::from_millis(250);
const TICKS_PER_FIGURES: u32 = 4;
/// A tick that comes so late: the process stood still.
const STOPPED: Duration = Duration::from_secs(1);
/// A last message needs one trip through SCTP; a vanished peer must not hold the end up.
const FLUSH_LIMIT: Duration = Duration::from_millis(300);
/// A stage between frames ends at once; one in a frame gets this long.
const STAGE_LIMIT: Duration = Duration::from_secs(1);
/// Stopping a graph takes 15 ms; on a loaded host under a second.
const GRAPH_LIMIT: Duration = Duration::from_secs(5);

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

/// A live session.
pub struct Actor {
    pub(super) state: State,
    pub(super) peer: Arc<media::Peer>,
    pub(super) worker: stage::Worker,
    pub(super) io: stage::Io,
    pub(super) entry: stage::Entry,
    pub(super) catalog: stage::Catalog,
    pub(super) parameters: stage::Parameters,
    /// Updates that are not in force yet: version, the client's mark, ignored keys.
    pub(super) pending: Vec<(u64, Option<serde_json::Value>, Vec<String>)>,
    pub(super) receives_video: bool,
    pub(super) snapshot: watch::Sender<Snapshot>,
    pub(super) meter: Meter,
    pub(super) stats: Option<JoinHandle<Result<media::Stats, media::Error>>>,
    pub(super) media_events: mpsc::Receiver<media::Event>,
    pub(super) stage_events: mpsc::Receiver<stage::Event>,
    pub(super) mail: Arc<Notify>,
    pub(super) cancel: CancellationToken,
}

/// A session that is cleared away.
pub struct Over {
    /// Why it ended.
    pub reason: EndReason,
    snapshot: watch::Sender<Snapshot>,
}

impl Over {
    /// Wakes whoever waits for the end; the registry does it when it has let go of the session.
    pub fn publish(self) {
        self.snapshot.send_modify(|snapshot| {
            snapshot.state = Phase::Ended;
            snapshot.end_reason = Some(self.reason);
        });
    }
}

impl Actor {
    /// The session as others see it.
    pub fn watch(&self) -> watch::Receiver<Snapshot> {
        self.snapshot.subscribe()
    }

    /// Runs the session to its end and clears it away.
    pub async fn run(mut self, mut commands: mpsc::Receiver<Command>, caller_gone: bool) -> Over {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut ticks, mut ticked) = (0_u32, Instant::now());
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
                    if std::mem::replace(&mut ticked, Instant::now()).elapsed() > STOPPED {
                        self.apply(Input::Resumed);
                    }
                    ticks = ticks.wrapping_add(1);
                    if ticks.is_multiple_of(TICKS_PER_FIGURES) {
                        self.measure().await;
                    }
                    self.tick()
                }
            };
        }
        let reason = end.unwrap_or(EndReason::ClosedByClient);
        self.finish(reason).await
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
                let outcome =
                    self.update(values, None).map_err(|faults| stage::Error::Parameters(faults).into());
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
            let errors =
                vec![control::fault("", format!("{lost} messages came faster than they can be read"))];
            self.say(&Message::ParametersRejected { errors, id: None });
        }
        for message in mail {
            let rejected = match message {
                media::Mail::Text(text) => self.read_message(&text).err(),
                media::Mail::Binary => {
                    Some((vec![control::fault("", "text is wanted, bytes came".into())], None))
                }
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
    fn update(
        &mut self,
        object: stage::Values,
        id: Option<serde_json::Value>,
    ) -> Result<(), Vec<stage::Fault>> {
        let update = control::check(object, &self.parameters.values, &self.entry.schema)?;
        self.parameters = stage::Parameters { values: update.values, version: self.parameters.version + 1 };
        self.pending.push((self.parameters.version, id, update.ignored));
        self.worker.set(self.parameters.clone(), update.paused);
        self.snapshot.send_modify(|snapshot| {
            snapshot.parameters.clone_from(&self.parameters.values);
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
            snapshot.pipeline_id.clone_from(&self.entry.info.id);
            snapshot.parameters.clone_from(&self.parameters.values);
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
                    self.stage_state(
                        stage::State::Degraded,
                        "the stage takes over a second for one frame".into(),
                    );
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

    /// Says something on the data channel; gives its length in bytes, 0 where there is no channel.
    fn say(&self, message: &Message) -> usize {
        match serde_json::to_string(message) {
            Ok(text) if self.peer.send(&text) => text.len(),
            Ok(_) => 0,
            Err(error) => {
                tracing::error!(%error, "a message cannot be written");
                0
            }
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
    async fn finish(self, reason: EndReason) -> Over {
        let farewell = Message::StreamStopped { reason: reason.code(), error_message: reason.sentence() };
        let sent_before = self.peer.counters().bytes_out.load(Relaxed);
        let length = self.say(&farewell);
        tracing::info!(
            reason = reason.code(),
            frames = self.peer.counters().encoded.load(Relaxed),
            "session over"
        );
        if let Some(task) = self.stats {
            tokio::time::timeout(GRAPH_LIMIT, task).await.ok(); // it holds the peer; bounded inside as well
        }
        let (peer, worker) = (self.peer, self.worker);
        let stopped = spawn_blocking(move || {
            // First the stage, so that no picture's bytes are taken for the last word's.
            if let Err(left) = worker.stop(STAGE_LIMIT) {
                tracing::error!("{left}");
            }
            peer.flush(sent_before, length, FLUSH_LIMIT);
            drop(peer);
            memory::trim();
        });
        if tokio::time::timeout(FLUSH_LIMIT + STAGE_LIMIT + GRAPH_LIMIT, stopped).await.is_err() {
            tracing::error!("the graph does not stop; its threads are left behind");
        }
        Over { reason, snapshot: self.snapshot }
    }
}
