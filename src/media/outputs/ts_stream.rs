//! A headless session's output as an MPEG transport stream (ISO/IEC 13818-1), for players without WebRTC.
//!
//! Each viewer has a small graph of its own, fed with copies of the packets, so that a viewer that fails or stalls
//! affects no one else. Packets are copied on the session's streaming thread, which never blocks.

use std::sync::{Arc, Mutex, PoisonError};

use gst::{glib, prelude::*};

use crate::media::{Error, graph::probes, gst::launch::Graph};

/// appsrc drops the oldest packets beyond `max-bytes`, a second of them at the highest bitrates.
const STREAM: &str = "appsrc name=packets is-live=true format=time block=false max-bytes=4194304 leaky-type=downstream \
                      ! rtph264depay ! h264parse config-interval=-1 ! mpegtsmux alignment=7 \
                      ! appsink name=tap async=false sync=false enable-last-sample=false";

/// Takes a piece of the stream; returns `false` to get no more.
pub type Give = Box<dyn Fn(Vec<u8>) -> bool + Send>;

/// A viewer's stream. Dropping it ends it, which blocks for a few ms.
pub struct TsStream {
    /// Held because dropping it stops it.
    _graph: Graph,
    /// The probe that feeds the graph. Weak: the pad goes with the session.
    feed: Option<(glib::WeakRef<gst::Pad>, gst::PadProbeId)>,
}

/// Ends the stream with the session.
struct Source(gst_app::AppSrc);

impl Drop for Source {
    fn drop(&mut self) {
        self.0.end_of_stream().ok(); // ended already
    }
}

impl TsStream {
    /// Streams the packets that pass `pad` to `give` until the session ends, when `give` is dropped. Blocks a few ms.
    ///
    /// # Errors
    /// An element is missing.
    pub fn open(pad: &gst::Pad, give: Give) -> Result<Self, Error> {
        let graph = Graph::parse(STREAM)?;
        let source = graph.part::<gst_app::AppSrc>("packets")?;
        hand_over(&graph.part("tap")?, give);
        source.set_caps(pad.current_caps().as_ref());
        let begun = graph.0.set_state(gst::State::Playing);
        begun.map_err(|error| Error::Graph(format!("cannot start the stream: {error}")))?;
        let source = Source(source);
        let probe = probes::TS_PACKETS.each(pad, move |pad, packet| forward(&source.0, pad, packet));
        Ok(Self { _graph: graph, feed: probe.map(|probe| (pad.downgrade(), probe)) })
    }
}

fn forward(source: &gst_app::AppSrc, pad: &gst::Pad, packet: &gst::BufferRef) {
    if source.caps().is_none() {
        source.set_caps(pad.current_caps().as_ref());
    }
    // A copy: the encoder may be waiting for its own memory.
    if let Ok(packet) = packet.copy_deep() {
        source.push_buffer(packet).ok(); // the stream has ended
    }
}

/// Passes the muxer's output to `give`, and drops `give` at the end.
fn hand_over(sink: &gst_app::AppSink, give: Give) {
    let give = Arc::new(Mutex::new(Some(give)));
    let ended = give.clone();
    let lock = |give: &Mutex<Option<Give>>, data: Option<Vec<u8>>| {
        let mut give = give.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = data.is_some_and(|data| give.as_ref().is_some_and(|give| give(data)));
        if !wanted {
            give.take();
        }
        wanted
    };
    let take = move |sample: &gst::Sample| {
        let data = sample.buffer().and_then(|buffer| Some(buffer.map_readable().ok()?.to_vec()));
        if lock(&give, data) { Ok(gst::FlowSuccess::Ok) } else { Err(gst::FlowError::Eos) }
    };
    probes::TS_OUTPUT.samples(sink, take, move || {
        lock(&ended, None);
    });
}

impl Drop for TsStream {
    fn drop(&mut self) {
        if let Some((pad, probe)) = self.feed.take()
            && let Some(pad) = pad.upgrade()
        {
            pad.remove_probe(probe);
        }
    }
}
