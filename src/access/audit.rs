//! Who changed what: a line for each change of state, refused ones included, on the tracing target `audit`. Values stay
//! out of it: prompts are private.

use std::fmt::Display;

use super::caller::Caller;

/// Notes that a caller changed something, or was refused to: `what` is a route or a key of an update, `on` the id of what
/// it is about.
pub fn note(caller: &Caller, what: &str, on: &str, outcome: &dyn Display) {
    let (who, role, from) = (caller.subject(), caller.role().name(), caller.from());
    tracing::info!(target: "audit", %who, role, %from, what, on, %outcome, "change");
}
