//! Everything that touches a packet or a frame of a session, as one table in the order a frame meets it.
//!
//! ```text
//! nicesrc ─▶ srtpdec ─▶ rtpjitterbuffer ─▶ guard ─▶ depay ─▶ dec ─▶ appsink ─▶ Slot ─▶ stage
//!                                                                                         │
//! nicesink ◀─ srtpenc ◀─ rtprtxsend ◀─ pay ◀─ enc ◀─ size ◀─ appsrc ◀─ Slot ◀─────────────┘
//! ```
//! `webrtc` owns both ends of this up to webrtcbin's pads, `receive` the bin from `guard` to the first appsink
//! (`receive/bin.rs`), `send` the bin from appsrc to `pay` (`send/bin.rs`). A frame is first packets, then an access
//! unit, a `gst::Buffer`, a [`Frame`](crate::frame::Frame) that refers to that buffer, and then the same in reverse
//! (`gst/convert.rs`); no pixel is copied between `dec` and `enc` unless the layout or the size has to change.
//!
//! Every probe and callback is installed through its row (`tests/suite/tools/architecture` looks for others), so what
//! is not listed here touches no frame. At log level TRACE each row logs when it is installed. Probes run on streaming
//! threads: they use atomics and short locks, and only [`OUTLET`] may wait.

use std::ops::ControlFlow;

use gst::prelude::*;

use super::panics;

/// In the place of an element's name: any decoder, whether `dec` of a fragment or one that reads a file.
const DECODER: &str = "decoder";

/// One probe or callback that touches packets, frames or the events between them.
pub struct Probe {
    name: &'static str,
    /// The element, by factory or by its name in a fragment, and its pad.
    element: &'static str,
    pad: &'static str,
    thread: &'static str,
    /// What it counts or changes.
    does: &'static str,
    why: &'static str,
}

// Threads, as `top -H` shows them for a session.

/// From the socket to webrtcbin's receive queue.
const ICE: &str = "nicesrc";
/// From that queue through DTLS and SRTP into the jitter buffers; also RTCP and what it triggers on the sending side.
const RECEIVE_QUEUE: &str = "queue";
/// One per source of the peer: from the jitter buffer through the decoder into the Slot.
const JITTER_BUFFER: &str = "rtpjitterbuffer";
/// The jitter buffer's second thread, which sends NACKs.
const TIMER: &str = "timer";
/// From the Slot through the encoder, the payloader and SRTP to the socket.
const ENCODER: &str = "tap";
/// Everything that is sent: video and audio, RTCP, the data channel.
const SENDERS: &str = "tap, rtpjitterbuffer, rtpsession-rtcp, dtlsenc";
/// The thread that changes the graph: a blocking thread of the session.
const SESSION: &str = "the caller's";

// From the network to the decoder.

