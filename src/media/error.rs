//! Why a graph cannot be built, negotiated or run.

use std::time::Duration;

use crate::{
    frame::MaxFrame,
    signalling::{self, CodecName},
};

/// Why a graph cannot be built, negotiated or run.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// Elements are not installed.
    #[error("GStreamer elements {elements} are missing; install {packages}")]
    Missing {
        /// Element names.
        elements: String,
        /// Debian packages that provide them.
        packages: String,
    },
    /// No codec works both ways on this host.
    #[error("no video codec works here: {0}")]
    NoCodec(String),
    /// The offer has no codec that this server accepts.
    #[error("no common video codec; the offer has {offered}, this server accepts {known}")]
    NoCommonCodec {
        /// Codecs of the offer.
        offered: String,
        /// Codecs of this server.
        known: String,
    },
    /// webrtcbin rejected the offer, or failed to answer it.
    #[error("{step}: {detail}")]
    Negotiation {
        /// Which step of the negotiation.
        step: &'static str,
        /// webrtcbin's reason.
        detail: String,
    },
    /// ICE found no free port in its range.
    #[error("no free UDP port in {low} to {high}; try again later, or widen the server's port range")]
    NoPorts {
        /// First port of the range.
        low: u16,
        /// Last port of the range.
        high: u16,
    },
    /// The session sends a codec other than H.264, which an MPEG transport stream needs here.
    #[error(
        "expected a session that sends H.264, got {0}; allow H.264 with --codecs to get a transport stream"
    )]
    NoStream(CodecName),
    /// A file's frames are too large to be decoded.
    #[error(
        "expected frames of at most {max}, got {width}x{height}; scale the file down, or raise --max-frame"
    )]
    FrameTooLarge {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// The largest allowed.
        max: MaxFrame,
    },
    /// A step took too long.
    #[error("{step} took over {limit:?}")]
    Timeout {
        /// Which step.
        step: &'static str,
        /// Its limit.
        limit: Duration,
    },
    /// webrtcbin's answer could not be completed.
    #[error("cannot complete the answer: {0}")]
    Answer(#[from] signalling::Error),
    /// The graph could not be built.
    #[error("{0}")]
    Graph(String),
}

impl Error {
    /// Whether installing a package on the host would help.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. } | Self::NoCodec(_))
    }
}

impl From<gst::glib::BoolError> for Error {
    fn from(error: gst::glib::BoolError) -> Self {
        Self::Graph(error.to_string())
    }
}
