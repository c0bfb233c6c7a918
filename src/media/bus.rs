//! The bus of a session's graph: errors become events; state changes and teardown have limits.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use gst::prelude::*;

use super::{Error, Event, counters::Counters, graph};
use crate::signalling::Kind;

/// So many errors of the decoder and not one picture: it is the decoder that is broken, not a packet.
const DECODER_FAULTS: u64 = 50;

/// Tells `tell` what elements report. Runs on the thread that posts: it must only hand over.
pub fn watch(
    pipeline: &gst::Pipeline,
    counters: &Arc<Counters>,
    tell: impl Fn(Event) + Send + Sync + 'static,
) {
    let Some(bus) = pipeline.bus() else { return };
    let decoder =
        Decoder { counters: counters.clone(), pictures: AtomicU64::new(0), faults: AtomicU64::new(0) };
    bus.set_sync_handler(move |_, message| {
        match message.view() {
            gst::MessageView::Error(error) => {
                let element =
                    message.src().map(|source| source.path_string().to_string()).unwrap_or_default();
                let detail = match error.debug() {
                    Some(debug) => format!("{} ({debug})", error.error()),
                    None => error.error().to_string(),
                };
                match message.src().and_then(bin_of) {
                    Some(bin) if bin.starts_with(graph::SEND_VIDEO) => {
                        tell(Event::EncoderFault { bin, detail });
                    }
                    Some(_) if decoder.goes_on() => tracing::debug!(element, detail, "a broken picture"),
                    _ => tell(classify(message.src(), element, detail)),
                }
            }
            gst::MessageView::Warning(warning) => {
                if message.src().and_then(bin_of).is_some_and(|bin| bin == graph::receiver(Kind::Video)) {
                    decoder.counters.decoder_faults.fetch_add(1, Relaxed);
                }
                tracing::debug!(warning = %warning.error(), "an element warns");
            }
            _ => {}
        }
        gst::BusSyncReply::Drop
    });
}

/// A browser that closes aborts its SCTP association and then DTLS, which those elements post as errors.
fn classify(source: Option<&gst::Object>, element: String, detail: String) -> Event {
    let factory = source
        .and_then(|source| source.downcast_ref::<gst::Element>())
        .and_then(gst::Element::factory)
        .map(|factory| factory.name().to_string());
    match factory.as_deref() {
        Some("sctpenc" | "sctpdec") => {
            tracing::debug!(element, detail, "the data channel broke");
            Event::ChannelClosed
        }
        Some("dtlsenc" | "dtlsdec" | "dtlssrtpenc" | "dtlssrtpdec") => {
            tracing::debug!(element, detail, "DTLS broke");
            Event::Closed
        }
        _ => Event::Fault { element, detail },
    }
}

/// The name of the bin that encodes or decodes the picture, where `source` is inside one.
fn bin_of(source: &gst::Object) -> Option<String> {
    let parents = std::iter::successors(Some(source.clone()), gst::prelude::GstObjectExt::parent);
    let mut names = parents.map(|object| object.name().to_string());
    names.find(|name| name.starts_with(graph::SEND_VIDEO) || name == graph::receiver(Kind::Video))
}

/// A peer's broken packets make depayloaders and decoders post errors; the next good picture shows that they live.
struct Decoder {
    counters: Arc<Counters>,
    pictures: AtomicU64,
    faults: AtomicU64,
}

impl Decoder {
    /// Whether one more error is only a broken picture.
    fn goes_on(&self) -> bool {
        self.counters.decoder_faults.fetch_add(1, Relaxed);
        let pictures = self.counters.frames_in.load(Relaxed);
        if self.pictures.swap(pictures, Relaxed) != pictures {
            self.faults.store(0, Relaxed);
        }
        self.faults.fetch_add(1, Relaxed) < DECODER_FAULTS
    }
}

/// Waits until `condition` holds, for at most `limit`.
pub fn wait_until(limit: Duration, step: &'static str, condition: impl Fn() -> bool) -> Result<(), Error> {
    let end = Instant::now() + limit;
    while !condition() {
        if Instant::now() >= end {
            return Err(Error::Timeout { step, limit });
        }
        std::thread::park_timeout(Duration::from_millis(2));
    }
    Ok(())
}

/// Stops a graph for good. Blocks for some 15 ms; never call it on a streaming thread.
pub fn stop(pipeline: &gst::Pipeline) {
    if let Some(bus) = pipeline.bus() {
        bus.set_flushing(true);
    }
    if let Err(error) = pipeline.set_state(gst::State::Null) {
        tracing::error!(%error, "the graph does not stop");
    }
    if let Some(bus) = pipeline.bus() {
        bus.unset_sync_handler();
    }
}
