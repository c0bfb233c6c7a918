//! What the stage does next, and what is sent for a frame. Runs under the worker's lock: must never block.
//!
//! Decides about the restarts of a stage unless its crash has been decided already (see [`Policy`]).

mod building;
mod recovery;

use std::{
    collections::BTreeSet,
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

pub use self::building::Order;
use super::{
    Counters, Entry, Event, Io, Parameters, Stage, State, Status, Tell, Transition, Update,
    clock::Clock,
    discard,
    job::Job,
    load::{Building, Loading, Purpose},
};
use crate::{
    frame::{Frame, Layout},
    metrics::Step,
    stage::{
        Cause, Member, OnFailure, Values, blank,
        prompts::{Blend, PROMPTS},
        restart::Policy,
    },
};

/// Least time between two generated frames, so that times increase.
const NEXT: Duration = Duration::from_millis(1);
/// Frames in a wrong layout until the graph gets another request: it changes within a few.
const ASK_AGAIN: u32 = 30;

/// Whether more frames will arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// From the session.
    Live,
    /// One connection has ended and the next has not attached yet.
    Between,
    /// None.
    Over,
}

/// The state of a worker and its stage.
pub struct Scheduler {
    pub io: Io,
    pub life: Life,
    /// Number of the thread that has the turn, and of all that have not ended.
    pub turn: u64,
    pub threads: BTreeSet<u64>,
    /// The thread whose stage is slow on its frame, while another thread has the turn.
    pub hung: Option<u64>,
    /// Since when a stage processes a frame.
    pub busy: Option<Instant>,
    pub entry: Entry,
    pub parameters: Parameters,
    pub stage: Option<Box<dyn Stage>>,
    pub loading: Option<Loading>,
    pub loads: u64,
    /// The build under way, of that load or of one before.
    pub building: Option<Building>,
    /// When to build the stage again.
    pub retry_at: Option<Instant>,
    pub paused: bool,
    pub reset: bool,
    pub status: Status,
    pub clock: Clock,
    /// Width and height of the input, for warming up a stage.
    pub size: Option<(u32, u32)>,
    events: Tell,
    load_share: Member,
    queued: Option<(Parameters, Option<Transition>)>,
    /// No build begins before this.
    build_after: Option<Instant>,
    blend: Option<Blend>,
    /// The previous values, in case the stage rejects the newest.
    previous: Values,
    /// Version of the parameters that were last acknowledged.
    acked: u64,
    policy: Policy,
    usual: Duration,
    next_seq: u64,
    last_pts: Duration,
    /// Frames in a row in a layout that the stage does not accept.
    wrong_layouts: u32,
    /// The stage's last result, if the pipeline holds it.
    last_good: Option<Frame>,
    blank: Option<Frame>,
}

impl Scheduler {
    pub fn new(entry: Entry, parameters: Parameters, io: Io, events: Tell) -> Self {
        Self {
            io,
            life: Life::Live,
            turn: 0,
            threads: BTreeSet::new(),
            hung: None,
            busy: None,
            load_share: entry.join(),
            entry,
            acked: parameters.version,
            parameters,
            stage: None,
            loading: None,
            loads: 0,
            building: None,
            build_after: None,
            retry_at: None,
            paused: false,
            reset: false,
            status: Status::well(State::Loading, "the stage is being built"),
            clock: Clock::new(Instant::now()),
            size: None,
            events,
            queued: None,
            blend: None,
            previous: Values::new(),
            policy: Policy::default(),
            usual: Duration::ZERO,
            next_seq: 0,
            wrong_layouts: 0,
            last_pts: Duration::ZERO,
            last_good: None,
            blank: None,
        }
    }

    /// Continues with another session's slots; returns the previous ones.
    pub fn attach(&mut self, io: Io, events: Tell) -> Io {
        self.life = Life::Live;
        self.events = events;
        // The new connection counts from 0 and has a clock of its own.
        (self.next_seq, self.last_pts, self.clock) = (0, Duration::ZERO, Clock::new(Instant::now()));
        if self.status.state == State::Running {
            self.status = Status::well(State::Running, "the stage continues with a new connection");
        }
        (self.events)(Event::State(self.status.clone()));
        std::mem::replace(&mut self.io, io)
    }

    /// Takes an update for the next frame; a reset also restarts a stage that was given up.
    pub fn update(&mut self, update: Update) {
        self.paused = update.paused.unwrap_or(self.paused);
        self.reset |= update.reset;
        self.queue_parameters(update.parameters, update.transition);
        if update.reset && self.status.state == State::Failed {
            self.try_again(Instant::now());
        }
    }

