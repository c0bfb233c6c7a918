//! One webrtcbin and its graph: what a session has of GStreamer.
//!
//! Signal closures run on webrtcbin's own threads: they hold weak references and only hand over. The call order
//! in [`open`] is the one that works on GStreamer 1.22 and 1.26 alike: send pads before the remote description.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use gst::{glib, prelude::*};

use super::{
    Error, Event, IceServers, Inbox, Mail, Settings, bus, channel,
    codec::Table,
    graph::{self, Taps},
    identity::{Identity, Verdict},
    negotiate::{self, Line},
    stats::{self, Stats},
};
use crate::{
    frame::{Frame, Layout, Slot},
    signalling::{Answer, AnswerPatch, Candidate, CodecName, Kind, Offer},
};

/// webrtcbin answers a promise within 10 ms; on a loaded host within a second.
const PROMISE_LIMIT: Duration = Duration::from_secs(5);
/// Stream id of `a=msid`, so that `ontrack` has a stream in every browser.
const STREAM_ID: &str = "scope";
/// How long a lost packet may be asked for: retransmissions stand outside the encoder's rate control, and
/// webrtcbin's 500 packets of history become a storm when the link narrows (measured: no recovery in 12 s).
const RTX_HISTORY_PACKETS: u32 = 30;
const RTX_HISTORY_MS: u32 = 150;

/// Counts of one graph, written where things happen and read by the session.
#[derive(Debug, Default)]
pub struct Counters {
    /// Decoded pictures.
    pub frames_in: AtomicU64,
    /// Pictures handed to the encoder.
    pub frames_out: AtomicU64,
    /// Access units that the encoder gave.
    pub encoded: AtomicU64,
    /// Age of the newest access unit in microseconds: from its first packet's arrival to its payloader.
    pub age_us: AtomicU64,
    /// Opus packets sent back.
    pub sound_packets: AtomicU64,
    /// Key frames that we asked the peer for.
    pub key_requests_sent: AtomicU64,
    /// Key frames that the peer asked us for.
    pub key_requests_received: AtomicU64,
    /// Bytes received, after ICE, before decryption.
    pub bytes_in: AtomicU64,
    /// Bytes sent, after encryption.
    pub bytes_out: AtomicU64,
    /// Bitrate that the encoder is set to, in bit/s.
    pub target_bps: AtomicU64,
    /// Width and height of the picture that comes in, 32 bits each.
    pub size: AtomicU64,
    /// Milliseconds from the graph's start to the last packet; 0 before the first.
    pub last_packet_ms: AtomicU64,
}

/// What a graph is built from.
pub struct Open<'a> {
    /// Name of the graph in logs and dumps.
    pub name: String,
    /// The parsed offer.
    pub offer: &'a Offer,
    /// STUN and TURN servers of this side.
    pub ice: IceServers,
    /// Decoded pictures go in here.
    pub input: Arc<Slot<Frame>>,
    /// Pictures to send come from here.
    pub output: Arc<Slot<Frame>>,
    /// Layouts that the stage takes.
    pub layouts: Vec<Layout>,
    /// Told what happens, on GStreamer's threads: must only hand over.
    pub tell: Arc<dyn Fn(Event) + Send + Sync>,
}

/// A graph and its answer.
pub struct Opened {
    /// The graph.
    pub peer: Peer,
    /// SDP of the answer, with the candidates that were found.
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
    pipeline: gst::Pipeline,
    webrtc: gst::Element,
    taps: Taps,
    inbox: Arc<Inbox>,
    channel: Arc<Mutex<Option<gst_webrtc::WebRTCDataChannel>>>,
    mids: Vec<String>,
    ice_tcp: bool,
    started: Instant,
}

