//! Sends video: Slot → encoder → payloader, at the bitrate that the link can carry.
//!
//! Owns one bin per session (`bin`), the limit on concurrent encodes (`encode_limit`) and the bitrate, resolution and
//! frame rate (`congestion`, `adapt`).

mod adapt;
mod bin;
pub mod congestion;
mod encode_limit;
mod outlet;
mod sender;

pub use encode_limit::EncodeLimit;
pub use sender::Sender;
