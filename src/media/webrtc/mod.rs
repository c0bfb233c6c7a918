//! One webrtcbin and its graph: a session's share of GStreamer.
//!
//! Signal closures run on webrtcbin's own threads: they hold weak references and must not block. The call order in
//! [`open`] is the one that works on both GStreamer 1.22 and 1.26: send pads before the remote description.

mod channel_limit;
mod data_channel;
mod fingerprint;
mod first;
mod headless;
mod inspect;
mod jitter_buffer;
mod negotiate;
mod retransmission;
mod signals;
mod source_limit;
mod stats;
mod traffic;
mod tune;

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

pub use data_channel::{Inbox, Mail};
use fingerprint::Check;
use gst::prelude::*;
pub use headless::open as open_headless;
pub use stats::{CandidatePair, Stats};

use super::{
    Engine, Error, IceServers, Tell,
    files::Playback,
    graph::{Parts, audio, failures::Replaced, faults, feeds::Feeds, line::Line, timing::Timing},
    gst::{launch, state},
    outputs::{Give, LaunchLine, TsStream, still},
    receive::{Receiver, Remedy},
    send::{Sender, congestion},
};
use crate::{
    frame::{Frame, Layout, Slot},
    limits,
    metrics::Ledger,
    signalling::{Answer, Candidate, CodecName, Kind, Offer, Reach, limits::CANDIDATES},
};

/// Everything that a graph is built from.
pub struct Open<'a> {
    /// Name of the graph in logs and dumps.
    pub name: String,
    /// The parsed offer; `None` builds a headless graph, whose output can be recorded and viewed.
    pub offer: Option<&'a Offer>,
    /// STUN and TURN servers for our side.
    pub ice: IceServers,
    /// Takes decoded frames.
    pub input: Arc<Slot<Frame>>,
    /// Gives the frames to send.
    pub output: Arc<Slot<Frame>>,
    /// Layouts that the stage accepts.
    pub layouts: Vec<Layout>,
    /// Records each step of the delay.
    pub ledger: Arc<Ledger>,
    /// Receives the graph's events, on GStreamer's threads; must not block.
    pub tell: Tell,
}

/// A graph and its answer.
pub struct Opened {
    /// The graph.
    pub peer: Peer,
    /// The answer with the gathered candidates; `None` without an offer.
    pub answer: Option<Answer>,
    /// The video codec.
    pub video: CodecName,
    /// Whether audio was negotiated.
    pub audio: bool,
    /// Whether the peer will send video.
    pub receives_video: bool,
}

/// A running graph. Dropping it stops it, which blocks for about 15 ms.
pub struct Peer {
    pipeline: gst::Pipeline,
    /// webrtcbin, or the sink in its place of a headless graph.
    webrtc: gst::Element,
    parts: Parts,
    sender: Option<Arc<Sender>>,
    receiver: Option<Arc<Receiver>>,
    inbox: Arc<Inbox>,
    channel: Arc<Mutex<Option<gst_webrtc::WebRTCDataChannel>>>,
    /// The mids of the offer's m-lines; empty in a headless graph.
    mids: Vec<String>,
    reach: Reach,
    /// How many candidates of the peer checks go to.
    candidates: AtomicUsize,
    ice_tcp: bool,
    launch_line: Option<LaunchLine>,
}

/// Builds the graph and answers the offer. Blocks.
pub fn open(engine: &Engine, open: &Open<'_>, offer: &Offer) -> Result<Opened, Error> {
    let settings = &engine.settings;
    let lines = negotiate::lines(offer, &engine.table, settings)?;
    limits::CANDIDATES.refused_times(u64::try_from(offer.ignored).unwrap_or(u64::MAX));
    let latency = u32::try_from(settings.jitter_buffer.as_millis()).unwrap_or(200);
    let webrtc = gst::ElementFactory::make("webrtcbin")
        .property_from_str("bundle-policy", "max-bundle")
        .property("latency", latency)
        .build()?;
    let mut peer = Peer::build(engine, open, webrtc)?;
    peer.launch_line = LaunchLine::of(&lines, &engine.table);
    peer.watch(&open.tell);
    if let Some(line) = lines.iter().find(|line| line.kind == Kind::Video && line.receives) {
        let receiver = Receiver::new(&peer.pipeline, line, &engine.table, &peer.parts)?;
        peer.receiver = Some(Arc::new(receiver));
    }
    peer.tune(settings, &open.ice, &lines[0].codec, &open.tell);
    let (transceivers, audio) = peer.add_senders(&lines, engine)?;
    let first =
        transceivers.first().ok_or_else(|| Error::Graph("the offer has no m-line to serve".into()))?;
    let fingerprint = Arc::new(Check::new(offer.fingerprints.clone(), first));
    peer.listen(&open.tell, &fingerprint);
    let lines = Arc::new(lines);
    peer.receive(&lines, audio, &open.tell, &fingerprint);
    let answer = peer.negotiate(offer, settings, &lines)?;
    Ok(Opened {
        answer: Some(answer),
        video: lines[0].codec.name,
        audio: lines.iter().any(|line| line.kind == Kind::Audio),
        receives_video: lines[0].receives,
        peer,
    })
}

