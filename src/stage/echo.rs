//! The `echo` kind: returns the same frame, by reference. The default, and the probe that tests measure with.

use std::time::Duration;

use super::{Error, Parameters, Stage};
use crate::frame::Frame;

/// Returns every frame, after `work_ms` milliseconds.
#[derive(Default)]
pub struct Echo {
    work: Duration,
}

impl Stage for Echo {
    fn set(&mut self, parameters: &Parameters) -> Result<(), Error> {
        let milliseconds = parameters.values.get("work_ms").and_then(serde_json::Value::as_u64).unwrap_or(0);
        self.work = Duration::from_millis(milliseconds);
        Ok(())
    }

    fn process(&mut self, frame: &Frame) -> Result<Option<Frame>, Error> {
        if !self.work.is_zero() {
            std::thread::sleep(self.work);
        }
        Ok(Some(frame.clone()))
    }

    /// There is nothing to warm up.
    fn warm_up(&mut self, _frame: &Frame) -> Result<(), Error> {
        Ok(())
    }
}
