//! Settings that webrtcbin has no property for, and counts at its ends.
//!
//! The element callbacks run on webrtcbin's threads, the byte counts once a packet: an atomic add each.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use gst::{glib, prelude::*};

use super::{IceServers, Settings, counters::Counters, peer::Peer, retransmission, timing::Timing};
use crate::signalling::Codec;

/// Sound, picture and its repairs, each changed some times; the packets of a source above it are dropped.
const MAX_SOURCES: u32 = 32;

/// Time between two connectivity checks, the least that RFC 8445 section 14.2 allows. The first one waits as long, too:
/// with libnice's own 20 ms a session is connected 15 ms later.
const ICE_PACE_MS: u32 = 5;

impl Peer {
    /// Settings that webrtcbin has no property for.
    pub(super) fn tune(&self, settings: &Settings, servers: &IceServers, video: &Codec) {
        let ice: glib::Object = self.webrtc.property("ice-agent");
        if let Some((low, high)) = settings.udp_ports {
            ice.set_property("min-rtp-port", u32::from(low));
            ice.set_property("max-rtp-port", u32::from(high));
        }
        if ice.find_property("agent").is_some() {
            let agent: glib::Object = ice.property("agent");
            agent.set_property("upnp", false); // 200 ms an answer otherwise
            agent.set_property("ice-tcp", settings.ice_tcp);
            agent.set_property("stun-pacing-timer", ICE_PACE_MS);
        }
        if let Some(stun) = &servers.stun {
            self.webrtc.set_property("stun-server", stun);
        }
        for turn in &servers.turn {
            if !self.webrtc.emit_by_name::<bool>("add-turn-server", &[turn]) {
                tracing::warn!("webrtcbin does not take one of the TURN servers");
            }
        }
        if let Some(bin) = self.webrtc.downcast_ref::<gst::Bin>() {
            let (counters, timing) = (self.taps.counters.clone(), self.taps.timing.clone());
            let (payload, nack) = (video.payload, video.feedback.nack);
            bin.connect_deep_element_added(move |_, _, element| {
                tune_element(element, &counters, &timing, (payload, nack));
            });
        }
    }
}

/// Sets what webrtcbin sets wrong inside itself, and counts at its ends.
///
/// The pair is the picture's payload type, and whether the peer takes NACKs for it.
fn tune_element(
    element: &gst::Element,
    counters: &Arc<Counters>,
    timing: &Arc<Timing>,
    (payload, nack): (u8, bool),
) {
    let Some(factory) = element.factory() else { return };
    match factory.name().as_str() {
        "rtprtxsend" => retransmission::answer(element, counters),
        "rtpsession" => retransmission::hurry(element),
        "rtpjitterbuffer" => {
            begin_at_once(element);
            retransmission::ask(element, counters, payload, nack);
            count_video(element, counters, payload);
        }
        // Each source costs a jitter buffer with its thread; a peer that makes up sources gets no more.
        "rtpssrcdemux" => element.set_property("max-streams", MAX_SOURCES),
        "nicesrc" => {
            let counters = counters.clone();
            watch_packets(element, "src", move |packet| {
                counters.bytes_in.fetch_add(bytes(packet), Relaxed);
                counters.last_packet_ms.store(counters.now_ms(), Relaxed);
            });
        }
        "nicesink" => {
            let (counters, timing) = (counters.clone(), timing.clone());
            watch_packets(element, "sink", move |packet| {
                counters.bytes_out.fetch_add(bytes(packet), Relaxed);
                if is_dtls(packet) {
                    counters.channel_bytes_out.fetch_add(bytes(packet), Relaxed);
                }
                timing.packet(packet);
            });
        }
        _ => {}
    }
}

/// Lets the first packet out without the wait for what may have been sent before it.
///
/// That wait is the latency. `faststart-min-packets` ends it when a packet comes, but not while the stream's first events
/// lie before it (GStreamer 1.22): where the buffer's own thread takes those when all of a picture is there, the next
/// one's first packet has to come.
fn begin_at_once(buffer: &gst::Element) {
    let (Some(sink), Some(source)) = (buffer.static_pad("sink"), buffer.static_pad("src")) else { return };
    let packets = gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST;
    sink.add_probe(packets, move |pad, _| {
        if let Some(buffer) = pad.parent_element() {
            let latency: u32 = buffer.property("latency");
            buffer.set_property("latency", 0_u32);
            source.add_probe(packets, move |pad, _| {
                if let Some(buffer) = pad.parent_element() {
                    buffer.set_property("latency", latency);
                }
                gst::PadProbeReturn::Remove
            });
        }
        gst::PadProbeReturn::Remove
    });
}

/// Counts the picture's packets before the jitter buffer, so that one that stands shows. Padding is no picture.
fn count_video(element: &gst::Element, counters: &Arc<Counters>, payload: u8) {
    let counters = counters.clone();
    watch_packets(element, "sink", move |packet| {
        if let Ok(packet) = gst_rtp::RTPBuffer::from_buffer_readable(packet)
            && packet.payload_type() == payload
            && packet.payload_size() > 0
        {
            counters.video_packets.fetch_add(1, Relaxed);
        }
    });
}

/// Told from SRTP by its first byte (RFC 7983, section 7).
fn is_dtls(packet: &gst::BufferRef) -> bool {
    let mut first = [0];
    packet.copy_to_slice(0, &mut first).is_ok() && (20..=63).contains(&first[0])
}

fn bytes(packet: &gst::BufferRef) -> u64 {
    u64::try_from(packet.size()).unwrap_or(u64::MAX)
}

fn watch_packets(element: &gst::Element, pad: &str, watch: impl Fn(&gst::BufferRef) + Send + Sync + 'static) {
    let Some(pad) = element.static_pad(pad) else { return };
    pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST, move |_, info| {
        match &info.data {
            Some(gst::PadProbeData::Buffer(buffer)) => watch(buffer),
            Some(gst::PadProbeData::BufferList(list)) => list.iter().for_each(&watch),
            _ => {}
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
