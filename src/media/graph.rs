//! The bins around webrtcbin: decode and its inlet, outlet and encode, sound from end to end.
//!
//! Built on blocking threads and on webrtcbin's pad-added; nothing here runs per frame.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use gst::prelude::*;
use gst_rtp::prelude::*;

use super::{
    Error,
    codec::{Decoder, Encoder},
    counters::Counters,
    gate::Gate,
    gst::{convert, events, launch},
    negotiate::Line,
    playout,
    recording::{Feeds, Track},
    sender::Pace,
    shield, stall, tap,
    timing::{self, Timing},
};
use crate::frame::{Frame, Layout, Slot};

/// Bins that encode the picture are named so, and by a number.
pub const SEND_VIDEO: &str = "send-video-";
/// Bins that decode the picture are named so, and by a number.
pub const RECEIVE_VIDEO: &str = "receive-video-";
/// The bin that takes the sound in.
pub const RECEIVE_AUDIO: &str = "receive-audio";
/// Not async: a sink that prerolls waits for its pipeline to let it play, and a pipeline in which an element has posted
/// an error does not any more (`bin_handle_async_done`): the jitter buffer's thread then stands in the sink for good.
const INLET: &str = "videoconvert n-threads=1 ! appsink name=tap async=false sync=false max-buffers=1 drop=true \
                     enable-last-sample=false wait-on-eos=false";
const OUTLET: &str = "appsrc name=tap is-live=true format=time do-timestamp=false \
                      ! videoscale n-threads=1 add-borders=false ! capsfilter name=size";
const SOUND_IN: &str = "rtpopusdepay ! appsink name=tap async=false sync=false max-buffers=20 drop=true \
                        enable-last-sample=false wait-on-eos=false";
const SOUND_OUT: &str = "appsrc name=tap is-live=true format=time do-timestamp=false max-buffers=20 \
                         leaky-type=downstream ! rtpopuspay name=pay mtu=1200";

/// What the two taps of the picture hang on.
#[derive(Clone)]
pub struct Taps {
    /// Decoded pictures go in here.
    pub input: Arc<Slot<Frame>>,
    /// Pictures to send come from here.
    pub output: Arc<Slot<Frame>>,
    /// Layouts that the stage takes.
    pub layouts: Vec<Layout>,
    /// Counts.
    pub counters: Arc<Counters>,
    /// Who may encode.
    pub gate: Arc<Gate>,
    /// Where each millisecond goes.
    pub timing: Arc<Timing>,
    /// Where a recording hears of what passes.
    pub feeds: Arc<Feeds>,
}

/// outlet → encoder → payloader for the picture.
pub fn send_video(
    name: &str,
    row: &Encoder,
    line: &Line,
    taps: &Taps,
    pace: &Arc<Pace>,
) -> Result<gst::Bin, Error> {
    let bin = launch::bin(name, &format!("{OUTLET} ! {}", launch::strip(row.fragment)))?;
    payload(&bin, line)?;
    let source = launch::part::<gst_app::AppSrc>(&bin, "tap")?;
    tap::outlet(&source, taps, pace.clone());
    row.prepare(&launch::element(&bin, "enc")?);
    count_encoded(&bin, taps)?;
    let payloader = launch::element(&bin, "pay")?;
    if let Some(pad) = payloader.static_pad("sink") {
        taps.feeds.watch(Track::Output, &pad);
    }
    keep_open(&payloader);
    Ok(bin)
}

/// Lets no end of stream out: an appsrc whose encoder failed sends one, and the transport takes nothing after it.
fn keep_open(payloader: &gst::Element) {
    let Some(pad) = payloader.static_pad("src") else { return };
    pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, |_, info| match &info.data {
        Some(gst::PadProbeData::Event(event)) if event.type_() == gst::EventType::Eos => {
            gst::PadProbeReturn::Handled
        }
        _ => gst::PadProbeReturn::Ok,
    });
}

/// outlet → payloader for the sound, which goes back as it came.
pub fn send_audio(line: &Line) -> Result<gst::Bin, Error> {
    let bin = launch::bin("send-audio", SOUND_OUT)?;
    payload(&bin, line)?;
    Ok(bin)
}

