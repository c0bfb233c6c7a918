//! One file: a small graph of its own that muxes encoded media, so that its faults stay inside it.
//!
//! Runs on the recording's thread, which its elements never block: what the disk cannot take queues up in appsrc, and
//! too long a queue is an error.

use std::{iter, mem, path::Path, time::Duration};

use gst::prelude::*;

use super::{super::gst::launch::Graph, format::Format};
use crate::recordings::Error;

/// About ten seconds at the highest bitrate: a disk that is further behind does not catch up.
const MAX_QUEUED_BYTES: u64 = 16 << 20;
/// Time to write the last fragment and an index on a busy disk.
const FINISH_LIMIT: Duration = Duration::from_secs(5);

/// Fragmented: without `first-moov-then-finalise`, each fragment of one second is complete, so a killed server loses
/// only the last. The file is unbuffered, or 64 kB more would be lost.
const MP4: &str = "h264parse ! video/x-h264,stream-format=avc,alignment=au ! mux.video_0 \
                   mp4mux name=mux fragment-duration=1000";
/// Each block is written as it comes; finishing fills in the index and the duration, in space reserved for them.
const WEBM: &str = "identity ! mux.video_0 webmmux name=mux max-cluster-duration=1000000000";
const AV1: &str = "av1parse ! mux.video_0 webmmux name=mux max-cluster-duration=1000000000";
const VIDEO: &str = "appsrc name=video format=time block=false max-bytes=0";
const AUDIO: &str = "appsrc name=audio format=time block=false max-bytes=0 \
                     caps=audio/x-opus,rate=48000,channels=2,channel-mapping-family=0 ! opusparse ! mux.audio_0";
const FILE: &str = "mux. ! filesink name=file buffer-mode=unbuffered async=false sync=false";

/// A file being written.
pub struct Segment {
    graph: Graph,
    video: Input,
    audio: Option<Input>,
    /// Running time of its first frame.
    origin: Duration,
    last: Option<Duration>,
}

impl Segment {
    /// Starts a file whose first frame has that time.
    ///
    /// # Errors
    /// An element is missing, or the file cannot be created.
    pub fn create(path: &Path, format: &Format, audio: bool, origin: Duration) -> Result<Self, Error> {
        let muxer = match format.media.as_str() {
            "video/x-h264" => MP4,
            "video/x-av1" => AV1,
            _ => WEBM,
        };
        let audio_input = if audio { AUDIO } else { "" };
        let graph = Graph::parse(&format!("{VIDEO} ! {muxer} {audio_input} {FILE}"))
            .map_err(|error| write(&error))?;
        let file = graph.part::<gst::Element>("file").map_err(|error| write(&error))?;
        file.set_property("location", path);
        let input = |name: &str| graph.part(name).map(Input::new).map_err(|error| write(&error));
        let (video, audio) = (input("video")?, if audio { Some(input("audio")?) } else { None });
        video.source.set_caps(Some(&format.caps));
        let segment = Self { graph, video, audio, origin, last: None };
        if segment.graph.0.set_state(gst::State::Playing).is_err() {
            segment.check()?;
            return Err(Error::Write("cannot start writing the file".into()));
        }
        Ok(segment)
    }

    /// Adds an access unit; [`Segment::push`] writes it.
    pub fn frame(&mut self, data: Vec<u8>, at: Duration, key: bool) {
        let mut at = at.saturating_sub(self.origin);
        if let Some(last) = self.last {
            at = at.max(last + Duration::from_millis(1)); // the clock went back
        }
        self.last = Some(at);
        let mut buffer = buffer(data, at);
        if !key && let Some(buffer) = buffer.get_mut() {
            buffer.set_flags(gst::BufferFlags::DELTA_UNIT);
        }
        self.video.add(buffer);
    }

    /// Adds an audio packet; [`Segment::push`] writes it.
    pub fn audio(&mut self, data: Vec<u8>, at: Duration) {
        if let Some(audio) = &mut self.audio {
            audio.add(buffer(data, at.saturating_sub(self.origin)));
        }
    }

    /// Whether it has an audio track.
    pub fn has_audio(&self) -> bool {
        self.audio.is_some()
    }

    /// Writes what was added.
    ///
    /// # Errors
    /// An element failed, or too much is queued.
    pub fn push(&mut self) -> Result<(), Error> {
        iter::once(&mut self.video).chain(&mut self.audio).for_each(Input::push);
        self.check()
    }

    fn check(&self) -> Result<(), Error> {
        let message = self.graph.0.bus().and_then(|bus| bus.pop_filtered(&[gst::MessageType::Error]));
        if let Some(error) = message.as_ref().and_then(failure) {
            return Err(error);
        }
        if self.video.source.current_level_bytes() > MAX_QUEUED_BYTES { Err(Error::Slow) } else { Ok(()) }
    }

    /// Writes what is left and closes the file. Blocks.
    ///
    /// # Errors
    /// As [`Segment::push`].
    pub fn finish(mut self) -> Result<(), Error> {
        for input in iter::once(&mut self.video).chain(&mut self.audio) {
            input.push();
            input.source.end_of_stream().ok(); // an element that failed posts so on the bus
        }
        let Some(bus) = self.graph.0.bus() else { return Ok(()) };
        let limit = gst::ClockTime::try_from(FINISH_LIMIT).ok();
        match bus.timed_pop_filtered(limit, &[gst::MessageType::Eos, gst::MessageType::Error]) {
            Some(message) => failure(&message).map_or(Ok(()), Err),
            None => Err(Error::Slow),
        }
    }
}

/// The input of one stream. A buffer list wakes its thread once instead of once per buffer.
struct Input {
    source: gst_app::AppSrc,
    list: gst::BufferList,
}

impl Input {
    fn new(source: gst_app::AppSrc) -> Self {
        Self { source, list: gst::BufferList::new() }
    }

    fn add(&mut self, buffer: gst::Buffer) {
        self.list.make_mut().add(buffer);
    }

    fn push(&mut self) {
        if !self.list.is_empty() {
            let list = mem::replace(&mut self.list, gst::BufferList::new());
            self.source.push_buffer_list(list).ok(); // an element that failed posts so on the bus
        }
    }
}

fn write(error: &dyn std::error::Error) -> Error {
    Error::Write(error.to_string())
}

fn buffer(data: Vec<u8>, at: Duration) -> gst::Buffer {
    let mut buffer = gst::Buffer::from_mut_slice(data);
    if let Some(buffer) = buffer.get_mut() {
        let time = gst::ClockTime::try_from(at).ok();
        buffer.set_pts(time);
        buffer.set_dts(time); // live video has no B-frames
    }
    buffer
}

/// An element's error, in words for the user.
fn failure(message: &gst::Message) -> Option<Error> {
    let gst::MessageView::Error(error) = message.view() else { return None };
    tracing::debug!(error = %error.error(), debug = ?error.debug(), "recording element failed");
    Some(match error.error().kind::<gst::ResourceError>() {
        Some(gst::ResourceError::NoSpaceLeft) => Error::no_space(),
        _ => Error::Write(error.error().message().trim_end_matches('.').to_owned()),
    })
}
