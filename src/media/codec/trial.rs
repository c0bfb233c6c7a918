//! Trying a row: a few small frames through its fragment, on a thread that may be left behind.
//!
//! An element that hangs takes its thread with it: neither its chain function nor its state change returns, so
//! the caller waits with a limit and goes on to the next row.

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
/// A graph that ran stops within 15 ms; what takes longer is left to its thread.
const STOP_LIMIT: Duration = Duration::from_secs(1);
/// Pictures that must come out. The source never ends: `OpenH264` writes to stderr when it is drained.
const FRAMES: usize = 10;
const SOURCE: &str = "videotestsrc ! video/x-raw,format=I420,width=320,height=240,framerate=30/1";
/// The input frame before which the bitrate changes; apart from the request, so that each shows by itself.
const BITRATE_FRAME: usize = 2;
const BITRATE_BPS: u32 = 500_000;
/// The input frame before which a key frame is asked for.
const REQUEST_FRAME: usize = 6;

/// Elements that the fragments name, and the Debian package that brings each.
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

/// The Debian package that brings an element of the table.
pub fn package(element: &str) -> &'static str {
    let named = PACKAGES.iter().find(|(known, _)| *known == element).map(|(_, package)| *package);
    named.unwrap_or_else(|| {
        // RTP payloaders and the codecs of video4linux2; all else is in -bad.
        let good =
            element.starts_with("rtp") || element.starts_with("v4l2") && !element.starts_with("v4l2sl");
        if good { "gstreamer1.0-plugins-good" } else { "gstreamer1.0-plugins-bad" }
    })
}

/// What must be there besides the package for an element to exist.
const fn condition(family: Family) -> Option<&'static str> {
    match family {
        Family::Nvidia => Some("where there is an NVIDIA GPU that does this, with its driver"),
        Family::Va => Some("where a VA-API driver does this"),
        Family::V4l2Stateless => Some("where the kernel has a stateless V4L2 decoder for this"),
        Family::V4l2 => Some("where the kernel has a stateful V4L2 codec for this"),
        Family::Qsv | Family::Msdk => {
            Some("where there is an Intel GPU that does this, with its oneVPL runtime")
        }
        Family::Amf => Some("in Windows builds, where there is an AMD GPU"),
        Family::Software => None,
    }
}

/// Tries an encoder: frames go through, the bitrate changes, a request gives a key frame.
pub(super) fn encode(row: &'static Encoder) -> Outcome {
    if let Err(refusal) = present(row.element, row.family, row.needs) {
        return Outcome::untried(refusal);
    }
    let description = format!("{SOURCE} ! {} ! fakesink", strip(row.fragment));
    timed(move || {
        let keys = Arc::new(AtomicUsize::new(0));
        play(&description, |graph| watch_encoder(graph, row, &keys))?;
        if row.answers_requests() && keys.load(Relaxed) == 0 {
            Err("no key frame came on request".into())
        } else {
            Ok(())
        }
    })
}

/// Tries a decoder on what `source` encodes: frames go through.
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
            Some(condition) => format!("element {element} is missing; {package} brings it {condition}"),
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
        tell.send(trial()).ok(); // the caller has gone on: this row is refused already
    });
    let result = match thread {
        Ok(_) => hear.recv_timeout(TRIAL_LIMIT + STOP_LIMIT).unwrap_or_else(|_| Err(late())),
        Err(error) => Err(format!("no thread for the trial: {error}")),
    };
    Outcome { took: Some(begin.elapsed()), refusal: result.err() }
}

/// Runs a description until [`FRAMES`] pictures are counted.
fn play(description: &str, watch: impl FnOnce(&gst::Bin) -> Result<(), String>) -> Result<(), String> {
    let graph = gst::parse::launch(description).map_err(|error| error.to_string())?;
    let graph = graph.downcast::<gst::Bin>().map_err(|_| "the fragment is no graph")?;
    let bus = graph.bus().ok_or("a graph without a bus")?;
    watch(&graph)?;
    let started = graph.set_state(gst::State::Playing);
    let wanted = [gst::MessageType::Application, gst::MessageType::Error];
    let message = match started {
        Ok(_) => bus.timed_pop_filtered(gst::ClockTime::try_from(TRIAL_LIMIT).ok(), &wanted),
        // An element that does not start has said why before its state change returns.
        Err(_) => bus.pop_filtered(&wanted),
    };
    let outcome = match message {
        Some(message) => failure(&message).map_or(Ok(()), Err),
        None => Err(started.err().map_or_else(late, |error| error.to_string())),
    };
    graph.set_state(gst::State::Null).ok(); // a trial graph: whatever it answers, it is dropped here
    outcome
}

/// Counts pictures on a pad, tells `each` the place of each, and tells the bus when all are there.
fn count(probe: &Probe, pad: &gst::Pad, each: impl Fn(usize, &gst::BufferRef) + Send + Sync + 'static) {
    let pictures = AtomicUsize::new(0);
    probe.each(pad, move |pad, buffer| {
        let place = pictures.fetch_add(1, Relaxed);
        each(place, buffer);
        if place + 1 == FRAMES
            && let Some(element) = pad.parent_element()
        {
            let done = gst::Structure::new_empty("scope-trial-done");
            // Refused only where the graph is going down.
            element.post_message(gst::message::Application::builder(done).src(&element).build()).ok();
        }
    });
}

fn late() -> String {
    format!("{FRAMES} frames took over {TRIAL_LIMIT:?}")
}

/// What an element says of its end; none where the message is that all is well.
fn failure(message: &gst::Message) -> Option<String> {
    match message.view() {
        gst::MessageView::Error(error) => {
            // The last line of the debug text is the element's own; above it stands a place in its source.
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
        return Err(format!("{} has no property {property} that can be set", row.element));
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
    count(&probes::TRIAL_ENCODED, &output, move |place, buffer| {
        if place >= REQUEST_FRAME && !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT) {
            keys.fetch_add(1, Relaxed);
        }
    });
    Ok(())
}

fn pad(element: &gst::Element, name: &str) -> Result<gst::Pad, String> {
    element.static_pad(name).ok_or_else(|| format!("{} has no pad {name}", element.name()))
}
