//! Hardware codecs that this folder makes up: software with a fault, under the name of a hardware factory.
//!
//! An element stays registered for the life of the process, and its fault is one for the process: every test needs a
//! process of its own, as nextest gives it.

pub mod decoder;
pub mod encoder;

use std::{
    fmt::Debug,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use gst::{glib, prelude::*};

fn register<Fault: Copy + Debug + PartialEq>(
    name: &str,
    chosen: &OnceLock<Fault>,
    fault: Fault,
    element: glib::Type,
) {
    gst::init().expect("GStreamer starts");
    assert_eq!(*chosen.get_or_init(|| fault), fault, "one fault a process: run this with nextest");
    gst::Element::register(None, name, gst::Rank::NONE, element)
        .expect("an element of that name can be registered");
}

fn metadata(class: &str, software: &str) -> gst::subclass::ElementMetadata {
    let description = format!("{software} with a fault");
    gst::subclass::ElementMetadata::new("Made-up hardware", class, &description, "Scope")
}

/// Loses the device at the buffer of that number, in a session alone: the trials at the start push more than they need.
fn lose_device(pad: &gst::Pad, number: u32) {
    let seen = AtomicU32::new(0);
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        if !in_session(pad) || seen.fetch_add(1, Relaxed) + 1 < number {
            return gst::PadProbeReturn::Ok;
        }
        if let Some(element) = pad.parent_element() {
            gst::element_error!(element, gst::ResourceError::Failed, ["the device is lost"]);
        }
        info.flow_res = Err(gst::FlowError::Error);
        gst::PadProbeReturn::Handled
    });
}

/// Puts `software` into the made-up element, and gives the pads that are shown outside.
fn wrap(bin: &gst::Bin, software: &gst::Element) -> [gst::Pad; 2] {
    bin.add(software).expect("the bin is new");
    ["sink", "src"].map(|name| {
        let pad = software.static_pad(name).expect("every codec has both");
        let ghost = gst::GhostPad::with_target(&pad).expect("the pad has no ghost yet");
        bin.add_pad(&ghost).expect("the bin is new");
        pad
    })
}

/// Templates of the two pads, by their caps.
fn templates(sink: &str, src: &str) -> Vec<gst::PadTemplate> {
    let template = |name, direction, caps: &str| {
        let caps = caps.parse::<gst::Caps>().expect("valid caps");
        gst::PadTemplate::new(name, direction, gst::PadPresence::Always, &caps).expect("valid")
    };
    vec![template("sink", gst::PadDirection::Sink, sink), template("src", gst::PadDirection::Src, src)]
}

/// Whether the pad is in a graph of a session, which is named so.
fn in_session(pad: &gst::Pad) -> bool {
    let parents = std::iter::successors(pad.parent(), gst::prelude::GstObjectExt::parent);
    parents.last().is_some_and(|graph| graph.name().starts_with("session-"))
}
