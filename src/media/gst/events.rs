//! Events that go up a stream, from whoever receives to whoever sends.

/// Name of a request for a key frame.
pub const KEY_REQUEST: &str = "GstForceKeyUnit";

/// A request for a key frame with all that a decoder needs to begin.
pub fn key_request() -> gst::Event {
    gst_video::UpstreamForceKeyUnitEvent::builder().all_headers(true).build()
}
