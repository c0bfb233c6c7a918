//! GStreamer bins that run as stages: inspected when the catalog is read, run in a small graph of the stage's own.
//!
//! [`Bins::inspect`] runs on the thread that reads the catalog, the rest on the stage's thread and on one streaming
//! thread per graph. Must never take a description from anywhere but the catalog.

mod inspect;
mod refusals;
mod run;
mod values;

use super::gst::{init, launch};
use crate::frame::bins::{Plan, Player, Playing, Property, Setting};

/// GStreamer as the player of bins.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bins;

impl Player for Bins {
    fn inspect(&self, plan: &Plan) -> Result<Vec<Property>, String> {
        init::start().map_err(|error| error.to_string())?;
        inspect::inspect(plan)
    }

    fn play(&self, plan: &Plan, settings: &[Setting]) -> Result<Box<dyn Playing>, String> {
        Ok(Box::new(run::Run::start(plan, settings)?))
    }
}

/// Builds the bin of a plan's description, with its one input and one output as ghost pads.
///
/// # Errors
/// The parser's message, or the missing elements with the packages that provide them.
fn parse(plan: &Plan) -> Result<gst::Bin, String> {
    use gst::prelude::*;

    let mut context = gst::ParseContext::new();
    let parsed = gst::parse::bin_from_description_full(
        &launch::strip(&plan.description),
        true,
        Some(&mut context),
        gst::ParseFlags::FATAL_ERRORS,
    );
    let missing = context.missing_elements();
    if !missing.is_empty() {
        let sentences = missing.iter().map(|element| refusals::missing(element)).collect::<Vec<_>>();
        return Err(sentences.join("; "));
    }
    let element = parsed.map_err(|error| error.message().to_owned())?;
    element.downcast().map_err(|_| "expected a description of a bin, got a single element".to_owned())
}
