//! Everything that touches a packet or a frame of a session, as one table in the order of a frame's way.
//!
//! ```text
//! nicesrc ─▶ srtpdec ─▶ rtpjitterbuffer ─▶ guard ─▶ depay ─▶ dec ─▶ appsink ─▶ Slot ─▶ stage
//!                                                                                         │
//! nicesink ◀─ srtpenc ◀─ rtprtxsend ◀─ pay ◀─ enc ◀─ size ◀─ appsrc ◀─ Slot ◀─────────────┘
//! ```
//! `webrtc` owns both ends of this up to webrtcbin's pads, `receive` the bin from `guard` to the first appsink
//! (`receive/bin.rs`), `send` the bin from the second appsrc to `pay` (`send/bin.rs`). On the way a frame is packets, an
//! access unit, a `gst::Buffer`, a [`Frame`](crate::frame::Frame) that refers to that buffer, and the same back
//! (`gst/convert.rs`); no pixel is copied between `dec` and `enc` unless a layout or a size has to change.
//!
//! Each probe and each callback is installed by its row and in no other way (`tests/suite/tools/architecture` looks for
//! others), so what is not here does not touch a frame. With the log level TRACE each row tells when it is installed.
//! What runs here runs on a streaming thread: atomics and short locks, no waiting but in [`OUTLET`].

use gst::prelude::*;

/// One thing that touches packets, frames or the events between them.
pub struct Probe {
    name: &'static str,
    /// The element, by its factory or by its name in a fragment, and its pad.
    element: &'static str,
    pad: &'static str,
    thread: &'static str,
    /// What it counts or changes.
    does: &'static str,
    why: &'static str,
}

// Threads, as `top -H` shows them of a session.

/// From the socket to webrtcbin's receive queue.
const ICE: &str = "nicesrc";
/// From that queue through DTLS and SRTP into the jitter buffers; RTCP as well, and what it asks of the sending side.
const RECEIVE_QUEUE: &str = "queue";
/// One for each source of the peer: out of the jitter buffer, through the decoder into the Slot.
const JITTER_BUFFER: &str = "rtpjitterbuffer";
/// The jitter buffer's second thread, which asks for lost packets.
const TIMER: &str = "timer";
/// Out of the Slot, through the encoder, the payloader and SRTP to the socket.
const ENCODER: &str = "tap";
/// What goes to the socket besides video: audio, RTCP, the data channel.
const SENDERS: &str = "tap, rtpjitterbuffer, rtpsession-rtcp, dtlsenc";
/// Whoever changes the graph: a blocking thread of the session.
const SESSION: &str = "the caller's";

// From the network to the decoder.

