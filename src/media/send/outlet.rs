//! Where frames come back into the graph: Slot → appsrc.
//!
//! Runs on the encoder's streaming thread, once a frame. It alone may wait, for the next frame and for its turn to
//! encode; it must not copy a pixel, format or log.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use super::encode_limit::{EncodeLimit, Permit};
use crate::{
    frame::{Frame, Take},
    media::{
        graph::{Parts, feeds::Track, probes},
        gst::convert,
    },
    metrics::Step,
};

/// How often an outlet without frames looks whether it is being taken out.
const WAKE: Duration = Duration::from_millis(50);
/// The encoder gives way to what receives: an overloaded host then sends fewer frames, but fresh ones.
const ENCODER_NICE: i32 = 5;

/// What the outlet looks at once a frame.
#[derive(Debug, Default)]
pub struct Pace {
    /// Frames a second at most; 0 for as many as come.
    pub fps: AtomicU32,
    /// The bin is being taken out.
    pub retired: AtomicBool,
    /// Frames left out for the frame rate's sake.
    pub skipped: AtomicU64,
}

/// Feeds `source` from the output slot: the encoder's thread takes the newest frame when it has sent the one before.
///
/// The callback waits in the slot until a frame comes, the slot is closed or the bin is taken out.
pub fn drain(source: &gst_app::AppSrc, parts: &Parts, limit: &Arc<EncodeLimit>, pace: Arc<Pace>) {
    let (parts, limit) = (parts.clone(), limit.clone());
    let mut known: Option<(gst::Caps, gst::Caps)> = None;
    let mut last: Option<Duration> = None;
    let mut encoding: Option<Permit> = None;
    probes::OUTLET.need_data(source, move |source| {
        if last.is_none() {
            // Refused only where a host forbids even that; the frame is worth more than the order.
            rustix::process::setpriority_process(None, ENCODER_NICE).ok();
        }
        // The frame before has been encoded and sent on this very thread.
        encoding.take();
        // None: the graph or the bin goes to NULL next, which wakes the encoder's thread.
        let Some((frame, permit)) = next(&parts, &limit, &pace, last) else { return };
        encoding = Some(permit);
        last = Some(frame.pts);
        let Ok((buffer, caps)) = convert::unwrap(&frame) else { return };
        if known.as_ref().is_none_or(|(before, _)| *before != caps) {
            let rated = with_frame_rate(&caps);
            source.set_caps(Some(&rated));
            known = Some((caps, rated));
        }
        parts.timing.record(Step::WaitForEncoder, frame.since.elapsed());
        if let Some(pts) = buffer.pts() {
            parts.timing.encoder_gets(pts); // appsrc's segment starts at 0: pts is running time
            parts.feeds.number(Track::Output, pts.into(), frame.seq);
        }
        parts.counters.frames_out.fetch_add(1, Relaxed);
        source.push_buffer(buffer).ok(); // flushing: the graph is being stopped
    });
}

/// The next frame that is due at the frame rate that the link has room for, taken when it may be encoded.
fn next(
    parts: &Parts,
    limit: &Arc<EncodeLimit>,
    pace: &Pace,
    last: Option<Duration>,
) -> Option<(Frame, Permit)> {
    loop {
        if pace.retired.load(Relaxed) {
            return None;
        }
        if !parts.output.ready_within(WAKE)? {
            continue;
        }
        let permit = limit.acquire();
        match parts.output.take_within(Duration::ZERO) {
            Take::Closed => return None,
            Take::Empty => {}
            Take::Item(frame) if due(frame.pts, last, pace.fps.load(Relaxed)) => {
                return Some((frame, permit));
            }
            Take::Item(_) => drop(pace.skipped.fetch_add(1, Relaxed)),
        }
    }
}

/// Whether a frame comes late enough after the last one; a tenth early is not early.
fn due(pts: Duration, last: Option<Duration>, fps: u32) -> bool {
    let Some(last) = last.filter(|_| fps > 0) else { return true };
    pts.checked_sub(last).is_none_or(|after| after * fps * 10 >= Duration::from_secs(9))
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
