//! Counts traffic at webrtcbin's ends: an atomic add per packet.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use gst::prelude::*;

use crate::media::graph::{Counters, probes, timing::Timing};

/// Counts bytes from the network.
pub fn count_in(nicesrc: &gst::Element, counters: &Arc<Counters>) {
    let Some(pad) = nicesrc.static_pad("src") else { return };
    let counters = counters.clone();
    probes::BYTES_IN.each(&pad, move |_, packet| {
        counters.bytes_in.fetch_add(bytes(packet), Relaxed);
        counters.last_packet_ms.store(counters.now_ms(), Relaxed);
    });
}

/// Counts video packets, without padding, before the jitter buffer, to reveal one that hangs.
pub fn count_video(buffer: &gst::Element, counters: &Arc<Counters>, payload: u8) {
    let counters = counters.clone();
    let Some(pad) = buffer.static_pad("sink") else { return };
    probes::VIDEO_PACKETS.each(&pad, move |_, packet| {
        if let Ok(packet) = gst_rtp::RTPBuffer::from_buffer_readable(packet)
            && packet.payload_type() == payload
            && packet.payload_size() > 0
        {
            counters.video_packets.fetch_add(1, Relaxed);
        }
    });
}

/// Counts bytes to the network.
pub fn count_out(nicesink: &gst::Element, counters: &Arc<Counters>, timing: &Arc<Timing>) {
    let Some(pad) = nicesink.static_pad("sink") else { return };
    let (counters, timing) = (counters.clone(), timing.clone());
    probes::BYTES_OUT.each(&pad, move |_, packet| {
        counters.bytes_out.fetch_add(bytes(packet), Relaxed);
        if is_dtls(packet) {
            counters.channel_bytes_out.fetch_add(bytes(packet), Relaxed);
        }
        timing.packet(packet);
    });
}

/// The first byte tells DTLS from SRTP (RFC 7983, section 7).
fn is_dtls(packet: &gst::BufferRef) -> bool {
    let mut first = [0];
    packet.copy_to_slice(0, &mut first).is_ok() && (20..=63).contains(&first[0])
}

fn bytes(packet: &gst::BufferRef) -> u64 {
    u64::try_from(packet.size()).unwrap_or(u64::MAX)
}
