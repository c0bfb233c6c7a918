//! Steering a session: what its client says on the data channel or by HTTP.
//!
//! Runs on the session's task.

use super::{Message, actor::Actor, control};
use crate::{media, stage};

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
            let refused = |error: stage::Error| vec![control::fault("/pipeline_id", error.to_string())];
            self.switch(&pipeline).map_err(|error| (refused(error), id.clone()))?;
            if object.is_empty() && id.is_none() {
                return Ok(());
            }
        }
        self.update(object, id.clone()).map_err(|faults| (faults, id))
    }

    /// Checks an update and lets the stage have it before its next frame.
    pub(super) fn update(
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

    pub(super) fn switch(&mut self, pipeline: &str) -> Result<(), stage::Error> {
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
}
