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
    EndReason, Error, Message, Phase, Recorded, Request, Snapshot, Source,
    applied::{Accepted, Pending},
    meter::Meter,
    recording::{self, Recorder},
    repair::Repairs,
    source::{Drain, Sources},
    state::{Action, Input, Sight, State},
};
use crate::{
    media::{self, Remedy},
    memory, metrics, signalling, stage,
};

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
    Update(stage::Values, oneshot::Sender<Result<Accepted, Error>>),
    /// The start or the end of a recording, by HTTP.
    Record(Request, oneshot::Sender<Result<Recorded, Error>>),
    /// The stage is wanted by a new connection of the same client; this session ends.
    HandOver(oneshot::Sender<Heir>),
    /// A look at the graph, on a blocking thread.
    Look(Box<dyn FnOnce(&media::Peer) + Send>),
    /// The end.
    Close,
}

/// What a session leaves to the connection that takes it over.
pub struct Heir {
    /// The running stage.
    pub worker: stage::Worker,
    /// Its pipeline.
    pub entry: stage::Entry,
    /// Its parameters.
    pub parameters: stage::Parameters,
    /// Whether it is paused.
    pub paused: bool,
    /// What runs while a stage of that pipeline loads.
    pub fallback: Option<Fallback>,
    /// What is recorded.
    pub recording: Option<Arc<media::Recording>>,
}

