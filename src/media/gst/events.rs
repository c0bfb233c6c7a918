//! Upstream events, from receiver to sender.

/// Name of the key frame request event.
pub const KEY_REQUEST: &str = "GstForceKeyUnit";

/// A key frame request that also asks for all headers, so that a decoder can start there.
pub fn key_request() -> gst::Event {
    gst_video::UpstreamForceKeyUnitEvent::builder().all_headers(true).build()
}