pub const WEBRTC_ELEMENTS: Probe = Probe {
    name: "webrtc elements",
    element: "webrtcbin",
    pad: "",
    thread: "the one that adds the element",
    does: "sets what webrtcbin has no property for and installs the probes inside it",
    why: "webrtcbin creates these elements itself, when streams arrive",
};
pub const BYTES_IN: Probe = Probe {
    name: "bytes in",
    element: "nicesrc",
    pad: "src",
    thread: ICE,
    does: "adds to bytes_in, sets last_packet_ms",
    why: "silence reveals a vanished peer",
};
pub const SOURCE_LIMIT: Probe = Probe {
    name: "source limit",
    element: "nicesrc",
    pad: "src",
    thread: ICE,
    does: "drops SRTP and SRTCP packets of SSRCs beyond the first 32",
    why: "libsrtp keeps memory for each SSRC and searches all of them for each packet",
};
pub const CHANNEL_LIMIT: Probe = Probe {
    name: "channel limit",
    element: "sctpdec",
    pad: "sink",
    thread: RECEIVE_QUEUE,
    does: "drops SCTP packets with data of streams beyond the first 4",
    why: "webrtcbin starts two threads for each stream that data arrives on",
};
pub const FIRST_PACKET_IN: Probe = Probe {
    name: "first packet in",
    element: "rtpjitterbuffer",
    pad: "sink",
    thread: RECEIVE_QUEUE,
    does: "sets the latency to 0, once",
    why: "the first packet must not wait for earlier ones",
};
pub const FIRST_PACKET_OUT: Probe = Probe {
    name: "first packet out",
    element: "rtpjitterbuffer",
    pad: "src",
    thread: JITTER_BUFFER,
    does: "restores the configured latency, once",
    why: "undoes `first packet in`",
};
pub const NACK_SWITCH: Probe = Probe {
    name: "NACK switch",
    element: "rtpjitterbuffer",
    pad: "sink",
    thread: RECEIVE_QUEUE,
    does: "enables NACKs for video and disables them for all else, once",
    why: "1.22 takes the setting of the bundle's last m-line; the first packet tells whose buffer this is",
};
pub const NACK_SENT: Probe = Probe {
    name: "NACK sent",
    element: "rtpjitterbuffer",
    pad: "sink",
    thread: TIMER,
    does: "sets nack_sent_ms",
    why: "playout delays frames only after retransmissions",
};
pub const VIDEO_PACKETS: Probe = Probe {
    name: "video packets",
    element: "rtpjitterbuffer",
    pad: "sink",
    thread: RECEIVE_QUEUE,
    does: "adds to video_packets",
    why: "counted before the jitter buffer, to reveal one that hangs",
};
pub const FINGERPRINT_GUARD: Probe = Probe {
    name: "fingerprint guard",
    element: "webrtcbin",
    pad: "src_%u",
    thread: JITTER_BUFFER,
    does: "drops packets until the certificate matches the offer",
    why: "webrtcbin before 1.28.5 does not compare fingerprints (RFC 8122)",
};
pub const SUPERSEDED_SOURCE: Probe = Probe {
    name: "superseded source",
    element: "webrtcbin",
    pad: "src_%u",
    thread: JITTER_BUFFER,
    does: "drops packets of a source that was replaced",
    why: "unlinked, its not-linked error would stop the whole transport",
};
pub const DECODER_SWAP: Probe = Probe {
    name: "decoder swap",
    element: "webrtcbin",
    pad: "src_%u",
    thread: JITTER_BUFFER,
    does: "drops packets while the decoder is replaced",
    why: "a bin that goes to NULL while it holds a packet stops the jitter buffer for good",
};
pub const DECODER_IDLE: Probe = Probe {
    name: "decoder idle",
    element: "webrtcbin",
    pad: "src_%u",
    thread: SESSION,
    does: "signals once when no packet is inside the decoder",
    why: "as `decoder swap`",
};

// From the packet to the decoded frame.

