//! The bins around webrtcbin: decode and its inlet, outlet and encode, sound from end to end.
//!
//! Built on blocking threads and on webrtcbin's pad-added; nothing here runs per frame.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Instant,
};

use gst::prelude::*;
use gst_rtp::prelude::*;

use super::{
    Error, Settings,
    codec::{Decoder, Encoder, Table},
    congestion, launch,
    negotiate::Line,
    peer::Counters,
    playout, tap,
};
use crate::frame::{Frame, Layout, Slot};

const INLET: &str = "videoconvert n-threads=1 ! appsink name=tap sync=false max-buffers=1 drop=true \
                     enable-last-sample=false wait-on-eos=false";
const OUTLET: &str = "appsrc name=tap is-live=true format=time do-timestamp=false";
const SOUND_IN: &str = "rtpopusdepay ! appsink name=tap sync=false max-buffers=20 drop=true \
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
}

/// outlet → encoder → payloader for the picture, and the row that it uses.
pub fn send_video(line: &Line, table: &Table, taps: &Taps) -> Result<(gst::Bin, &'static Encoder), Error> {
    let (row, _) = rows(line, table)?;
    let bin = launch::bin("send-video", &format!("{OUTLET} ! {}", launch::strip(row.fragment)))?;
    payload(&bin, line)?;
    let source = tap_of::<gst_app::AppSrc>(&bin)?;
    tap::outlet(&source, taps.output.clone(), taps.counters.clone());
    count_encoded(&bin, &taps.counters)?;
    Ok((bin, row))
}

/// Gives the encoder its first bitrate and the estimate that drives it on.
pub fn rate(
    webrtc: &gst::Element,
    bin: &gst::Bin,
    row: &'static Encoder,
    line: &Line,
    settings: &Settings,
    counters: &Arc<Counters>,
) -> Result<(), Error> {
    let encoder = launch::element(bin, "enc")?;
    row.set_bitrate(&encoder, settings.start_bitrate_bps);
    counters.target_bps.store(u64::from(settings.start_bitrate_bps), Relaxed);
    if settings.congestion_control && line.twcc.is_some() {
        congestion::drive(webrtc, settings, row, &encoder, counters.clone());
    }
    Ok(())
}

/// outlet → payloader for the sound, which goes back as it came.
pub fn send_audio(line: &Line) -> Result<gst::Bin, Error> {
    let bin = launch::bin("send-audio", SOUND_OUT)?;
    payload(&bin, line)?;
    Ok(bin)
}

/// depayloader → decoder → inlet for the picture.
pub fn receive_video(line: &Line, table: &Table, taps: &Taps, started: Instant) -> Result<gst::Bin, Error> {
    let (_, row) = rows(line, table)?;
    let bin = launch::bin("receive-video", &format!("{} ! {INLET}", launch::strip(row.fragment)))?;
    let sink = tap_of::<gst_app::AppSink>(&bin)?;
    sink.set_caps(Some(&tap::caps(&taps.layouts)));
    tap::inlet(&sink, taps.input.clone(), taps.counters.clone());
    let depayloader = launch::element(&bin, "depay")?;
    if let Some(pad) = depayloader.static_pad("sink") {
        count_key_requests(&pad, taps.counters.clone(), |counters| &counters.key_requests_sent);
        playout::pace(&pad, &sink, taps.counters.clone(), started);
    }
    Ok(bin)
}

/// depayloader → the other bin's outlet for the sound.
pub fn receive_audio(send: &gst::Bin, counters: &Arc<Counters>) -> Result<gst::Bin, Error> {
    let bin = launch::bin("receive-audio", SOUND_IN)?;
    let sink = tap_of::<gst_app::AppSink>(&bin)?;
    let source = tap_of::<gst_app::AppSrc>(send)?;
    let counters = counters.clone();
    tap::sound(&sink, &source, move || {
        counters.sound_packets.fetch_add(1, Relaxed);
    });
    Ok(bin)
}

/// An end for a stream that nobody asked for: left unlinked, its not-linked would stop the whole transport.
pub fn discard() -> Result<gst::Element, Error> {
    Ok(gst::ElementFactory::make("fakesink").property("async", false).property("sync", false).build()?)
}

fn rows(line: &Line, table: &Table) -> Result<(&'static Encoder, &'static Decoder), Error> {
    table.rows(line.codec.name).ok_or_else(|| Error::NoCodec(line.codec.name.to_string()))
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

/// Counts access units and notes the age of each: from its arrival (its pts, which the stage keeps) to here.
fn count_encoded(bin: &gst::Bin, counters: &Arc<Counters>) -> Result<(), Error> {
    let payloader = launch::element(bin, "pay")?;
    let Some(pad) = payloader.static_pad("sink") else { return Ok(()) };
    let weak = bin.downgrade();
    let counted = counters.clone();
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        counted.encoded.fetch_add(1, Relaxed);
        let now = weak.upgrade().and_then(|bin| bin.current_running_time());
        if let (Some(gst::PadProbeData::Buffer(buffer)), Some(now)) = (&info.data, now)
            && let Some(pts) = buffer.pts()
        {
            counted.age_us.store(now.saturating_sub(pts).useconds(), Relaxed);
        }
        gst::PadProbeReturn::Ok
    });
    count_key_requests(&pad, counters.clone(), |counters| &counters.key_requests_received);
    Ok(())
}

fn count_key_requests(
    pad: &gst::Pad,
    counters: Arc<Counters>,
    counter: fn(&Counters) -> &std::sync::atomic::AtomicU64,
) {
    pad.add_probe(gst::PadProbeType::EVENT_UPSTREAM, move |_, info| {
        if let Some(gst::PadProbeData::Event(event)) = &info.data
            && event.structure().is_some_and(|structure| structure.name() == "GstForceKeyUnit")
        {
            counter(&counters).fetch_add(1, Relaxed);
        }
        gst::PadProbeReturn::Ok
    });
}

fn tap_of<T: IsA<gst::Element>>(bin: &gst::Bin) -> Result<T, Error> {
    let element = launch::element(bin, "tap")?;
    element.downcast().map_err(|element| Error::Graph(format!("{} is no tap", element.name())))
}
