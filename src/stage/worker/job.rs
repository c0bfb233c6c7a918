//! One job of a stage: new parameters, a reset, a frame. Runs on the thread `stage`, outside the worker's lock.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use super::super::{Cause, Crash, Error, Output, Parameters, Stage, catalog::panic_text};
use crate::frame::Frame;

/// A job, with the stage that runs it.
pub struct Job {
    pub stage: Box<dyn Stage>,
    pub parameters: Option<Parameters>,
    pub reset: bool,
    pub frame: Option<Frame>,
}

/// Its result.
pub struct Done {
    /// The stage.
    pub stage: Option<Box<dyn Stage>>,
    /// Why the stage has ended.
    pub crash: Option<Crash>,
    /// Why the stage keeps its previous parameters.
    pub refused: Option<String>,
    pub frame: Option<Frame>,
    /// The output for the frame; `None` if the stage failed on it.
    pub output: Option<Output>,
    /// Why the stage failed on it.
    pub failure: Option<String>,
    /// How long the stage processed the frame.
    pub took: Duration,
    /// How long the stage computed for it.
    pub compute: Duration,
}

impl Job {
    /// Runs it. Blocks as long as the stage does; a panic ends the stage.
    pub fn run(mut self) -> Done {
        let started = Instant::now();
        let worked = catch_unwind(AssertUnwindSafe(|| {
            let set = self.parameters.as_ref().map_or(Ok(()), |parameters| self.stage.set(parameters));
            if self.reset {
                self.stage.reset();
            }
            let output = self.frame.as_ref().map(|frame| self.stage.process(frame)).transpose();
            (set, output, self.stage.compute())
        }));
        let took = started.elapsed();
        let mut done = Done {
            stage: Some(self.stage),
            crash: None,
            refused: None,
            frame: self.frame,
            output: None,
            failure: None,
            took,
            compute: took,
        };
        let (set, output, compute) = match worked {
            Ok(worked) => worked,
            Err(panic) => {
                done.crash = Some(Cause::Panicked { message: panic_text(&*panic) }.into());
                return done;
            }
        };
        done.compute = compute.unwrap_or(took);
        match set {
            Err(Error::Died(crash)) => done.crash = Some(crash),
            Err(error) => done.refused = Some(error.to_string()),
            Ok(()) => {}
        }
        match output {
            Err(Error::Died(crash)) => done.crash = Some(crash),
            Err(error) => done.failure = Some(error.to_string()),
            Ok(output) => done.output = output,
        }
        done
    }
}
