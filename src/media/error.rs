//! What can go wrong in a graph.

use std::time::Duration;

use crate::signalling::{self, CodecName};

/// What can go wrong in the graph.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// Elements are not installed.
    #[error("GStreamer elements {elements} are missing; install {packages}")]
    Missing {
        /// Element names.
        elements: String,
        /// Debian packages that bring them.
        packages: String,
    },
    /// No codec works both ways on this host.
    #[error("no video codec works here: {0}")]
    NoCodec(String),
    /// The offer has no codec that this server takes.
    #[error("no common video codec; the offer has {offered}, this server takes {known}")]
    NoCommonCodec {
        /// Codecs of the offer.
        offered: String,
        /// Codecs of this server.
        known: String,
    },
    /// The offer is one that webrtcbin refuses.
    #[error("{step}: {detail}")]
    Negotiation {
        /// Which step of the negotiation.
        step: &'static str,
        /// What it said.
        detail: String,
    },
    /// ICE found no free port in its range.
    #[error("no UDP port of {low} to {high} is free; try again later, or give the server more of them")]
    NoPorts {
        /// First port of the range.
        low: u16,
        /// Last port of the range.
        high: u16,
    },
    /// A transport stream of another codec than H.264.
    #[error(
        "a transport stream holds H.264 and this session sends {0}; let the server allow H.264 with --codecs"
    )]
    NoStream(CodecName),
    /// A step took too long.
    #[error("{step} took over {limit:?}")]
    Timeout {
        /// Which step.
        step: &'static str,
        /// Its limit.
        limit: Duration,
    },
    /// The answer of webrtcbin could not be finished.
    #[error("the answer cannot be finished: {0}")]
    Answer(#[from] signalling::Error),
    /// The graph could not be built.
    #[error("{0}")]
    Graph(String),
}

impl Error {
    /// Whether the host lacks something that a package would bring.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. } | Self::NoCodec(_))
    }
}

impl From<gst::glib::BoolError> for Error {
    fn from(error: gst::glib::BoolError) -> Self {
        Self::Graph(error.to_string())
    }
}
