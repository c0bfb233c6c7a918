//! Reads and writes video files, for pipelines without a session. Blocks: for a thread that does nothing else.
//!
//! Elements are auto-plugged from short lists (`plugging`): nothing here is live, and a file names its own codec.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use gst::prelude::*;

use super::plugging::Refusals;
use crate::{
    frame::{Frame, Layout, MaxFrame},
    media::{
        Error,
        gst::{convert, init, launch::Graph},
    },
};

/// A file that yields nothing for this long is stuck; even a slow disk yields something.
const READ_LIMIT: Duration = Duration::from_secs(30);
/// How often a reader checks whether an element has failed.
const LOOK: Duration = Duration::from_millis(50);
/// Encoders may still hold seconds of video after the last frame.
const FINISH_LIMIT: Duration = Duration::from_mins(5);

const READER: &str = "filesrc name=file ! decodebin name=plugger ! videoconvert n-threads=1 \
                      ! appsink name=tap sync=false max-buffers=4 wait-on-eos=false";
const WRITER: &str =
    "appsrc name=tap format=time block=true max-bytes=0 max-buffers=4 ! videoconvert n-threads=1";
const LOSSLESS: &str = "capsfilter name=exact ! avenc_ffv1";
/// The first whose element is installed is used.
const LOSSY: [(&str, &str); 2] = [
    ("x264enc", "video/x-raw,format=I420 ! x264enc pass=qual quantizer=18 speed-preset=medium ! h264parse"),
    ("openh264enc", "video/x-raw,format=I420 ! openh264enc bitrate=8000000 ! h264parse"),
];

/// How much of the video a file keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// What a viewer can see (H.264).
    Enough,
    /// Every bit (FFV1).
    Everything,
}

/// A video file being read.
pub struct Reader {
    graph: Graph,
    sink: gst_app::AppSink,
    known: Option<(gst::Caps, gst_video::VideoInfo)>,
    seq: u64,
    max: MaxFrame,
    refusals: Refusals,
}

/// A video file being written.
pub struct Writer {
    graph: Graph,
    source: gst_app::AppSrc,
    known: Option<gst::Caps>,
    fps: f64,
}

impl Reader {
    /// Opens a file, to be read as frames in one of `layouts`, none of them over `max`.
    ///
    /// # Errors
    /// GStreamer does not start, or an element is missing. Faults of the file come from [`Reader::frame`].
    pub fn open(path: &Path, layouts: &[Layout], max: MaxFrame) -> Result<Self, Error> {
        init::start()?;
        let graph = graph(READER, path)?;
        let refusals = Refusals::watch(&graph, "plugger", max)?;
        let sink = graph.part::<gst_app::AppSink>("tap")?;
        sink.set_caps(Some(&convert::caps(layouts)));
        play(&graph)?;
        Ok(Self { graph, sink, known: None, seq: 0, max, refusals })
    }

    /// The next frame; `None` at the end.
    ///
    /// # Errors
    /// The file cannot be read or decoded any further; [`Error::FrameTooLarge`].
    pub fn frame(&mut self) -> Result<Option<Frame>, Error> {
        let end = Instant::now() + READ_LIMIT;
        let sample = loop {
            if let Some(sample) = self.sink.try_pull_sample(gst::ClockTime::try_from(LOOK).ok()) {
                break sample;
            }
            self.refusals.check(self.max)?;
            check(&self.graph).map_err(|error| self.refusals.explain(error))?;
            if self.sink.is_eos() {
                return Ok(None);
            }
            if Instant::now() >= end {
                return Err(Error::Timeout { step: "reading the file", limit: READ_LIMIT });
            }
        };
        let (Some(caps), Some(buffer)) = (sample.caps_owned(), sample.buffer_owned()) else {
            return Ok(None);
        };
        if self.known.as_ref().is_none_or(|(before, _)| *before != caps) {
            let info = gst_video::VideoInfo::from_caps(&caps).map_err(|error| {
                Error::Graph(format!("the file's frames have an unknown format: {error}"))
            })?;
            if !self.max.allows(info.width(), info.height()) {
                // Not coded, so that no decoder told.
                let (width, height, max) = (info.width(), info.height(), self.max);
                return Err(Error::FrameTooLarge { width, height, max });
            }
            self.known = Some((caps, info));
        }
        let Some((caps, info)) = &self.known else { return Ok(None) };
        let frame = convert::wrap(self.seq, buffer, caps, info);
        self.seq += 1;
        frame.map(Some).ok_or_else(|| Error::Graph("cannot map the file's frames".into()))
    }

