//! The task that runs one session: it turns events into inputs of [`State`] and carries out its actions.
//!
//! One tokio task per session. It holds no rules of its own and never blocks: blocking work goes to a blocking thread.
//! Only this folder knows how the session's parts work together; each part owns its fields ([`super::parts`]).

mod finish;
mod inputs;
mod rate;
mod update;

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

pub use inputs::{Command, Handover, inputs};
use tokio::{
    sync::{Notify, mpsc, oneshot, watch},
    task::spawn_blocking,
    time::MissedTickBehavior,
};
use tokio_util::sync::CancellationToken;

pub use self::finish::Over;
use self::rate::Rate;
use super::{
    EndReason, Message, Snapshot,
    minutes::Allowance,
    parts::{Context, InputFile, Recorder, Repairs, Report, Steering},
    state::{Action, Input, Observation, State},
};
use crate::{
    access::Caller,
    limits,
    media::{self, Remedy},
    stage,
};

/// Fine enough for limits of seconds; cheap enough for hundreds of sessions.
const TICK: Duration = Duration::from_millis(250);
const TICKS_PER_FIGURES: u32 = 4;
/// A tick that is this late means that the process was suspended or starved.
const STOPPED: Duration = Duration::from_secs(1);

/// A live session.
pub struct Session {
    /// Who made it; the sender of what comes by the data channel.
    caller: Caller,
    started: Instant,
    cx: Context,
    state: State,
    steering: Steering,
    input_file: InputFile,
    recorder: Recorder,
    repairs: Repairs,
    report: Report,
    rate: Rate,
    /// The time that is left to it, if its owner has a limit.
    allowance: Option<Allowance>,
    /// The connection that resumes the session.
    successor: Option<oneshot::Sender<Handover>>,
}

/// What a session's task waits for.
pub struct Inputs {
    commands: mpsc::Receiver<Command>,
    media: mpsc::Receiver<media::Event>,
    stage: mpsc::Receiver<stage::Event>,
    mail: Arc<Notify>,
    cancel: CancellationToken,
}

impl Session {
    pub fn new(
        caller: Caller,
        cx: Context,
        state: State,
        steering: Steering,
        input_file: InputFile,
        recorder: Recorder,
        report: Report,
    ) -> Self {
        let (started, repairs, successor) = (Instant::now(), Repairs::default(), None);
        let rate = Rate::new(started);
        Self {
            caller,
            started,
            cx,
            state,
            steering,
            input_file,
            recorder,
            repairs,
            report,
            rate,
            allowance: None,
            successor,
        }
    }

    /// With a limit to its time.
    pub fn with_allowance(mut self, allowance: Option<Allowance>) -> Self {
        self.allowance = allowance;
        self
    }

    /// A reader's view of the session.
    pub fn subscribe(&self) -> watch::Receiver<Snapshot> {
        self.cx.view().subscribe()
    }