pub const LOSS_GUARD: Probe = Probe {
    name: "loss guard",
    element: "guard",
    pad: "sink",
    thread: JITTER_BUFFER,
    does: "marks errorignore's input pad for renegotiation",
    why: "errorignore drops everything after a buffer that failed (1.22 to 1.28)",
};
pub const KEY_REQUESTS_SENT: Probe = Probe {
    name: "key frame requests sent",
    element: "depay",
    pad: "sink",
    thread: "the requester's",
    does: "adds to key_requests_sent",
    why: "a figure of the session",
};
pub const PLAYOUT_LATENESS: Probe = Probe {
    name: "playout lateness",
    element: "depay",
    pad: "sink",
    thread: JITTER_BUFFER,
    does: "sets how long the appsink delays each frame",
    why: "retransmissions release frames in bursts, of which the Slot would keep one",
};
pub const PLAYOUT_LATENCY: Probe = Probe {
    name: "playout latency",
    element: "tap",
    pad: "sink",
    thread: "the one that distributes the latency",
    does: "records the latency that the appsink adds",
    why: "playout subtracts it again",
};
pub const STALL_PACKETS: Probe = Probe {
    name: "stall, packets",
    element: "depay",
    pad: "sink",
    thread: JITTER_BUFFER,
    does: "requests a key frame if packets yield no frame, or after decoder errors",
    why: "avdec_h264 1.22 waits for a key frame without requesting one",
};
pub const STALL_UNITS: Probe = Probe {
    name: "stall, access units",
    element: "dec",
    pad: "sink",
    thread: JITTER_BUFFER,
    does: "notes a gap in the stream",
    why: "a gap that only the decoder's output has is a decoder error, which decoders of 1.22 post nowhere",
};
pub const STALL_FRAMES: Probe = Probe {
    name: "stall, frames",
    element: "tap",
    pad: "sink",
    thread: JITTER_BUFFER,
    does: "ends the stall, notes a decoder error",
    why: "as `stall, packets` and `stall, access units`",
};
pub const STREAM_SIZE: Probe = Probe {
    name: "stream size",
    element: DECODER,
    pad: "sink",
    thread: JITTER_BUFFER,
    does: "drops caps of frames over max_frame",
    why: "a decoder may open on caps, and takes memory for what they announce",
};
pub const FRAME_SIZE: Probe = Probe {
    name: "frame size",
    element: DECODER,
    pad: "sink",
    thread: JITTER_BUFFER,
    does: "drops access units that announce frames over max_frame, and all after them",
    why: "a key frame of a kilobyte may announce a frame of a gigabyte",
};
pub const FRAME_INDEX: Probe = Probe {
    name: "frame index",
    element: "vp9dec",
    pad: "sink",
    thread: JITTER_BUFFER,
    does: "appends to a VP9 access unit without an index that it is one frame",
    why: "libvpx would decode what follows the frame, whose header `frame size` cannot find",
};
pub const DECODED_SIZE: Probe = Probe {
    name: "decoded size",
    element: DECODER,
    pad: "src",
    thread: JITTER_BUFFER,
    does: "drops caps of frames over max_frame",
    why: "the last check, should a decoder read a header otherwise than `frame size`",
};
pub const RECORD_INPUT: Probe = Probe {
    name: "record input",
    element: "dec",
    pad: "sink",
    thread: JITTER_BUFFER,
    does: "copies access units for a recording that includes the input",
    why: "recorded as the peer encoded it",
};
pub const DECODER_INPUT: Probe = Probe {
    name: "decoder input",
    element: "dec",
    pad: "sink",
    thread: JITTER_BUFFER,
    does: "records when an access unit enters the decoder, and its age",
    why: "measures the jitter buffer and decode steps of the delay",
};
pub const INLET: Probe = Probe {
    name: "inlet",
    element: "tap",
    pad: "sink",
    thread: JITTER_BUFFER,
    does: "wraps the buffer as a Frame, puts it into the input Slot, adds to frames_in",
    why: "frames leave GStreamer here",
};

// From the stage to the network.