impl Peer {
    /// A graph that holds only `webrtc`.
    fn build(engine: &Engine, open: &Open<'_>, webrtc: gst::Element) -> Result<Self, Error> {
        let pipeline = gst::Pipeline::with_name(&open.name);
        pipeline.add(&webrtc)?;
        Ok(Self {
            pipeline,
            webrtc,
            parts: Parts {
                input: open.input.clone(),
                output: open.output.clone(),
                layouts: open.layouts.clone(),
                counters: Arc::default(),
                timing: Arc::new(Timing::new(open.ledger.clone())),
                feeds: Arc::default(),
                max_frame: engine.max_frame(),
                tell: open.tell.clone(),
            },
            sender: None,
            receiver: None,
            inbox: Arc::default(),
            channel: Arc::default(),
            mids: open.offer.iter().flat_map(|offer| &offer.medias).map(|media| media.mid.clone()).collect(),
            reach: open.offer.map(|offer| offer.reach).unwrap_or_default(),
            candidates: AtomicUsize::new(open.offer.map_or(0, |offer| offer.candidates)),
            ice_tcp: engine.settings.ice_tcp,
            launch_line: None,
        })
    }

    /// Reports the graph's errors as events.
    fn watch(&self, tell: &Tell) {
        let tell = tell.clone();
        faults::watch(&self.pipeline, &self.parts.counters, move |event| tell(event));
    }

    /// Starts the graph; elements added later must sync their state with it.
    fn begin(&self) -> Result<(), Error> {
        let begun = self.pipeline.set_state(gst::State::Playing);
        begun.map(drop).map_err(|error| Error::Graph(format!("cannot start the graph: {error}")))
    }