pub const WEBRTC_ELEMENTS: Probe = Probe {
    name: "webrtc elements",
    element: "webrtcbin",
    pad: "",
    thread: "whichever adds the element",
    does: "sets what webrtcbin has no property for, installs the probes inside it",
    why: "those elements are webrtcbin's own, and come as streams come",
};
pub const BYTES_IN: Probe = Probe {
    name: "bytes in",
    element: "nicesrc",
    pad: "src",
    thread: ICE,
    does: "adds to bytes_in, sets last_packet_ms",
    why: "a peer that vanished shows by its silence",
};
pub const FIRST_PACKET_IN: Probe = Probe {
    name: "first packet in",
    element: "rtpjitterbuffer",
    pad: "sink",
    thread: RECEIVE_QUEUE,
    does: "sets the latency to 0, once",
    why: "the first packet waits for none that may have been sent before it",
};
pub const FIRST_PACKET_OUT: Probe = Probe {
    name: "first packet out",
    element: "rtpjitterbuffer",
    pad: "src",
    thread: JITTER_BUFFER,
    does: "sets the latency that is configured, once",
    why: "ends what `first packet in` began",
};
pub const NACK_SWITCH: Probe = Probe {
    name: "NACK switch",
    element: "rtpjitterbuffer",
    pad: "sink",
    thread: RECEIVE_QUEUE,
    does: "turns NACKs on for video and off for all else, once",
    why: "1.22 sets it by the last m-line of the bundle; the first packet tells whose buffer this is",
};
pub const NACK_SENT: Probe = Probe {
    name: "NACK sent",
    element: "rtpjitterbuffer",
    pad: "sink",
    thread: TIMER,
    does: "sets asked_ms",
    why: "playout smooths only what waited for a retransmission",
};
pub const VIDEO_PACKETS: Probe = Probe {
    name: "video packets",
    element: "rtpjitterbuffer",
    pad: "sink",
    thread: RECEIVE_QUEUE,
    does: "adds to video_packets",
    why: "before the jitter buffer, so that one that stands still shows",
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
    does: "drops packets of a source that another one has replaced",
    why: "unlinked, its not-linked would stop the whole transport",
};
pub const DECODER_SWAP: Probe = Probe {
    name: "decoder swap",
    element: "webrtcbin",
    pad: "src_%u",
    thread: JITTER_BUFFER,
    does: "drops packets while the decoder is replaced",
    why: "a bin that goes to NULL around a packet stops the jitter buffer for good",
};
pub const DECODER_IDLE: Probe = Probe {
    name: "decoder idle",
    element: "webrtcbin",
    pad: "src_%u",
    thread: SESSION,
    does: "tells when no packet is inside the decoder, once",
    why: "as `decoder swap`",
};

// From the packet to the decoded frame.

pub const LOSS_GUARD: Probe = Probe {
    name: "loss guard",
    element: "guard",
    pad: "sink",
    thread: JITTER_BUFFER,
    does: "marks errorignore's input for renegotiation",
    why: "errorignore drops whatever follows a buffer that failed (1.22 to 1.28)",
};
pub const KEY_REQUESTS_SENT: Probe = Probe {
    name: "key frame requests sent",
    element: "depay",
    pad: "sink",
    thread: "whichever asks",
    does: "adds to key_requests_sent",
    why: "a figure of the session",
};
pub const PLAYOUT_LATENESS: Probe = Probe {
    name: "playout lateness",
    element: "depay",
    pad: "sink",
    thread: JITTER_BUFFER,
    does: "sets how long the appsink waits with each frame",
    why: "frames that waited for retransmissions come in a burst, of which the Slot would keep one",
};
pub const PLAYOUT_LATENCY: Probe = Probe {
    name: "playout latency",
    element: "tap",
    pad: "sink",
    thread: "whichever distributes the latency",
    does: "notes the latency that the appsink adds",
    why: "playout has to take it off again",
};
pub const STALL_PACKETS: Probe = Probe {
    name: "stall, packets",
    element: "depay",
    pad: "sink",
    thread: JITTER_BUFFER,
    does: "sends a key frame request when packets bring no frame, or after the decoder's faults",
    why: "avdec_h264 1.22 waits for a key frame without asking for one",
};
pub const STALL_FRAMES: Probe = Probe {
    name: "stall, frames",
    element: "tap",
    pad: "sink",
    thread: JITTER_BUFFER,
    does: "ends the stall",
    why: "as `stall, packets`",
};
pub const RECORD_INPUT: Probe = Probe {
    name: "record input",
    element: "dec",
    pad: "sink",
    thread: JITTER_BUFFER,
    does: "copies access units for a recording, if one wants the input",
    why: "recorded as the peer encoded it",
};
pub const DECODER_INPUT: Probe = Probe {
    name: "decoder input",
    element: "dec",
    pad: "sink",
    thread: JITTER_BUFFER,
    does: "notes when an access unit enters the decoder, and its age",
    why: "the steps jitter buffer and decode of the delay",
};
pub const INLET: Probe = Probe {
    name: "inlet",
    element: "tap",
    pad: "sink",
    thread: JITTER_BUFFER,
    does: "wraps the buffer as a Frame and puts it into the input Slot; adds to frames_in",
    why: "here frames leave GStreamer",
};

