//! A stage without a session: every frame in turn, none left out, on the caller's thread.

use super::{Entry, Error, OnFailure, Output, Parameters, Stage, blank, catalog::build};
use crate::frame::Frame;

/// A stage that is fed by hand.
pub struct Offline {
    entry: Entry,
    stage: Box<dyn Stage>,
    good: Option<Frame>,
    failures: u64,
    failure: Option<String>,
}

impl Offline {
    /// Builds the stage as a session's is built, warmed up for frames like `first`.
    ///
    /// # Errors
    /// What the stage says.
    pub fn load(
        entry: Entry,
        parameters: &Parameters,
        first: &Frame,
        step: impl Fn(&str) + 'static,
    ) -> Result<Self, Error> {
        let stage = build(&entry, parameters, Some((first.width, first.height)), step)?;
        Ok(Self { entry, stage, good: None, failures: 0, failure: None })
    }

    /// The frame of that number for a pipeline that nothing comes in for.
    pub fn blank(entry: &Entry, seq: u64) -> Frame {
        let pts = entry.info.interval.mul_f64(seq as f64);
        Frame { seq, pts, ..blank::frame(&entry.info, None) }
    }

    /// Takes new parameters, between two frames.
    ///
    /// # Errors
    /// What the stage says; it goes on with the old ones.
    pub fn set(&mut self, parameters: &Parameters) -> Result<(), Error> {
        self.stage.set(parameters)
    }

    /// What is shown for a frame: what the stage makes of it, or what stands in for it; `None` where nothing is.
    ///
    /// # Errors
    /// [`Error::Died`], or what the stage says of its end.
    pub fn work(&mut self, frame: Frame) -> Result<Option<Frame>, Error> {
        let picture = match self.stage.process(&frame) {
            Ok(Output::Frame(picture)) => picture,
            Ok(Output::Passthrough) => frame,
            Ok(Output::Skip) => return Ok(None),
            Err(Error::Process(sentence)) => {
                self.failures += 1;
                self.failure = Some(sentence);
                return Ok(self.stand_in(frame));
            }
            Err(error) => return Err(error),
        };
        if self.entry.info.on_failure == OnFailure::Hold {
            self.good = Some(picture.clone());
        }
        Ok(Some(picture))
    }

    /// How many frames the stage failed on.
    pub fn failures(&self) -> u64 {
        self.failures
    }

    /// What it said of the last.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    fn stand_in(&self, frame: Frame) -> Option<Frame> {
        match self.entry.info.on_failure {
            OnFailure::Passthrough => Some(frame),
            OnFailure::Hold => self.good.clone().map(|good| Frame { seq: frame.seq, pts: frame.pts, ..good }),
            OnFailure::Skip => None,
        }
    }
}
