//! One webrtcbin and its graph: what a session has of GStreamer.
//!
//! Signal closures run on webrtcbin's own threads: they hold weak references and only hand over. The call order
//! in [`open`] is the one that works on GStreamer 1.22 and 1.26 alike: send pads before the remote description.

use std::{
    sync::{Arc, Mutex, PoisonError, atomic::Ordering::Relaxed},
    time::Duration,
};

use gst::{glib, prelude::*};

use super::{
    Error, IceServers, Inbox, Settings, bus,
    codec::Table,
    congestion,
    gate::Gate,
    graph::{self, Taps},
    gst::state,
    identity::Identity,
    negotiate::{self, Line},
    receiver::{Receiver, Remedy},
    sender::{Replaced, Sender},
    shell::Script,
    signals::Tell,
    timing::Timing,
};
use crate::{
    frame::{Frame, Layout, Slot},
    metrics::Ledger,
    signalling::{Answer, AnswerPatch, Candidate, CodecName, Kind, Offer},
};

/// webrtcbin answers a promise within 10 ms; on a loaded host within a second.
const PROMISE_LIMIT: Duration = Duration::from_secs(5);
/// Stream id of `a=msid`, so that `ontrack` has a stream in every browser.
const STREAM_ID: &str = "scope";
/// What a graph is built from.
pub struct Open<'a> {
    /// Name of the graph in logs and dumps.
    pub name: String,
    /// The parsed offer; without one nobody is connected, and what would be sent can be recorded and looked at.
    pub offer: Option<&'a Offer>,
    /// STUN and TURN servers of this side.
    pub ice: IceServers,
    /// Decoded pictures go in here.
    pub input: Arc<Slot<Frame>>,
    /// Pictures to send come from here.
    pub output: Arc<Slot<Frame>>,
    /// Layouts that the stage takes.
    pub layouts: Vec<Layout>,
    /// Where each millisecond goes.
    pub ledger: Arc<Ledger>,
    /// Told what happens, on GStreamer's threads: must only hand over.
    pub tell: Tell,
}

/// A graph and its answer.
pub struct Opened {
    /// The graph.
    pub peer: Peer,
    /// SDP of the answer, with the candidates that were found; empty where there was no offer.
    pub answer: String,
    /// Codec of the picture.
    pub video: CodecName,
    /// Whether there is sound.
    pub sound: bool,
    /// Whether the peer will send a picture.
    pub receives_video: bool,
}

/// A running graph; dropping it stops it, which blocks for some 15 ms.
pub struct Peer {
    pub(super) pipeline: gst::Pipeline,
    /// webrtcbin, or where there is no client the sink in its place.
    pub(super) webrtc: gst::Element,
    pub(super) taps: Taps,
    pub(super) sender: Option<Arc<Sender>>,
    pub(super) receiver: Option<Arc<Receiver>>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) channel: Arc<Mutex<Option<gst_webrtc::WebRTCDataChannel>>>,
    /// Of the offer's m-lines; none where there is no client.
    pub(super) mids: Vec<String>,
    ice_tcp: bool,
    pub(super) script: Option<Script>,
}

/// Builds the graph and answers the offer. Blocks.
pub fn open(
    table: &Arc<Table>,
    settings: &Settings,
    gate: &Arc<Gate>,
    open: &Open<'_>,
    offer: &Offer,
) -> Result<Opened, Error> {
    let lines = negotiate::lines(offer, table, settings)?;
    let latency = u32::try_from(settings.jitter_buffer.as_millis()).unwrap_or(200);
    let webrtc = gst::ElementFactory::make("webrtcbin")
        .property_from_str("bundle-policy", "max-bundle")
        .property("latency", latency)
        .build()?;
    let mut peer = Peer::build(settings, gate, open, webrtc)?;
    peer.script = Script::of(&lines, table);
    peer.watch(&open.tell);
    if let Some(line) = lines.iter().find(|line| line.kind == Kind::Video && line.receives) {
        let receiver = Receiver::new(&peer.pipeline, line, table, &peer.taps)?;
        peer.receiver = Some(Arc::new(receiver));
    }
    peer.tune(settings, &open.ice, &lines[0].codec);
    let (transceivers, sound) = peer.add_senders(&lines, table, settings)?;
    let first = transceivers.first().ok_or_else(|| Error::Graph("no m-line to serve".into()))?;
    let identity = Arc::new(Identity::new(offer.fingerprints.clone(), first));
    peer.listen(&open.tell, &identity);
    let lines = Arc::new(lines);
    peer.receive(&lines, sound, &open.tell, &identity);
    let answer = peer.negotiate(offer, settings, &lines)?;
    Ok(Opened {
        answer,
        video: lines[0].codec.name,
        sound: lines.iter().any(|line| line.kind == Kind::Audio),
        receives_video: lines[0].receives,
        peer,
    })
}

