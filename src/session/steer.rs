//! Steering a session: what its client says on the data channel or by HTTP.
//!
//! Runs on the session's task.

use super::{
    Message, StageInfo,
    actor::{Actor, Fallback},
    control,
};
use crate::{media, recordings::What, stage};

impl Actor {
    pub(super) fn read_mail(&mut self) {
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
    }

    fn read_message(&mut self, text: &str) -> Result<(), (Vec<stage::Fault>, Option<serde_json::Value>)> {
        let (mut object, id) = control::parse(text).map_err(|faults| (faults, None))?;
        let delay = control::take_client_delay(&mut object).map_err(|faults| (faults, id.clone()))?;
        if let Some(delay_ms) = delay {
            self.metrics.client_delay.with_label_values::<&str>(&[]).observe(delay_ms / 1000.0);
            self.snapshot.send_modify(|snapshot| snapshot.client_delay_ms = Some(delay_ms));
            if object.is_empty() && id.is_none() {
                return Ok(());
            }
        }
        let pipeline = control::take_pipeline(&mut object).map_err(|faults| (faults, id.clone()))?;
        if let Some(pipeline) = pipeline {
            self.switch(&pipeline).map_err(|error| (not_chosen(&error), id.clone()))?;
            if object.is_empty() && id.is_none() {
                return Ok(());
            }
        }
        let recording = control::take_recording(&mut object).map_err(|faults| (faults, id.clone()))?;
        if let Some(request) = recording {
            self.record(request, None);
            if object.is_empty() && id.is_none() {
                return Ok(());
            }
        }
        self.update(object, id.clone()).map_err(|faults| (faults, id))
    }

    /// What the stage did, told to whoever asked for it.
    pub(super) fn stage_event(&mut self, event: stage::Event) {
        match event {
            stage::Event::Applied { parameters, frame } => {
                self.fallback.take_if(|running| running.version <= parameters.version);
                self.recorder.parameters(frame, &parameters.values);
                let ready = |pending: &(u64, _, _)| pending.0 <= parameters.version;
                let answered: Vec<_> = self.pending.extract_if(.., |pending| ready(pending)).collect();
                for (_, id, ignored) in answered {
                    let parameters = parameters.values.clone();
                    self.say(&Message::ParametersUpdated { parameters, frame, ignored, id });
                }
            }
            stage::Event::Switched { pipeline, frame } => {
                tracing::info!(pipeline, "pipeline switched");
                self.recorder.note(Some(frame), What::Pipeline { pipeline_id: pipeline.clone() });
                self.snapshot.send_modify(|snapshot| snapshot.pipeline_id.clone_from(&pipeline));
                self.say(&Message::PipelineChanged { pipeline_id: pipeline, frame });
            }
            stage::Event::Refused { kept, sentence } => {
                let errors = vec![control::fault("", format!("the stage keeps what it had: {sentence}"))];
                let refused = self.pending.extract_if(.., |pending| pending.0 <= kept.version);
                for (_, id, _) in refused.collect::<Vec<_>>() {
                    self.say(&Message::ParametersRejected { errors: errors.clone(), id });
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
                    self.go_back(running, &why);
                }
            }
            stage::Event::State { state, detail } => self.stage_state(state, detail),
        }
    }

    pub(super) fn stage_state(&mut self, state: stage::State, detail: String) {
        if state == stage::State::Running {
            tracing::debug!(detail, "stage runs");
        } else {
            tracing::warn!(?state, detail, "stage");
        }
        if self.snapshot.borrow().stage.state != state {
            self.metrics.stage_states.with_label_values(&[state.name()]).inc();
        }
        self.snapshot.send_modify(|snapshot| snapshot.stage = StageInfo { state, detail: detail.clone() });
        self.say(&Message::StageState { state, detail });
    }

    /// Checks an update and lets the stage have it before its next frame. One that changes what the stage loads with
    /// builds another, and the stage goes on until that is ready.
    pub(super) fn update(
        &mut self,
        mut object: stage::Values,
        id: Option<serde_json::Value>,
    ) -> Result<(), Vec<stage::Fault>> {
        let choice = control::take_source(&mut object)?;
        let update = control::check(object, &self.parameters.values, &self.entry.schema)?;
        if let Some(choice) = choice {
            self.choose(choice)?;
        }
        let parameters = stage::Parameters { values: update.values, version: self.parameters.version + 1 };
        self.pending.push((parameters.version, id, update.ignored));
        if self.entry.schema.rebuilds(&self.parameters.values, &parameters.values) {
            self.replace(self.entry.clone(), parameters.clone());
        }
        self.parameters = parameters.clone();
        self.worker.set(stage::Update {
            parameters,
            transition: update.transition,
            paused: update.paused,
            reset: update.reset,
        });
        self.show_parameters();
        self.snapshot.send_modify(|snapshot| snapshot.paused = update.paused.unwrap_or(snapshot.paused));
        Ok(())
    }

    pub(super) fn switch(&mut self, pipeline: &str) -> Result<(), stage::Error> {
        let entry = self.catalog.get(pipeline)?;
        if entry.is(&self.entry) {
            return Ok(());
        }
        if let Some(running) = self.fallback.take_if(|running| running.entry.is(&entry)) {
            let parameters = self.go_back(running, "another pipeline was chosen before this one was ready");
            self.worker.keep(parameters);
            return Ok(());
        }
        if self.entry.info.id != entry.info.id && self.admission {
            entry.check_load()?;
        }
        let parameters =
            stage::Parameters { values: entry.schema.defaults(), version: self.parameters.version + 1 };
        self.replace(entry.clone(), parameters.clone());
        (self.entry, self.parameters) = (entry, parameters);
        self.show_parameters();
        Ok(())
    }

    /// Lets another stage load; what runs until then is remembered, for when it does not come.
    fn replace(&mut self, entry: stage::Entry, parameters: stage::Parameters) {
        let version = parameters.version;
        let running = self.fallback.take();
        let (before, values) = running
            .map_or_else(|| (self.entry.clone(), self.parameters.values.clone()), |it| (it.entry, it.values));
        self.fallback = Some(Fallback { entry: before, values, version });
        self.worker.switch(entry, parameters);
    }

    /// The stage stays; whoever asked for something else is told why.
    pub(super) fn go_back(&mut self, running: Fallback, why: &str) -> stage::Parameters {
        let errors = vec![control::fault("/pipeline_id", why.to_owned())];
        let asked = std::mem::take(&mut self.pending);
        let mut ids: Vec<_> = asked.into_iter().filter_map(|(_, id, _)| id).map(Some).collect();
        if ids.is_empty() {
            ids.push(None);
        }
        for id in ids {
            self.say(&Message::ParametersRejected { errors: errors.clone(), id });
        }
        self.entry = running.entry;
        self.parameters = stage::Parameters { values: running.values, version: self.parameters.version + 1 };
        self.show_parameters();
        self.parameters.clone()
    }

    pub(super) fn show_parameters(&self) {
        self.snapshot.send_modify(|snapshot| snapshot.parameters.clone_from(&self.parameters.values));
    }
}

fn not_chosen(error: &stage::Error) -> Vec<stage::Fault> {
    vec![control::fault("/pipeline_id", error.to_string())]
}
