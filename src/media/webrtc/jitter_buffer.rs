//! webrtcbin's jitter buffers: the first packet goes through at once, and what is missing of the video is asked for again.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use gst::prelude::*;

use crate::media::graph::{Counters, probes};

/// Name of the event with which the jitter buffer asks for a packet again.
const REQUEST: &str = "GstRTPRetransmissionRequest";

/// Lets the first packet out without the wait for what may have been sent before it.
///
/// That wait is the latency. `faststart-min-packets` ends it when a packet comes, but not while the stream's first events
/// lie before it (GStreamer 1.22): where the buffer's own thread takes those when all of a picture is there, the next
/// one's first packet has to come.
pub fn begin_at_once(buffer: &gst::Element) {
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

/// Sends NACKs for lost packets of `payload`, the video's, where the peer takes `nack`, and for no others; notes when.
pub fn ask_again(buffer: &gst::Element, counters: &Arc<Counters>, payload: u8, nack: bool) {
    // Otherwise it also asks for packets by the time that they should come, before they are sent.
    buffer.set_property("rtx-next-seqnum", false);
    let Some(pad) = buffer.static_pad("sink") else { return };
    // 1.22 sets in each buffer what the last m-line of the shared transport wants (`on_rtpbin_new_jitterbuffer`): with
    // audio behind the video, nothing was asked for again. The first packet tells whose buffer it is.
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
        if event.has_name(REQUEST) {
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
    /// Whether the buffer's own thread has taken the events before the packet comes is chance.
    const TRIES: usize = 8;

    #[test]
    fn a_packet_that_nothing_follows_comes_out_and_the_latency_stays() {
        gst::init().unwrap();
        for _ in 0..TRIES {
            let buffer = gst::ElementFactory::make("rtpjitterbuffer").property("latency", LATENCY_MS);
            let buffer = buffer.build().unwrap();
            begin_at_once(&buffer);

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
