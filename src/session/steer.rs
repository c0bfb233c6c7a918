//! Steering a session: what its client says on the data channel or by HTTP.
//!
//! Runs on the session's task.

use tokio::sync::oneshot;

use super::{
    Error, Message,
    actor::{Actor, Fallback},
    applied::{Accepted, Applied, Asker, Pending},
    control::{self, Update},
};
use crate::{
    media,
    recordings::What,
    stage::{self, Fault, Values},
};

impl Actor {
    pub(super) fn read_mail(&mut self) {
        let (mail, lost) = self.peer.inbox().drain();
        if lost > 0 {
            let errors =
                vec![control::fault("", format!("{lost} messages came faster than they can be read"))];
            self.say(&Message::ParametersRejected { errors, id: None });
        }
        for message in mail {
            let object = match message {
                media::Mail::Text(text) => control::parse(&text),
                media::Mail::Binary => Err(control::fault("", "expected text, got bytes".into())),
                media::Mail::TooLong(length) => {
                    Err(control::fault("", format!("expected a message under 64 KiB, got {length} bytes")))
                }
            };
            let id = object.as_ref().ok().and_then(|object| control::id(object).ok()?);
            let updated = object.map_err(stage::Error::from);
            let updated = updated.and_then(|object| self.update(object, Asker::Channel(id.clone())));
            if let Err(error) = updated {
                self.say(&Message::ParametersRejected { errors: faults(error), id });
            }
        }
    }

    /// An update by HTTP: as on the data channel, and whoever asks may wait for its frame.
    pub(super) fn update_by_http(&mut self, object: Values) -> Result<Accepted, Error> {
        let (tell, outcome) = oneshot::channel();
        self.update(object, Asker::Http(tell))?;
        Ok(Accepted { parameters: self.parameters.values.clone(), outcome })
    }

    /// What the stage did, told to whoever asked for it.
    pub(super) fn stage_event(&mut self, event: stage::Event) {
        match event {
            stage::Event::Applied { parameters, frame } => {
                self.fallback.take_if(|running| running.version <= parameters.version);
                self.recorder.parameters(frame, &parameters.values);
                for pending in self.take_pending(parameters.version) {
                    let parameters = parameters.values.clone();
                    match pending.asker {
                        Asker::Channel(id) => {
                            let ignored = pending.ignored;
                            self.say(&Message::ParametersUpdated { parameters, frame, ignored, id });
                        }
                        Asker::Http(tell) => {
                            drop(tell.send(Ok(Applied { parameters, frame: Some(frame) }))); // it gave up
                        }
                    }
                }
            }
            stage::Event::Switched { pipeline, frame } => {
                tracing::info!(pipeline, "pipeline switched");
                self.recorder.note(Some(frame), What::Pipeline { pipeline_id: pipeline.clone() });
                self.snapshot.send_modify(|snapshot| snapshot.pipeline_id.clone_from(&pipeline));
                self.say(&Message::PipelineChanged { pipeline_id: pipeline, frame });
            }
            stage::Event::Refused { kept, sentence } => {
                let refused = self.take_pending(kept.version);
                if !refused.is_empty() {
                    self.reject(
                        refused,
                        control::fault("", format!("the stage keeps what it had: {sentence}")),
                    );
                }
                if self.parameters.version == kept.version {
                    self.parameters = kept;
                    self.show_parameters();
                }
            }
            stage::Event::Wants { layouts } => {
                self.peer.set_layouts(&layouts);
                if let Some(clip) = &self.clip {
                    clip.set_layouts(&layouts);
                }
            }
            stage::Event::NotReplaced { pipeline, sentence } => {
                tracing::warn!(pipeline, sentence, "pipeline not switched");
                if let Some(running) = self.fallback.take() {
                    let why =
                        format!("{pipeline} cannot start: {sentence}; {} goes on", running.entry.info.id);
                    let asked = std::mem::take(&mut self.pending);
                    self.reject(asked, control::fault("/pipeline_id", why));
                    let version = self.parameters.version + 1;
                    self.entry = running.entry;
                    self.parameters = stage::Parameters { values: running.values, version };
                    self.show_parameters();
                }
            }
            stage::Event::State(status) => self.stage_state(status),
        }
    }

    pub(super) fn stage_state(&mut self, status: stage::Status) {
        let stage::Status { state, detail, cause, .. } = &status;
        let before = self.snapshot.borrow().stage.clone();
        let is_news = before.state != *state || before.cause != *cause;
        if state.is_well() || !is_news {
            tracing::debug!(state = state.name(), detail, "stage");
        } else {
            tracing::warn!(state = state.name(), detail, "stage");
        }
        if before.state != *state {
            self.metrics.stage_states.with_label_values(&[state.name()]).inc();
        }
        self.snapshot.send_modify(|snapshot| snapshot.stage = status.clone());
        self.say(&Message::StageState(status));
    }