pub const OUTLET: Probe = Probe {
    name: "outlet",
    element: "tap",
    pad: "src",
    thread: ENCODER,
    does: "waits for a frame in the output Slot and for an encode permit, adds to frames_out",
    why: "frames re-enter GStreamer here",
};
pub const STILL: Probe = Probe {
    name: "still",
    element: "tap",
    pad: "src",
    thread: ENCODER,
    does: "copies one frame for a JPEG",
    why: "a still shows what is sent",
};
pub const KEY_FRAME_BY_RESTART: Probe = Probe {
    name: "key frame by restart",
    element: "enc",
    pad: "src",
    thread: "the requester's",
    does: "sets the same bitrate again, which restarts the group of pictures",
    why: "vah264enc before 1.24.4 answers a request with an I frame that is not an IDR",
};
pub const ENCODER_OUTPUT: Probe = Probe {
    name: "encoder output",
    element: "pay",
    pad: "sink",
    thread: ENCODER,
    does: "adds to encoded, records the age of each access unit",
    why: "measures the encode step of the delay",
};
pub const RECORD_OUTPUT: Probe = Probe {
    name: "record output",
    element: "pay",
    pad: "sink",
    thread: ENCODER,
    does: "copies access units for a recording",
    why: "recorded as the peer gets it",
};
pub const KEY_REQUESTS_RECEIVED: Probe = Probe {
    name: "key frame requests received",
    element: "pay",
    pad: "sink",
    thread: "the requester's",
    does: "adds to key_requests_received",
    why: "a figure of the session",
};
pub const NO_END_OF_STREAM: Probe = Probe {
    name: "no end of stream",
    element: "pay",
    pad: "src",
    thread: ENCODER,
    does: "drops EOS",
    why: "an appsrc whose encoder failed sends EOS, after which the transport accepts nothing",
};
pub const CONGESTION_FEEDBACK: Probe = Probe {
    name: "congestion feedback",
    element: "identity",
    pad: "src",
    thread: RECEIVE_QUEUE,
    does: "reads the peer's transport-wide feedback, which drives the bitrate",
    why: "rtpsession passes it on only as an event",
};
pub const PACKET_SIZES: Probe = Probe {
    name: "packet sizes",
    element: "rtprtxsend",
    pad: "sink",
    thread: ENCODER,
    does: "tracks the mean size of sent packets",
    why: "estimates the cost of a retransmission",
};
pub const NACK_RECEIVED: Probe = Probe {
    name: "NACK received",
    element: "rtprtxsend",
    pad: "src",
    thread: RECEIVE_QUEUE,
    does: "limits retransmissions to a share of the bitrate, sends each twice on a lossy link",
    why: "unbounded, retransmissions flood a link that narrows",
};
pub const BYTES_OUT: Probe = Probe {
    name: "bytes out",
    element: "nicesink",
    pad: "sink",
    thread: SENDERS,
    does: "adds to bytes_out and channel_bytes_out, records when a frame's last packet leaves",
    why: "measures the send step and the total delay",
};
pub const TS_PACKETS: Probe = Probe {
    name: "transport stream packets",
    element: "fakesink",
    pad: "sink",
    thread: ENCODER,
    does: "copies a headless session's packets to each viewer's graph",
    why: "a viewer that stalls must stall nothing else",
};

// Not on a video frame's path.

pub const AUDIO: Probe = Probe {
    name: "audio",
    element: "tap",
    pad: "sink",
    thread: JITTER_BUFFER,
    does: "passes Opus packets from depayloader to payloader, copies them for a recording",
    why: "audio goes back unchanged",
};
pub const TS_OUTPUT: Probe = Probe {
    name: "transport stream",
    element: "tap",
    pad: "sink",
    thread: "the viewer's graph",
    does: "passes the transport stream to the viewer",
    why: "the viewer's graph ends here",
};
pub const STAGE_FRAMES: Probe = Probe {
    name: "stage's frames",
    element: "scope-frames",
    pad: "sink",
    thread: "the stage's graph",
    does: "passes frames to the stage's thread",
    why: "the bin's graph ends here",
};
pub const STAGE_MARKERS: Probe = Probe {
    name: "stage's markers",
    element: "scope-frames",
    pad: "sink",
    thread: "the stage's graph",
    does: "removes the marker behind each frame and reports it",
    why: "a marker without a frame shows that an element kept or dropped it",
};
pub const FILE_ELEMENTS: Probe = Probe {
    name: "file elements",
    element: "decodebin",
    pad: "",
    thread: "the one that adds the element",
    does: "installs `stream size`, `frame size` and `decoded size` on each decoder",
    why: "decodebin creates a file's decoder when it knows the codec",
};
pub const TRIAL_INPUT: Probe = Probe {
    name: "trial's input",
    element: "enc",
    pad: "sink",
    thread: "the trial's graph",
    does: "changes the bitrate and requests a key frame at fixed frames",
    why: "an encoder that ignores either is rejected",
};
pub const TRIAL_ENCODED: Probe = Probe {
    name: "trial's access units",
    element: "enc",
    pad: "src",
    thread: "the trial's graph",
    does: "counts access units and key frames, ends the trial",
    why: "an encoder must have encoded to be used",
};
pub const TRIAL_DECODED: Probe = Probe {
    name: "trial's frames",
    element: "end",
    pad: "sink",
    thread: "the trial's graph",
    does: "counts frames, ends the trial",
    why: "a decoder must have decoded to be used",
};