    /// Queues parameters for the next frame, or for the stage that is being loaded.
    fn queue_parameters(&mut self, parameters: Parameters, transition: Option<Transition>) {
        match &mut self.loading {
            Some(loading) if loading.purpose == Purpose::Replace => loading.parameters = parameters,
            _ => {
                // The newest of several updates between two frames wins; no transition is lost.
                let before = self.queued.take().and_then(|(_, transition)| transition);
                self.queued = Some((parameters, transition.or(before)));
            }
        }
    }

    /// An input frame, with an increasing number and time.
    pub fn admitted(&mut self, mut frame: Frame) -> Frame {
        frame.seq = frame.seq.max(self.next_seq);
        self.last_pts = frame.pts;
        self.size = Some((frame.width, frame.height));
        frame
    }

    /// A generated frame, when one is due.
    pub fn generated(&mut self, now: Instant) -> Option<Frame> {
        if !self.clock.fires(&self.entry.info, now) {
            return None;
        }
        let info = &self.entry.info;
        let mut frame = self.blank.get_or_insert_with(|| blank::frame(info, None)).clone();
        self.last_pts = (self.io.clock)().max(self.last_pts + NEXT);
        (frame.seq, frame.pts, frame.since) = (self.next_seq, self.last_pts, now);
        Some(frame)
    }

    /// The stage's next job, if there is one. Frames that the stage does not accept are answered here.
    pub fn begin(&mut self, frame: Option<Frame>, counters: &Counters) -> Option<Job> {
        self.next_seq = frame.as_ref().map_or(self.next_seq, |frame| frame.seq);
        let layout = frame.as_ref().map(|frame| frame.layout);
        self.install(layout);
        self.ask_for_layouts(layout);
        self.next_seq += u64::from(frame.is_some());
        let mut frame = frame;
        if self.paused && frame.take().is_some() {
            counters.paused.fetch_add(1, Relaxed);
        }
        let fits = |frame: &Frame| self.entry.info.layouts.contains(&frame.layout);
        if self.stage.is_none() || frame.as_ref().is_some_and(|frame| !fits(frame)) {
            if let Some(frame) = frame {
                counters.failed.fetch_add(1, Relaxed);
                self.substitute(&frame, counters);
            }
            if self.status.state == State::Failed && self.take_queued(false).is_some() {
                self.ack(self.next_seq); // no stage will ever have them
            }
            return None;
        }
        let parameters = self.take_queued(frame.is_some());
        let reset = std::mem::take(&mut self.reset);
        if parameters.is_none() && !reset && frame.is_none() {
            return None;
        }
        self.busy = Some(Instant::now());
        Some(Job::new(self.stage.take()?, parameters, reset, frame, self.io.max_frame))
    }

    /// Takes the queued parameters, or the next step of a transition: the values for the next frame, if they change.
    fn take_queued(&mut self, steps: bool) -> Option<Parameters> {
        let queued = self.queued.take();
        if let Some((parameters, transition)) = &queued {
            let prompts = |values: &Values| values.get(PROMPTS).cloned();
            if transition.is_some() || prompts(&self.parameters.values) != prompts(&parameters.values) {
                let way = transition.as_ref();
                self.blend = way.and_then(|way| Blend::new(&self.parameters.values, &parameters.values, way));
            }
            self.previous = std::mem::replace(&mut self.parameters, parameters.clone()).values;
        }
        let mut parameters = queued.map(|(parameters, _)| parameters);
        if let Some(blend) = self.blend.as_mut().filter(|_| steps || parameters.is_some()) {
            let now = parameters.get_or_insert_with(|| self.parameters.clone());
            if !blend.step(&mut now.values) {
                self.blend = None;
            }
        }
        parameters
    }

    /// Takes a finished job; returns a stage that is not needed any more.
    pub fn finish(&mut self, turn: u64, job: Job, counters: &Counters) -> Option<Box<dyn Stage>> {
        let late = self.turn != turn;
        if late && self.hung != Some(turn) {
            return Some(job.stage); // given up and replaced
        }
        self.busy = None;
        self.hung = None;
        let Job { stage, frame, crash, refused, output, took, compute, .. } = job;
        let unwanted = if crash.is_some() { Some(stage) } else { self.stage.replace(stage) };
        let number = frame.as_ref().map_or(self.next_seq, |frame| frame.seq);
        if let Some(sentence) = refused {
            self.parameters.values = std::mem::take(&mut self.previous);
            self.acked = self.parameters.version;
            (self.events)(Event::Refused { kept: self.parameters.clone(), sentence });
        } else if crash.is_none() {
            self.ack(number);
        }
        if let Some(crash) = crash {
            self.crashed(crash);
        }
        if let Some(frame) = frame {
            self.usual = took.max(self.usual * 9 / 10);
            self.load_share.record(compute, Instant::now());
            self.io.ledger.record(Step::Stage, took);
            counters.processed.fetch_add(1, Relaxed);
            self.show(&frame, output, late, counters);
        }
        unwanted
    }

