//! Tries a row: runs a few small frames through its fragment, on a thread that may be abandoned.
//!
//! An element that hangs takes its thread with it: neither its chain function nor its state change returns. So the
//! caller waits with a limit and continues with the next row.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc,
    },
    time::{Duration, Instant},
};

use gst::prelude::*;

use super::{Decoder, Encoder, Family, Outcome};
use crate::media::{
    graph::probes::{self, Probe},
    gst::{
        events,
        launch::{self, strip},
    },
};

/// A trial of a few small frames takes 50 ms; a hardware codec that opens its device first takes a second.
const TRIAL_LIMIT: Duration = Duration::from_secs(5);
/// A graph that ran stops within 15 ms; one that takes longer is abandoned with its thread.
const STOP_LIMIT: Duration = Duration::from_secs(1);
/// Frames that must come out. The source never ends: `OpenH264` writes to stderr when it is drained.
const FRAMES: usize = 10;
const SOURCE: &str = "videotestsrc ! video/x-raw,format=I420,width=320,height=240,framerate=30/1";
/// The bitrate changes before this input frame; not at the key frame request, so that the effects stay apart.
const BITRATE_FRAME: usize = 2;
const BITRATE_BPS: u32 = 500_000;
/// A key frame is requested before this input frame.
const REQUEST_FRAME: usize = 6;

/// Elements that the fragments name, and the Debian package that provides each.
const PACKAGES: &[(&str, &str)] = &[
    ("x264enc", "gstreamer1.0-plugins-ugly"),
    ("avdec_h264", "gstreamer1.0-libav"),
    ("dav1ddec", "gstreamer1.0-plugins-rs, which Debian 12 lacks"),
    ("vp8enc", "gstreamer1.0-plugins-good"),
    ("vp8dec", "gstreamer1.0-plugins-good"),
    ("vp9enc", "gstreamer1.0-plugins-good"),
    ("vp9dec", "gstreamer1.0-plugins-good"),
    ("rtpav1pay", "scope itself (gst-plugin-rtp)"),
    ("rtpav1depay", "scope itself (gst-plugin-rtp)"),
    ("videotestsrc", "gstreamer1.0-plugins-base"),
    ("videoconvert", "gstreamer1.0-plugins-base"),
];

/// The Debian package that provides an element of the table.
pub fn package(element: &str) -> &'static str {
    let named = PACKAGES.iter().find(|(known, _)| *known == element).map(|(_, package)| *package);
    named.unwrap_or_else(|| {
        // RTP payloaders and video4linux2 codecs are in -good, all else in -bad.
        let good =
            element.starts_with("rtp") || element.starts_with("v4l2") && !element.starts_with("v4l2sl");
        if good { "gstreamer1.0-plugins-good" } else { "gstreamer1.0-plugins-bad" }
    })
}

/// What an element needs besides its package in order to exist.
const fn condition(family: Family) -> Option<&'static str> {
    match family {
        Family::Nvidia => Some("on a host with an NVIDIA GPU that supports this, and its driver"),
        Family::Va => Some("on a host with a VA-API driver that supports this"),
        Family::V4l2Stateless => Some("on a kernel with a stateless V4L2 decoder for this"),
        Family::V4l2 => Some("on a kernel with a stateful V4L2 codec for this"),
        Family::Qsv | Family::Msdk => {
            Some("on a host with an Intel GPU that supports this, and its oneVPL runtime")
        }
        Family::Amf => Some("in Windows builds, on a host with an AMD GPU"),
        Family::Software => None,
    }
}

/// Tries an encoder: it must encode frames, take a new bitrate and answer a key frame request.
pub(super) fn encode(row: &'static Encoder) -> Outcome {
    if let Err(refusal) = present(row.element, row.family, row.needs) {
        return Outcome::untried(refusal);
    }
    let description = format!("{SOURCE} ! {} ! fakesink", strip(row.fragment));
    timed(move || {
        let keys = Arc::new(AtomicUsize::new(0));
        play(&description, |graph| watch_encoder(graph, row, &keys))?;
        if row.answers_requests() && keys.load(Relaxed) == 0 {
            Err("no key frame after a request".into())
        } else {
            Ok(())
        }
    })
}

/// Tries a decoder: it must decode what `source` encodes.
pub(super) fn decode(source: &'static Encoder, row: &'static Decoder) -> Outcome {
    if let Err(refusal) = present(row.element, row.family, row.needs) {
        return Outcome::untried(refusal);
    }
    let description =
        format!("{SOURCE} ! {} ! {} ! fakesink name=end", strip(source.fragment), strip(row.fragment));
    timed(move || {
        play(&description, |graph| {
            let end = launch::element(graph, "end").map_err(|error| error.to_string())?;
            count(&probes::TRIAL_DECODED, &pad(&end, "sink")?, |_, _| {});
            Ok(())
        })
    })
}

fn present(element: &str, family: Family, needs: &[&str]) -> Result<(), String> {
    let exists = |name: &str| gst::ElementFactory::find(name).is_some();
    if !exists(element) {
        let package = package(element);
        return Err(match condition(family) {
            Some(condition) => format!("element {element} is missing; {package} provides it {condition}"),
            None => format!("element {element} is not installed; it comes with {package}"),
        });
    }
    needs.iter().find(|name| !exists(name)).map_or(Ok(()), |name| {
        Err(format!("element {name} is not installed; it comes with {}", package(name)))
    })
}