    /// Runs the session to its end and releases everything.
    pub async fn run(mut self, mut inputs: Inputs, caller_gone: bool) -> Over {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut ticks, mut ticked) = (0_u32, Instant::now());
        let mut awake_since = Instant::now();
        let mut end = caller_gone.then_some(EndReason::ClosedByClient);
        self.recorder.begin(&self.cx, self.steering.running());
        end = end.or_else(|| self.begin_input_file().err());
        while end.is_none() {
            end = tokio::select! {
                biased;
                () = inputs.cancel.cancelled() => self.apply(Input::End(EndReason::ServerShutdown)),
                Some(command) = inputs.commands.recv() => self.command(command),
                Some(event) = inputs.media.recv() => self.media_event(event),
                Some(event) = inputs.stage.recv() => {
                    self.steering.stage_event(&self.cx, &mut self.recorder, &self.input_file, event);
                    None
                }
                () = inputs.mail.notified() => {
                    self.read_mail();
                    None
                }
                repair = self.repairs.done() => {
                    let repaired = self.repairs.apply(&self.cx, &self.recorder, repair);
                    repaired.err().and_then(|reason| self.apply(Input::End(reason)))
                }
                done = self.recorder.done() => {
                    self.recorder.apply(&self.cx, self.steering.running(), done);
                    None
                }
                _ = tick.tick() => {
                    if std::mem::replace(&mut ticked, Instant::now()).elapsed() > STOPPED {
                        awake_since = Instant::now();
                        self.apply(Input::Resumed);
                    }
                    ticks = ticks.wrapping_add(1);
                    if ticks.is_multiple_of(TICKS_PER_FIGURES) {
                        self.report.measure(&self.cx, self.steering.counters()).await;
                    }
                    self.tick(awake_since.elapsed())
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
                    self.cx.peer().add_candidate(candidate);
                }
                reply.send(()).ok(); // caller gone
            }
            Command::Update(object, caller, reply) => {
                reply.send(self.update_by_http(object, &caller)).ok(); // caller gone
            }
            Command::Record(request, reply) => {
                self.recorder.request(&self.cx, self.steering.running(), request, Some(reply));
            }
            Command::Inspect(read) => {
                let peer = self.cx.peer().clone();
                spawn_blocking(move || read(&peer)); // owned by the runtime; ends by itself in ms
            }
            Command::HandOver(successor) => {
                self.successor = Some(successor);
                return self.apply(Input::End(EndReason::Resumed));
            }
            Command::End(reason) => return self.apply(Input::End(reason)),
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
            media::Event::FingerprintMismatch => self.apply(Input::End(EndReason::FingerprintMismatch)),
            media::Event::TooManyChannels => self.apply(Input::End(EndReason::TooManyChannels)),
            media::Event::FrameTooLarge { width, height } => {
                tracing::warn!(width, height, "frame too large");
                self.apply(Input::End(EndReason::FrameTooLarge))
            }
            media::Event::IceFailed => self.apply(Input::End(EndReason::IceFailed)),
            media::Event::Closed => self.apply(Input::End(EndReason::ClosedByPeer)),
            media::Event::ChannelOpen => {
                self.cx.send(&Message::StageState(self.cx.view().stage()));
                None
            }
            media::Event::ChannelClosed => self.apply(Input::ChannelClosed),
            media::Event::EncoderFault { bin, detail } => {
                tracing::warn!(bin, detail, "encoder failed");
                self.repairs.replace_encoder(&self.cx, bin);
                None
            }
            media::Event::DecoderFault { bin, detail } => {
                tracing::warn!(bin, detail, "decoder failed");
                self.repairs.repair_decoder(&self.cx, Remedy::Failed(bin));
                None
            }
            media::Event::Fault { element, detail } => {
                tracing::error!(element, detail, "element failed");
                self.apply(Input::End(EndReason::ElementError))
            }
        }
    }

    /// `awake`: how long this process has run without being suspended.
    fn tick(&mut self, awake: Duration) -> Option<EndReason> {
        if self.allowance.as_mut().is_some_and(|allowance| allowance.is_used_up(Instant::now())) {
            limits::MINUTES.refused();
            return self.apply(Input::End(EndReason::MinutesUsedUp));
        }
        self.steering.supervise(awake);
        self.read_mail(); // what the rate did not allow before
        self.recorder.check(&self.cx, self.steering.running());
        if let Err(reason) = self.begin_input_file().and_then(|()| self.input_file.check(&self.cx)) {
            return self.apply(Input::End(reason));
        }
        let peer = self.cx.peer();
        let counters = peer.counters();
        // A pipeline that generates frames waits for none; nor does a session without a client.
        let makes = u64::from(self.steering.info().input != stage::Input::Required || peer.is_headless());
        let observation = Observation {
            video_packets: counters.video_packets.load(Relaxed),
            frames_in: counters.frames_in.load(Relaxed).max(makes),
            expects_video: self.input_file.expects_client(),
            silent_for: peer.silent_for(),
        };
        self.apply(Input::Tick(observation))
    }

    fn begin_input_file(&mut self) -> Result<(), EndReason> {
        let ready = self.cx.view().stage_runs() && !self.recorder.is_starting();
        self.input_file.begin(&self.cx, &self.caller, &self.steering.info().layouts, ready)
    }

    fn apply(&mut self, input: Input) -> Option<EndReason> {
        let mut end = None;
        for action in self.state.step(input, Instant::now()) {
            match action {
                Action::FirstFrame => {
                    tracing::info!("first frame");
                    self.steering.first_frame(&self.cx);
                }
                Action::ReportMissingInput if self.input_file.plays() => {}
                Action::ReportMissingInput => self.steering.report_missing_input(&self.cx),
                Action::RequestKeyFrame => self.request_key_frame(),
                Action::RestartDecoder => self.repairs.repair_decoder(&self.cx, Remedy::Rebuild),
                Action::ReplaceDecoder => self.repairs.repair_decoder(&self.cx, Remedy::Next),
                Action::End(reason) => end = Some(reason),
            }
        }
        if end.is_none() {
            self.cx.view().set_phase(self.state.phase());
        }
        end
    }

    fn request_key_frame(&self) {
        let peer = self.cx.peer().clone();
        // Owned by the runtime; ends by itself in ms.
        spawn_blocking(move || peer.receiver().map(media::Receiver::request_key_frame));
    }
}