    /// Checks all of an update, then applies all of it. What of applying it can fail, the thread of a file, is done last
    /// in the check, while nothing has changed yet.
    ///
    /// What is known only later is told later: a recording that cannot start by [`Message::Recording`], a stage that
    /// refuses its values or does not load by [`Message::ParametersRejected`]; what was there goes on.
    fn update(&mut self, object: Values, asker: Asker) -> Result<(), stage::Error> {
        let entry = match control::selected(&object)? {
            Some(id) => self.catalog.get(&id)?,
            None => self.entry.clone(),
        };
        let update = Update::read(object, &entry.schema, &self.in_force(&entry))?;
        self.check_load(&entry)?;
        if update.recording.is_some() && self.recorder.is_full() {
            let sentence = "the requests before it are still under way; try again".to_owned();
            return Err(control::fault("/recording", sentence).into());
        }
        let source = update.source.map(|choice| self.open(choice, &entry)).transpose()?;
        // From here on nothing fails.
        let by_http = matches!(asker, Asker::Http(_));
        if update.answered || by_http || !entry.is(&self.entry) {
            self.ask_stage(entry, update.stage);
        }
        let version = self.parameters.version;
        if by_http && update.answered {
            // The client hears of what others change.
            let asker = Asker::Channel(None);
            self.pending.push(Pending { version, ignored: update.ignored.clone(), asker });
        }
        if by_http || update.answered {
            self.pending.push(Pending { version, ignored: update.ignored, asker });
        }
        if let Some(source) = source {
            self.play(source);
        }
        if let Some(request) = update.recording {
            self.record(request, None);
        }
        if let Some(delay_ms) = update.client_delay_ms {
            self.metrics.client_delay.with_label_values::<&str>(&[]).observe(delay_ms / 1000.0);
            self.snapshot.send_modify(|snapshot| snapshot.client_delay_ms = Some(delay_ms));
        }
        Ok(())
    }

    /// What an update of that pipeline changes: the values of the stage that would take it.
    fn in_force(&self, entry: &stage::Entry) -> stage::Parameters {
        let version = self.parameters.version;
        let values = match &self.fallback {
            _ if entry.is(&self.entry) => self.parameters.values.clone(),
            Some(running) if running.entry.is(entry) => running.values.clone(),
            _ => entry.schema.defaults(),
        };
        stage::Parameters { values, version }
    }

    /// Whether another pipeline has room for this session; the one that still runs has it already.
    fn check_load(&self, entry: &stage::Entry) -> Result<(), stage::Error> {
        let runs = self.fallback.as_ref().is_some_and(|running| running.entry.is(entry));
        let is_new = entry.info.id != self.entry.info.id && !runs;
        if is_new && self.admission { entry.check_load() } else { Ok(()) }
    }

    /// Lets the stage have an update before its next frame. One of another pipeline, or of a parameter that a stage
    /// loads with, builds another stage, and what runs goes on until that is ready.
    fn ask_stage(&mut self, entry: stage::Entry, update: stage::Update) {
        let other = !entry.is(&self.entry);
        let kept = self.fallback.take_if(|running| other && running.entry.is(&entry));
        if kept.is_some() {
            let why = "another pipeline was chosen before this one was ready".to_owned();
            let asked = std::mem::take(&mut self.pending);
            self.reject(asked, control::fault("/pipeline_id", why));
        }
        let (parameters, paused) = (update.parameters.clone(), update.paused);
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
        self.show_parameters();
        self.snapshot.send_modify(|snapshot| snapshot.paused = paused.unwrap_or(snapshot.paused));
    }

    /// Takes what waits for that version of the parameters, or an earlier one.
    fn take_pending(&mut self, version: u64) -> Vec<Pending> {
        self.pending.extract_if(.., |pending| pending.version <= version).collect()
    }

    /// Tells everybody who asked why it does not come; the client without an `id` where none of theirs had one.
    fn reject(&self, asked: Vec<Pending>, fault: Fault) {
        let errors = vec![fault];
        let mut ids = Vec::new();
        for pending in asked {
            match pending.asker {
                Asker::Channel(id) => ids.extend(id.map(Some)),
                Asker::Http(tell) => drop(tell.send(Err(errors.clone()))), // it gave up
            }
        }
        if ids.is_empty() {
            ids.push(None);
        }
        for id in ids {
            self.say(&Message::ParametersRejected { errors: errors.clone(), id });
        }
    }

    fn show_parameters(&self) {
        self.snapshot.send_modify(|snapshot| snapshot.parameters.clone_from(&self.parameters.values));
    }
}

/// What was wrong, with its place in the update.
fn faults(error: stage::Error) -> Vec<Fault> {
    match error {
        stage::Error::Parameters(faults) => faults,
        of_pipeline => vec![control::fault("/pipeline_id", of_pipeline.to_string())],
    }
}
