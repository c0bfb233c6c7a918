//! Which stage is built next: one build at a time, the newest wish waits, and those between are never built.

use std::time::{Duration, Instant};

use super::{Building, Entry, Loading, Parameters, Purpose, Scheduler, State, discard};
use crate::{
    limits,
    stage::{
        Activity, Cause,
        builds::{self, Turn},
    },
};

/// Shortest time between the starts of two builds: a person who tries pipelines chooses more slowly.
const BETWEEN_BUILDS: Duration = Duration::from_millis(250);

/// What a build has to make.
pub struct Order {
    pub number: u64,
    pub entry: Entry,
    pub parameters: Parameters,
    /// Width and height of the frames to warm it up with.
    pub size: Option<(u32, u32)>,
}

impl Scheduler {
    /// Asks for a stage in place of the one that was asked for before.
    pub fn ask_for(&mut self, entry: Entry, parameters: Parameters, purpose: Purpose) {
        self.loads += 1;
        self.retry_at = None;
        let mut place = None;
        if let Some(before) = self.loading.take() {
            if before.place.is_some() {
                limits::BUILDS.refused();
            }
            place = before.place; // the newest wish waits no longer than the first
            discard(before.built.map(|(stage, _)| stage));
        }
        let (number, place) = (self.loads, Some(place.unwrap_or_else(builds::queue)));
        self.loading = Some(Loading { number, entry, parameters, purpose, place, built: None });
    }

    /// The stage to build now, if one is asked for, no other build of this worker is under way and it is its turn.
    pub fn next_build(&mut self, now: Instant) -> Option<(Order, Turn)> {
        if self.building.is_some() || self.build_after.is_some_and(|after| now < after) {
            return None;
        }
        let loading = self.loading.as_mut()?;
        let turn = loading.place.as_ref()?.turn(now)?;
        loading.place = None;
        let limit = loading.entry.info.load_limit;
        let (number, entry, parameters) = (loading.number, loading.entry.clone(), loading.parameters.clone());
        self.building = Some(Building { number, since: now, limit });
        self.build_after = Some(now + BETWEEN_BUILDS);
        Some((Order { number, entry, parameters, size: self.size }, turn))
    }

    /// Tells the client that the stage that is asked for has to wait.
    pub fn report_waiting(&mut self) {
        let waits =
            self.loading.as_ref().filter(|loading| loading.place.is_some()).map(|loading| loading.number);
        if let Some(number) = waits
            && self.status.state != State::Loading
        {
            self.loading_step(number, "waiting for its turn to be built");
        }
    }

    /// Gives up the build under way if it takes longer than its limit; returns whether it did. `awake`: how long this
    /// process has run without being suspended.
    pub fn abandon_build(&mut self, awake: Duration) -> bool {
        let overdue = |building: &mut Building| building.since.elapsed().min(awake) >= building.limit;
        let Some(Building { number, limit, .. }) = self.building.take_if(overdue) else { return false };
        if self.loading.as_ref().is_some_and(|loading| loading.number == number) {
            let seconds = limit.as_secs_f64();
            self.load_failed(Cause::TimedOut { during: Activity::Loading, seconds }.into());
        }
        true
    }
}
