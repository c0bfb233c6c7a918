//! One file: a small graph of its own that packs what is encoded already, so that what fails in it fails alone.
//!
//! Runs on the recording's thread, which its elements never make wait: what a disk does not take piles up in appsrc,
//! and too much of it is an error.

use std::{iter, mem, path::Path, time::Duration};

use gst::prelude::*;

use super::{super::gst::launch::Graph, format::Format};
use crate::recordings::Error;

/// Some ten seconds at the highest bitrate: a disk that is behind by more does not catch up.
const PILE_BYTES: u64 = 16 << 20;
/// The last fragment and an index, on a disk that is busy.
const FINISH_LIMIT: Duration = Duration::from_secs(5);

/// mp4mux knows of an end of fragments in their own list alone: without `first-moov-then-finalise`, each second is whole
/// in itself, and a killed server leaves all but the last. Unbuffered, or 64 kB of it would be lost as well.
const MP4: &str = "h264parse ! video/x-h264,stream-format=avc,alignment=au ! mux.video_0 \
                   mp4mux name=mux fragment-duration=1000";
/// Each block is written as it comes; a finished file gets its index and its length in places kept for them.
const WEBM: &str = "identity ! mux.video_0 webmmux name=mux max-cluster-duration=1000000000";
const AV1: &str = "av1parse ! mux.video_0 webmmux name=mux max-cluster-duration=1000000000";
const VIDEO: &str = "appsrc name=video format=time block=false max-bytes=0";
const SOUND: &str = "appsrc name=sound format=time block=false max-bytes=0 \
                     caps=audio/x-opus,rate=48000,channels=2,channel-mapping-family=0 ! opusparse ! mux.audio_0";
const FILE: &str = "mux. ! filesink name=file buffer-mode=unbuffered async=false sync=false";

/// A file that is written.
pub struct Segment {
    graph: Graph,
    video: Inlet,
    sound: Option<Inlet>,
    /// Running time of its first picture.
    origin: Duration,
    last: Option<Duration>,
}

impl Segment {
    /// Begins a file with a picture of that time.
    ///
    /// # Errors
    /// An element is missing, or the file cannot be made.
    pub fn create(path: &Path, format: &Format, sound: bool, origin: Duration) -> Result<Self, Error> {
        let way = match format.media.as_str() {
            "video/x-h264" => MP4,
            "video/x-av1" => AV1,
            _ => WEBM,
        };
        let sound_way = if sound { SOUND } else { "" };
        let graph =
            Graph::parse(&format!("{VIDEO} ! {way} {sound_way} {FILE}")).map_err(|error| write(&error))?;
        let file = graph.part::<gst::Element>("file").map_err(|error| write(&error))?;
        file.set_property("location", path);
        let inlet = |name: &str| graph.part(name).map(Inlet::new).map_err(|error| write(&error));
        let (video, sound) = (inlet("video")?, if sound { Some(inlet("sound")?) } else { None });
        video.source.set_caps(Some(&format.caps));
        let segment = Self { graph, video, sound, origin, last: None };
        if segment.graph.0.set_state(gst::State::Playing).is_err() {
            segment.check()?;
            return Err(Error::Write("the file cannot be begun".into()));
        }
        Ok(segment)
    }

    /// Adds a picture, for the next [`Segment::push`].
    pub fn picture(&mut self, data: Vec<u8>, at: Duration, key: bool) {
        let mut at = at.saturating_sub(self.origin);
        if let Some(last) = self.last {
            at = at.max(last + Duration::from_millis(1)); // a clock that went back
        }
        self.last = Some(at);
        let mut buffer = buffer(data, at);
        if !key && let Some(buffer) = buffer.get_mut() {
            buffer.set_flags(gst::BufferFlags::DELTA_UNIT);
        }
        self.video.add(buffer);
    }

    /// Adds a packet of sound, likewise.
    pub fn sound(&mut self, data: Vec<u8>, at: Duration) {
        if let Some(sound) = &mut self.sound {
            sound.add(buffer(data, at.saturating_sub(self.origin)));
        }
    }

    /// Whether it has a place for sound.
    pub fn has_sound(&self) -> bool {
        self.sound.is_some()
    }

    /// Writes what was added.
    ///
    /// # Errors
    /// What an element said, or too much that is not written yet.
    pub fn push(&mut self) -> Result<(), Error> {
        iter::once(&mut self.video).chain(&mut self.sound).for_each(Inlet::push);
        self.check()
    }

    fn check(&self) -> Result<(), Error> {
        let message = self.graph.0.bus().and_then(|bus| bus.pop_filtered(&[gst::MessageType::Error]));
        if let Some(error) = message.as_ref().and_then(failure) {
            return Err(error);
        }
        if self.video.source.current_level_bytes() > PILE_BYTES { Err(Error::Slow) } else { Ok(()) }
    }

    /// Writes what is left and closes the file. Blocks.
    ///
    /// # Errors
    /// As [`Segment::push`].
    pub fn finish(mut self) -> Result<(), Error> {
        for inlet in iter::once(&mut self.video).chain(&mut self.sound) {
            inlet.push();
            inlet.source.end_of_stream().ok(); // an element that failed says so on the bus
        }
        let Some(bus) = self.graph.0.bus() else { return Ok(()) };
        let limit = gst::ClockTime::try_from(FINISH_LIMIT).ok();
        match bus.timed_pop_filtered(limit, &[gst::MessageType::Eos, gst::MessageType::Error]) {
            Some(message) => failure(&message).map_or(Ok(()), Err),
            None => Err(Error::Slow),
        }
    }
}

/// A stream's way in. A list wakes its thread once, its buffers would one by one.
struct Inlet {
    source: gst_app::AppSrc,
    list: gst::BufferList,
}

impl Inlet {
    fn new(source: gst_app::AppSrc) -> Self {
        Self { source, list: gst::BufferList::new() }
    }

    fn add(&mut self, buffer: gst::Buffer) {
        self.list.make_mut().add(buffer);
    }

    fn push(&mut self) {
        if !self.list.is_empty() {
            let list = mem::replace(&mut self.list, gst::BufferList::new());
            self.source.push_buffer_list(list).ok(); // an element that failed says so on the bus
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
        buffer.set_dts(time); // what is live has no picture that refers to a later one
    }
    buffer
}

/// What an element said, in words for whoever records.
fn failure(message: &gst::Message) -> Option<Error> {
    let gst::MessageView::Error(error) = message.view() else { return None };
    tracing::debug!(error = %error.error(), debug = ?error.debug(), "a recording's element failed");
    Some(match error.error().kind::<gst::ResourceError>() {
        Some(gst::ResourceError::NoSpaceLeft) => Error::Full { free: 0 },
        _ => Error::Write(error.error().message().trim_end_matches('.').to_owned()),
    })
}
