//! The bin that receives video: loss guard → depayloader → decoder → appsink.
//!
//! Built in webrtcbin's pad-added or on a blocking thread; its work per packet is in the files beside this one and in
//! the table of probes.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use gst::prelude::*;

use super::{inlet, loss_guard, playout, stall};
use crate::media::{
    Error, Event,
    codec::Decoder,
    frame_size,
    graph::{Counters, Parts, feeds::Track, probes},
    gst::{convert, events, launch, time},
};

/// Not async: a sink that prerolls waits until its pipeline lets it play. After an element has posted an error, the
/// pipeline never does (`bin_handle_async_done`), and the jitter buffer's thread hangs in the sink for good.
const INLET: &str = "videoconvert n-threads=1 ! appsink name=tap async=false sync=false max-buffers=1 drop=true \
                     enable-last-sample=false wait-on-eos=false";

/// Builds the bin, unlinked.
pub fn build(name: &str, row: &Decoder, parts: &Parts) -> Result<gst::Bin, Error> {
    let description = format!("{} ! {} ! {INLET}", loss_guard::ELEMENT, launch::strip(row.fragment));
    let bin = launch::bin(name, &description)?;
    loss_guard::pass_after_errors(&launch::element(&bin, loss_guard::NAME)?);
    let sink = launch::part::<gst_app::AppSink>(&bin, "tap")?;
    sink.set_caps(Some(&convert::caps(&parts.layouts)));
    inlet::fill(&sink, parts);
    let decoder = launch::element(&bin, "dec")?;
    let tell = parts.tell.clone();
    frame_size::limit(&decoder, parts.max_frame, frame_size::PEERS_PATIENCE, move |(width, height)| {
        tell(Event::FrameTooLarge { width, height });
    });
    time_decoder(&decoder, parts);
    frame_size::seal(&decoder); // behind the recording, which gets what the peer sent
    let depayloader = launch::element(&bin, "depay")?;
    if let Some(pad) = depayloader.static_pad("sink") {
        count_key_requests(&pad, parts.counters.clone());
        playout::pace(&pad, &sink, parts.counters.clone());
    }
    stall::watch(&depayloader, &decoder, sink.upcast_ref(), &parts.counters);
    Ok(bin)
}

/// Records when each access unit enters the decoder, and copies it for a recording.
fn time_decoder(decoder: &gst::Element, parts: &Parts) {
    let Some(pad) = decoder.static_pad("sink") else { return };
    parts.feeds.watch(Track::Input, &probes::RECORD_INPUT, &pad);
    let timing = parts.timing.clone();
    probes::DECODER_INPUT.each(&pad, move |pad, buffer| {
        if let Some(running) = time::of_buffer(pad, buffer) {
            timing.decoder_gets(running, time::age(pad, running));
        }
    });
}

fn count_key_requests(pad: &gst::Pad, counters: Arc<Counters>) {
    probes::KEY_REQUESTS_SENT.upstream(pad, move |_, event| {
        if event.has_name(events::KEY_REQUEST) {
            counters.key_requests_sent.fetch_add(1, Relaxed);
        }
        gst::PadProbeReturn::Ok
    });
}
