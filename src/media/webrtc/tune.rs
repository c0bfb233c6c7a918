//! Settings that webrtcbin has no property for, and which element inside it gets which probe.
//!
//! Runs on webrtcbin's threads, once an element.

use gst::{glib, prelude::*};

use super::{Peer, jitter_buffer, retransmission, traffic};
use crate::{
    media::{
        IceServers, Settings,
        graph::{Parts, probes},
    },
    signalling::Codec,
};

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
            let (parts, video) = (self.parts.clone(), (video.payload, video.feedback.nack));
            probes::WEBRTC_ELEMENTS.elements(bin, move |element| tune_element(element, &parts, video));
        }
    }
}

/// The pair is the payload type of video, and whether the peer takes NACKs for it.
fn tune_element(element: &gst::Element, parts: &Parts, (payload, nack): (u8, bool)) {
    let Some(factory) = element.factory() else { return };
    let counters = &parts.counters;
    match factory.name().as_str() {
        "nicesrc" => traffic::count_in(element, counters),
        "rtpjitterbuffer" => {
            jitter_buffer::begin_at_once(element);
            jitter_buffer::ask_again(element, counters, payload, nack);
            traffic::count_video(element, counters, payload);
        }
        "rtprtxsend" => retransmission::answer(element, counters),
        "rtpsession" => retransmission::hurry(element),
        "nicesink" => traffic::count_out(element, counters, &parts.timing),
        // Each source costs a jitter buffer with its thread; a peer that makes up sources gets no more.
        "rtpssrcdemux" => element.set_property("max-streams", MAX_SOURCES),
        _ => {}
    }
}
