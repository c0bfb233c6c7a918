//! Why a description is refused: one sentence for the person, one code for the program.

use super::limits;

/// What was expected, what the peer sent and, where it is not obvious, the next step.
///
/// Text of the peer inside a message is quoted and cut to a few dozen characters.
#[allow(missing_docs, reason = "the message of each variant says what it is and what its fields are")]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("sdp: expected at most {} bytes, got {bytes}", limits::SDP_BYTES)]
    TooLarge { bytes: usize },
    #[error("sdp: expected at most {} lines, got more", limits::SDP_LINES)]
    TooManyLines,
    #[error("sdp line {line}: expected at most {} bytes, got {bytes}", limits::LINE_BYTES)]
    LineTooLong { line: usize, bytes: usize },
    #[error("sdp line {line}: expected plain text, got the control character U+{code:04X}")]
    ControlCharacter { line: usize, code: u32 },
    #[error("sdp cannot be parsed: {reason}")]
    Syntax { reason: String },

    #[error("the offer has no m-line; add a video transceiver before createOffer")]
    NoMedia,
    #[error("expected at most {} m-lines, got {count}", limits::MEDIAS)]
    TooManyMedias { count: usize },
    #[error("{place}: expected video, audio or application; remove it from the offer")]
    UnknownMedia { place: String },
    #[error("{place}: expected the protocol {expected}, got {found}")]
    BadProtocol { place: String, found: String, expected: &'static str },
    #[error("expected an m=video in use, got {offered}; add a video transceiver before createOffer")]
    NoVideo { offered: String },
    #[error("no common video codec: expected one of VP8, VP9, H264, AV1, got {offered}")]
    NoCommonCodec { offered: String },
    #[error("{place}: a second m=application; one carries all data channels")]
    SecondApplication { place: String },

    #[error("{place}: a=mid is missing")]
    MissingMid { place: String },
    #[error("{place}: expected an a=mid of 1 to {} token characters, got {found}", limits::MID_BYTES)]
    BadMid { place: String, found: String },
    #[error("{place}: a=mid:{mid} is used twice; each m-line needs its own")]
    DuplicateMid { place: String, mid: String },
    #[error("a=group:BUNDLE with mids is missing; use bundlePolicy \"max-bundle\" or \"balanced\"")]
    NoBundle,
    #[error("a=group:BUNDLE names the mid {mid}, which no m-line has")]
    UnknownBundleMid { mid: String },
    #[error("{place}: not in a=group:BUNDLE; all m-lines in use must share one transport")]
    NotBundled { place: String },
    #[error(
        "{place}: {attribute} differs from that of the first m-line of its BUNDLE group; they must be equal"
    )]
    BundleMismatch { place: String, attribute: &'static str },

    #[error("{place}: a=ice-ufrag or a=ice-pwd is missing")]
    NoIceCredentials { place: String },
    #[error("{place}: {attribute}: {reason}")]
    BadIceCredentials { place: String, attribute: &'static str, reason: String },
    #[error("{place}: a=fingerprint is missing; DTLS needs one with sha-256, sha-384 or sha-512")]
    NoFingerprint { place: String },
    #[error("{place}: a=fingerprint: {reason}")]
    BadFingerprint { place: String, reason: String },
    #[error("{place}: a=setup is missing; expected actpass, active or passive")]
    NoSetup { place: String },
    #[error("{place}: a=setup: expected actpass, active or passive, got {found}")]
    BadSetup { place: String, found: String },
    #[error("{place}: a=rtcp-mux is missing; RTP and RTCP must share one port")]
    NoRtcpMux { place: String },

    #[error("{place}: expected payload numbers of 0 to 127, each once, got {found}")]
    BadPayload { place: String, found: String },
    #[error("{place}: a=rtpmap: {reason}")]
    BadRtpmap { place: String, reason: String },
    #[error("{place}: payload {payload} is {found}, in another m-line {other}; bundled m-lines must agree")]
    PayloadClash { place: String, payload: u8, found: String, other: String },
    #[error("{place}: a=extmap: {reason}")]
    BadExtmap { place: String, reason: String },
    #[error("{place}: a={attribute}: {reason}")]
    BadSsrc { place: String, attribute: &'static str, reason: String },
    #[error("{place}: a=sctp-port is missing; expected 1 to 65535")]
    NoSctpPort { place: String },
    #[error("{place}: a=sctp-port: expected 1 to 65535, got {found}")]
    BadSctpPort { place: String, found: String },
    #[error("{place}: expected one a={attribute}, got several")]
    DuplicateAttribute { place: String, attribute: &'static str },

    #[error("expected at most {limit} candidates at once, got more")]
    TooManyCandidates { limit: usize },
    #[error("candidate: {reason}")]
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