// From the stage to the network.

pub const OUTLET: Probe = Probe {
    name: "outlet",
    element: "tap",
    pad: "src",
    thread: ENCODER,
    does: "waits for a frame in the output Slot and for its turn to encode; adds to frames_out",
    why: "here frames come back to GStreamer",
};
pub const STILL: Probe = Probe {
    name: "still",
    element: "tap",
    pad: "src",
    thread: ENCODER,
    does: "takes one frame for a JPEG",
    why: "a still is what is sent, not what is shown",
};
pub const KEY_FRAME_BY_RESTART: Probe = Probe {
    name: "key frame by restart",
    element: "enc",
    pad: "src",
    thread: "whichever asks",
    does: "sets the bitrate again, which restarts the group of pictures",
    why: "vah264enc before 1.24.4 answers a request with an I picture that is no IDR",
};
pub const ENCODER_OUTPUT: Probe = Probe {
    name: "encoder output",
    element: "pay",
    pad: "sink",
    thread: ENCODER,
    does: "adds to encoded, notes the age of each access unit",
    why: "the step encode of the delay",
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
    thread: "whichever asks",
    does: "adds to key_requests_received",
    why: "a figure of the session",
};
pub const NO_END_OF_STREAM: Probe = Probe {
    name: "no end of stream",
    element: "pay",
    pad: "src",
    thread: ENCODER,
    does: "keeps EOS in",
    why: "an appsrc whose encoder failed sends one, and the transport takes nothing after it",
};
pub const CONGESTION_FEEDBACK: Probe = Probe {
    name: "congestion feedback",
    element: "identity",
    pad: "src",
    thread: RECEIVE_QUEUE,
    does: "reads the peer's transport-wide feedback, which sets the bitrate",
    why: "rtpsession hands it on as an event alone",
};
pub const PACKET_SIZES: Probe = Probe {
    name: "packet sizes",
    element: "rtprtxsend",
    pad: "sink",
    thread: ENCODER,
    does: "keeps the mean size of sent packets",
    why: "what a retransmission will cost",
};
pub const NACK_RECEIVED: Probe = Probe {
    name: "NACK received",
    element: "rtprtxsend",
    pad: "src",
    thread: RECEIVE_QUEUE,
    does: "holds back retransmissions over their share of the bitrate, and doubles them on a lossy link",
    why: "unbounded, they are a storm where a link narrows",
};
pub const BYTES_OUT: Probe = Probe {
    name: "bytes out",
    element: "nicesink",
    pad: "sink",
    thread: SENDERS,
    does: "adds to bytes_out and channel_bytes_out, notes when the last packet of a frame leaves",
    why: "the steps send and total of the delay",
};
pub const TS_PACKETS: Probe = Probe {
    name: "transport stream packets",
    element: "fakesink",
    pad: "sink",
    thread: ENCODER,
    does: "copies packets to the graph of each viewer of a session without a client",
    why: "what stalls at a viewer stalls there alone",
};

// Beside the way of a video frame.