    /// Seeks back to the first frame.
    ///
    /// # Errors
    /// The file cannot be seeked.
    pub fn rewind(&mut self) -> Result<(), Error> {
        let flags = gst::SeekFlags::FLUSH | gst::SeekFlags::KEY_UNIT;
        let sought = self.graph.0.seek_simple(flags, gst::ClockTime::ZERO);
        sought.map_err(|_| Error::Graph("cannot seek to the start of the file".into()))
    }

    /// Makes frames come in one of these layouts, soon.
    pub fn set_layouts(&mut self, layouts: &[Layout]) {
        self.sink.set_caps(Some(&convert::caps(layouts)));
        if let Some(pad) = self.sink.static_pad("sink") {
            pad.push_event(gst::event::Reconfigure::new());
        }
    }

    /// The file's duration, if known.
    pub fn duration(&self) -> Option<Duration> {
        self.graph.0.query_duration::<gst::ClockTime>().map(Duration::from)
    }

    /// The file's frame rate, if known.
    pub fn fps(&self) -> Option<f64> {
        let fps = self.known.as_ref()?.1.fps();
        (fps.numer() > 0).then(|| f64::from(fps.numer()) / f64::from(fps.denom()))
    }
}

impl Writer {
    /// Creates a file; its extension selects the container: `.mp4` or `.mkv`.
    ///
    /// # Errors
    /// Another extension, or an element that is not installed.
    pub fn create(path: &Path, keep: Keep, fps: f64) -> Result<Self, Error> {
        init::start()?;
        let extension = path
            .extension()
            .map(|extension| extension.to_string_lossy().to_ascii_lowercase())
            .unwrap_or_default();
        let muxer = match (extension.as_str(), keep) {
            ("mkv", _) => "matroskamux",
            ("mp4", Keep::Enough) => "mp4mux",
            ("mp4", Keep::Everything) => {
                return Err(Error::Graph(
                    "expected a name that ends in .mkv for a lossless file, got .mp4".into(),
                ));
            }
            _ => {
                let name = path.display();
                return Err(Error::Graph(format!("expected a name that ends in .mp4 or .mkv, got {name}")));
            }
        };
        let installed = |element: &str| gst::ElementFactory::find(element).is_some();
        let encoder = match keep {
            Keep::Everything => LOSSLESS,
            Keep::Enough => LOSSY.iter().find(|(element, _)| installed(element)).unwrap_or(&LOSSY[0]).1,
        };
        let graph = graph(&format!("{WRITER} ! {encoder} ! {muxer} ! filesink name=file"), path)?;
        let source = graph.part::<gst_app::AppSrc>("tap")?;
        play(&graph)?;
        Ok(Self { graph, source, known: None, fps })
    }

    /// Adds a frame.
    ///
    /// # Errors
    /// The disk is full, or the encoder rejects the frame.
    pub fn write(&mut self, frame: &Frame) -> Result<(), Error> {
        let (buffer, caps) = convert::unwrap(frame)?;
        if self.known.as_ref() != Some(&caps) {
            let mut rated = caps.clone();
            let fps = gst::Fraction::approximate_f64(self.fps).unwrap_or(gst::Fraction::new(30, 1));
            rated.make_mut().set("framerate", fps);
            if let Some(filter) = self.graph.0.by_name("exact") {
                // videoconvert would choose the encoder's first format, which subsamples the chroma of RGB.
                filter.set_property("caps", exact(frame.layout));
            }
            self.source.set_caps(Some(&rated));
            self.known = Some(caps);
        }
        check(&self.graph)?;
        self.source
            .push_buffer(buffer)
            .map_err(|flow| Error::Graph(format!("cannot write a frame to the file: {flow}")))?;
        Ok(())
    }

