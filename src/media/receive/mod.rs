//! Receives video: packets → decoder → Slot, and survives damaged packets.
//!
//! Owns one bin per session (`bin`), built when packets arrive.

mod bin;
mod inlet;
mod loss_guard;
mod playout;
mod receiver;
mod stall;

pub use receiver::{Receiver, Remedy};