/// What runs while another stage loads, and goes on where that does not come.
pub struct Fallback {
    /// Its pipeline.
    pub entry: stage::Entry,
    /// The values that it has.
    pub values: stage::Values,
    /// With this version of the parameters in force the other one has come.
    pub version: u64,
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
    /// What runs while `entry` loads.
    pub(super) fallback: Option<Fallback>,
    /// Whether a pipeline that has no room for one session more is refused.
    pub(super) admission: bool,
    /// Since when this process has run without a stop.
    pub(super) awake_since: Instant,
    /// Updates that are not in force yet.
    pub(super) pending: Vec<Pending>,
    pub(super) receives_video: bool,
    pub(super) sources: Sources,
    /// The file that is played in the place of what the peer sends.
    pub(super) clip: Option<media::Playback>,
    /// The file that the session is to begin with.
    pub(super) first_source: Option<Source>,
    /// Since when a session without a client waits for its last pictures.
    pub(super) drain: Option<Drain>,
    pub(super) snapshot: watch::Sender<Snapshot>,
    pub(super) meter: Meter,
    pub(super) metrics: Arc<metrics::Metrics>,
    pub(super) repairs: Repairs,
    pub(super) recorder: Recorder,
    pub(super) heir: Option<oneshot::Sender<Heir>>,
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
        self.begin_recording();
        end = end.or_else(|| self.begin_source());
        while end.is_none() {
            end = tokio::select! {
                biased;
                () = cancel.cancelled() => self.apply(Input::End(EndReason::ServerShutdown)),
                Some(command) = commands.recv() => self.command(command),
                Some(event) = self.media_events.recv() => self.media_event(event),
                Some(event) = self.stage_events.recv() => {
                    self.stage_event(event);
                    None
                }
                () = mail.notified() => {
                    self.read_mail();
                    None
                }
                done = finished(&mut self.repairs.encoder) => self.encoder_replaced(done),
                done = finished(&mut self.repairs.decoder) => self.decoder_mended(done),
                done = finished(&mut self.recorder.work) => {
                    self.recording_changed(done);
                    None
                }
                _ = tick.tick() => {
                    if std::mem::replace(&mut ticked, Instant::now()).elapsed() > STOPPED {
                        self.awake_since = Instant::now();
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
            Command::Update(object, reply) => drop(reply.send(self.update_by_http(object))), // caller gone
            Command::Record(request, reply) => self.record(request, Some(reply)),
            Command::Look(look) => {
                let peer = self.peer.clone();
                spawn_blocking(move || look(&peer)); // owned by the runtime; ends by itself in ms
            }
            Command::HandOver(reply) => {
                self.heir = Some(reply);
                return self.apply(Input::End(EndReason::Resumed));
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
                let status = self.snapshot.borrow().stage.clone();
                self.say(&Message::StageState(status));
                None
            }
            media::Event::ChannelClosed => self.apply(Input::ChannelClosed),
            media::Event::EncoderFault { bin, detail } => {
                tracing::warn!(bin, detail, "encoder failed");
                self.encoder_failed(bin);
                None
            }
            media::Event::DecoderFault { bin, detail } => {
                tracing::warn!(bin, detail, "decoder failed");
                self.mend_decoder(Remedy::Failed(bin));
                None
            }
            media::Event::Fault { element, detail } => {
                tracing::error!(element, detail, "element failed");
                self.apply(Input::End(EndReason::ElementError))
            }
        }
    }

    fn tick(&mut self) -> Option<EndReason> {
        self.worker.supervise(self.awake_since.elapsed());
        self.watch_recording();
        if let Some(reason) = self.begin_source().or_else(|| self.watch_clip()) {
            return self.apply(Input::End(reason));
        }
        let counters = self.peer.counters();
        // A pipeline that makes pictures by itself waits for none; nor does anybody where nobody is connected.
        let makes = u64::from(self.entry.info.input != stage::Input::Required || self.peer.is_headless());
        let sight = Sight {
            video_packets: counters.video_packets.load(Relaxed),
            frames_in: counters.frames_in.load(Relaxed).max(makes),
            expects_video: self.receives_video && self.clip.is_none(),
            silent_for: self.peer.silent_for(),
        };
        self.apply(Input::Tick(sight))
    }

    pub(super) fn apply(&mut self, input: Input) -> Option<EndReason> {
        let mut end = None;
        for action in self.state.step(input, Instant::now()) {
            match action {
                Action::FirstFrame => self.first_frame(),
                Action::TellMissingInput => self.tell_missing_input(),
                Action::AskKeyFrame => self.ask_key_frame(),
                Action::RestartDecoder => self.mend_decoder(Remedy::Anew),
                Action::ReplaceDecoder => self.mend_decoder(Remedy::Next),
                Action::End(reason) => end = Some(reason),
            }
        }
        let phase = self.state.phase();
        if end.is_none() && self.snapshot.borrow().state != phase {
            self.snapshot.send_modify(|snapshot| snapshot.state = phase);
        }
        end
    }

    fn first_frame(&mut self) {
        tracing::info!("first frame");
        // Only the session knows of a missing input: the stage does not say that it works again.
        if self.snapshot.borrow().stage.cause == Some(stage::Cause::NoInput) {
            self.stage_state(self.worker.status());
        }
    }

    fn tell_missing_input(&mut self) {
        if self.entry.info.input == stage::Input::Required && self.clip.is_none() {
            self.stage_state(stage::Status::degraded(stage::Cause::NoInput));
        }
    }

    /// Says something on the data channel; gives its length in bytes, 0 where there is no channel.
    pub(super) fn say(&self, message: &Message) -> usize {
        match serde_json::to_string(message) {
            Ok(text) if self.peer.send(&text) => text.len(),
            Ok(_) => 0,
            Err(error) => {
                tracing::error!(%error, "a message cannot be written");
                0
            }
        }
    }

    /// Tells the client, stops the stage and the graph, and says what is left.
    async fn finish(mut self, reason: EndReason) -> Over {
        self.meter.read(&self.peer, self.worker.counters(), &self.io, Instant::now()); // the last part of a second
        self.metrics.sessions_ended.with_label_values(&[reason.code()]).inc();
        let farewell = Message::StreamStopped { reason: reason.code(), error_message: reason.sentence() };
        let sent_before = self.peer.counters().channel_bytes_out.load(Relaxed);
        let length = self.say(&farewell);
        tracing::info!(
            reason = reason.code(),
            frames = self.peer.counters().encoded.load(Relaxed),
            "session over"
        );
        if let Some(task) = self.stats {
            tokio::time::timeout(GRAPH_LIMIT, task).await.ok(); // it holds the peer; bounded inside as well
        }
        self.repairs.finish(GRAPH_LIMIT).await;
        let recording = self.recorder.settle(&self.peer).await;
        let paused = self.snapshot.borrow().paused;
        let (entry, parameters, fallback) = (self.entry, self.parameters, self.fallback);
        let heir = Heir { worker: self.worker, entry, parameters, paused, fallback, recording };
        let (worker, recording) = match self.heir {
            Some(reply) => {
                heir.worker.detach();
                let left = reply.send(heir).err(); // whoever asked may be gone
                left.map_or((None, None), |heir| (Some(heir.worker), heir.recording))
            }
            None => (Some(heir.worker), heir.recording),
        };
        let peer = self.peer;
        let metrics = self.metrics;
        let stopped = spawn_blocking(move || {
            if let Some(recording) = recording {
                recording::end_with_session(&recording, reason, &metrics);
            }
            if let Some(Err(left)) = worker.map(|worker| worker.stop(STAGE_LIMIT)) {
                tracing::error!("{left}");
            }
            peer.flush(sent_before, length, FLUSH_LIMIT);
            drop(peer);
            memory::trim();
        });
        if tokio::time::timeout(FLUSH_LIMIT + STAGE_LIMIT + recording::LIMIT + GRAPH_LIMIT, stopped)
            .await
            .is_err()
        {
            tracing::error!("the graph does not stop; its threads are left behind");
        }
        Over { reason, snapshot: self.snapshot }
    }
}

/// The outcome of a task once it is there; waits for ever where there is none. `None`: it panicked.
async fn finished<T>(task: &mut Option<JoinHandle<T>>) -> Option<T> {
    let Some(running) = task else { return std::future::pending().await };
    let outcome = running.await.ok();
    *task = None;
    outcome
}