    /// Sends the stage's result for a frame, or its substitute.
    fn show(
        &mut self,
        frame: &Frame,
        output: Option<Result<Option<Frame>, String>>,
        late: bool,
        counters: &Counters,
    ) {
        let result = match output {
            Some(Ok(Some(result))) => result,
            Some(Ok(None)) => {
                counters.skipped.fetch_add(1, Relaxed);
                return;
            }
            failed => {
                counters.failed.fetch_add(1, Relaxed);
                if let Some(Err(message)) = failed {
                    self.enter(Status::degraded(Cause::FrameFailed { frame: frame.seq, message }));
                }
                if !late {
                    self.substitute(frame, counters);
                }
                return;
            }
        };
        if self.status.state == State::Degraded {
            self.enter(Status::well(State::Running, "the stage runs"));
        }
        if self.entry.info.on_failure == OnFailure::Hold {
            self.last_good = Some(result.clone());
        }
        // Later frames may have been sent already: a late result is sent only if nothing was sent for its frame.
        if !late || self.entry.info.on_failure == OnFailure::Skip {
            self.put(result);
        }
    }

    /// Sends what the pipeline's [`OnFailure`] declares for a frame without a result.
    fn substitute(&mut self, frame: &Frame, counters: &Counters) {
        let held = match self.entry.info.on_failure {
            OnFailure::Passthrough if !blank::is(frame) => return self.put(frame.clone()),
            OnFailure::Hold => self.last_good.clone(),
            OnFailure::Passthrough | OnFailure::Skip => None,
        };
        match held {
            Some(held) => self.put(Frame { seq: frame.seq, pts: frame.pts, ..held }),
            None => drop(counters.skipped.fetch_add(1, Relaxed)),
        }
    }

    fn put(&self, mut frame: Frame) {
        frame.since = Instant::now();
        self.io.output.put(frame); // closed: the session is ending
    }

    /// Swaps in the loaded stage between two frames, once a frame arrives in a layout that it accepts.
    fn install(&mut self, layout: Option<Layout>) {
        let fits =
            |loading: &Loading| layout.is_none_or(|layout| loading.entry.info.layouts.contains(&layout));
        if !self.loading.as_ref().is_some_and(|loading| loading.built.is_some() && fits(loading)) {
            return;
        }
        let Some(Loading { entry, parameters, purpose, built: Some((stage, version)), .. }) =
            self.loading.take()
        else {
            return;
        };
        let detail =
            stage.detail().map_or_else(|| "the stage runs".to_owned(), |on| format!("the stage runs {on}"));
        discard(self.stage.replace(stage));
        let switched = entry.info.id != self.entry.info.id;
        if switched || purpose == Purpose::Replace {
            (self.policy, self.last_good, self.blank) = (Policy::default(), None, None);
            self.load_share = entry.join();
            self.queued = None;
        }
        if switched {
            self.clock = Clock::new(Instant::now());
        }
        self.entry = entry;
        if self.queued.is_none() && parameters.version > version {
            self.queued = Some((parameters.clone(), None));
        }
        (self.hung, self.busy, self.blend, self.usual) = (None, None, None, Duration::ZERO);
        self.parameters = parameters;
        self.policy.up(Instant::now());
        if switched {
            let pipeline = self.entry.info.id.clone();
            (self.events)(Event::Switched { pipeline, frame: self.next_seq });
        }
        self.enter(Status::well(State::Running, detail));
        if self.queued.is_none() {
            self.ack(self.next_seq);
        }
    }

    /// Requests other layouts from the graph while frames arrive in one that the stage does not accept; repeats it, because the
    /// graph may not have been ready to change.
    fn ask_for_layouts(&mut self, layout: Option<Layout>) {
        let ready = self.loading.as_ref().filter(|loading| loading.built.is_some());
        let layouts = &ready.map_or(&self.entry, |loading| &loading.entry).info.layouts;
        if layout.is_none_or(|layout| layouts.contains(&layout)) {
            self.wrong_layouts = 0;
            return;
        }
        if self.wrong_layouts.is_multiple_of(ASK_AGAIN) {
            (self.events)(Event::Wants { layouts: layouts.clone() });
        }
        self.wrong_layouts += 1;
    }

    fn ack(&mut self, frame: u64) {
        if self.parameters.version > self.acked {
            self.acked = self.parameters.version;
            (self.events)(Event::Applied { parameters: self.parameters.clone(), frame });
        }
    }
}
