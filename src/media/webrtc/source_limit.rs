//! Limits a peer's synchronisation sources (SSRCs): packets of further ones never reach libsrtp.
//!
//! libsrtp keeps about 4 kB for each SSRC that it has seen, authentic or not, and searches all of them for each packet.
//! Runs on nicesrc's thread, once per packet: one short lock, no allocation.

use std::sync::{Mutex, PoisonError};

use gst::prelude::*;

use super::first::First;
use crate::{limits, media::graph::probes};

/// SSRCs per session: audio, video and its retransmissions, each replaced several times.
const SOURCES: usize = 32;
/// The same for rtpssrcdemux, where each one costs a jitter buffer and its thread.
pub const MAX_STREAMS: u32 = 32;
/// The header of RTP without extensions (RFC 3550, section 5.1); SRTCP has as much at least (RFC 3711, section 3.4).
const HEADER: usize = 12;

/// Drops what comes from SSRCs beyond the first [`SOURCES`].
pub fn apply(nicesrc: &gst::Element) {
    let Some(pad) = nicesrc.static_pad("src") else { return };
    let sources = Mutex::new(First::<SOURCES>::default());
    probes::SOURCE_LIMIT.keep(&pad, move |packet| {
        let kept = match packet.map_readable().map_or(Source::Hidden, |packet| source(&packet)) {
            Source::None => true,
            Source::Ssrc(ssrc) => sources.lock().unwrap_or_else(PoisonError::into_inner).has(ssrc),
            Source::Hidden => false,
        };
        if !kept {
            limits::SOURCES.refused();
        }
        kept
    });
}

/// Where a packet comes from.
#[derive(Debug, PartialEq, Eq)]
enum Source {
    /// STUN or DTLS.
    None,
    /// SRTP or SRTCP of this SSRC.
    Ssrc(u32),
    /// Anything else. No browser sends it, and in some of it srtpdec finds an SSRC further on.
    Hidden,
}

/// The SSRC is not encrypted (RFC 3711, sections 3.1 and 3.4).
fn source(packet: &[u8]) -> Source {
    // RFC 7983, section 7.
    if !packet.first().is_some_and(|first| (128..=191).contains(first)) {
        return Source::None;
    }
    let ssrc = match packet.first_chunk::<HEADER>() {
        None => None,
        Some(header) => match (header[1] & 0x7f, header[1]) {
            // RTCP that starts with a report, a BYE, an APP or feedback, which all have an SSRC next.
            (64..=95, 200 | 201 | 203..=206) => header[4..].first_chunk(),
            // RFC 5761, section 4: RTP beside RTCP uses none of these payload types.
            (64..=95, _) => None,
            _ => header[8..].first_chunk(),
        },
    };
    ssrc.map_or(Source::Hidden, |ssrc| Source::Ssrc(u32::from_be_bytes(*ssrc)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ssrc_is_read_where_each_kind_of_packet_has_it() {
        let packet =
            |first: u8, second: u8| [&[first, second, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3], &[9; 20][..]].concat();

        assert_eq!(source(&packet(0x80, 96)), Source::Ssrc(3), "RTP");
        assert_eq!(source(&packet(0xb0, 0x80 | 0x6f)), Source::Ssrc(3), "RTP with its marker");
        for report in [200, 201, 203, 204, 205, 206] {
            assert_eq!(source(&packet(0x81, report)), Source::Ssrc(2), "RTCP {report}");
        }
        for hidden in [202, 207, 72, 85, 0x80 | 0x55, 64] {
            assert_eq!(source(&packet(0x80, hidden)), Source::Hidden, "{hidden}");
        }
    }

    #[test]
    fn stun_and_dtls_have_no_ssrc_and_a_runt_hides_it() {
        for other in [&[0, 1, 0, 0][..], &[22, 254, 253], &[64], &[]] {
            assert_eq!(source(other), Source::None, "{other:?}");
        }
        assert_eq!(source(&[0x80; 11]), Source::Hidden);
        assert_eq!(source(&[0x80]), Source::Hidden);
    }
}
