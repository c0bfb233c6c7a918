//! Steers a stage: the pipeline and the parameters that a session's client requests, and the replies.

use std::{collections::VecDeque, time::Duration};

use serde_json::Value;
use tokio::sync::oneshot;

use super::{
    context::Context,
    input_file::InputFile,
    recording::{Recorder, Running},
};
use crate::{
    limits,
    recordings::What,
    session::{
        Message,
        control::{self, Update},
    },
    stage::{self, Fault, Values},
};

/// Updates that wait for a stage: a person makes a few a second, and each of the newest has its reply.
const PENDING: usize = 64;

/// The stage of a session, which outlives the session if another connection resumes it.
pub struct Steering {
    catalog: stage::Catalog,
    /// Whether a pipeline without capacity for another session is refused.
    admission: bool,
    worker: stage::Worker,
    /// The requested pipeline; it may still be loading.
    entry: stage::Entry,
    parameters: stage::Parameters,
    paused: bool,
    /// The pipeline that runs while `entry` loads.
    fallback: Option<Fallback>,
    pending: VecDeque<Pending>,
}

/// The pipeline that runs while another one loads, and continues if that fails.
struct Fallback {
    entry: stage::Entry,
    values: Values,
    /// The other pipeline runs once this version of the parameters is in force.
    version: u64,
}

/// An update that is not in force yet.
struct Pending {
    version: u64,
    ignored: Vec<String>,
    requester: Requester,
}

/// The sender of an update.
pub enum Requester {
    /// The client on the data channel, with its own `id`.
    Channel(Option<Value>),
    /// A request by HTTP, which may have timed out.
    Http(oneshot::Sender<Outcome>),
}

/// The outcome of an update by HTTP.
pub type Outcome = Result<Applied, Vec<Fault>>;

/// An update by HTTP for the stage: its values, and the channel for its outcome.
pub struct Accepted {
    pub parameters: Values,
    pub outcome: oneshot::Receiver<Outcome>,
}

/// An update that is in force.
#[derive(Clone, Debug, PartialEq)]
pub struct Applied {
    /// The effective values.
    pub parameters: Values,
    /// Number of the first frame that has them; `None` if no stage has received them yet.
    pub frame: Option<u64>,
}

impl Steering {
    /// Starts building a stage.
    ///
    /// # Errors
    /// The system refused a thread.
    pub fn start(
        catalog: stage::Catalog,
        admission: bool,
        entry: stage::Entry,
        update: stage::Update,
        io: stage::Io,
        tell: stage::Tell,
    ) -> std::io::Result<Self> {
        let (parameters, paused) = (update.parameters, update.paused);
        let worker = stage::Worker::spawn(entry.clone(), parameters.clone(), io, tell)?;
        if paused.is_some() {
            let parameters = parameters.clone();
            worker.update(stage::Update { parameters, paused, ..stage::Update::default() });
        }
        let paused = paused.unwrap_or(false);
        let (fallback, pending) = (None, VecDeque::new());
        Ok(Self { catalog, admission, worker, entry, parameters, paused, fallback, pending })
    }

    /// Allows the session's slots to be closed without ending the stage: [`Steering::attach`] follows.
    pub fn detach(&mut self) {
        self.pending.clear();
        self.worker.detach();
    }

    /// Continues with another session's slots.
    pub fn attach(&self, io: stage::Io, tell: stage::Tell) {
        self.worker.attach(io, tell);
    }

    /// Ends the stage. Blocks for at most `limit`.
    pub fn stop(self, limit: Duration) {
        if let Err(left) = self.worker.stop(limit) {
            tracing::error!("{left}");
        }
    }

    /// The requested pipeline.
    pub fn info(&self) -> &stage::Info {
        &self.entry.info
    }