pub const AUDIO: Probe = Probe {
    name: "audio",
    element: "tap",
    pad: "sink",
    thread: JITTER_BUFFER,
    does: "hands Opus packets from depayloader to payloader, and copies them for a recording",
    why: "audio goes back as it came",
};
pub const TS_OUTPUT: Probe = Probe {
    name: "transport stream",
    element: "tap",
    pad: "sink",
    thread: "the viewer's graph",
    does: "hands pieces of the transport stream to whoever views it",
    why: "the end of a viewer's graph",
};
pub const STAGE_FRAMES: Probe = Probe {
    name: "stage's frames",
    element: "scope-frames",
    pad: "sink",
    thread: "the stage's graph",
    does: "hands frames to the stage's thread",
    why: "the end of a bin that is a pipeline",
};
pub const STAGE_MARKERS: Probe = Probe {
    name: "stage's markers",
    element: "scope-frames",
    pad: "sink",
    thread: "the stage's graph",
    does: "takes the marker behind each frame out and tells that it came",
    why: "a marker that comes without a frame shows that an element kept or dropped it",
};
pub const TRIAL_INPUT: Probe = Probe {
    name: "trial's input",
    element: "enc",
    pad: "sink",
    thread: "the trial's graph",
    does: "changes the bitrate and asks for a key frame at given frames",
    why: "an encoder that ignores either is not used",
};
pub const TRIAL_ENCODED: Probe = Probe {
    name: "trial's access units",
    element: "enc",
    pad: "src",
    thread: "the trial's graph",
    does: "counts access units and key frames, ends the trial",
    why: "an encoder is used when it has encoded",
};
pub const TRIAL_DECODED: Probe = Probe {
    name: "trial's frames",
    element: "end",
    pad: "sink",
    thread: "the trial's graph",
    does: "counts frames, ends the trial",
    why: "a decoder is used when it has decoded",
};

/// Both forms in which packets pass a pad.
const PACKETS: gst::PadProbeType = gst::PadProbeType::BUFFER.union(gst::PadProbeType::BUFFER_LIST);

impl Probe {
    /// Calls `look` with each buffer that passes, those of a list one by one.
    pub fn each(
        &self,
        pad: &gst::Pad,
        look: impl Fn(&gst::Pad, &gst::BufferRef) + Send + Sync + 'static,
    ) -> Option<gst::PadProbeId> {
        self.installed(pad);
        pad.add_probe(PACKETS, move |pad, info| {
            match &info.data {
                Some(gst::PadProbeData::Buffer(buffer)) => look(pad, buffer),
                Some(gst::PadProbeData::BufferList(list)) => list.iter().for_each(|buffer| look(pad, buffer)),
                _ => {}
            }
            gst::PadProbeReturn::Ok
        })
    }

    /// Lets `decide` about each buffer, or each list by its first one.
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
            decide(pad, first)
        })
    }

    /// Lets `decide` about each event that goes up the stream, from whoever receives to whoever sends.
    pub fn upstream(
        &self,
        pad: &gst::Pad,
        decide: impl Fn(&gst::Pad, &gst::EventRef) -> gst::PadProbeReturn + Send + Sync + 'static,
    ) {
        self.events(pad, gst::PadProbeType::EVENT_UPSTREAM, decide);
    }

    /// Lets `decide` about each event that goes down the stream, in its order with the buffers.
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
            Some(gst::PadProbeData::Event(event)) => decide(pad, event),
            _ => gst::PadProbeReturn::Ok,
        });
    }

    /// Calls `tell` once when nothing is passing, on this thread where that is so already.
    pub fn idle(&self, pad: &gst::Pad, tell: impl Fn() + Send + Sync + 'static) -> Option<gst::PadProbeId> {
        self.installed(pad);
        pad.add_probe(gst::PadProbeType::IDLE, move |_, _| {
            tell();
            gst::PadProbeReturn::Remove
        })
    }

    /// Hands each sample of `sink` to `take`, and its end to `end`.
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

    /// Calls `give` whenever `source` wants another buffer.
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

    /// Calls `set` with each element that is added to `bin`, however deep inside.
    pub fn elements(&self, bin: &gst::Bin, set: impl Fn(&gst::Element) + Send + Sync + 'static) {
        self.tell(&bin.name());
        bin.connect_deep_element_added(move |_, _, element| set(element));
    }

    /// Tells of it, and holds the row to what it says.
    fn installed(&self, pad: &gst::Pad) {
        let parent = pad.parent_element();
        let factory = parent.as_ref().and_then(gst::Element::factory).map(|factory| factory.name());
        let is = |name: &str| name == self.element;
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
