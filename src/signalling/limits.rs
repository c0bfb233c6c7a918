//! The limits of a description; beyond one the peer gets a clear error.

use std::ops::RangeInclusive;

/// Bytes of one description. A browser's offer has 5 to 12 KiB; 4000 extmap lines (0.2 MiB) took webrtcbin 35 ms.
pub const SDP_BYTES: usize = 256 * 1024;

/// Lines of one description. A browser's offer has 100 to 300; bounds the work per line at one m-line's worth.
pub const SDP_LINES: usize = 8000;

/// Bytes of one line, its end not counted. GStreamer's SDP parser cuts a field at 8191 bytes silently, so that a
/// longer line would mean one thing here and another there.
pub const LINE_BYTES: usize = 8 * 1024;

/// m-lines of one offer. A session uses three (video, audio, data channel); a page that reuses its peer connection
/// has a few more.
pub const MEDIAS: usize = 16;

/// Candidates of one session that connectivity checks go to; further ones are ignored. A browser has one or two for each
/// address of its host, and libnice stops at 100 pairs.
pub const CANDIDATES: usize = 30;

/// Candidates of one offer. Three m-lines with a dozen interfaces each stay below it; every candidate costs a
/// connectivity check per local address.
pub const CANDIDATES_PER_OFFER: usize = 100;

/// Candidates of one PATCH, for the same reason.
pub const CANDIDATES_PER_PATCH: usize = 100;

/// Bytes of one trickled candidate: the longest that browsers send have about 250.
pub const CANDIDATE_BYTES: usize = 1024;

/// Distinct fingerprints of one m-line or of the session. RFC 8122 allows one per certificate and hash; clients send
/// one or two.
pub const FINGERPRINTS: usize = 16;

/// Bytes of an `a=mid` value. Browsers use one digit, GStreamer `video0`, and a UUID has 36.
pub const MID_BYTES: usize = 64;

/// Bytes of `a=ice-ufrag` (RFC 8839 section 5.4).
pub const ICE_UFRAG_BYTES: RangeInclusive<usize> = 4..=256;

/// Bytes of `a=ice-pwd` (RFC 8839 section 5.4).
pub const ICE_PWD_BYTES: RangeInclusive<usize> = 22..=256;

/// Bytes of a candidate's foundation (RFC 8839 section 5.1).
pub const FOUNDATION_BYTES: RangeInclusive<usize> = 1..=32;

/// Bytes of one data-channel message, as the answer's `a=max-message-size` says. usrsctp passes on a message in parts once
/// 64 KiB of it have arrived and more is to come; nobody marks the parts, so that none may be as short as a message.
pub const MESSAGE_BYTES: usize = 64 * 1024 - 1;

/// Bytes of the stream id and of the track id in `a=msid` (RFC 8830 section 2).
pub const MSID_BYTES: RangeInclusive<usize> = 1..=64;