    /// Its values.
    pub fn values(&self) -> &Values {
        &self.parameters.values
    }

    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// The running pipeline, until the requested one has loaded.
    pub fn running(&self) -> Running<'_> {
        match &self.fallback {
            Some(running) => Running { pipeline_id: &running.entry.info.id, values: &running.values },
            None => Running { pipeline_id: &self.entry.info.id, values: &self.parameters.values },
        }
    }

    /// The stage's counters.
    pub fn counters(&self) -> &stage::Counters {
        self.worker.counters()
    }

    /// Supervises the stage, several times a second; `awake`: how long this process has run without being suspended.
    pub fn supervise(&self, awake: Duration) {
        self.worker.supervise(awake);
    }

    /// Checks an update: the pipeline that it selects, and all the rest against that pipeline's schema.
    ///
    /// # Errors
    /// Every fault.
    pub fn check(&self, object: Values) -> Result<(stage::Entry, Update), stage::Error> {
        let entry = match control::selected(&object)? {
            Some(id) => self.catalog.get(&id)?,
            None => self.entry.clone(),
        };
        let update = Update::read(object, &entry.schema, &self.in_force(&entry))?;
        let runs = self.fallback.as_ref().is_some_and(|running| running.entry.is(&entry));
        if self.admission && entry.info.id != self.entry.info.id && !runs {
            entry.check_load()?;
        }
        Ok((entry, update))
    }

    /// Applies a checked update; its sender gets the reply once the stage has it.
    pub fn apply(&mut self, cx: &Context, entry: stage::Entry, update: Update, requester: Requester) {
        let by_http = matches!(requester, Requester::Http(_));
        if update.answered || by_http || !entry.is(&self.entry) {
            self.update_stage(cx, entry, update.stage);
        }
        let (version, ignored) = (self.parameters.version, update.ignored);
        if by_http && update.answered {
            // The client learns of updates by HTTP.
            let (ignored, requester) = (ignored.clone(), Requester::Channel(None));
            self.wait_for(cx, Pending { version, ignored, requester });
        }
        if by_http || update.answered {
            self.wait_for(cx, Pending { version, ignored, requester });
        }
    }

    /// Keeps an update until it is in force; too many of them supersede the oldest.
    fn wait_for(&mut self, cx: &Context, pending: Pending) {
        self.pending.push_back(pending);
        if self.pending.len() > PENDING {
            limits::PENDING_UPDATES.refused();
            let oldest = self.pending.pop_front().into_iter();
            reject(cx, oldest, &control::fault("", limits::PENDING_UPDATES.to_string()));
        }
    }

    /// Handles an event of the stage: updates the view, replies to the senders.
    pub fn stage_event(
        &mut self,
        cx: &Context,
        recorder: &mut Recorder,
        input_file: &InputFile,
        event: stage::Event,
    ) {
        match event {
            stage::Event::Applied { parameters, frame } => {
                recorder.parameters(frame, &parameters.values);
                self.applied(cx, &parameters, frame);
            }
            stage::Event::Switched { pipeline, frame } => {
                tracing::info!(pipeline, "pipeline switched");
                recorder.add_change(Some(frame), What::Pipeline { pipeline_id: pipeline.clone() });
                cx.view().set_pipeline(&pipeline);
                cx.send(&Message::PipelineChanged { pipeline_id: pipeline, frame });
            }
            stage::Event::Refused { kept, sentence } => self.refused(cx, kept, &sentence),
            stage::Event::Wants { layouts } => {
                cx.peer().set_layouts(&layouts);
                input_file.set_layouts(&layouts);
            }
            stage::Event::NotReplaced { pipeline, sentence } => self.not_replaced(cx, &pipeline, &sentence),
            stage::Event::State(status) => show_state(cx, status),
        }
    }

    /// Notifies the client that input frames are missing, unless the pipeline generates its own.
    pub fn report_missing_input(&self, cx: &Context) {
        if self.entry.info.input == stage::Input::Required {
            show_state(cx, stage::Status::degraded(stage::Cause::NoInput));
        }
    }

    /// Frames have arrived. Only the session knows of a missing input: the stage does not report its recovery.
    pub fn first_frame(&self, cx: &Context) {
        if cx.view().stage().cause == Some(stage::Cause::NoInput) {
            show_state(cx, self.worker.status());
        }
    }

    /// The changes that an update of that pipeline makes: to the values of the stage that would receive it.
    fn in_force(&self, entry: &stage::Entry) -> stage::Parameters {
        let version = self.parameters.version;
        let values = match &self.fallback {
            _ if entry.is(&self.entry) => self.parameters.values.clone(),
            Some(running) if running.entry.is(entry) => running.values.clone(),
            _ => entry.schema.defaults(),
        };
        stage::Parameters { values, version }
    }

    /// Queues an update for the stage's next frame. For another pipeline, or a parameter that takes effect at load, it
    /// builds another stage; the running one continues until that is ready.
    fn update_stage(&mut self, cx: &Context, entry: stage::Entry, update: stage::Update) {
        let other = !entry.is(&self.entry);
        let kept = self.fallback.take_if(|running| other && running.entry.is(&entry));
        if kept.is_some() {
            let why = "another pipeline was chosen before this one was ready".to_owned();
            let rejected = std::mem::take(&mut self.pending);
            reject(cx, rejected, &control::fault("/pipeline_id", why));
        }
        self.paused = update.paused.unwrap_or(self.paused);
        let parameters = update.parameters.clone();
        let before = kept.as_ref().map_or(&self.parameters.values, |running| &running.values);
        if (other && kept.is_none()) || entry.schema.rebuilds(before, &parameters.values) {
            let running = kept.or_else(|| self.fallback.take());
            let (before, values) = running.map_or_else(
                || (self.entry.clone(), self.parameters.values.clone()),
                |running| (running.entry, running.values),
            );
            self.fallback = Some(Fallback { entry: before, values, version: parameters.version });
            self.worker.switch(entry.clone(), update);
        } else if kept.is_some() {
            self.worker.keep(update);
        } else {
            self.worker.update(update);
        }
        (self.entry, self.parameters) = (entry, parameters);
        cx.view().set_parameters(&self.parameters.values, self.paused);
    }

    fn applied(&mut self, cx: &Context, parameters: &stage::Parameters, frame: u64) {
        self.fallback.take_if(|running| running.version <= parameters.version);
        for pending in self.take_pending(parameters.version) {
            let parameters = parameters.values.clone();
            match pending.requester {
                Requester::Channel(id) => {
                    let ignored = pending.ignored;
                    cx.send(&Message::ParametersUpdated { parameters, frame, ignored, id });
                }
                Requester::Http(reply) => {
                    drop(reply.send(Ok(Applied { parameters, frame: Some(frame) }))); // caller gone
                }
            }
        }
    }

    fn refused(&mut self, cx: &Context, kept: stage::Parameters, sentence: &str) {
        let refused = self.take_pending(kept.version);
        if !refused.is_empty() {
            let sentence = format!("not applied, the previous values stay: {sentence}");
            reject(cx, refused, &control::fault("", sentence));
        }
        if self.parameters.version == kept.version {
            self.parameters = kept;
            cx.view().set_parameters(&self.parameters.values, self.paused);
        }
    }

    fn not_replaced(&mut self, cx: &Context, pipeline: &str, sentence: &str) {
        tracing::warn!(pipeline, sentence, "pipeline not switched");
        let Some(running) = self.fallback.take() else { return };
        let why = format!("{pipeline} cannot start: {sentence}; {} keeps running", running.entry.info.id);
        reject(cx, std::mem::take(&mut self.pending), &control::fault("/pipeline_id", why));
        let version = self.parameters.version + 1;
        self.entry = running.entry;
        self.parameters = stage::Parameters { values: running.values, version };
        cx.view().set_parameters(&self.parameters.values, self.paused);
    }

    /// Takes the updates that wait for that version of the parameters, or an earlier one.
    fn take_pending(&mut self, version: u64) -> VecDeque<Pending> {
        let (due, later) =
            std::mem::take(&mut self.pending).into_iter().partition(|pending| pending.version <= version);
        self.pending = later;
        due
    }
}

