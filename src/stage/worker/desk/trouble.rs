//! Loads, crashes and hangs: what is said of them, and when the stage is built again.

use std::time::{Duration, Instant};

use super::{Desk, Event, Policy, Purpose, Stage, State, Status, discard};
use crate::stage::{Activity, Cause, Crash, Error, Restart};

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
        if self.status.state == State::Restarting {
            self.say(Status { detail, ..self.status.clone() });
        } else {
            self.say(Status::well(State::Loading, detail));
        }
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
            Err(error) => self.load_failed(error.into_crash()),
        }
        None
    }

    /// What was loading does not come.
    pub fn load_failed(&mut self, crash: Crash) {
        let Some(loading) = self.loading.take() else { return };
        discard(loading.built.map(|(stage, _)| stage));
        if loading.purpose == Purpose::Start {
            return self.crashed(crash);
        }
        let (id, kept) = (loading.entry.info.id, &self.entry.info.id);
        let detail = format!("{id} cannot start: {crash}; {kept} goes on");
        (self.events)(Event::NotReplaced { pipeline: id, sentence: crash.to_string() });
        if self.stage.is_some() || self.busy.is_some() {
            self.say(Status::well(State::Running, detail));
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
            self.say(Status::well(State::Running, format!("{} goes on", self.entry.info.id)));
        } else {
            self.retry_at = Some(Instant::now());
        }
    }

    /// The stage never came back from its frame.
    pub fn give_up(&mut self) {
        (self.relieved, self.busy) = (None, None);
        let seconds = self.entry.info.deadline.as_secs_f64();
        self.crashed(Cause::TimedOut { during: Activity::Frame, seconds }.into());
    }

    /// The stage is gone: it is built again when its time has come, or not any more.
    pub fn crashed(&mut self, Crash { cause, restart }: Crash) {
        discard(self.stage.take());
        let restart = restart.unwrap_or_else(|| self.policy.crashed(Instant::now()));
        self.retry_at = match restart {
            Restart::At(due) => Some(due),
            Restart::GivenUp => None,
        };
        self.say(Status::crashed(cause, restart));
    }

    /// A person wants the stage back that was given up.
    pub fn try_again(&mut self, now: Instant) {
        (self.policy, self.retry_at) = (Policy::default(), Some(now));
        self.say(Status::well(State::Restarting, "the stage restarts on request"));
    }

    /// How long a stage may be at a frame until its pictures are replaced.
    pub fn patience(&self) -> Duration {
        PATIENCE.max(self.usual * 2)
    }

    /// A state, said where it is a new one.
    pub fn enter(&mut self, status: Status) {
        if self.status.state != status.state {
            self.say(status);
        }
    }

    fn say(&mut self, status: Status) {
        self.status = status.clone();
        (self.events)(Event::State(status));
    }
}