/// Runs a probe of `pad`; one that panics lets nothing more through, and its element reports the panic.
fn contained(pad: &gst::Pad, probe: impl FnOnce() -> gst::PadProbeReturn) -> gst::PadProbeReturn {
    panics::contained(|| pad.parent_element(), gst::PadProbeReturn::Drop, probe)
}

/// Packets pass a pad singly or as a list.
const PACKETS: gst::PadProbeType = gst::PadProbeType::BUFFER.union(gst::PadProbeType::BUFFER_LIST);

impl Probe {
    /// Drops what does not pass: by `Handled`, since after `Drop` GStreamer unrefs what the binding has freed already, and
    /// says so on standard error each time.
    pub fn pass_if(passes: bool) -> gst::PadProbeReturn {
        if passes { gst::PadProbeReturn::Ok } else { gst::PadProbeReturn::Handled }
    }

    /// Calls `look` for each buffer, including each buffer of a list.
    pub fn each(
        &self,
        pad: &gst::Pad,
        look: impl Fn(&gst::Pad, &gst::BufferRef) + Send + Sync + 'static,
    ) -> Option<gst::PadProbeId> {
        self.installed(pad);
        pad.add_probe(PACKETS, move |pad, info| {
            contained(pad, || {
                match &info.data {
                    Some(gst::PadProbeData::Buffer(buffer)) => look(pad, buffer),
                    Some(gst::PadProbeData::BufferList(list)) => {
                        list.iter().for_each(|buffer| look(pad, buffer));
                    }
                    _ => {}
                }
                gst::PadProbeReturn::Ok
            })
        })
    }

    /// Lets `decide` pass or drop each buffer; a list goes by its first buffer.
    pub fn decide(
        &self,
        pad: &gst::Pad,
        decide: impl Fn(&gst::Pad, Option<&gst::BufferRef>) -> gst::PadProbeReturn + Send + Sync + 'static,
    ) -> Option<gst::PadProbeId> {
        self.installed(pad);
        pad.add_probe(PACKETS, move |pad, info| {
            let first = match &info.data {
                Some(gst::PadProbeData::Buffer(buffer)) => Some(&**buffer),
                Some(gst::PadProbeData::BufferList(list)) => list.get(0),
                _ => None,
            };
            contained(pad, || decide(pad, first))
        })
    }

    /// Drops the buffers that `keep` refuses, out of lists too, and passes on what it makes of the others.
    pub fn keep(&self, pad: &gst::Pad, keep: impl Fn(&mut gst::Buffer) -> bool + Send + Sync + 'static) {
        self.installed(pad);
        pad.add_probe(PACKETS, move |pad, info| {
            contained(pad, || {
                Self::pass_if(match &mut info.data {
                    Some(gst::PadProbeData::Buffer(buffer)) => keep(buffer),
                    Some(gst::PadProbeData::BufferList(list)) => {
                        list.make_mut().foreach_mut(|mut buffer, _| {
                            let kept = keep(&mut buffer);
                            ControlFlow::Continue(Some(buffer).filter(|_| kept))
                        });
                        !list.is_empty()
                    }
                    _ => true,
                })
            })
        });
    }

    /// Lets `decide` pass or drop each upstream event (from receiver to sender).
    pub fn upstream(
        &self,
        pad: &gst::Pad,
        decide: impl Fn(&gst::Pad, &gst::EventRef) -> gst::PadProbeReturn + Send + Sync + 'static,
    ) {
        self.events(pad, gst::PadProbeType::EVENT_UPSTREAM, decide);
    }

