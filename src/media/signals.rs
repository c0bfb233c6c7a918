//! What webrtcbin signals: connection states, the data channel, streams that come.
//!
//! Closures run on webrtcbin's own threads: they hold weak references to the graph and only hand over.

use std::sync::{Arc, PoisonError};

use gst::{glib, prelude::*};

use super::{
    Error, Event, Inbox, Mail, channel,
    graph::{self, Taps},
    identity::{Identity, Verdict},
    negotiate::Line,
    peer::Peer,
};
use crate::signalling::Kind;

/// Told what happens; must only hand over.
pub type Tell = Arc<dyn Fn(Event) + Send + Sync>;

impl Peer {
    /// Connection states and the data channel become events.
    pub(super) fn listen(&self, tell: &Tell, identity: &Arc<Identity>) {
        let (told, check) = (tell.clone(), identity.clone());
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
        let (told, check) = (tell.clone(), identity.clone());
        let (inbox, slot) = (self.inbox.clone(), self.channel.clone());
        self.webrtc.connect("on-data-channel", false, move |values| {
            let channel = values.get(1)?.get::<gst_webrtc::WebRTCDataChannel>().ok()?;
            if channel.label().as_deref() == Some("parameters") {
                read_channel(&channel, &told, &check, &inbox);
                *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(channel);
                told(Event::ChannelOpen);
            }
            None
        });
    }

    /// Builds the receiving bins when their streams come.
    pub(super) fn receive(
        &self,
        lines: &Arc<Vec<Line>>,
        sound: Option<gst::Bin>,
        tell: &Tell,
        identity: &Arc<Identity>,
    ) {
        let pipeline = self.pipeline.downgrade();
        let sound = sound.map(|bin| bin.downgrade());
        let (lines, receiver, taps) = (lines.clone(), self.receiver.clone(), self.taps.clone());
        let (tell, identity) = (tell.clone(), identity.clone());
        self.webrtc.connect_pad_added(move |_, pad| {
            let Some(pipeline) = pipeline.upgrade().filter(|_| pad.direction() == gst::PadDirection::Src)
            else {
                return;
            };
            guard(pad, identity.clone(), tell.clone());
            let attached = match (line_of(pad, &lines).map(|line| line.kind), &receiver) {
                (Some(Kind::Video), Some(receiver)) => receiver.attach(pad),
                (Some(Kind::Audio), _) => {
                    let send = sound.as_ref().and_then(glib::WeakRef::upgrade);
                    receive_audio(&pipeline, pad, send.as_ref(), &taps)
                }
                _ => graph::discard().and_then(|end| graph::attach(&pipeline, pad, &end)),
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
    taps: &Taps,
) -> Result<(), Error> {
    if let Some(bin) = pipeline.by_name(graph::RECEIVE_AUDIO) {
        return graph::take_over(pad, &bin);
    }
    let element = match send {
        Some(send) => graph::receive_audio(send, taps)?.upcast(),
        None => graph::discard()?,
    };
    graph::attach(pipeline, pad, &element)
}

/// Lets nothing through `pad` until the peer's certificate is the offered one.
fn guard(pad: &gst::Pad, identity: Arc<Identity>, tell: Tell) {
    pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST, move |_, _| {
        match identity.check() {
            Verdict::Verified => gst::PadProbeReturn::Remove,
            verdict => {
                report(verdict, &*tell);
                gst::PadProbeReturn::Drop
            }
        }
    });
}

fn report(verdict: Verdict, tell: &(dyn Fn(Event) + Send + Sync)) {
    match verdict {
        Verdict::Verified => tell(Event::Identified),
        Verdict::False => tell(Event::Impostor),
        Verdict::Unknown => {}
    }
}

fn read_channel(
    channel: &gst_webrtc::WebRTCDataChannel,
    tell: &Tell,
    identity: &Arc<Identity>,
    inbox: &Arc<Inbox>,
) {
    let post = {
        let (tell, identity, inbox) = (tell.clone(), identity.clone(), inbox.clone());
        move |mail: Mail| {
            if identity.check() == Verdict::Verified {
                inbox.push(mail);
                tell(Event::Mail);
            }
        }
    };
    let post_binary = post.clone();
    channel.connect_on_message_string(move |_, text| post(channel::text(text.unwrap_or_default())));
    channel.connect_on_message_data(move |_, _| post_binary(Mail::Binary));
    let told = tell.clone();
    channel.connect_on_open(move |_| told(Event::ChannelOpen));
    let told = tell.clone();
    channel.connect_on_close(move |_| told(Event::ChannelClosed));
}

/// The m-line that a receiving pad belongs to, by its payload type.
fn line_of<'a>(pad: &gst::Pad, lines: &'a [Line]) -> Option<&'a Line> {
    let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
    let payload = caps.structure(0)?.get::<i32>("payload").ok()?;
    lines.iter().find(|line| line.receives && i32::from(line.codec.payload) == payload)
}