impl Peer {
    /// A graph around `webrtc`, without a way in or out.
    pub(super) fn build(
        settings: &Settings,
        gate: &Arc<Gate>,
        open: &Open<'_>,
        webrtc: gst::Element,
    ) -> Result<Self, Error> {
        let pipeline = gst::Pipeline::with_name(&open.name);
        pipeline.add(&webrtc)?;
        Ok(Self {
            pipeline,
            webrtc,
            taps: Taps {
                input: open.input.clone(),
                output: open.output.clone(),
                layouts: open.layouts.clone(),
                counters: Arc::default(),
                gate: gate.clone(),
                timing: Arc::new(Timing::new(open.ledger.clone())),
                feeds: Arc::default(),
            },
            sender: None,
            receiver: None,
            inbox: Arc::default(),
            channel: Arc::default(),
            mids: open.offer.iter().flat_map(|offer| &offer.medias).map(|media| media.mid.clone()).collect(),
            ice_tcp: settings.ice_tcp,
            script: None,
        })
    }

    /// Lets the graph's messages be told.
    pub(super) fn watch(&self, tell: &Tell) {
        let tell = tell.clone();
        bus::watch(&self.pipeline, &self.taps.counters, move |event| tell(event));
    }

    /// Lets the graph run; what is added from here on has to follow its state.
    pub(super) fn begin(&self) -> Result<(), Error> {
        let begun = self.pipeline.set_state(gst::State::Playing);
        begun.map(drop).map_err(|error| Error::Graph(format!("the graph does not start: {error}")))
    }

    /// One send bin and one transceiver for each m-line; also gives the sound's send bin.
    fn add_senders(
        &mut self,
        lines: &[Line],
        table: &Table,
        settings: &Settings,
    ) -> Result<(Vec<gst_webrtc::WebRTCRTPTransceiver>, Option<gst::Bin>), Error> {
        self.begin()?;
        let mut transceivers = Vec::new();
        let mut sound = None;
        for line in lines {
            let transceiver = if line.sends {
                let bin = match line.kind {
                    Kind::Video => {
                        let sender = Sender::new(&self.pipeline, line, table, &self.taps, settings)?;
                        let sender = self.sender.insert(Arc::new(sender));
                        if settings.congestion_control && line.twcc.is_some() {
                            congestion::drive(&self.webrtc, sender);
                        }
                        sender.bin()
                    }
                    _ => sound.insert(graph::send_audio(line)?).clone(),
                };
                self.link_sender(line, &bin)?
            } else {
                self.webrtc.emit_by_name::<gst_webrtc::WebRTCRTPTransceiver>(
                    "add-transceiver",
                    &[&gst_webrtc::WebRTCRTPTransceiverDirection::Recvonly, &line.caps()],
                )
            };
            if line.kind == Kind::Video && line.codec.feedback.nack {
                transceiver.set_property("do-nack", true);
            }
            transceivers.push(transceiver);
        }
        Ok((transceivers, sound))
    }