/// Builds the graph and answers the offer. Blocks.
pub fn open(table: &Arc<Table>, settings: &Settings, open: Open<'_>) -> Result<Opened, Error> {
    let lines = negotiate::lines(open.offer, table, &settings.codecs)?;
    let peer = Peer::build(settings, &open)?;
    bus::watch(&peer.pipeline, {
        let tell = open.tell.clone();
        move |event| tell(event)
    });
    peer.tune(settings, &open.ice);
    let (transceivers, sound) = peer.add_senders(&lines, table, settings)?;
    let first = transceivers.first().ok_or_else(|| Error::Graph("no m-line to serve".into()))?;
    let identity = Arc::new(Identity::new(open.offer.fingerprints.clone(), first));
    peer.listen(&open.tell, &identity);
    let lines = Arc::new(lines);
    peer.receive(&lines, table, sound, &open.tell, &identity);
    let answer = peer.negotiate(open.offer, settings, &lines)?;
    Ok(Opened {
        answer,
        video: lines[0].codec.name,
        sound: lines.iter().any(|line| line.kind == Kind::Audio),
        receives_video: lines[0].receives,
        peer,
    })
}

impl Peer {
    fn build(settings: &Settings, open: &Open<'_>) -> Result<Self, Error> {
        let pipeline = gst::Pipeline::with_name(&open.name);
        let latency = u32::try_from(settings.jitter_buffer.as_millis()).unwrap_or(200);
        let webrtc = gst::ElementFactory::make("webrtcbin")
            .property_from_str("bundle-policy", "max-bundle")
            .property("latency", latency)
            .build()?;
        pipeline.add(&webrtc)?;
        Ok(Self {
            pipeline,
            webrtc,
            taps: Taps {
                input: open.input.clone(),
                output: open.output.clone(),
                layouts: open.layouts.clone(),
                counters: Arc::default(),
            },
            inbox: Arc::default(),
            channel: Arc::default(),
            mids: open.offer.medias.iter().map(|media| media.mid.clone()).collect(),
            ice_tcp: settings.ice_tcp,
            started: Instant::now(),
        })
    }

    /// Settings that webrtcbin has no property for.
    fn tune(&self, settings: &Settings, servers: &IceServers) {
        let ice: glib::Object = self.webrtc.property("ice-agent");
        if let Some((low, high)) = settings.udp_ports {
            ice.set_property("min-rtp-port", u32::from(low));
            ice.set_property("max-rtp-port", u32::from(high));
        }
        if ice.find_property("agent").is_some() {
            let agent: glib::Object = ice.property("agent");
            agent.set_property("upnp", false); // 200 ms an answer otherwise
            agent.set_property("ice-tcp", settings.ice_tcp);
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
            let (counters, started) = (self.taps.counters.clone(), self.started);
            bin.connect_deep_element_added(move |_, _, element| tune_element(element, &counters, started));
        }
    }

