//! webrtcbin's jitter buffers: passes the first packet at once and sends NACKs for lost video packets.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use gst::prelude::*;

use crate::media::graph::{Counters, probes};

/// Name of the event by which the jitter buffer requests a retransmission.
const NACK: &str = "GstRTPRetransmissionRequest";

/// Passes the first packet at once, without waiting for packets that may have been sent before it.
///
/// That wait would be the full latency. `faststart-min-packets` ends it when a packet arrives, but not while the
/// stream's first events are queued before it (GStreamer 1.22): if the buffer's thread takes those only after the whole
/// first frame has arrived, that frame waits for the second frame's first packet.
pub fn pass_first_at_once(buffer: &gst::Element) {
    let (Some(sink), Some(source)) = (buffer.static_pad("sink"), buffer.static_pad("src")) else { return };
    probes::FIRST_PACKET_IN.decide(&sink, move |pad, _| {
        if let Some(buffer) = pad.parent_element() {
            let latency: u32 = buffer.property("latency");
            buffer.set_property("latency", 0_u32);
            probes::FIRST_PACKET_OUT.decide(&source, move |pad, _| {
                if let Some(buffer) = pad.parent_element() {
                    buffer.set_property("latency", latency);
                }
                gst::PadProbeReturn::Remove
            });
        }
        gst::PadProbeReturn::Remove
    });
}

/// Sends NACKs for lost packets of the video's `payload`, if the peer negotiated `nack`, and records when.
pub fn send_nacks(buffer: &gst::Element, counters: &Arc<Counters>, payload: u8, nack: bool) {
    // Otherwise it also sends NACKs for packets that are merely expected by now and not sent yet.
    buffer.set_property("rtx-next-seqnum", false);
    let Some(pad) = buffer.static_pad("sink") else { return };
    // 1.22 configures every buffer as the last m-line of the bundle wants (`on_rtpbin_new_jitterbuffer`): with audio
    // after video, no NACK was sent at all. The first packet tells which stream a buffer is for.
    probes::NACK_SWITCH.decide(&pad, move |pad, packet| {
        let packet = packet.and_then(|packet| gst_rtp::RTPBuffer::from_buffer_readable(packet).ok());
        let Some(packet) = packet else { return gst::PadProbeReturn::Ok };
        if let Some(buffer) = pad.parent_element() {
            buffer.set_property("do-retransmission", nack && packet.payload_type() == payload);
        }
        gst::PadProbeReturn::Remove
    });
    let counters = counters.clone();
    probes::NACK_SENT.upstream(&pad, move |_, event| {
        if event.has_name(NACK) {
            counters.nack_sent_ms.store(counters.now_ms(), Relaxed);
        }
        gst::PadProbeReturn::Ok
    });
}

#[cfg(test)]
mod tests {
    use gst_rtp::prelude::*;

    use super::*;

    const LATENCY_MS: u32 = 60_000;
    /// It is chance whether the buffer's thread takes the events before the packet arrives.
    const TRIES: usize = 8;

    #[test]
    fn a_packet_without_a_successor_passes_and_the_latency_stays() {
        gst::init().unwrap();
        for _ in 0..TRIES {
            let buffer = gst::ElementFactory::make("rtpjitterbuffer").property("latency", LATENCY_MS);
            let buffer = buffer.build().unwrap();
            pass_first_at_once(&buffer);

            assert!(passes(&buffer, packet()));
            assert_eq!(buffer.property::<u32>("latency"), LATENCY_MS);
        }
    }

    fn passes(buffer: &gst::Element, packet: gst::Buffer) -> bool {
        let caps = gst::Caps::builder("application/x-rtp")
            .field("media", "video")
            .field("payload", 96)
            .field("clock-rate", 90_000)
            .build();
        let source = gst_app::AppSrc::builder().is_live(true).do_timestamp(true).caps(&caps);
        let source = source.format(gst::Format::Time).build();
        let sink = gst_app::AppSink::builder().sync(false).async_(false).build();
        let pipeline = gst::Pipeline::new();
        let parts = [source.upcast_ref(), buffer, sink.upcast_ref()];
        pipeline.add_many(parts).unwrap();
        gst::Element::link_many(parts).unwrap();
        pipeline.set_state(gst::State::Playing).unwrap();

        source.push_buffer(packet).unwrap();
        let passed = sink.try_pull_sample(gst::ClockTime::from_seconds(20));

        pipeline.set_state(gst::State::Null).unwrap();
        passed.is_some()
    }

    fn packet() -> gst::Buffer {
        let mut packet = gst::Buffer::new_rtp_with_sizes(100, 0, 0).unwrap();
        let bytes = packet.get_mut().unwrap();
        gst_rtp::RTPBuffer::from_buffer_writable(bytes).unwrap().set_payload_type(96);
        packet
    }
}
