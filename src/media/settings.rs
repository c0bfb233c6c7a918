//! Settings that the graphs of all sessions share.

use std::{collections::HashMap, net::IpAddr, time::Duration};

use crate::{frame::MaxFrame, signalling::CodecName};

/// Settings that the graphs of all sessions share.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Codecs that an answer may choose.
    pub codecs: Vec<CodecName>,
    /// Which of several common codecs the answer chooses.
    pub codec_policy: CodecPolicy,
    /// Encoder element by codec, for codecs with a forced encoder.
    pub forced_encoders: HashMap<CodecName, String>,
    /// The largest frame that is decoded, played or sent.
    pub max_frame: MaxFrame,
    /// Longest wait for a retransmission; in-order packets never wait. Small values break retransmission.
    pub jitter_buffer: Duration,
    /// Bitrate at which a session starts, in bit/s.
    pub start_bitrate_bps: u32,
    /// Lower bound for congestion control, in bit/s.
    pub min_bitrate_bps: u32,
    /// Upper bound for congestion control, in bit/s.
    pub max_bitrate_bps: u32,
    /// Whether transport-wide congestion control drives the bitrate.
    pub congestion_control: bool,
    /// How long the answer waits for candidates.
    pub gather_limit: Duration,
    /// UDP ports for ICE, inclusive; `None` lets the system choose.
    pub udp_ports: Option<(u16, u16)>,
    /// Addresses that the answer advertises instead of this host's own (Docker, NAT).
    pub advertised: Vec<IpAddr>,
    /// Whether ICE over TCP is offered too.
    pub ice_tcp: bool,
}

/// Which of several common codecs the answer chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodecPolicy {
    /// The one that costs this host least for the same quality.
    Cheapest,
    /// The one that the offer names first.
    Offer,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            codecs: vec![CodecName::Vp8, CodecName::Vp9, CodecName::H264],
            codec_policy: CodecPolicy::Cheapest,
            forced_encoders: HashMap::new(),
            max_frame: MaxFrame::default(),
            jitter_buffer: Duration::from_millis(600),
            start_bitrate_bps: 600_000,
            min_bitrate_bps: 100_000,
            max_bitrate_bps: 4_000_000,
            congestion_control: true,
            gather_limit: Duration::from_secs(1),
            udp_ports: None,
            advertised: Vec::new(),
            ice_tcp: false,
        }
    }
}