    /// Lets `decide` pass or drop each downstream event, in order with the buffers.
    pub fn downstream(
        &self,
        pad: &gst::Pad,
        decide: impl Fn(&gst::Pad, &gst::EventRef) -> gst::PadProbeReturn + Send + Sync + 'static,
    ) {
        self.events(pad, gst::PadProbeType::EVENT_DOWNSTREAM, decide);
    }

    fn events(
        &self,
        pad: &gst::Pad,
        direction: gst::PadProbeType,
        decide: impl Fn(&gst::Pad, &gst::EventRef) -> gst::PadProbeReturn + Send + Sync + 'static,
    ) {
        self.installed(pad);
        pad.add_probe(direction, move |pad, info| match &info.data {
            Some(gst::PadProbeData::Event(event)) => contained(pad, || decide(pad, event)),
            _ => gst::PadProbeReturn::Ok,
        });
    }

    /// Calls `tell` once the pad is idle; on the calling thread if it already is.
    pub fn idle(&self, pad: &gst::Pad, tell: impl Fn() + Send + Sync + 'static) -> Option<gst::PadProbeId> {
        self.installed(pad);
        pad.add_probe(gst::PadProbeType::IDLE, move |pad, _| {
            contained(pad, || {
                tell();
                gst::PadProbeReturn::Remove
            })
        })
    }

    /// Calls `take` for each sample of `sink`, and `end` at the end of the stream.
    pub fn samples(
        &self,
        sink: &gst_app::AppSink,
        mut take: impl FnMut(&gst::Sample) -> Result<gst::FlowSuccess, gst::FlowError> + Send + 'static,
        end: impl Fn() + Send + 'static,
    ) {
        if let Some(pad) = sink.static_pad("sink") {
            self.installed(&pad);
        }
        let callbacks = gst_app::AppSinkCallbacks::builder()
            .new_sample(move |sink| take(&sink.pull_sample().map_err(|_| gst::FlowError::Eos)?))
            .eos(move |_| end());
        sink.set_callbacks(callbacks.build());
    }

    /// Calls `give` whenever `source` needs data.
    pub fn need_data(
        &self,
        source: &gst_app::AppSrc,
        mut give: impl FnMut(&gst_app::AppSrc) + Send + 'static,
    ) {
        if let Some(pad) = source.static_pad("src") {
            self.installed(&pad);
        }
        let callbacks = gst_app::AppSrcCallbacks::builder().need_data(move |source, _| give(source));
        source.set_callbacks(callbacks.build());
    }

    /// Calls `set` for each element added to `bin`, at any depth.
    pub fn elements(&self, bin: &gst::Bin, set: impl Fn(&gst::Element) + Send + Sync + 'static) {
        self.tell(&bin.name());
        bin.connect_deep_element_added(move |_, _, element| {
            panics::contained(|| Some(element.clone()), (), || set(element));
        });
    }

    /// Logs the installation and, in debug builds, checks it against the row.
    fn installed(&self, pad: &gst::Pad) {
        let parent = pad.parent_element();
        let factory = parent.as_ref().and_then(gst::Element::factory);
        let decodes =
            factory.as_ref().is_some_and(|factory| factory.has_type(gst::ElementFactoryType::DECODER));
        let factory = factory.map(|factory| factory.name());
        let is = |name: &str| name == self.element || (decodes && self.element == DECODER);
        debug_assert!(
            pad.name().starts_with(self.pad.trim_end_matches("%u"))
                && (factory.is_some_and(|factory| is(&factory))
                    || parent.is_none_or(|parent| is(&parent.name()))),
            "{} is installed on {}",
            self.name,
            pad.path_string()
        );
        self.tell(&pad.path_string());
    }

    fn tell(&self, at: &str) {
        let Self { name, element, pad, thread, does, why } = self;
        tracing::trace!(name, at, element, pad, thread, does, why, "probe");
    }
}
