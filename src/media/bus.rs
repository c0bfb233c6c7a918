//! The bus of a session's graph: errors become events; state changes and teardown have limits.

use std::time::{Duration, Instant};

use gst::prelude::*;

use super::{Error, Event, graph};

/// Tells `tell` what elements report. Runs on the thread that posts: it must only hand over.
pub fn watch(pipeline: &gst::Pipeline, tell: impl Fn(Event) + Send + Sync + 'static) {
    let Some(bus) = pipeline.bus() else { return };
    bus.set_sync_handler(move |_, message| {
        match message.view() {
            gst::MessageView::Error(error) => {
                let element =
                    message.src().map(|source| source.path_string().to_string()).unwrap_or_default();
                let detail = match error.debug() {
                    Some(debug) => format!("{} ({debug})", error.error()),
                    None => error.error().to_string(),
                };
                tell(classify(message.src(), element, detail));
            }
            gst::MessageView::Warning(warning) => {
                tracing::debug!(warning = %warning.error(), "an element warns");
            }
            _ => {}
        }
        gst::BusSyncReply::Drop
    });
}

/// A browser that closes aborts its SCTP association and then DTLS, which those elements post as errors.
fn classify(source: Option<&gst::Object>, element: String, detail: String) -> Event {
    if let Some(bin) = source.and_then(sending_bin) {
        return Event::EncoderFault { bin, detail };
    }
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

/// The name of the bin that encodes the picture, where `source` is inside one.
fn sending_bin(source: &gst::Object) -> Option<String> {
    let mut at = Some(source.clone());
    while let Some(object) = at {
        if object.name().starts_with(graph::SEND_VIDEO) {
            return Some(object.name().to_string());
        }
        at = object.parent();
    }
    None
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
