//! Where frames re-enter the graph: Slot → appsrc.
//!
//! Runs on the encoder's streaming thread, once per frame. It may block, for the next frame and for an encode permit;
//! it must not copy a pixel, format or log.

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

/// How often an idle outlet checks whether its bin is being removed.
const WAKE: Duration = Duration::from_millis(50);
/// Receiving has priority over encoding: an overloaded host then sends fewer frames, but fresh ones.
const ENCODER_NICE: i32 = 5;

/// What the outlet checks for each frame.
#[derive(Debug, Default)]
pub struct Pace {
    /// Frame rate limit; 0 for none.
    pub fps: AtomicU32,
    /// Whether the bin is being removed.
    pub retired: AtomicBool,
    /// Frames skipped to keep the frame rate limit.
    pub skipped: AtomicU64,
}

/// Feeds `source` from the output slot: the encoder's thread takes the newest frame once it has sent the previous one.
///
/// The callback waits until a frame arrives, the slot is closed or the bin is removed.
pub fn drain(source: &gst_app::AppSrc, parts: &Parts, limit: &Arc<EncodeLimit>, pace: Arc<Pace>) {
    let (parts, limit) = (parts.clone(), limit.clone());
    let mut known: Option<(gst::Caps, gst::Caps)> = None;
    let mut last: Option<Duration> = None;
    let mut encoding: Option<Permit> = None;
    probes::OUTLET.need_data(source, move |source| {
        if last.is_none() {
            // Fails only if the host forbids even lowering a priority; the frame is sent all the same.
            rustix::process::setpriority_process(None, ENCODER_NICE).ok();
        }
        // The previous frame has been encoded and sent, on this thread: return its permit.
        encoding.take();
        // None: the graph or the bin is about to go to NULL, which wakes this thread.
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

/// The next frame that is due at the current frame rate limit, taken once its permit is held.
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

/// Whether a frame is due at `fps` after the last one, with a tolerance of a tenth of the interval.
fn due(pts: Duration, last: Option<Duration>, fps: u32) -> bool {
    let Some(last) = last.filter(|_| fps > 0) else { return true };
    pts.checked_sub(last).is_none_or(|after| after * fps * 10 >= Duration::from_secs(9))
}

/// Decoders report 0/1, with which x264 holds one frame back (GStreamer 1.22: 72 to 85 ms against 22 to 31).
fn with_frame_rate(caps: &gst::Caps) -> gst::Caps {
    let mut caps = caps.clone();
    caps.make_mut().set("framerate", gst::Fraction::new(30, 1));
    caps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_skipped_at_a_lower_frame_rate() {
        let at = |frame: u32| Duration::from_micros(33_333) * frame;

        assert!(due(at(1), Some(at(0)), 0));
        assert!(!due(at(1), Some(at(0)), 15) && due(at(2), Some(at(0)), 15));
        assert!(!due(at(2), Some(at(0)), 10) && due(at(3), Some(at(0)), 10));
        assert!(due(at(0), Some(at(9)), 10), "a clock that went back");
    }
}