/// shield → depayloader → decoder → inlet for the picture.
pub fn receive_video(name: &str, row: &Decoder, taps: &Taps) -> Result<gst::Bin, Error> {
    let description = format!("{} ! {} ! {INLET}", shield::ELEMENT, launch::strip(row.fragment));
    let bin = launch::bin(name, &description)?;
    shield::keep_open(&launch::element(&bin, shield::NAME)?);
    let sink = launch::part::<gst_app::AppSink>(&bin, "tap")?;
    sink.set_caps(Some(&convert::caps(&taps.layouts)));
    tap::inlet(&sink, taps);
    time_decoder(&bin, taps)?;
    let depayloader = launch::element(&bin, "depay")?;
    if let Some(pad) = depayloader.static_pad("sink") {
        count_key_requests(&pad, taps.counters.clone(), |counters| &counters.key_requests_sent);
        playout::pace(&pad, &sink, taps.counters.clone());
    }
    stall::watch(&depayloader, sink.upcast_ref(), &taps.counters);
    Ok(bin)
}

/// depayloader → the other bin's outlet for the sound.
pub fn receive_audio(send: &gst::Bin, taps: &Taps) -> Result<gst::Bin, Error> {
    let bin = launch::bin(RECEIVE_AUDIO, SOUND_IN)?;
    let sink = launch::part::<gst_app::AppSink>(&bin, "tap")?;
    let source = launch::part::<gst_app::AppSrc>(send, "tap")?;
    let (counters, feeds) = (taps.counters.clone(), taps.feeds.clone());
    tap::sound(&sink, &source, move |sample| {
        counters.sound_packets.fetch_add(1, Relaxed);
        feeds.hear(sample);
    });
    Ok(bin)
}

/// An end for a stream that nobody asked for: left unlinked, its not-linked would stop the whole transport.
pub fn discard() -> Result<gst::Element, Error> {
    Ok(gst::ElementFactory::make("fakesink").property("async", false).property("sync", false).build()?)
}

/// Payload type, SSRC and header extension as the answer says them.
fn payload(bin: &gst::Bin, line: &Line) -> Result<(), Error> {
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

/// Notes when each access unit goes into the decoder, where a recording hears it too.
fn time_decoder(bin: &gst::Bin, taps: &Taps) -> Result<(), Error> {
    let decoder = launch::element(bin, "dec")?;
    let Some(pad) = decoder.static_pad("sink") else { return Ok(()) };
    taps.feeds.watch(Track::Input, &pad);
    let timing = taps.timing.clone();
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        if let Some(gst::PadProbeData::Buffer(buffer)) = &info.data
            && let Some(running) = timing::running_time(pad, buffer)
        {
            timing.decoder_gets(running, timing::age(pad, running));
        }
        gst::PadProbeReturn::Ok
    });
    Ok(())
}

/// Counts access units and notes the age of each: from its arrival (its pts, which the stage keeps) to here.
fn count_encoded(bin: &gst::Bin, taps: &Taps) -> Result<(), Error> {
    let payloader = launch::element(bin, "pay")?;
    let Some(pad) = payloader.static_pad("sink") else { return Ok(()) };
    let (counters, timing) = (taps.counters.clone(), taps.timing.clone());
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        counters.encoded.fetch_add(1, Relaxed);
        if let Some(gst::PadProbeData::Buffer(buffer)) = &info.data
            && let Some(running) = timing::running_time(pad, buffer)
        {
            timing.encoder_gives(running, timing::age(pad, running));
        }
        gst::PadProbeReturn::Ok
    });
    count_key_requests(&pad, taps.counters.clone(), |counters| &counters.key_requests_received);
    Ok(())
}

fn count_key_requests(
    pad: &gst::Pad,
    counters: Arc<Counters>,
    counter: fn(&Counters) -> &std::sync::atomic::AtomicU64,
) {
    events::watch(pad, events::KEY_REQUEST, move |_, _| {
        counter(&counters).fetch_add(1, Relaxed);
        gst::PadProbeReturn::Ok
    });
}

/// Puts `pad` in the place of the source that an m-line had before: a peer may go on with another one at any time, and
/// says so in no packet but that (RFC 8108 section 3). What the earlier source still sends is dropped.
pub fn take_over(pad: &gst::Pad, bin: &gst::Element) -> Result<(), Error> {
    let sink = input(bin)?;
    if let Some(earlier) = sink.peer() {
        // Before it is unlinked: its not-linked would stop the whole transport.
        earlier.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST, |_, _| {
            gst::PadProbeReturn::Drop
        });
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
