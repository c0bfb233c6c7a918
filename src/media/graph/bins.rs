//! The names of a session's bins, and how they are linked to webrtcbin.
//!
//! Runs on blocking threads and in webrtcbin's pad-added.

use gst::prelude::*;
use gst_rtp::prelude::*;

use super::{line::Line, probes};
use crate::media::{Error, gst::launch};

/// Bins that encode video are named so, and by a number.
pub const SEND_VIDEO: &str = "send-video-";
/// Bins that decode video are named so, and by a number.
pub const RECEIVE_VIDEO: &str = "receive-video-";
/// The bin that takes the audio in.
pub const RECEIVE_AUDIO: &str = "receive-audio";

/// An end for a stream that nobody asked for: left unlinked, its not-linked would stop the whole transport.
pub fn discard() -> Result<gst::Element, Error> {
    Ok(gst::ElementFactory::make("fakesink").property("async", false).property("sync", false).build()?)
}

/// Gives the payloader of `bin` the payload type, SSRC and header extensions that the answer says.
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

/// Puts `pad` in the place of the source that an m-line had before: a peer may go on with another one at any time, and
/// says so in no packet but that (RFC 8108 section 3). What the earlier source still sends is dropped.
pub fn take_over(pad: &gst::Pad, bin: &gst::Element) -> Result<(), Error> {
    let sink = input(bin)?;
    if let Some(earlier) = sink.peer() {
        // Before it is unlinked: its not-linked would stop the whole transport.
        probes::SUPERSEDED_SOURCE.decide(&earlier, |_, _| gst::PadProbeReturn::Drop);
        earlier.unlink(&sink).map_err(|error| Error::Graph(format!("a stream stays linked: {error}")))?;
    }
    link(pad, &sink)
}

/// Puts `element` into the graph, behind `pad`.
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
    pad.link(sink).map_err(|error| Error::Graph(format!("webrtcbin's stream takes no link: {error}")))?;
    Ok(())
}
