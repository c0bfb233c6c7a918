//! Handles webrtcbin's signals: connection states, the data channel, new streams.
//!
//! Closures run on webrtcbin's own threads: they hold weak references to the graph and must not block.

use std::sync::{Arc, PoisonError};

use gst::{glib, prelude::*};

use super::{
    Peer, Tell,
    data_channel::read,
    fingerprint::{Check, Verdict},
};
use crate::{
    media::{
        Error, Event,
        graph::{Parts, audio, bins, line::Line, probes},
    },
    signalling::Kind,
};

impl Peer {
    /// Turns connection states and the data channel into events.
    pub(super) fn listen(&self, tell: &Tell, fingerprint: &Arc<Check>) {
        let (told, check) = (tell.clone(), fingerprint.clone());
        self.webrtc.connect_notify(Some("connection-state"), move |webrtc, _| {
            match webrtc.property::<gst_webrtc::WebRTCPeerConnectionState>("connection-state") {
                gst_webrtc::WebRTCPeerConnectionState::Connected => {
                    report(check.check(), &*told);
                    told(Event::Connected);
                }
                gst_webrtc::WebRTCPeerConnectionState::Failed => told(Event::IceFailed),
                gst_webrtc::WebRTCPeerConnectionState::Closed => told(Event::Closed),
                _ => {}
            }
        });
        let told = tell.clone();
        self.webrtc.connect_notify(Some("ice-connection-state"), move |webrtc, _| {
            let state: gst_webrtc::WebRTCICEConnectionState = webrtc.property("ice-connection-state");
            if state == gst_webrtc::WebRTCICEConnectionState::Failed {
                told(Event::IceFailed);
            }
        });
        let (told, check) = (tell.clone(), fingerprint.clone());
        let (inbox, slot) = (self.inbox.clone(), self.channel.clone());
        self.webrtc.connect("on-data-channel", false, move |values| {
            let channel = values.get(1)?.get::<gst_webrtc::WebRTCDataChannel>().ok()?;
            if channel.label().as_deref() == Some("parameters") {
                read(&channel, &told, &check, &inbox);
                *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(channel);
                told(Event::ChannelOpen);
            }
            None
        });
    }

    /// Builds the receiving bins when their streams arrive.
    pub(super) fn receive(
        &self,
        lines: &Arc<Vec<Line>>,
        audio: Option<gst::Bin>,
        tell: &Tell,
        fingerprint: &Arc<Check>,
    ) {
        let pipeline = self.pipeline.downgrade();
        let audio = audio.map(|bin| bin.downgrade());
        let (lines, receiver, parts) = (lines.clone(), self.receiver.clone(), self.parts.clone());
        let (tell, fingerprint) = (tell.clone(), fingerprint.clone());
        self.webrtc.connect_pad_added(move |_, pad| {
            let Some(pipeline) = pipeline.upgrade().filter(|_| pad.direction() == gst::PadDirection::Src)
            else {
                return;
            };
            guard(pad, fingerprint.clone(), tell.clone());
            let attached = match (line_of(pad, &lines).map(|line| line.kind), &receiver) {
                (Some(Kind::Video), Some(receiver)) => receiver.attach(pad),
                (Some(Kind::Audio), _) => {
                    let send = audio.as_ref().and_then(glib::WeakRef::upgrade);
                    receive_audio(&pipeline, pad, send.as_ref(), &parts)
                }
                _ => bins::discard().and_then(|end| bins::attach(&pipeline, pad, &end)),
            };
            if let Err(error) = attached {
                tell(Event::Fault { element: pad.name().to_string(), detail: error.to_string() });
            }
        });
    }
}

fn receive_audio(
    pipeline: &gst::Pipeline,
    pad: &gst::Pad,
    send: Option<&gst::Bin>,
    parts: &Parts,
) -> Result<(), Error> {
    if let Some(bin) = pipeline.by_name(bins::RECEIVE_AUDIO) {
        return bins::take_over(pad, &bin);
    }
    let element = match send {
        Some(send) => audio::receive(send, parts)?.upcast(),
        None => bins::discard()?,
    };
    bins::attach(pipeline, pad, &element)
}

/// Drops everything from `pad` until the peer's certificate matches its offer.
fn guard(pad: &gst::Pad, fingerprint: Arc<Check>, tell: Tell) {
    probes::FINGERPRINT_GUARD.decide(pad, move |_, _| match fingerprint.check() {
        Verdict::Verified => gst::PadProbeReturn::Remove,
        verdict => {
            report(verdict, &*tell);
            gst::PadProbeReturn::Drop
        }
    });
}

fn report(verdict: Verdict, tell: &(dyn Fn(Event) + Send + Sync)) {
    match verdict {
        Verdict::Verified => tell(Event::Identified),
        Verdict::Mismatch => tell(Event::FingerprintMismatch),
        Verdict::Unknown => {}
    }
}

/// The m-line that a receiving pad belongs to, by its payload type.
fn line_of<'a>(pad: &gst::Pad, lines: &'a [Line]) -> Option<&'a Line> {
    let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
    let payload = caps.structure(0)?.get::<i32>("payload").ok()?;
    lines.iter().find(|line| line.receives && i32::from(line.codec.payload) == payload)
}
