//! Loads, crashes and hangs: what is said of them, and when the stage is built again.

use std::time::{Duration, Instant};

use super::{Desk, Event, Health, Purpose, Stage, State, discard};
use crate::stage::{Error, worker::health::CRASHES};

/// A stage that is at one frame for longer than this, and than twice its usual time, lets its pictures be replaced.
/// Looked at every 250 ms: whoever watches is told within a second.
const PATIENCE: Duration = Duration::from_millis(700);

impl Desk {
    /// A step of the load of that number.
    pub fn loading_step(&mut self, number: u64, step: &str) {
        let Some(loading) = self.loading.as_ref().filter(|loading| loading.number == number) else { return };
        let (id, now) = (&loading.entry.info.id, &self.entry.info.id);
        let detail = match loading.purpose {
            Purpose::Replace if id != now => format!("{id}: {step}; {now} goes on until it is ready"),
            Purpose::Replace => {
                format!("{id}: {step}, with new parameters; it goes on with its old ones until then")
            }
            Purpose::Start => format!("{id}: {step}"),
        };
        let state = if self.state == State::Restarting { State::Restarting } else { State::Loading };
        self.say(state, detail);
    }

    /// The load of that number is over; gives back a stage that nobody waits for.
    pub fn loaded(
        &mut self,
        number: u64,
        built: Result<(Box<dyn Stage>, u64), Error>,
    ) -> Option<Box<dyn Stage>> {
        let Some(loading) = self.loading.as_mut().filter(|loading| loading.number == number) else {
            return built.ok().map(|(stage, _)| stage);
        };
        match built {
            Ok(built) => {
                loading.built = Some(built);
                let layouts = loading.entry.info.layouts.clone();
                (self.events)(Event::Wants { layouts });
            }
            Err(error) => self.load_failed(&error.to_string()),
        }
        None
    }

    /// What was loading does not come.
    pub fn load_failed(&mut self, sentence: &str) {
        let Some(loading) = self.loading.take() else { return };
        discard(loading.built.map(|(stage, _)| stage));
        let id = loading.entry.info.id;
        if loading.purpose == Purpose::Start {
            return self.crashed(&format!("{id} cannot start: {sentence}"));
        }
        let kept = self.entry.info.id.clone();
        (self.events)(Event::NotReplaced { pipeline: id.clone(), sentence: sentence.to_owned() });
        if self.stage.is_some() || self.busy.is_some() {
            self.say(State::Running, format!("{id} cannot start: {sentence}; {kept} goes on"));
        } else {
            self.retry_at = Some(Instant::now());
        }
    }

    /// What is loading is not wanted any more.
    pub fn forget_load(&mut self) {
        let Some(loading) = self.loading.take_if(|loading| loading.purpose == Purpose::Replace) else {
            return;
        };
        discard(loading.built.map(|(stage, _)| stage));
        let layouts = self.entry.info.layouts.clone();
        (self.events)(Event::Wants { layouts });
        if self.stage.is_some() || self.busy.is_some() {
            self.say(State::Running, format!("{} goes on", self.entry.info.id));
        } else {
            self.retry_at = Some(Instant::now());
        }
    }

    /// The stage never came back from its frame.
    pub fn give_up(&mut self) {
        (self.relieved, self.busy) = (None, None);
        let deadline = self.entry.info.deadline;
        self.crashed(&format!(
            "the stage did not come back from a frame within {deadline:?} and is left behind"
        ));
    }

    /// The stage is gone: it is built again when its time has come, or not any more.
    pub fn crashed(&mut self, what: &str) {
        discard(self.stage.take());
        self.retry_at = self.health.crashed(Instant::now());
        if self.retry_at.is_some() {
            self.say(State::Restarting, format!("{what}; it is started again"));
        } else {
            self.say(State::Failed, format!("{what}; it is given up after {CRASHES} crashes"));
        }
    }

    /// A person wants the stage back that was given up.
    pub fn try_again(&mut self, now: Instant) {
        (self.health, self.retry_at) = (Health::default(), Some(now));
        self.say(State::Restarting, "the stage is started again on request".into());
    }

    /// How long a stage may be at a frame until its pictures are replaced.
    pub fn patience(&self) -> Duration {
        PATIENCE.max(self.usual * 2)
    }

    /// A state, said where it is a new one.
    pub fn enter(&mut self, state: State, detail: String) {
        if self.state != state {
            self.say(state, detail);
        }
    }

    fn say(&mut self, state: State, detail: String) {
        self.state = state;
        (self.events)(Event::State { state, detail });
    }
}
