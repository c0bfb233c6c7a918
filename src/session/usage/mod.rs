//! What a session has used, counted at its end: a line of the usage log, and totals of the server.
//!
//! Nothing is counted here: the numbers are those that the session keeps for its client and for the metrics.

mod log;

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

pub use log::{Log, OpenError};
use serde::Serialize;

use super::{EndReason, Id};
use crate::{
    access::Subject,
    media,
    metrics::{Ledger, Step},
};

/// What one session has used. A connection that resumes another one is a session of its own, and counts from zero.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Usage {
    /// When it ended, RFC 3339 in UTC.
    pub at: String,
    /// The session.
    pub session: Id,
    /// Who owned it.
    pub subject: Subject,
    /// Its pipelines, each once, in the order of their first frames.
    pub pipelines: Vec<String>,
    /// Seconds from its answer to its end.
    pub seconds: f64,
    /// The media.
    #[serde(flatten)]
    pub media: Media,
    /// Bytes of the recordings that ended in it or with it.
    pub recording_bytes: u64,
    /// Why it ended.
    pub reason: EndReason,
}

/// What the media of one session took. The server's threads work for many sessions, so the processor time of one is not
/// known; the time that its frames spend in each step is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Media {
    /// Frames decoded.
    pub frames_in: u64,
    /// Frames encoded.
    pub frames_out: u64,
    /// Seconds that its frames spent in the decoder.
    pub decode_s: f64,
    /// In the stage.
    pub stage_s: f64,
    /// In the encoder.
    pub encode_s: f64,
    /// Bytes received, as ICE carries them.
    pub bytes_in: u64,
    /// Bytes sent.
    pub bytes_out: u64,
}

impl Media {
    /// What a graph and its frames have taken so far.
    pub fn of(peer: &media::Peer, ledger: &Ledger) -> Self {
        let counters = peer.counters();
        let seconds = |step| milliseconds(ledger.sum(step).0);
        Self {
            frames_in: counters.frames_in.load(Relaxed),
            frames_out: counters.encoded.load(Relaxed),
            decode_s: seconds(Step::Decode),
            stage_s: seconds(Step::Stage),
            encode_s: seconds(Step::Encode),
            bytes_in: counters.bytes_in.load(Relaxed),
            bytes_out: counters.bytes_out.load(Relaxed),
        }
    }
}

/// A time in seconds, to the millisecond.
pub fn seconds(time: Duration) -> f64 {
    milliseconds(time.as_secs_f64())
}

fn milliseconds(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}
