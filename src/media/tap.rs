//! Where frames leave the graph and come back: appsink → Slot and Slot → appsrc.
//!
//! Runs on GStreamer's streaming threads, once a frame. Must not block except in [`outlet`], whose thread has
//! nothing else to do than to wait for the next picture; must not copy a pixel, format or log.

use std::{
    any::Any,
    sync::{
        Arc,
        atomic::Ordering::{Acquire, Relaxed},
    },
    time::{Duration, Instant},
};

use gst::prelude::*;
use gst_video::prelude::*;

use super::{Error, gate::Pass, graph::Taps, recording::Track, sender::Pace};
use crate::{
    frame::{Frame, Layout, Pixels, Take},
    metrics::Step,
};

/// How often an outlet without pictures looks whether it is being taken out.
const WAKE: Duration = Duration::from_millis(50);
/// The encoder gives way to what receives: an overloaded host then sends fewer pictures, but fresh ones.
const ENCODER_NICE: i32 = 5;

/// A decoded picture, mapped where the decoder put it.
struct Mapped {
    frame: gst_video::VideoFrame<gst_video::video_frame::Readable>,
    buffer: gst::Buffer,
    caps: gst::Caps,
}

impl Pixels for Mapped {
    fn plane(&self, index: usize) -> &[u8] {
        u32::try_from(index).ok().and_then(|index| self.frame.plane_data(index).ok()).unwrap_or_default()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The caps that make the graph deliver one of `layouts`, converting only where the decoder gives none of them.
pub fn caps(layouts: &[Layout]) -> gst::Caps {
    let formats = layouts.iter().map(|&layout| format_of(layout).to_str());
    gst::Caps::builder("video/x-raw").field("format", gst::List::new(formats)).build()
}

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

/// A mapped buffer as a frame of that number, with the buffer's own time; none where it has no layout of ours.
pub fn wrap(seq: u64, buffer: gst::Buffer, caps: &gst::Caps, info: &gst_video::VideoInfo) -> Option<Frame> {
    let layout = layout_of(info.format())?;
    let pts = Duration::from(buffer.pts().unwrap_or_default());
    let frame = gst_video::VideoFrame::from_buffer_readable(buffer.clone(), info).ok()?;
    let strides = frame.plane_stride().iter().map(|&stride| usize::try_from(stride).unwrap_or(0)).collect();
    Some(Frame {
        seq,
        pts,
        since: Instant::now(),
        width: info.width(),
        height: info.height(),
        layout,
        strides,
        data: Arc::new(Mapped { frame, buffer, caps: caps.clone() }),
    })
}

/// One plane of a stage's picture, which lives as long as the buffer that refers to it.
struct Plane {
    data: Arc<dyn Pixels>,
    index: usize,
}

impl AsRef<[u8]> for Plane {
    fn as_ref(&self) -> &[u8] {
        self.data.plane(self.index)
    }
}

/// The picture as a `GstBuffer`, with its time: the one it came in as, or a new one that refers to its bytes.
pub fn unwrap(frame: &Frame) -> Result<(gst::Buffer, gst::Caps), Error> {
    if let Some(mapped) = frame.data.as_any().downcast_ref::<Mapped>() {
        let mut buffer = mapped.buffer.clone();
        if Duration::from(buffer.pts().unwrap_or_default()) != frame.pts {
            // Shown again at another time: the same memory in a buffer of its own.
            buffer.make_mut().set_pts(gst::ClockTime::try_from(frame.pts).ok());
        }
        return Ok((buffer, mapped.caps.clone()));
    }
    let info = gst_video::VideoInfo::builder(format_of(frame.layout), frame.width, frame.height)
        .build()
        .map_err(|error| Error::Graph(format!("a stage gave a picture of no possible size: {error}")))?;
    let caps = info.to_caps().map_err(|error| Error::Graph(error.to_string()))?;
    let strides: Vec<i32> = frame.strides.iter().map(|&stride| i32::try_from(stride).unwrap_or(0)).collect();
    let mut offsets = Vec::with_capacity(frame.strides.len());
    let mut buffer = gst::Buffer::new();
    if let Some(buffer) = buffer.get_mut() {
        for index in 0..frame.strides.len() {
            offsets.push(buffer.size());
            buffer.append_memory(gst::Memory::from_slice(Plane { data: frame.data.clone(), index }));
        }
        buffer.set_pts(gst::ClockTime::try_from(frame.pts).ok());
        let flags = gst_video::VideoFrameFlags::empty();
        gst_video::VideoMeta::add_full(
            buffer,
            flags,
            info.format(),
            frame.width,
            frame.height,
            &offsets,
            &strides,
        )
        .map_err(|error| Error::Graph(format!("a stage gave a picture of impossible strides: {error}")))?;
    }
    Ok((buffer, caps))
}

/// Decoders say 0/1, which makes x264 hold one frame back (GStreamer 1.22: 72 to 85 ms against 22 to 31).
fn with_frame_rate(caps: &gst::Caps) -> gst::Caps {
    let mut caps = caps.clone();
    caps.make_mut().set("framerate", gst::Fraction::new(30, 1));
    caps
}

fn format_of(layout: Layout) -> gst_video::VideoFormat {
    match layout {
        Layout::I420 => gst_video::VideoFormat::I420,
        Layout::Nv12 => gst_video::VideoFormat::Nv12,
        Layout::Rgb => gst_video::VideoFormat::Rgb,
        Layout::Rgba => gst_video::VideoFormat::Rgba,
    }
}

/// A layout's name in `pipeline.toml`, which is its name in caps.
pub fn name(layout: Layout) -> &'static str {
    format_of(layout).to_str().as_str()
}

fn layout_of(format: gst_video::VideoFormat) -> Option<Layout> {
    match format {
        gst_video::VideoFormat::I420 => Some(Layout::I420),
        gst_video::VideoFormat::Nv12 => Some(Layout::Nv12),
        gst_video::VideoFormat::Rgb => Some(Layout::Rgb),
        gst_video::VideoFormat::Rgba => Some(Layout::Rgba),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Packed;

    #[test]
    fn a_picture_of_the_graph_goes_through_by_reference() {
        gst::init().unwrap();
        let info = gst_video::VideoInfo::builder(gst_video::VideoFormat::I420, 64, 48).build().unwrap();
        let buffer = gst::Buffer::with_size(info.size()).unwrap();
        let address = buffer.as_ptr();

        let frame = wrap(7, buffer, &info.to_caps().unwrap(), &info).unwrap();
        let (out, _) = unwrap(&frame).unwrap();

        assert_eq!(out.as_ptr(), address);
        assert_eq!(frame.data.plane(0).len(), 64 * 48);
    }

    #[test]
    fn pictures_are_left_out_at_a_lower_frame_rate() {
        let at = |frame: u32| Duration::from_micros(33_333) * frame;

        assert!(due(at(1), Some(at(0)), 0));
        assert!(!due(at(1), Some(at(0)), 15) && due(at(2), Some(at(0)), 15));
        assert!(!due(at(2), Some(at(0)), 10) && due(at(3), Some(at(0)), 10));
        assert!(due(at(0), Some(at(9)), 10), "a clock that went back");
    }

    #[test]
    fn a_picture_of_a_stage_keeps_its_bytes_and_time_and_is_not_copied() {
        gst::init().unwrap();
        let frame = Frame {
            seq: 1,
            pts: Duration::from_millis(40),
            since: Instant::now(),
            width: 2,
            height: 2,
            layout: Layout::Rgba,
            strides: vec![8],
            data: Arc::new(Packed::new((0..16).collect(), vec![0])),
        };

        let (buffer, _) = unwrap(&frame).unwrap();

        assert_eq!(buffer.pts(), Some(gst::ClockTime::from_mseconds(40)));
        let mapped = buffer.map_readable().unwrap();
        assert_eq!(mapped.as_slice(), (0..16).collect::<Vec<u8>>());
        assert_eq!(mapped.as_slice().as_ptr(), frame.data.plane(0).as_ptr(), "nothing is copied");
    }
}
