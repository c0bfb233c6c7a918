//! Builds a stage and warms it up, on the thread that calls.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::Entry;
use crate::stage::{Cause, Error, Parameters, Stage, blank, progress};

/// Builds a stage with `parameters` and warms it up with a black frame of `size`, or its own; reports each step.
///
/// # Errors
/// The stage's error, or its panic's text.
pub fn build(
    entry: &Entry,
    parameters: &Parameters,
    size: Option<(u32, u32)>,
    step: impl Fn(&str) + 'static,
) -> Result<Box<dyn Stage>, Error> {
    let building = || {
        progress::report("starting");
        let mut stage = entry.take_spare().map_or_else(|| (entry.factory)(), Ok)?;
        stage.set(parameters)?;
        progress::report("warming up");
        match stage.warm_up(&blank::frame(&entry.info, size)) {
            // A stage may fail on a black frame and work with others.
            Ok(()) | Err(Error::Process(_)) => Ok(stage),
            Err(error) => Err(error),
        }
    };
    catch_unwind(AssertUnwindSafe(|| progress::listen(step, building)))
        .unwrap_or_else(|panic| Err(Cause::Panicked { message: panic_text(&*panic) }.into()))
}

/// The text of a panic.
pub fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".into())
}
