//! Limits a peer's data channels: SCTP packets with data of further ones never reach sctpdec.
//!
//! sctpdec and webrtcbin start a thread each for every stream that data arrives on, before anybody can refuse it; a peer
//! may use 1024 streams. Runs on the receiving thread, once per SCTP packet: one short lock, no allocation.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use gst::prelude::*;

use super::{Tell, first::First};
use crate::{
    limits,
    media::{Event, graph::probes},
};

/// Streams per session: a page opens one channel.
const CHANNELS: usize = 4;
/// Header of an SCTP packet, and of each chunk in it (RFC 9260, sections 3.1 and 3.2).
const PACKET_HEADER: usize = 12;
const CHUNK_HEADER: usize = 4;
/// Chunks with data: DATA, and I-DATA (RFC 8260, section 2.1). Both have the stream's number after the TSN.
const DATA: [u8; 2] = [0, 64];
const STREAM_AT: usize = 8;

/// Drops packets with data of streams beyond the first [`CHANNELS`], and tells of the first one.
pub fn apply(sctpdec: &gst::Element, tell: &Tell) {
    let Some(pad) = sctpdec.static_pad("sink") else { return };
    let (channels, told, tell) =
        (Mutex::new(First::<CHANNELS>::default()), AtomicBool::new(false), tell.clone());
    probes::CHANNEL_LIMIT.keep(&pad, move |packet| {
        let Ok(packet) = packet.map_readable() else { return false };
        let mut channels = channels.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = streams(&packet).all(|stream| channels.has(stream.into()));
        if !kept && !told.swap(true, Relaxed) {
            limits::CHANNELS.refused();
            tell(Event::TooManyChannels);
        }
        kept
    });
}

/// The streams that an SCTP packet has data of. Stops where a chunk's length is wrong, as usrsctp does.
fn streams(packet: &[u8]) -> impl Iterator<Item = u16> {
    let mut rest = packet.get(PACKET_HEADER..).unwrap_or_default();
    let chunks = std::iter::from_fn(move || {
        let length = usize::from(u16::from_be_bytes(*rest.get(2..)?.first_chunk()?));
        let chunk = rest.get(..length).filter(|chunk| chunk.len() >= CHUNK_HEADER)?;
        // Each chunk is padded to four bytes, which its length does not count.
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(chunk)
    });
    let data = chunks.filter(|chunk| DATA.contains(&chunk[0]));
    data.filter_map(|chunk| Some(u16::from_be_bytes(*chunk.get(STREAM_AT..)?.first_chunk()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(CHUNK_HEADER + body.len()).unwrap().to_be_bytes();
        let mut chunk = [&[kind, 3][..], &length, body].concat();
        chunk.resize(chunk.len().next_multiple_of(4), 0);
        chunk
    }

    fn data(stream: u16, bytes: usize) -> Vec<u8> {
        let fields = [&[0, 0, 0, 9][..], &stream.to_be_bytes(), &[0, 0, 0, 0, 0, 51]].concat();
        [fields, vec![7; bytes]].concat()
    }

    fn packet(chunks: &[Vec<u8>]) -> Vec<u8> {
        [vec![0; PACKET_HEADER], chunks.concat()].concat()
    }

    #[test]
    fn the_streams_of_all_data_chunks_are_found() {
        let sack = chunk(3, &[0; 12]);
        let chunks = [sack, chunk(0, &data(1, 5)), chunk(64, &data(7, 0)), chunk(0, &data(65_535, 2))];

        assert_eq!(streams(&packet(&chunks)).collect::<Vec<_>>(), [1, 7, 65_535]);
    }

    #[test]
    fn a_chunk_of_a_wrong_length_ends_the_packet() {
        let mut long = chunk(0, &data(1, 4));
        long[3] = 200;
        let mut short = chunk(0, &data(1, 4));
        short[3] = 3;

        for wrong in [long, short, vec![0, 3, 0], vec![]] {
            assert_eq!(streams(&packet(&[chunk(0, &data(5, 1)), wrong])).collect::<Vec<_>>(), [5]);
        }
        assert_eq!(streams(&[0; 7]).count(), 0);
    }
}
