//! A stage without a session: every frame in order, none dropped, on the caller's thread.

use super::{Entry, Error, OnFailure, Parameters, Stage, blank, catalog::build};
use crate::frame::Frame;

/// A stage whose caller passes each frame.
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
    /// The stage's error.
    pub fn load(
        entry: Entry,
        parameters: &Parameters,
        first: &Frame,
        step: impl Fn(&str) + 'static,
    ) -> Result<Self, Error> {
        let stage = build(&entry, parameters, Some((first.width, first.height)), step)?;
        Ok(Self { entry, stage, good: None, failures: 0, failure: None })
    }

    /// The frame of that number for a pipeline without input.
    pub fn blank(entry: &Entry, seq: u64) -> Frame {
        let pts = entry.info.interval.mul_f64(seq as f64);
        Frame { seq, pts, ..blank::frame(&entry.info, None) }
    }

    /// Sets new parameters, between two frames.
    ///
    /// # Errors
    /// The stage's error; it continues with the old ones.
    pub fn set(&mut self, parameters: &Parameters) -> Result<(), Error> {
        self.stage.set(parameters)
    }

    /// The output for a frame: the stage's, or the substitute of [`OnFailure`]; `None` for no output.
    ///
    /// # Errors
    /// [`Error::Died`], or the stage's error at its end.
    pub fn work(&mut self, frame: Frame) -> Result<Option<Frame>, Error> {
        let frame_out = match self.stage.process(&frame) {
            Ok(Some(frame_out)) => frame_out,
            Ok(None) => return Ok(None),
            Err(Error::Process(sentence)) => {
                self.failures += 1;
                self.failure = Some(sentence);
                return Ok(self.stand_in(frame));
            }
            Err(error) => return Err(error),
        };
        if self.entry.info.on_failure == OnFailure::Hold {
            self.good = Some(frame_out.clone());
        }
        Ok(Some(frame_out))
    }

    /// How many frames the stage failed on.
    pub fn failures(&self) -> u64 {
        self.failures
    }

    /// The error of the last one.
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
