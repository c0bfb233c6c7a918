//! The names of a session's bins, and how they are linked to webrtcbin.
//!
//! Runs on blocking threads and in webrtcbin's pad-added.

use gst::prelude::*;
use gst_rtp::prelude::*;

use super::{line::Line, probes};
use crate::media::{Error, gst::launch};

/// Name prefix of the bins that encode video; a number follows.
pub const SEND_VIDEO: &str = "send-video-";
/// Name prefix of the bins that decode video; a number follows.
pub const RECEIVE_VIDEO: &str = "receive-video-";
/// Name of the bin that receives audio.
pub const RECEIVE_AUDIO: &str = "receive-audio";

/// A sink for a stream that nothing uses: unlinked, its not-linked error would stop the whole transport.
pub fn discard() -> Result<gst::Element, Error> {
    Ok(gst::ElementFactory::make("fakesink").property("async", false).property("sync", false).build()?)
}

/// Sets the payload type, SSRC and header extensions of the answer on the payloader of `bin`.
pub fn set_payload(bin: &gst::Bin, line: &Line) -> Result<(), Error> {
    let payloader = launch::element(bin, "pay")?;
    // From strings: guint on the C payloaders, gint64 and gint on those of gst-plugin-rtp.
    payloader.set_property_from_str("pt", &line.codec.payload.to_string());
    payloader.set_property_from_str("ssrc", &line.ssrc.to_string());
    for (id, uri) in line.extensions() {
        if let Some(extension) = gst_rtp::RTPHeaderExtension::create_from_uri(uri) {
            extension.set_id(u32::from(id));
            payloader.emit_by_name::<()>("add-extension", &[&extension]);
        }
    }
    Ok(())
}

/// Links `pad` in place of an m-line's previous source: a peer may switch to a new SSRC at any time without announcing
/// it (RFC 8108 section 3). Packets that the previous source still sends are dropped.
pub fn take_over(pad: &gst::Pad, bin: &gst::Element) -> Result<(), Error> {
    let sink = input(bin)?;
    if let Some(previous) = sink.peer() {
        // Before unlinking: a not-linked error would stop the whole transport.
        probes::SUPERSEDED_SOURCE.decide(&previous, |_, _| gst::PadProbeReturn::Drop);
        previous
            .unlink(&sink)
            .map_err(|error| Error::Graph(format!("cannot unlink webrtcbin's stream: {error}")))?;
    }
    link(pad, &sink)
}

/// Adds `element` to the graph and links it to `pad`.
pub fn attach(pipeline: &gst::Pipeline, pad: &gst::Pad, element: &gst::Element) -> Result<(), Error> {
    pipeline.add(element)?;
    element.sync_state_with_parent()?;
    link(pad, &input(element)?)
}

/// The open input of a bin or an element.
pub fn input(element: &gst::Element) -> Result<gst::Pad, Error> {
    let pad = element.static_pad("sink");
    pad.ok_or_else(|| Error::Graph(format!("{} has no open input", element.name())))
}

fn link(pad: &gst::Pad, sink: &gst::Pad) -> Result<(), Error> {
    pad.link(sink).map_err(|error| Error::Graph(format!("cannot link webrtcbin's stream: {error}")))?;
    Ok(())
}