/// Rejects each update with these errors; the client without an `id` if none of its updates had one.
fn reject(cx: &Context, rejected: impl IntoIterator<Item = Pending>, fault: &Fault) {
    let errors = vec![fault.clone()];
    let mut ids = Vec::new();
    for pending in rejected {
        match pending.requester {
            Requester::Channel(id) => ids.extend(id.map(Some)),
            Requester::Http(reply) => drop(reply.send(Err(errors.clone()))), // caller gone
        }
    }
    if ids.is_empty() {
        ids.push(None);
    }
    for id in ids {
        cx.send(&Message::ParametersRejected { errors: errors.clone(), id });
    }
}

fn show_state(cx: &Context, status: stage::Status) {
    let stage::Status { state, detail, cause, .. } = &status;
    let before = cx.view().stage();
    let is_news = before.state != *state || before.cause != *cause;
    if state.is_well() || !is_news {
        tracing::debug!(state = state.name(), detail, "stage");
    } else if *state == stage::State::Failed {
        tracing::error!(state = state.name(), detail, "stage");
    } else {
        tracing::warn!(state = state.name(), detail, "stage");
    }
    if before.state != *state {
        cx.metrics().stage_states.with_label_values(&[state.name()]).inc();
    }
    cx.view().set_stage(status.clone());
    cx.send(&Message::StageState(status));
}

/// An error as faults, each with its place in the update.
pub fn faults(error: stage::Error) -> Vec<Fault> {
    match error {
        stage::Error::Parameters(faults) => faults,
        of_pipeline => vec![control::fault("/pipeline_id", of_pipeline.to_string())],
    }
}