    /// Adds a send bin and a transceiver for each m-line; also returns the audio send bin.
    fn add_senders(
        &mut self,
        lines: &[Line],
        engine: &Engine,
    ) -> Result<(Vec<gst_webrtc::WebRTCRTPTransceiver>, Option<gst::Bin>), Error> {
        self.begin()?;
        let mut transceivers = Vec::new();
        let mut audio = None;
        for line in lines {
            let transceiver = if line.sends {
                let bin = match line.kind {
                    Kind::Video => {
                        let sender = Arc::new(Sender::new(&self.pipeline, line, &self.parts, engine)?);
                        if engine.settings.congestion_control && line.twcc.is_some() {
                            self.drive(&sender);
                        }
                        self.sender.insert(sender).bin()
                    }
                    _ => audio.insert(audio::send(line)?).clone(),
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
        Ok((transceivers, audio))
    }

    /// Connects the peer's transport-wide feedback to the sender.
    fn drive(&self, sender: &Arc<Sender>) {
        let sender = Arc::downgrade(sender);
        congestion::listen(&self.webrtc, move |packets| {
            if let Some(sender) = sender.upgrade() {
                sender.feedback(packets);
            }
        });
    }

    fn link_sender(&self, line: &Line, bin: &gst::Bin) -> Result<gst_webrtc::WebRTCRTPTransceiver, Error> {
        use gst_webrtc::WebRTCRTPTransceiverDirection::{Sendonly, Sendrecv};
        self.pipeline.add(bin)?;
        let pad = self
            .webrtc
            .request_pad_simple(&format!("sink_{}", line.index))
            .ok_or_else(|| Error::Graph("webrtcbin refused a send pad".into()))?;
        let transceiver: gst_webrtc::WebRTCRTPTransceiver = pad.property("transceiver");
        transceiver.set_property("direction", if line.receives { Sendrecv } else { Sendonly });
        transceiver.set_property("codec-preferences", line.caps());
        let source = bin
            .static_pad("src")
            .ok_or_else(|| Error::Graph(format!("{} has no open output", bin.name())))?;
        source.link(&pad).map_err(|error| Error::Graph(format!("cannot link to webrtcbin: {error}")))?;
        bin.sync_state_with_parent()?;
        Ok(transceiver)
    }

    /// Adds one of the peer's ICE candidates, if checks may go there. mDNS names are dropped, since resolving them leaks
    /// in 1.22.
    pub fn add_candidate(&self, candidate: &Candidate) {
        if candidate.is_end() || candidate.is_mdns() || (candidate.is_tcp() && !self.ice_tcp) {
            return;
        }
        if !candidate.is_usable(self.reach) || self.candidates.fetch_add(1, Relaxed) >= CANDIDATES {
            limits::CANDIDATES.refused();
            return;
        }
        let by_mid = || self.mids.iter().position(|mid| Some(mid) == candidate.sdp_mid.as_ref());
        let line = candidate.sdp_m_line_index.map(usize::from).or_else(by_mid).unwrap_or(0);
        if let Some(line) = u32::try_from(line).ok().filter(|_| line < self.mids.len()) {
            self.webrtc.emit_by_name::<()>("add-ice-candidate", &[&line, &candidate.candidate]);
        }
    }

    /// Sends text on the data channel; `false` if it is not open.
    pub fn send(&self, text: &str) -> bool {
        let channel = self.channel.lock().unwrap_or_else(PoisonError::into_inner);
        channel.as_ref().is_some_and(|channel| channel.send_string_full(Some(text)).is_ok())
    }

    /// Closes the data channel; video and audio go on. Blocks for a few ms.
    pub fn close_channel(&self) {
        let channel = self.channel.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(channel) = channel {
            channel.close();
        }
    }

    /// Waits until the data channel has sent `bytes` more than `sent_before`, for at most `limit`. Blocks.
    pub fn flush(&self, sent_before: u64, bytes: usize, limit: Duration) {
        let wanted = sent_before + u64::try_from(bytes).unwrap_or(0);
        if self.channel.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            data_channel::flush(&self.parts.counters.channel_bytes_out, wanted, limit);
        }
    }

    /// The peer's messages.
    pub fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    /// Replaces the encoder in the bin named `failed`. Blocks.
    ///
    /// # Errors
    /// Too many failed, or none can be built. `Ok(None)`: that bin was replaced already.
    pub fn replace_encoder(&self, failed: &str) -> Result<Option<Replaced>, Error> {
        self.sender.as_ref().map_or(Ok(None), |sender| sender.replace(failed))
    }

    /// The sending side of video; `None` if the peer receives none.
    pub fn sender(&self) -> Option<&Sender> {
        self.sender.as_deref()
    }

    /// Rebuilds or replaces the decoder in use. Blocks.
    ///
    /// # Errors
    /// The old one hangs, too many failed, or none can be built. `Ok(None)`: there is nothing to mend.
    pub fn mend_decoder(&self, remedy: &Remedy) -> Result<Option<Replaced>, Error> {
        self.receiver.as_ref().map_or(Ok(None), |receiver| receiver.mend(remedy))
    }

    /// The graph's running time, to which presentation times refer.
    pub fn clock(&self) -> Arc<dyn Fn() -> Duration + Send + Sync> {
        let pipeline = self.pipeline.downgrade();
        Arc::new(move || {
            let running = pipeline.upgrade().and_then(|pipeline| pipeline.current_running_time());
            running.unwrap_or_default().into()
        })
    }

    /// The receiving side of video; `None` if the peer sends none.
    pub fn receiver(&self) -> Option<&Receiver> {
        self.receiver.as_deref()
    }

    /// Makes the graph deliver frames in one of `layouts`.
    pub fn set_layouts(&self, layouts: &[Layout]) {
        if let Some(receiver) = &self.receiver {
            receiver.set_layouts(layouts);
        }
    }

    /// Plays a file in place of the peer's video, in a loop or once. [`Playback::over`] tells how it ended.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn play(&self, file: PathBuf, repeat: bool, layouts: &[Layout]) -> std::io::Result<Playback> {
        Playback::start(file, repeat, layouts, &self.parts, self.clock())
    }

    /// The next frame that is sent, as a JPEG of `quality` 0 to 100; `None` if none is sent within two seconds.
    /// Blocks.
    ///
    /// # Errors
    /// The frame cannot be encoded.
    pub fn still(&self, quality: u8) -> Result<Option<Vec<u8>>, Error> {
        let Some(sender) = self.sender() else { return Ok(None) };
        let tap = launch::element(&sender.bin(), "tap")?;
        let pad = tap.static_pad("src").ok_or_else(|| Error::Graph("the outlet has no output".into()))?;
        still::take(&pad, quality)
    }

    /// Streams a headless session's video to `give`, from the next key frame to the session's end, when `give` is
    /// dropped. Blocks for a few ms.
    ///
    /// # Errors
    /// [`Error::NoStream`] if the session does not send H.264, the codec that players of such streams know; an element
    /// is missing.
    pub fn view(&self, give: Give) -> Result<TsStream, Error> {
        let codec = self.sender().map(Sender::codec);
        if let Some(codec) = codec.filter(|codec| *codec != CodecName::H264) {
            return Err(Error::NoStream(codec));
        }
        let pad = self.webrtc.static_pad("sink");
        let pad = pad.ok_or_else(|| Error::Graph("only a headless session can be viewed".into()))?;
        let viewer = TsStream::open(&pad, give)?;
        if let Some(sender) = self.sender() {
            sender.request_key_frame();
        }
        Ok(viewer)
    }

    /// The points where a recording copies media.
    pub(super) fn feeds(&self) -> &Feeds {
        &self.parts.feeds
    }

    /// Stops copying media for a recording.
    pub fn stop_feeding_recording(&self) {
        self.parts.feeds.disconnect();
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // The encoder's thread may be waiting in the slot, and must leave before the graph can stop.
        self.parts.input.close();
        self.parts.output.close();
        self.channel.lock().unwrap_or_else(PoisonError::into_inner).take();
        state::stop(&self.pipeline);
    }
}
