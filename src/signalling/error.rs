//! Why a description is refused: one sentence for the person, one code for the program.

use super::limits;

/// What was wanted, what came and, where it is not plain, what to do.
///
/// Text of the peer inside a message is quoted and cut to a few dozen characters.
#[allow(missing_docs, reason = "the message of each variant says what it is and what its fields are")]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("sdp has {bytes} bytes; at most {} are taken", limits::SDP_BYTES)]
    TooLarge { bytes: usize },
    #[error("sdp has more than {} lines", limits::SDP_LINES)]
    TooManyLines,
    #[error("sdp line {line} has {bytes} bytes; at most {} are taken", limits::LINE_BYTES)]
    LineTooLong { line: usize, bytes: usize },
    #[error("sdp line {line} holds the control character U+{code:04X}; send plain text lines")]
    ControlCharacter { line: usize, code: u32 },
    #[error("sdp does not parse: {reason}")]
    Syntax { reason: String },

    #[error("the offer has no m-line; add a video transceiver before createOffer")]
    NoMedia,
    #[error("the offer has {count} m-lines; at most {} are taken", limits::MEDIAS)]
    TooManyMedias { count: usize },
    #[error("{place} is neither video, audio nor application; remove it from the offer")]
    UnknownMedia { place: String },
    #[error("{place} has the protocol {found}; wanted {wanted}")]
    BadProtocol { place: String, found: String, wanted: &'static str },
    #[error("no m=video in use; the offer has {offered}; add a video transceiver before createOffer")]
    NoVideo { offered: String },
    #[error("no common video codec; wanted one of VP8, VP9, H264, AV1, the offer has {offered}")]
    NoCommonCodec { offered: String },
    #[error("{place} is a second data channel section; one carries all channels")]
    SecondApplication { place: String },

    #[error("{place} has no a=mid")]
    MissingMid { place: String },
    #[error("{place} has the mid {found}; wanted 1 to {} token characters", limits::MID_BYTES)]
    BadMid { place: String, found: String },
    #[error("{place} repeats the mid {mid}; each m-line needs its own")]
    DuplicateMid { place: String, mid: String },
    #[error("no a=group:BUNDLE line with mids; use bundlePolicy \"max-bundle\" or \"balanced\"")]
    NoBundle,
    #[error("a=group:BUNDLE names the mid {mid}, which no m-line has")]
    UnknownBundleMid { mid: String },
    #[error("{place} is outside a=group:BUNDLE; all m-lines in use must share one transport")]
    NotBundled { place: String },
    #[error("{place} has another {attribute} than the first m-line of its BUNDLE group; they must be equal")]
    BundleMismatch { place: String, attribute: &'static str },

    #[error("{place} lacks a=ice-ufrag or a=ice-pwd")]
    NoIceCredentials { place: String },
    #[error("{place} has {attribute} with {reason}")]
    BadIceCredentials { place: String, attribute: &'static str, reason: String },
    #[error("{place} has no a=fingerprint; DTLS needs one with sha-256, sha-384 or sha-512")]
    NoFingerprint { place: String },
    #[error("{place} has a bad a=fingerprint: {reason}")]
    BadFingerprint { place: String, reason: String },
    #[error("{place} has no a=setup; wanted actpass, active or passive")]
    NoSetup { place: String },
    #[error("{place} has a=setup:{found}; wanted actpass, active or passive")]
    BadSetup { place: String, found: String },
    #[error("{place} has no a=rtcp-mux; RTP and RTCP must share one port")]
    NoRtcpMux { place: String },

    #[error("{place} has the payload number {found}; wanted 0 to 127, each once")]
    BadPayload { place: String, found: String },
    #[error("{place} has a bad a=rtpmap: {reason}")]
    BadRtpmap { place: String, reason: String },
    #[error(
        "{place} uses payload {payload} for {found}, another m-line for {other}; bundled m-lines may not differ"
    )]
    PayloadClash { place: String, payload: u8, found: String, other: String },
    #[error("{place} has a bad a=extmap: {reason}")]
    BadExtmap { place: String, reason: String },
    #[error("{place} has a bad a={attribute}: {reason}")]
    BadSsrc { place: String, attribute: &'static str, reason: String },
    #[error("{place} has no a=sctp-port; wanted a port of 1 to 65535")]
    NoSctpPort { place: String },
    #[error("{place} has a=sctp-port:{found}; wanted 1 to 65535")]
    BadSctpPort { place: String, found: String },
    #[error("{place} has more than one a={attribute}")]
    DuplicateAttribute { place: String, attribute: &'static str },

    #[error("more than {limit} candidates at once")]
    TooManyCandidates { limit: usize },
    #[error("bad candidate: {reason}")]
    BadCandidate { reason: String },
    #[error("the answer cannot be completed: {reason}")]
    BadAnswer { reason: String },
}

impl Error {
    /// The stable code of the HTTP contract, in `snake_case`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "sdp_too_large",
            Self::TooManyLines => "sdp_too_many_lines",
            Self::LineTooLong { .. } => "sdp_line_too_long",
            Self::ControlCharacter { .. } => "sdp_control_character",
            Self::Syntax { .. } => "sdp_syntax",
            Self::NoMedia => "no_media",
            Self::TooManyMedias { .. } => "too_many_media",
            Self::UnknownMedia { .. } => "unknown_media",
            Self::BadProtocol { .. } => "bad_protocol",
            Self::NoVideo { .. } => "no_video",
            Self::NoCommonCodec { .. } => "no_common_codec",
            Self::SecondApplication { .. } => "second_application",
            Self::MissingMid { .. } => "missing_mid",
            Self::BadMid { .. } => "bad_mid",
            Self::DuplicateMid { .. } => "duplicate_mid",
            Self::NoBundle => "no_bundle",
            Self::UnknownBundleMid { .. } => "unknown_bundle_mid",
            Self::NotBundled { .. } => "not_bundled",
            Self::BundleMismatch { .. } => "bundle_mismatch",
            Self::NoIceCredentials { .. } => "no_ice_credentials",
            Self::BadIceCredentials { .. } => "bad_ice_credentials",
            Self::NoFingerprint { .. } => "no_fingerprint",
            Self::BadFingerprint { .. } => "bad_fingerprint",
            Self::NoSetup { .. } => "no_setup",
            Self::BadSetup { .. } => "bad_setup",
            Self::NoRtcpMux { .. } => "no_rtcp_mux",
            Self::BadPayload { .. } => "bad_payload",
            Self::BadRtpmap { .. } => "bad_rtpmap",
            Self::PayloadClash { .. } => "payload_clash",
            Self::BadExtmap { .. } => "bad_extmap",
            Self::BadSsrc { .. } => "bad_ssrc",
            Self::NoSctpPort { .. } => "no_sctp_port",
            Self::BadSctpPort { .. } => "bad_sctp_port",
            Self::DuplicateAttribute { .. } => "duplicate_attribute",
            Self::TooManyCandidates { .. } => "too_many_candidates",
            Self::BadCandidate { .. } => "bad_candidate",
            Self::BadAnswer { .. } => "bad_answer",
        }
    }
}
