//! Applies settings that webrtcbin has no property for, and installs the probes inside it.
//!
//! Runs on webrtcbin's threads, once per element.

use gst::{glib, prelude::*};

use super::{Peer, Tell, channel_limit, jitter_buffer, retransmission, source_limit, traffic};
use crate::{
    media::{
        IceServers, Settings,
        graph::{Parts, probes},
    },
    signalling::Codec,
};

/// Time between two connectivity checks, the minimum of RFC 8445 section 14.2. The first check waits for it too: with
/// libnice's own 20 ms a session connects 15 ms later.
const ICE_PACE_MS: u32 = 5;

impl Peer {
    /// Applies settings that webrtcbin has no property for.
    pub(super) fn tune(&self, settings: &Settings, servers: &IceServers, video: &Codec, tell: &Tell) {
        let ice: glib::Object = self.webrtc.property("ice-agent");
        if let Some((low, high)) = settings.udp_ports {
            ice.set_property("min-rtp-port", u32::from(low));
            ice.set_property("max-rtp-port", u32::from(high));
        }
        if ice.find_property("agent").is_some() {
            let agent: glib::Object = ice.property("agent");
            agent.set_property("upnp", false); // else 200 ms per answer
            agent.set_property("ice-tcp", settings.ice_tcp);
            agent.set_property("stun-pacing-timer", ICE_PACE_MS);
        }
        if let Some(stun) = &servers.stun {
            self.webrtc.set_property("stun-server", stun);
        }
        for turn in &servers.turn {
            if !self.webrtc.emit_by_name::<bool>("add-turn-server", &[turn]) {
                tracing::warn!("webrtcbin rejected a TURN server");
            }
        }
        if let Some(bin) = self.webrtc.downcast_ref::<gst::Bin>() {
            let (parts, tell) = (self.parts.clone(), tell.clone());
            let video = (video.payload, video.feedback.nack);
            probes::WEBRTC_ELEMENTS.elements(bin, move |element| tune_element(element, &parts, video, &tell));
        }
    }
}

/// The pair is the video's payload type, and whether the peer negotiated `nack` for it.
fn tune_element(element: &gst::Element, parts: &Parts, (payload, nack): (u8, bool), tell: &Tell) {
    let Some(factory) = element.factory() else { return };
    let counters = &parts.counters;
    match factory.name().as_str() {
        "nicesrc" => {
            traffic::count_in(element, counters);
            source_limit::apply(element);
        }
        "sctpdec" => channel_limit::apply(element, tell),
        "rtpjitterbuffer" => {
            jitter_buffer::pass_first_at_once(element);
            jitter_buffer::send_nacks(element, counters, payload, nack);
            traffic::count_video(element, counters, payload);
        }
        "rtprtxsend" => retransmission::limit(element, counters),
        "rtpsession" => retransmission::send_rtcp_early(element),
        "nicesink" => traffic::count_out(element, counters, &parts.timing),
        "rtpssrcdemux" => element.set_property("max-streams", source_limit::MAX_STREAMS),
        _ => {}
    }
}