    fn link_sender(&self, line: &Line, bin: &gst::Bin) -> Result<gst_webrtc::WebRTCRTPTransceiver, Error> {
        use gst_webrtc::WebRTCRTPTransceiverDirection::{Sendonly, Sendrecv};
        self.pipeline.add(bin)?;
        let pad = self
            .webrtc
            .request_pad_simple(&format!("sink_{}", line.index))
            .ok_or_else(|| Error::Graph("webrtcbin gives no pad to send on".into()))?;
        let transceiver: gst_webrtc::WebRTCRTPTransceiver = pad.property("transceiver");
        transceiver.set_property("direction", if line.receives { Sendrecv } else { Sendonly });
        transceiver.set_property("codec-preferences", line.caps());
        let source = bin
            .static_pad("src")
            .ok_or_else(|| Error::Graph(format!("{} has no open output", bin.name())))?;
        source.link(&pad).map_err(|error| Error::Graph(format!("webrtcbin takes no link: {error}")))?;
        bin.sync_state_with_parent()?;
        Ok(transceiver)
    }

    /// Offer in, answer out.
    fn negotiate(&self, offer: &Offer, settings: &Settings, lines: &[Line]) -> Result<String, Error> {
        let sdp = gst_sdp::SDPMessage::parse_buffer(offer.sdp.as_bytes())
            .map_err(|error| Error::Negotiation { step: "offer", detail: error.to_string() })?;
        let offer = gst_webrtc::WebRTCSessionDescription::new(gst_webrtc::WebRTCSDPType::Offer, sdp);
        Self::ask("set-remote-description", |promise| {
            self.webrtc.emit_by_name::<()>("set-remote-description", &[&offer, promise]);
        })?;
        let reply = Self::ask("create-answer", |promise| {
            self.webrtc.emit_by_name::<()>("create-answer", &[&None::<gst::Structure>, promise]);
        })?;
        let answer: gst_webrtc::WebRTCSessionDescription = reply
            .as_ref()
            .and_then(|reply| reply.get("answer").ok())
            .ok_or(Error::Negotiation { step: "create-answer", detail: "no answer came".into() })?;
        Self::ask("set-local-description", |promise| {
            self.webrtc.emit_by_name::<()>("set-local-description", &[&answer, promise]);
        })?;
        let complete = gst_webrtc::WebRTCICEGatheringState::Complete;
        let gathered = state::wait_until(settings.gather_limit, "gathering candidates", || {
            self.webrtc.property::<gst_webrtc::WebRTCICEGatheringState>("ice-gathering-state") == complete
        });
        let local: gst_webrtc::WebRTCSessionDescription = self.webrtc.property("local-description");
        let text = local
            .sdp()
            .as_text()
            .map_err(|error| Error::Negotiation { step: "local-description", detail: error.to_string() })?;
        let patch = AnswerPatch {
            h264_fmtp: lines[0].h264_fmtp(),
            stream_id: STREAM_ID.into(),
            advertised: settings.advertised.clone(),
            udp_only: !settings.ice_tcp,
            gathered: gathered.is_ok(),
        };
        let answer = Answer::finish(&text, &patch)?.sdp;
        // libnice that finds no port in its range gathers nothing, and webrtcbin does not say so.
        match settings.udp_ports {
            Some((low, high)) if !answer.contains("\na=candidate:") => Err(Error::NoPorts { low, high }),
            _ => Ok(answer),
        }
    }

    /// Emits an action with a promise and waits for the reply.
    pub(super) fn ask(
        step: &'static str,
        emit: impl FnOnce(&gst::Promise),
    ) -> Result<Option<gst::Structure>, Error> {
        let (reply_to, reply) = std::sync::mpsc::sync_channel(1);
        emit(&gst::Promise::with_change_func(move |reply| {
            let owned = reply.map(|structure| structure.map(gst::StructureRef::to_owned));
            reply_to.send(owned.map_err(|error| format!("{error:?}"))).ok(); // the wait below gave up
        }));
        let structure = reply
            .recv_timeout(PROMISE_LIMIT)
            .map_err(|_| Error::Timeout { step, limit: PROMISE_LIMIT })?
            .map_err(|detail| Error::Negotiation { step, detail })?;
        match structure.as_ref().and_then(|structure| structure.get::<glib::Error>("error").ok()) {
            Some(error) => Err(Error::Negotiation { step, detail: error.message().to_owned() }),
            None => Ok(structure),
        }
    }

