//! The session descriptions of a peer: offer, answer and candidates, parsed once, then trusted.
//!
//! Owns the check of every byte of SDP before GStreamer sees it, and the completion of webrtcbin's answer.
//! Pure functions that run on the caller's thread (an offer at the limits takes a few milliseconds). Must never panic on
//! any input, never do I/O and never name a GStreamer or tokio type: it is fuzzed with mutated offers.
//!
//! | step | result |
//! | --- | --- |
//! | [`Offer::parse`] | the offer's m-lines, codecs and fingerprints, and the text for webrtcbin |
//! | [`Candidate::parse`], [`parse_sdpfrag`] | candidates that trickle in later |
//! | [`Answer::finish`] | webrtcbin's answer, completed for foreign clients |
//! | [`redact`] | a description for logs and the inspector, without secrets and addresses |

mod answer;
mod attributes;
mod bundle;
mod candidate;
mod codec;
mod error;
mod fingerprint;
mod kind;
pub mod limits;
mod media;
mod offer;
mod redact;
mod sdpfrag;
mod text;
mod transport;

#[cfg(test)]
mod tests;

pub use sdp_types::Direction;

pub use answer::{Answer, AnswerPatch};
pub use candidate::{Candidate, Reach};
pub use codec::{Codec, CodecName, Feedback, H264};
pub use error::Error;
pub use fingerprint::{Fingerprint, HashAlgorithm};
pub use kind::Kind;
pub use media::{COLOR_SPACE_URI, Media, TWCC_URI};
pub use offer::Offer;
pub use redact::redact;
pub use sdpfrag::parse_sdpfrag;