    /// One send bin and one transceiver for each m-line; also gives the sound's send bin.
    fn add_senders(
        &self,
        lines: &[Line],
        table: &Table,
        settings: &Settings,
    ) -> Result<(Vec<gst_webrtc::WebRTCRTPTransceiver>, Option<gst::Bin>), Error> {
        self.pipeline
            .set_state(gst::State::Playing)
            .map_err(|error| Error::Graph(format!("the graph does not start: {error}")))?;
        let mut transceivers = Vec::new();
        let mut sound = None;
        for line in lines {
            let transceiver = if line.sends {
                let bin = match line.kind {
                    Kind::Video => {
                        let (bin, row) = graph::send_video(line, table, &self.taps)?;
                        graph::rate(&self.webrtc, &bin, row, line, settings, &self.taps.counters)?;
                        bin
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
        let source =
            bin.static_pad("src").ok_or_else(|| Error::Graph(format!("{} has no open output", bin.name())))?;
        source.link(&pad).map_err(|error| Error::Graph(format!("webrtcbin takes no link: {error}")))?;
        bin.sync_state_with_parent()?;
        Ok(transceiver)
    }

    /// Connection states and the data channel become events.
    fn listen(&self, tell: &Arc<dyn Fn(Event) + Send + Sync>, identity: &Arc<Identity>) {
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
    fn receive(
        &self,
        lines: &Arc<Vec<Line>>,
        table: &Arc<Table>,
        sound: Option<gst::Bin>,
        tell: &Arc<dyn Fn(Event) + Send + Sync>,
        identity: &Arc<Identity>,
    ) {
        let pipeline = self.pipeline.downgrade();
        let sound = sound.map(|bin| bin.downgrade());
        let (taps, lines, table) = (self.taps.clone(), lines.clone(), table.clone());
        let (tell, identity) = (tell.clone(), identity.clone());
        self.webrtc.connect_pad_added(move |_, pad| {
            let Some(pipeline) = pipeline.upgrade().filter(|_| pad.direction() == gst::PadDirection::Src) else {
                return;
            };
            guard(pad, identity.clone(), tell.clone());
            let line = line_of(pad, &lines);
            let built = match line.map(|line| (line, line.kind)) {
                Some((line, Kind::Video)) => graph::receive_video(line, &table, &taps).map(Cast::upcast),
                Some((_, Kind::Audio)) => match sound.as_ref().and_then(glib::WeakRef::upgrade) {
                    Some(send) => graph::receive_audio(&send, &taps.counters).map(Cast::upcast),
                    None => graph::discard(),
                },
                _ => graph::discard(),
            };
            if let Err(error) = built.and_then(|element| attach(&pipeline, pad, &element)) {
                tell(Event::Fault { element: pad.name().to_string(), detail: error.to_string() });
            }
        });
    }

    /// Offer in, answer out.
    fn negotiate(&self, offer: &Offer, settings: &Settings, lines: &[Line]) -> Result<String, Error> {
        let sdp = gst_sdp::SDPMessage::parse_buffer(offer.sdp.as_bytes())
            .map_err(|error| Error::Negotiation { step: "offer", detail: error.to_string() })?;
        let offer = gst_webrtc::WebRTCSessionDescription::new(gst_webrtc::WebRTCSDPType::Offer, sdp);
        self.ask("set-remote-description", |promise| {
            self.webrtc.emit_by_name::<()>("set-remote-description", &[&offer, promise]);
        })?;
        let reply = self.ask("create-answer", |promise| {
            self.webrtc.emit_by_name::<()>("create-answer", &[&None::<gst::Structure>, promise]);
        })?;
        let answer: gst_webrtc::WebRTCSessionDescription = reply
            .as_ref()
            .and_then(|reply| reply.get("answer").ok())
            .ok_or(Error::Negotiation { step: "create-answer", detail: "no answer came".into() })?;
        self.ask("set-local-description", |promise| {
            self.webrtc.emit_by_name::<()>("set-local-description", &[&answer, promise]);
        })?;
        let complete = gst_webrtc::WebRTCICEGatheringState::Complete;
        let gathered = bus::wait_until(settings.gather_limit, "gathering candidates", || {
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
        Ok(Answer::finish(&text, &patch)?.sdp)
    }

    /// Emits an action with a promise and waits for the reply.
    fn ask(&self, step: &'static str, emit: impl FnOnce(&gst::Promise)) -> Result<Option<gst::Structure>, Error> {
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

    /// Waits until everything said is on its way, for at most `limit`. Blocks.
    pub fn flush(&self, limit: Duration) {
        let channel = self.channel.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(channel) = channel else { return };
        bus::wait_until(limit, "flush", || channel.buffered_amount() == 0).ok(); // a last word, not a promise
    }

    /// What the peer said.
    pub fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    /// Counts so far.
    pub fn counters(&self) -> &Counters {
        &self.taps.counters
    }

    /// Time since the last packet of the peer, or since the start where none came.
    pub fn silent_for(&self) -> Duration {
        let last = Duration::from_millis(self.taps.counters.last_packet_ms.load(Relaxed));
        self.started.elapsed().saturating_sub(last)
    }

    /// Asks webrtcbin for its figures (W3C webrtc-stats). Blocks.
    ///
    /// # Errors
    /// No answer in time.
    pub fn stats(&self) -> Result<Stats, Error> {
        let reply = self.ask("get-stats", |promise| {
            self.webrtc.emit_by_name::<()>("get-stats", &[&None::<gst::Pad>, promise]);
        })?;
        Ok(reply.map(|reply| stats::read(&reply)).unwrap_or_default())
    }

    /// The graph in Graphviz's language.
    pub fn dot(&self) -> String {
        let details = gst::DebugGraphDetails::MEDIA_TYPE | gst::DebugGraphDetails::STATES;
        self.pipeline.debug_to_dot_data(details).to_string()
    }

    /// Makes the graph deliver one of `layouts` from here on.
    pub fn set_layouts(&self, layouts: &[Layout]) {
        let sink = self.pipeline.by_name("receive-video").and_then(|bin| bin.downcast::<gst::Bin>().ok());
        let Some(sink) = sink.and_then(|bin| bin.by_name("tap")) else { return };
        sink.set_property("caps", super::tap::caps(layouts));
        if let Some(pad) = sink.static_pad("sink") {
            pad.push_event(gst::event::Reconfigure::new());
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // The encoder's thread may wait in the slot: it has to leave before the graph can stop.
        self.taps.input.close();
        self.taps.output.close();
        self.channel.lock().unwrap_or_else(PoisonError::into_inner).take();
        bus::stop(&self.pipeline);
    }
}

/// Sets what webrtcbin sets wrong inside itself, and counts at its ends.
fn tune_element(element: &gst::Element, counters: &Arc<Counters>, started: Instant) {
    let Some(factory) = element.factory() else { return };
    match factory.name().as_str() {
        "rtprtxsend" => {
            element.set_property("max-size-packets", RTX_HISTORY_PACKETS);
            element.set_property("max-size-time", RTX_HISTORY_MS);
        }
        // Otherwise the first packet waits for the whole latency: 275 ms to the first frame in place of 125.
        "rtpjitterbuffer" => element.set_property("faststart-min-packets", 1_u32),
        "nicesrc" => {
            let counters = counters.clone();
            count_bytes(element, "src", move |bytes| {
                counters.bytes_in.fetch_add(bytes, Relaxed);
                let now = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
                counters.last_packet_ms.store(now, Relaxed);
            });
        }
        "nicesink" => {
            let counters = counters.clone();
            count_bytes(element, "sink", move |bytes| {
                counters.bytes_out.fetch_add(bytes, Relaxed);
            });
        }
        _ => {}
    }
}

fn count_bytes(element: &gst::Element, pad: &str, count: impl Fn(u64) + Send + Sync + 'static) {
    let Some(pad) = element.static_pad(pad) else { return };
    pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST, move |_, info| {
        let bytes = match &info.data {
            Some(gst::PadProbeData::Buffer(buffer)) => buffer.size(),
            Some(gst::PadProbeData::BufferList(list)) => list.iter().map(gst::BufferRef::size).sum(),
            _ => 0,
        };
        count(u64::try_from(bytes).unwrap_or(0));
        gst::PadProbeReturn::Ok
    });
}

/// Lets nothing through `pad` until the peer's certificate is the offered one.
fn guard(pad: &gst::Pad, identity: Arc<Identity>, tell: Arc<dyn Fn(Event) + Send + Sync>) {
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
    tell: &Arc<dyn Fn(Event) + Send + Sync>,
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

fn attach(pipeline: &gst::Pipeline, pad: &gst::Pad, element: &gst::Element) -> Result<(), Error> {
    pipeline.add(element)?;
    element.sync_state_with_parent()?;
    let sink = element.static_pad("sink").ok_or_else(|| Error::Graph("a bin has no open input".into()))?;
    pad.link(&sink).map_err(|error| Error::Graph(format!("webrtcbin's stream takes no link: {error}")))?;
    Ok(())
}
