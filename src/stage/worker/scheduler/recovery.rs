//! Loads, crashes and hangs: what clients are notified of, and when the stage is built again.

use std::time::{Duration, Instant};

use super::{Event, Policy, Purpose, Scheduler, Stage, State, Status, discard};
use crate::stage::{Activity, Cause, Crash, Error, Restart};

/// Frames are substituted while a stage spends longer than this, and than twice its usual time, on one frame. Checked
/// every 250 ms: clients are notified within a second.
const PATIENCE: Duration = Duration::from_millis(700);

impl Scheduler {
    /// A step of that load.
    pub fn loading_step(&mut self, number: u64, step: &str) {
        let Some(loading) = self.loading.as_ref().filter(|loading| loading.number == number) else { return };
        let (id, now) = (&loading.entry.info.id, &self.entry.info.id);
        let detail = match loading.purpose {
            Purpose::Replace if id != now => format!("{id}: {step}; {now} runs until it is ready"),
            Purpose::Replace => {
                format!("{id}: {step}, with new parameters; it runs with the old ones until then")
            }
            Purpose::Start => format!("{id}: {step}"),
        };
        if self.status.state == State::Restarting {
            self.publish(Status { detail, ..self.status.clone() });
        } else {
            self.publish(Status::well(State::Loading, detail));
        }
    }

    /// The end of that load; returns a stage that is not needed any more.
    pub fn loaded(
        &mut self,
        number: u64,
        built: Result<(Box<dyn Stage>, u64), Error>,
    ) -> Option<Box<dyn Stage>> {
        self.building.take_if(|building| building.number == number);
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

    /// The load has failed.
    pub fn load_failed(&mut self, crash: Crash) {
        let Some(loading) = self.loading.take() else { return };
        discard(loading.built.map(|(stage, _)| stage));
        if loading.purpose == Purpose::Start {
            return self.crashed(crash);
        }
        let (id, kept) = (loading.entry.info.id, &self.entry.info.id);
        let detail = format!("{id} cannot start: {crash}; {kept} keeps running");
        (self.events)(Event::NotReplaced { pipeline: id, sentence: crash.to_string() });
        if self.stage.is_some() || self.busy.is_some() {
            self.publish(Status::well(State::Running, detail));
        } else {
            self.retry_at = Some(Instant::now());
        }
    }

    /// Cancels the load of another stage.
    pub fn forget_load(&mut self) {
        let Some(loading) = self.loading.take_if(|loading| loading.purpose == Purpose::Replace) else {
            return;
        };
        discard(loading.built.map(|(stage, _)| stage));
        let layouts = self.entry.info.layouts.clone();
        (self.events)(Event::Wants { layouts });
        if self.stage.is_some() || self.busy.is_some() {
            self.publish(Status::well(State::Running, format!("{} keeps running", self.entry.info.id)));
        } else {
            self.retry_at = Some(Instant::now());
        }
    }

    /// The stage did not return from its frame within its deadline: abandons it with its thread.
    pub fn give_up(&mut self) {
        (self.hung, self.busy) = (None, None);
        let seconds = self.entry.info.deadline.as_secs_f64();
        self.crashed(Cause::TimedOut { during: Activity::Frame, seconds }.into());
    }

    /// The stage crashed: schedules its restart, or gives it up.
    pub fn crashed(&mut self, Crash { cause, restart }: Crash) {
        discard(self.stage.take());
        let restart = restart.unwrap_or_else(|| self.policy.crashed(Instant::now()));
        self.retry_at = match restart {
            Restart::At(due) => Some(due),
            Restart::GivenUp => None,
        };
        self.publish(Status::crashed(cause, restart));
    }

    /// Restarts a stage that was given up, on a person's request.
    pub fn try_again(&mut self, now: Instant) {
        (self.policy, self.retry_at) = (Policy::default(), Some(now));
        self.publish(Status::well(State::Restarting, "the stage restarts on request"));
    }

    /// How long the stage may spend on one frame before frames are substituted.
    pub fn patience(&self) -> Duration {
        PATIENCE.max(self.usual * 2)
    }

    /// Publishes a status if its state is a new one.
    pub fn enter(&mut self, status: Status) {
        if self.status.state != status.state {
            self.publish(status);
        }
    }

    fn publish(&mut self, status: Status) {
        self.status = status.clone();
        (self.events)(Event::State(status));
    }
}