    /// Gives one of the peer's candidates to ICE; mDNS names are dropped, since resolving them leaks in 1.22.
    pub fn add_candidate(&self, candidate: &Candidate) {
        if candidate.is_end() || candidate.is_mdns() || (candidate.is_tcp() && !self.ice_tcp) {
            return;
        }
        let by_mid = || self.mids.iter().position(|mid| Some(mid) == candidate.sdp_mid.as_ref());
        let line = candidate.sdp_m_line_index.map(usize::from).or_else(by_mid).unwrap_or(0);
        if let Some(line) = u32::try_from(line).ok().filter(|_| line < self.mids.len()) {
            self.webrtc.emit_by_name::<()>("add-ice-candidate", &[&line, &candidate.candidate]);
        }
    }

    /// Says something on the data channel; `false` where there is none.
    pub fn send(&self, text: &str) -> bool {
        let channel = self.channel.lock().unwrap_or_else(PoisonError::into_inner);
        channel.as_ref().is_some_and(|channel| channel.send_string_full(Some(text)).is_ok())
    }

    /// Waits until a last word is on its way: the data channel has sent `bytes` more than `sent_before`, at most
    /// `limit`. Blocks.
    ///
    /// Stopping the graph drops what SCTP still holds, and webrtcbin's `buffered-amount` is 0 before that.
    pub fn flush(&self, sent_before: u64, bytes: usize, limit: Duration) {
        let wanted = sent_before + u64::try_from(bytes).unwrap_or(0);
        let sent = || self.taps.counters.channel_bytes_out.load(Relaxed);
        if self.channel.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            state::wait_until(limit, "flush", || sent() >= wanted).ok(); // a last word, not a promise
        }
    }

    /// What the peer said.
    pub fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    /// Puts another encoder in the place of the one in the bin named `failed`. Blocks.
    ///
    /// # Errors
    /// Too many have failed, or none can be built; `Ok(None)` where that bin is out already.
    pub fn replace_encoder(&self, failed: &str) -> Result<Option<Replaced>, Error> {
        self.sender.as_ref().map_or(Ok(None), |sender| sender.replace(failed))
    }

    /// The sending side of the picture; `None` where the peer wants none.
    pub fn sender(&self) -> Option<&Sender> {
        self.sender.as_deref()
    }

    /// Puts another decoder, or the same one anew, in the place of the one in use. Blocks.
    ///
    /// # Errors
    /// The old one hangs, too many have failed, or none can be built; `Ok(None)` where there is nothing to mend.
    pub fn mend_decoder(&self, remedy: &Remedy) -> Result<Option<Replaced>, Error> {
        self.receiver.as_ref().map_or(Ok(None), |receiver| receiver.mend(remedy))
    }

    /// Time on the graph's clock since it runs, which presentation times are on.
    pub fn clock(&self) -> Arc<dyn Fn() -> Duration + Send + Sync> {
        let pipeline = self.pipeline.downgrade();
        Arc::new(move || {
            let running = pipeline.upgrade().and_then(|pipeline| pipeline.current_running_time());
            running.unwrap_or_default().into()
        })
    }

    /// The receiving side of the picture; `None` where the peer sends none.
    pub fn receiver(&self) -> Option<&Receiver> {
        self.receiver.as_deref()
    }

    /// Makes the graph deliver one of `layouts` from here on.
    pub fn set_layouts(&self, layouts: &[Layout]) {
        if let Some(receiver) = &self.receiver {
            receiver.set_layouts(layouts);
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // The encoder's thread may wait in the slot: it has to leave before the graph can stop.
        self.taps.input.close();
        self.taps.output.close();
        self.channel.lock().unwrap_or_else(PoisonError::into_inner).take();
        state::stop(&self.pipeline);
    }
}
