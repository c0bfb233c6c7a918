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
            if known.as_ref().is_some_and(|(_, before)| !is_same_shape(before, &info)) {
                counters.decoder_faults.fetch_add(1, Relaxed);
            }
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

/// Whether one size is the other, scaled or turned. A peer scales its video and turns its camera; a damaged parameter set
/// has any shape, and the frames that follow it are decoded in that shape without an error.
fn is_same_shape(before: &gst_video::VideoInfo, after: &gst_video::VideoInfo) -> bool {
    let ratio = |width: u32, height: u32| f64::from(width) / f64::from(height.max(1));
    let (before, after) = (ratio(before.width(), before.height()), ratio(after.width(), after.height()));
    [after, 1.0 / after].iter().any(|after| (after / before - 1.0).abs() < 0.05)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scaled_and_a_turned_frame_have_the_shape_of_before() {
        gst::init().unwrap();
        let info = |(width, height)| {
            gst_video::VideoInfo::builder(gst_video::VideoFormat::I420, width, height).build().unwrap()
        };
        let same = |before, after| is_same_shape(&info(before), &info(after));

        assert!(
            same((1280, 720), (640, 360)) && same((1280, 720), (320, 180)) && same((1280, 720), (426, 240))
        );
        assert!(same((640, 480), (480, 640)), "turned");
        assert!(!same((160, 120), (160, 3578)) && !same((1280, 720), (720, 720)));
    }
}
