//! One job of a stage: new parameters, a reset, a frame. Runs on the thread `stage`, outside the worker's lock.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use super::super::{Cause, Crash, Error, Parameters, Stage, catalog::panic_text};
use crate::{
    frame::{Frame, MaxFrame},
    limits,
};

/// A job, with the stage that runs it; [`Job::run`] adds the outcome.
pub struct Job {
    /// The stage.
    pub stage: Box<dyn Stage>,
    /// What to set first.
    pub parameters: Option<Parameters>,
    /// Whether to reset the stage then.
    pub reset: bool,
    /// What to process last.
    pub frame: Option<Frame>,
    /// The largest frame that the stage may return.
    max_frame: MaxFrame,
    /// Why the stage has ended.
    pub crash: Option<Crash>,
    /// Why the stage keeps its previous parameters.
    pub refused: Option<String>,
    /// The stage's output for the frame, or why it failed on it; `None` without a frame and if the stage has ended.
    pub output: Option<Result<Option<Frame>, String>>,
    /// How long the stage processed the frame.
    pub took: Duration,
    /// How long the stage computed for it.
    pub compute: Duration,
}

impl Job {
    /// A job that has not run.
    pub fn new(
        stage: Box<dyn Stage>,
        parameters: Option<Parameters>,
        reset: bool,
        frame: Option<Frame>,
        max_frame: MaxFrame,
    ) -> Self {
        let (took, compute) = (Duration::ZERO, Duration::ZERO);
        let (crash, refused, output) = (None, None, None);
        Self { stage, parameters, reset, frame, max_frame, crash, refused, output, took, compute }
    }

    /// Runs it. Blocks as long as the stage does; a panic ends the stage.
    pub fn run(&mut self) {
        let started = Instant::now();
        let worked = catch_unwind(AssertUnwindSafe(|| {
            let set = self.parameters.as_ref().map_or(Ok(()), |parameters| self.stage.set(parameters));
            if self.reset {
                self.stage.reset();
            }
            let output = self.frame.as_ref().map(|frame| self.stage.process(frame));
            (set, output, self.stage.compute())
        }));
        self.took = started.elapsed();
        let (set, output, compute) = match worked {
            Ok(worked) => worked,
            Err(panic) => {
                self.compute = self.took;
                self.crash = Some(Cause::Panicked { message: panic_text(&*panic) }.into());
                return;
            }
        };
        self.compute = compute.unwrap_or(self.took);
        match set {
            Err(Error::Died(crash)) => self.crash = Some(crash),
            Err(error) => self.refused = Some(error.to_string()),
            Ok(()) => {}
        }
        let sized = |made: Option<Frame>| made.map(|frame| sized(frame, self.max_frame)).transpose();
        match output.map(|made| made.and_then(sized)) {
            Some(Err(Error::Died(crash))) => self.crash = Some(crash),
            output => self.output = output.map(|made| made.map_err(|error| error.to_string())),
        }
    }
}

/// The frame, unless it is too large to be encoded and sent.
fn sized(frame: Frame, max: MaxFrame) -> Result<Frame, Error> {
    let (width, height) = (frame.width, frame.height);
    if max.allows(width, height) {
        return Ok(frame);
    }
    limits::FRAME_SIZE.refused();
    Err(Error::Process(format!(
        "expected frames of at most {max}, got {width}x{height}; let the pipeline return smaller ones, or raise --max-frame"
    )))
}
