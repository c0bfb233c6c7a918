//! Where decoded frames leave the graph: appsink → Slot.
//!
//! Runs on the jitter buffer's streaming thread, once per frame. Must not block, copy a pixel, format or log.

use std::sync::atomic::Ordering::{Acquire, Relaxed};

use crate::media::{
    graph::{Parts, feeds::Track, probes},
    gst::{convert, time},
};

/// Puts the frames that `sink` receives into the input slot.
pub fn fill(sink: &gst_app::AppSink, parts: &Parts) {
    let (slot, counters, timing) = (parts.input.clone(), parts.counters.clone(), parts.timing.clone());
    let feeds = parts.feeds.clone();
    let mut known: Option<(gst::Caps, gst_video::VideoInfo)> = None;
    let take = move |sample: &gst::Sample| {
        let (Some(caps), Some(buffer)) = (sample.caps_owned(), sample.buffer_owned()) else {
            return Ok(gst::FlowSuccess::Ok);
        };
        if counters.playbacks.load(Acquire) > 0 {
            return Ok(gst::FlowSuccess::Ok);
        }
        if known.as_ref().is_none_or(|(before, _)| *before != caps) {
            let info = gst_video::VideoInfo::from_caps(&caps).map_err(|_| gst::FlowError::NotNegotiated)?;
            counters.size.store(u64::from(info.width()) << 32 | u64::from(info.height()), Relaxed);
            known = Some((caps, info));
        }
        let Some((caps, info)) = &known else { return Ok(gst::FlowSuccess::Ok) };
        let running = time::of_sample(sample);
        if let Some(running) = running {
            timing.decoder_gives(running);
        }
        // Counted per session, not per sink: a replacement decoder continues the numbers.
        let seq = counters.frames_in.load(Relaxed);
        let Some(frame) = convert::wrap(seq, buffer, caps, info) else { return Ok(gst::FlowSuccess::Ok) };
        feeds.number(Track::Input, running.unwrap_or_default().into(), seq);
        counters.frames_in.fetch_add(1, Relaxed);
        slot.put(frame);
        Ok(gst::FlowSuccess::Ok)
    };
    probes::INLET.samples(sink, take, || {});
}
