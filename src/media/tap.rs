//! Where frames leave the graph and come back: appsink → Slot and Slot → appsrc.
//!
//! Runs on GStreamer's streaming threads, once a frame. Must not block except in [`outlet`], whose thread has
//! nothing else to do than to wait for the next picture; must not copy a pixel, format or log.

use std::{
    sync::{
        Arc,
        atomic::Ordering::{Acquire, Relaxed},
    },
    time::Duration,
};

use super::{
    gate::Pass,
    graph::Taps,
    gst::convert::{unwrap, wrap},
    recording::Track,
    sender::Pace,
};
use crate::{
    frame::{Frame, Take},
    metrics::Step,
};

/// How often an outlet without pictures looks whether it is being taken out.
const WAKE: Duration = Duration::from_millis(50);
/// The encoder gives way to what receives: an overloaded host then sends fewer pictures, but fresh ones.
const ENCODER_NICE: i32 = 5;

/// Puts what `sink` gets into the input slot.
pub fn inlet(sink: &gst_app::AppSink, taps: &Taps) {
    let (slot, counters, timing) = (taps.input.clone(), taps.counters.clone(), taps.timing.clone());
    let feeds = taps.feeds.clone();
    let mut known: Option<(gst::Caps, gst_video::VideoInfo)> = None;
    sink.set_callbacks(
        gst_app::AppSinkCallbacks::builder()
            .new_sample(move |sink| {
                let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                let (Some(caps), Some(buffer)) = (sample.caps_owned(), sample.buffer_owned()) else {
                    return Ok(gst::FlowSuccess::Ok);
                };
                if counters.clips.load(Acquire) > 0 {
                    return Ok(gst::FlowSuccess::Ok);
                }
                if known.as_ref().is_none_or(|(before, _)| *before != caps) {
                    let info =
                        gst_video::VideoInfo::from_caps(&caps).map_err(|_| gst::FlowError::NotNegotiated)?;
                    counters.size.store(u64::from(info.width()) << 32 | u64::from(info.height()), Relaxed);
                    known = Some((caps, info));
                }
                let Some((caps, info)) = &known else { return Ok(gst::FlowSuccess::Ok) };
                let segment = sample.segment().and_then(|segment| segment.downcast_ref::<gst::ClockTime>());
                let running =
                    segment.zip(buffer.pts()).and_then(|(segment, pts)| segment.to_running_time(pts));
                if let Some(running) = running {
                    timing.decoder_gives(running);
                }
                // Of the session, not of this sink: a decoder that takes another one's place counts on.
                let seq = counters.frames_in.load(Relaxed);
                let Some(frame) = wrap(seq, buffer, caps, info) else { return Ok(gst::FlowSuccess::Ok) };
                feeds.number(Track::Input, running.unwrap_or_default().into(), seq);
                counters.frames_in.fetch_add(1, Relaxed);
                slot.put(frame);
                Ok(gst::FlowSuccess::Ok)
            })
            .build(),
    );
}

/// Feeds `source` from the output slot: the encoder's thread takes the newest picture when it has sent the one
/// before.
///
/// The callback waits in the slot until a picture comes, the slot is closed or the bin is taken out.
pub fn outlet(source: &gst_app::AppSrc, taps: &Taps, pace: Arc<Pace>) {
    let taps = taps.clone();
    let mut known: Option<(gst::Caps, gst::Caps)> = None;
    let mut last: Option<Duration> = None;
    let mut inside: Option<Pass> = None;
    source.set_callbacks(
        gst_app::AppSrcCallbacks::builder()
            .need_data(move |source, _| {
                if last.is_none() {
                    // Refused only where a host forbids even that; the picture is worth more than the order.
                    rustix::process::setpriority_process(None, ENCODER_NICE).ok();
                }
                // The picture before has been encoded and sent on this very thread.
                inside.take();
                // None: the graph or the bin goes to NULL next, which wakes the encoder's thread.
                let Some((frame, pass)) = next(&taps, &pace, last) else { return };
                inside = Some(pass);
                last = Some(frame.pts);
                let Ok((buffer, caps)) = unwrap(&frame) else { return };
                if known.as_ref().is_none_or(|(before, _)| *before != caps) {
                    let rated = with_frame_rate(&caps);
                    source.set_caps(Some(&rated));
                    known = Some((caps, rated));
                }
                taps.timing.record(Step::WaitForEncoder, frame.since.elapsed());
                if let Some(pts) = buffer.pts() {
                    taps.timing.encoder_gets(pts); // appsrc's segment starts at 0: pts is running time
                    taps.feeds.number(Track::Output, pts.into(), frame.seq);
                }
                taps.counters.frames_out.fetch_add(1, Relaxed);
                source.push_buffer(buffer).ok(); // flushing: the graph is being stopped
            })
            .build(),
    );
}

/// The next picture that is due at the frame rate that the link has room for, taken when it may be encoded.
fn next(taps: &Taps, pace: &Pace, last: Option<Duration>) -> Option<(Frame, Pass)> {
    loop {
        if pace.retired.load(Relaxed) {
            return None;
        }
        if !taps.output.ready_within(WAKE)? {
            continue;
        }
        let pass = taps.gate.enter();
        match taps.output.take_within(Duration::ZERO) {
            Take::Closed => return None,
            Take::Empty => {}
            Take::Item(frame) if due(frame.pts, last, pace.fps.load(Relaxed)) => return Some((frame, pass)),
            Take::Item(_) => drop(pace.skipped.fetch_add(1, Relaxed)),
        }
    }
}

/// Whether a picture comes late enough after the last one; a tenth early is not early.
fn due(pts: Duration, last: Option<Duration>, fps: u32) -> bool {
    let Some(last) = last.filter(|_| fps > 0) else { return true };
    pts.checked_sub(last).is_none_or(|after| after * fps * 10 >= Duration::from_secs(9))
}

/// Hands encoded sound from `sink` to `source`, as it came.
pub fn sound(
    sink: &gst_app::AppSink,
    source: &gst_app::AppSrc,
    heard: impl Fn(&gst::Sample) + Send + 'static,
) {
    let source = source.downgrade();
    sink.set_callbacks(
        gst_app::AppSinkCallbacks::builder()
            .new_sample(move |sink| {
                let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                let source = source.upgrade().ok_or(gst::FlowError::Eos)?;
                heard(&sample);
                source.push_sample(&sample).ok(); // flushing: the graph is being stopped
                Ok(gst::FlowSuccess::Ok)
            })
            .build(),
    );
}

/// Decoders say 0/1, which makes x264 hold one frame back (GStreamer 1.22: 72 to 85 ms against 22 to 31).
fn with_frame_rate(caps: &gst::Caps) -> gst::Caps {
    let mut caps = caps.clone();
    caps.make_mut().set("framerate", gst::Fraction::new(30, 1));
    caps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_left_out_at_a_lower_frame_rate() {
        let at = |frame: u32| Duration::from_micros(33_333) * frame;

        assert!(due(at(1), Some(at(0)), 0));
        assert!(!due(at(1), Some(at(0)), 15) && due(at(2), Some(at(0)), 15));
        assert!(!due(at(2), Some(at(0)), 10) && due(at(3), Some(at(0)), 10));
        assert!(due(at(0), Some(at(9)), 10), "a clock that went back");
    }
}