/// Runs a trial on a thread of its own and measures it.
fn timed(trial: impl FnOnce() -> Result<(), String> + Send + 'static) -> Outcome {
    let begin = Instant::now();
    let (tell, hear) = mpsc::channel();
    let thread = std::thread::Builder::new().name("codec-trial".into()).spawn(move || {
        tell.send(trial()).ok(); // the caller gave up: this row is rejected already
    });
    let result = match thread {
        Ok(_) => hear.recv_timeout(TRIAL_LIMIT + STOP_LIMIT).unwrap_or_else(|_| Err(late())),
        Err(error) => Err(format!("cannot start a thread for the trial: {error}")),
    };
    Outcome { took: Some(begin.elapsed()), refusal: result.err() }
}

/// Runs a description until [`FRAMES`] frames are counted.
fn play(description: &str, watch: impl FnOnce(&gst::Bin) -> Result<(), String>) -> Result<(), String> {
    let graph = gst::parse::launch(description).map_err(|error| error.to_string())?;
    let graph = graph.downcast::<gst::Bin>().map_err(|_| "expected a pipeline, got a single element")?;
    let bus = graph.bus().ok_or("the graph has no bus")?;
    watch(&graph)?;
    let started = graph.set_state(gst::State::Playing);
    let wanted = [gst::MessageType::Application, gst::MessageType::Error];
    let message = match started {
        Ok(_) => bus.timed_pop_filtered(gst::ClockTime::try_from(TRIAL_LIMIT).ok(), &wanted),
        // An element that fails to start posts why before its state change returns.
        Err(_) => bus.pop_filtered(&wanted),
    };
    let outcome = match message {
        Some(message) => failure(&message).map_or(Ok(()), Err),
        None => Err(started.err().map_or_else(late, |error| error.to_string())),
    };
    graph.set_state(gst::State::Null).ok(); // whatever it returns, the trial graph is dropped here
    outcome
}

/// Counts buffers on a pad, calls `each` with the index of each, and posts on the bus once there are [`FRAMES`].
fn count(probe: &Probe, pad: &gst::Pad, each: impl Fn(usize, &gst::BufferRef) + Send + Sync + 'static) {
    let frames = AtomicUsize::new(0);
    probe.each(pad, move |pad, buffer| {
        let index = frames.fetch_add(1, Relaxed);
        each(index, buffer);
        if index + 1 == FRAMES
            && let Some(element) = pad.parent_element()
        {
            let done = gst::Structure::new_empty("scope-trial-done");
            // Fails only while the graph is shutting down.
            element.post_message(gst::message::Application::builder(done).src(&element).build()).ok();
        }
    });
}

fn late() -> String {
    format!("{FRAMES} frames took over {TRIAL_LIMIT:?}")
}

/// The error that an element posted; `None` for the message that the trial is done.
fn failure(message: &gst::Message) -> Option<String> {
    match message.view() {
        gst::MessageView::Error(error) => {
            // The last line of the debug text is the element's own; the lines above name a source location.
            let debug = error.debug();
            let cause = debug.as_ref().and_then(|debug| debug.lines().last());
            Some(cause.map_or(error.error().to_string(), |cause| format!("{} ({cause})", error.error())))
        }
        _ => None,
    }
}

fn watch_encoder(graph: &gst::Bin, row: &'static Encoder, keys: &Arc<AtomicUsize>) -> Result<(), String> {
    let encoder = launch::element(graph, "enc").map_err(|error| error.to_string())?;
    let (property, _) = row.at(BITRATE_BPS);
    let settable = encoder.find_property(property).map(|spec| spec.flags());
    if !settable.is_some_and(|flags| flags.contains(gst::glib::ParamFlags::WRITABLE)) {
        return Err(format!("{} has no writable property {property}", row.element));
    }
    row.prepare(&encoder);
    let (input, output) = (pad(&encoder, "sink")?, pad(&encoder, "src")?);
    let taken = AtomicUsize::new(0);
    let weak = encoder.downgrade();
    probes::TRIAL_INPUT.decide(&input, move |_, _| {
        let Some(encoder) = weak.upgrade() else { return gst::PadProbeReturn::Remove };
        match taken.fetch_add(1, Relaxed) {
            BITRATE_FRAME => row.set_bitrate(&encoder, BITRATE_BPS),
            REQUEST_FRAME => {
                if let Some(pad) = encoder.static_pad("src") {
                    pad.send_event(events::key_request());
                }
            }
            _ => {}
        }
        gst::PadProbeReturn::Ok
    });
    let keys = keys.clone();
    count(&probes::TRIAL_ENCODED, &output, move |index, buffer| {
        if index >= REQUEST_FRAME && !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT) {
            keys.fetch_add(1, Relaxed);
        }
    });
    Ok(())
}

fn pad(element: &gst::Element, name: &str) -> Result<gst::Pad, String> {
    element.static_pad(name).ok_or_else(|| format!("{} has no pad {name}", element.name()))
}
