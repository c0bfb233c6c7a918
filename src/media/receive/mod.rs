//! The receiving side of video: packets → decoder → Slot, and what keeps one damaged packet from stopping it.
//!
//! Owns one bin a session (`bin`), which is built when packets come.

mod bin;
mod inlet;
mod loss_guard;
mod playout;
mod receiver;
mod stall;

pub use receiver::{Receiver, Remedy};