    /// Writes what is left and closes the file.
    ///
    /// # Errors
    /// As [`Writer::write`].
    pub fn finish(self) -> Result<(), Error> {
        self.source.end_of_stream().ok(); // an element that failed posts so on the bus
        let bus = bus(&self.graph)?;
        let limit = gst::ClockTime::try_from(FINISH_LIMIT).ok();
        match bus.timed_pop_filtered(limit, &[gst::MessageType::Eos, gst::MessageType::Error]) {
            Some(message) => failure(&message).map_or(Ok(()), Err),
            None => Err(Error::Timeout { step: "writing the file's end", limit: FINISH_LIMIT }),
        }
    }
}

/// An FFV1 format that keeps every bit of a layout.
fn exact(layout: Layout) -> gst::Caps {
    let format = match layout {
        Layout::I420 | Layout::Nv12 => "I420",
        Layout::Rgb => "BGRx",
        Layout::Rgba => "BGRA",
    };
    gst::Caps::builder("video/x-raw").field("format", format).build()
}

/// A graph for one file.
fn graph(line: &str, path: &Path) -> Result<Graph, Error> {
    let graph = Graph::parse(line)?;
    graph.part::<gst::Element>("file")?.set_property("location", path);
    Ok(graph)
}

fn play(graph: &Graph) -> Result<(), Error> {
    match graph.0.set_state(gst::State::Playing) {
        Ok(_) => Ok(()),
        Err(error) => check(graph).and(Err(Error::Graph(format!("cannot start the file's graph: {error}")))),
    }
}

/// Returns the error that an element has posted, if any.
fn check(graph: &Graph) -> Result<(), Error> {
    let message = bus(graph)?.pop_filtered(&[gst::MessageType::Error]);
    message.as_ref().and_then(failure).map_or(Ok(()), Err)
}

fn bus(graph: &Graph) -> Result<gst::Bus, Error> {
    graph.0.bus().ok_or_else(|| Error::Graph("the graph has no bus".into()))
}

fn failure(message: &gst::Message) -> Option<Error> {
    let gst::MessageView::Error(error) = message.view() else { return None };
    let element = message.src().map(|source| source.name().to_string()).unwrap_or_default();
    let detail = error.debug().map(|debug| format!(" ({debug})")).unwrap_or_default();
    Some(Error::Graph(format!("{element}: {}{detail}", error.error())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(seq: u64, layout: Layout) -> Frame {
        let length = if layout == Layout::Rgb { 64 * 48 * 3 } else { 64 * 48 * 3 / 2 };
        let bytes = (0..length).map(|at: u64| u8::try_from((at * 7 + seq * 31) % 251).unwrap()).collect();
        Frame { seq, pts: Duration::from_millis(seq * 40), ..Frame::packed(layout, (64, 48), bytes) }
    }

    #[test]
    fn a_lossless_file_gives_back_every_bit() {
        let dir = tempfile::tempdir().unwrap();
        for layout in [Layout::I420, Layout::Rgb] {
            let path = dir.path().join("a.mkv");
            let mut writer = Writer::create(&path, Keep::Everything, 25.0).unwrap();
            for seq in 0..10 {
                writer.write(&sample(seq, layout)).unwrap();
            }
            writer.finish().unwrap();

            let mut reader = Reader::open(&path, &[layout], MaxFrame::default()).unwrap();
            let frames: Vec<_> = std::iter::from_fn(|| reader.frame().unwrap()).collect();

            assert_eq!(frames.len(), 10);
            for (frame, seq) in frames.iter().zip(0..) {
                let (came, went) = (&frame.data, sample(seq, layout).data);
                assert!(came.plane(0) == went.plane(0), "{layout:?} {seq}");
                assert!(came.plane(1) == went.plane(1) && came.plane(2) == went.plane(2));
                assert_eq!(frame.pts, Duration::from_millis(seq * 40));
            }
        }
    }

    #[test]
    fn a_file_that_is_not_a_video_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.mp4");
        std::fs::write(&path, "not a video").unwrap();

        let read = |path: &Path| {
            Reader::open(path, &[Layout::I420], MaxFrame::default()).and_then(|mut reader| reader.frame())
        };
        assert!(read(&path).is_err());
        assert!(read(&dir.path().join("none")).is_err());
        let error = Writer::create(&dir.path().join("a.gif"), Keep::Enough, 25.0).err().unwrap();
        assert!(error.to_string().contains(".mp4 or .mkv"));
    }
}
