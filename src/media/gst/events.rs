//! Events that go up a stream, from whoever receives to whoever sends.

use gst::prelude::*;

/// Name of a request for a key frame.
pub const KEY_REQUEST: &str = "GstForceKeyUnit";

/// Calls `act` for each event of that name that passes `pad`, on GStreamer's threads.
pub fn watch(
    pad: &gst::Pad,
    name: &'static str,
    act: impl Fn(&gst::Pad, &gst::EventRef) -> gst::PadProbeReturn + Send + Sync + 'static,
) {
    pad.add_probe(gst::PadProbeType::EVENT_UPSTREAM, move |pad, info| match &info.data {
        Some(gst::PadProbeData::Event(event)) if event.has_name(name) => act(pad, event),
        _ => gst::PadProbeReturn::Ok,
    });
}

/// A request for a key frame with all that a decoder needs to begin.
pub fn key_request() -> gst::Event {
    gst_video::UpstreamForceKeyUnitEvent::builder().all_headers(true).build()
}
