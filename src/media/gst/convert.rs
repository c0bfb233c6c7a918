//! Converts GStreamer buffers to [`Frame`]s and back, and layouts to caps.
//!
//! Runs on streaming threads, once per frame. Must not copy a pixel.

use std::{
    any::Any,
    sync::Arc,
    time::{Duration, Instant},
};

use gst_video::prelude::*;

use crate::{
    frame::{Frame, Layout, Pixels},
    media::Error,
};

/// A decoded frame, mapped where the decoder put it.
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

/// Caps that make the graph deliver one of `layouts`; it converts only if the decoder offers none of them.
pub fn caps(layouts: &[Layout]) -> gst::Caps {
    let formats = layouts.iter().map(|&layout| format_of(layout).to_str());
    gst::Caps::builder("video/x-raw").field("format", gst::List::new(formats)).build()
}

/// Maps a buffer as the frame `seq`, with the buffer's own time; `None` if its format is none of our layouts.
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

/// One plane of a stage's frame; it lives as long as the buffer that refers to it.
struct Plane {
    data: Arc<dyn Pixels>,
    index: usize,
}

impl AsRef<[u8]> for Plane {
    fn as_ref(&self) -> &[u8] {
        self.data.plane(self.index)
    }
}

/// The frame as a `GstBuffer` with its time: the buffer it was wrapped from, or a new one that refers to its bytes.
pub fn unwrap(frame: &Frame) -> Result<(gst::Buffer, gst::Caps), Error> {
    if let Some(mapped) = frame.data.as_any().downcast_ref::<Mapped>() {
        let mut buffer = mapped.buffer.clone();
        if Duration::from(buffer.pts().unwrap_or_default()) != frame.pts {
            // Sent again at another time: a new buffer around the same memory.
            buffer.make_mut().set_pts(gst::ClockTime::try_from(frame.pts).ok());
        }
        return Ok((buffer, mapped.caps.clone()));
    }
    let info = gst_video::VideoInfo::builder(format_of(frame.layout), frame.width, frame.height)
        .build()
        .map_err(|error| Error::Graph(format!("the stage's frame has an impossible size: {error}")))?;
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
        .map_err(|error| Error::Graph(format!("the stage's frame has impossible strides: {error}")))?;
    }
    Ok((buffer, caps))
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

    #[test]
    fn a_frame_of_the_graph_goes_through_by_reference() {
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
    fn a_frame_of_a_stage_keeps_its_bytes_and_time_and_is_not_copied() {
        gst::init().unwrap();
        let pts = Duration::from_millis(40);
        let frame = Frame { pts, ..Frame::packed(Layout::Rgba, (2, 2), (0..16).collect()) };

        let (buffer, _) = unwrap(&frame).unwrap();

        assert_eq!(buffer.pts(), Some(gst::ClockTime::from_mseconds(40)));
        let mapped = buffer.map_readable().unwrap();
        assert_eq!(mapped.as_slice(), (0..16).collect::<Vec<u8>>());
        assert_eq!(mapped.as_slice().as_ptr(), frame.data.plane(0).as_ptr(), "nothing is copied");
    }
}
