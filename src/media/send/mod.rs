//! The sending side of video: Slot → encoder → payloader, at the bitrate that the link has room for.
//!
//! Owns one bin a session (`bin`), who may encode (`encode_limit`) and how much is sent (`congestion`, `adapt`).

mod adapt;
mod bin;
pub mod congestion;
mod encode_limit;
mod outlet;
mod sender;

pub use encode_limit::EncodeLimit;
pub use sender::Sender;
