//! Runs a bin as a stage: appsrc ! bin ! appsink, one frame at a time.
//!
//! Runs on the stage's thread, which waits for the graph's one streaming thread. Each frame is followed by a marker
//! event, which comes out after all output of the frame; if it comes without output, an element kept or dropped the
//! frame. Must not copy a pixel: buffers go in and come out by reference.

use std::{
    collections::VecDeque,
    sync::mpsc::{self, RecvTimeoutError},
    time::{Duration, Instant},
};

use gst::prelude::*;

use super::{parse, values};
use crate::{
    frame::{
        Frame,
        bins::{Fault, Plan, Playing, Setting},
    },
    media::{
        graph::probes,
        gst::{convert, state},
    },
};

/// The event behind each frame, and its field.
const MARKER: &str = "scope-frame";
const NUMBER: &str = "number";
/// Name of the graph's appsink, chosen not to clash with an element of a bin.
const SINK: &str = "scope-frames";
/// Frames whose numbers are remembered; an element that holds more is unfit for live video.
const REMEMBERED: usize = 64;
/// A graph that does not hang stops within 15 ms.
const STOP_LIMIT: Duration = Duration::from_millis(500);

/// What the graph reports to the stage's thread.
enum Report {
    Frame(gst::Sample),
    /// All output of this frame and those before it is out.
    Marker(u64),
    Ended,
    Failed(String),
}

/// A graph of a stage's own.
pub struct Run {
    pipeline: gst::Pipeline,
    source: gst_app::AppSrc,
    reports: mpsc::Receiver<Report>,
    deadline: Duration,
    caps: Option<gst::Caps>,
    /// Number of frames pushed.
    number: u64,
    /// Time and sequence number of the latest frames pushed.
    sent: VecDeque<(Duration, u64)>,
    /// Sequence number of the last frame that came out.
    given: Option<u64>,
}

impl Run {
    /// Builds the graph, applies the settings and starts it.
    ///
    /// # Errors
    /// What the parser or an element said.
    pub fn start(plan: &Plan, settings: &[Setting]) -> Result<Self, String> {
        let (tell, reports) = mpsc::channel();
        let bin = parse(plan)?;
        let source = gst_app::AppSrc::builder().format(gst::Format::Time).max_bytes(0).build();
        let sink = sink(plan, tell.clone());
        let pipeline = gst::Pipeline::with_name(&format!("stage-{}", plan.id));
        let text = |error: gst::glib::BoolError| error.to_string();
        pipeline
            .add_many([source.upcast_ref(), bin.upcast_ref::<gst::Element>(), sink.upcast_ref()])
            .map_err(text)?;
        gst::Element::link_many([source.upcast_ref(), bin.upcast_ref::<gst::Element>(), sink.upcast_ref()])
            .map_err(text)?;
        // Without a clock no element waits for a frame's time.
        pipeline.use_clock(None::<&gst::Clock>);
        listen(&pipeline, tell);
        let mut run = Self {
            pipeline,
            source,
            reports,
            deadline: plan.deadline,
            caps: None,
            number: 0,
            sent: VecDeque::new(),
            given: None,
        };
        settings.iter().try_for_each(|setting| run.set(setting))?;
        match run.pipeline.set_state(gst::State::Playing) {
            Ok(_) => Ok(run),
            // An element that fails to start posts why before its state change returns.
            Err(error) => Err(run.failure().unwrap_or_else(|| error.to_string())),
        }
    }

    fn failure(&self) -> Option<String> {
        self.reports.try_iter().find_map(|report| match report {
            Report::Failed(what) => Some(what),
            _ => None,
        })
    }

    fn push(&mut self, frame: &Frame) -> Result<(), Fault> {
        let (mut buffer, caps) = convert::unwrap(frame).map_err(|error| Fault::Frame(error.to_string()))?;
        let pts = gst::ClockTime::try_from(frame.pts).ok();
        if buffer.pts() != pts {
            buffer.make_mut().set_pts(pts);
        }
        if self.caps.as_ref() != Some(&caps) {
            self.source.set_caps(Some(&caps));
            self.caps = Some(caps);
        }
        self.number += 1;
        if self.sent.len() == REMEMBERED {
            self.sent.pop_front();
        }
        self.sent.push_back((frame.pts, frame.seq));
        let marker = gst::Structure::builder(MARKER).field(NUMBER, self.number).build();
        let gone = || Fault::Failed("the graph accepts no frame: it has ended".into());
        self.source.push_buffer(buffer).map_err(|_| self.failure().map_or_else(gone, Fault::Failed))?;
        self.source.send_event(gst::event::CustomDownstream::new(marker));
        Ok(())
    }

    /// Waits for this frame's output and returns the newest available; `None` if there is none.
    fn answer(&mut self, frame: &Frame) -> Result<Option<Frame>, Fault> {
        let end = Instant::now() + self.deadline;
        let mut newest: Option<Frame> = None;
        loop {
            match self.reports.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(Report::Frame(sample)) => {
                    newest = self.output(&sample)?.or(newest);
                    if newest.as_ref().is_some_and(|output| output.seq == frame.seq) {
                        break;
                    }
                }
                Ok(Report::Marker(number)) if number == self.number => break,
                Ok(Report::Marker(_)) => {}
                Ok(Report::Failed(what)) => return Err(Fault::Failed(what)),
                Ok(Report::Ended) => return Err(Fault::Failed("an element ended the stream".into())),
                Err(RecvTimeoutError::Timeout) => return Err(Fault::Hung(self.deadline)),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Fault::Failed("the graph is gone".into()));
                }
            }
        }
        self.given = newest.as_ref().map(|output| output.seq).or(self.given);
        Ok(newest)
    }

    /// Wraps a sample as the output of the frame that it stems from; `None` for a frame's second output.
    fn output(&self, sample: &gst::Sample) -> Result<Option<Frame>, Fault> {
        let (Some(caps), Some(mut buffer)) = (sample.caps_owned(), sample.buffer_owned()) else {
            return Ok(None);
        };
        let Some((pts, seq)) = self.origin(buffer.pts()) else { return Ok(None) };
        if self.given.is_some_and(|given| seq <= given) {
            return Ok(None);
        }
        let time = gst::ClockTime::try_from(pts).ok();
        if buffer.pts() != time {
            buffer.make_mut().set_pts(time);
        }
        let wrapped = gst_video::VideoInfo::from_caps(&caps)
            .ok()
            .and_then(|info| convert::wrap(seq, buffer, &caps, &info));
        let wrapped =
            wrapped.ok_or_else(|| Fault::Frame(format!("expected raw video from the bin, got {caps}")))?;
        Ok(Some(wrapped))
    }

    /// The newest input frame not newer than `pts`: elements may shift timestamps a little, or drop them.
    fn origin(&self, pts: Option<gst::ClockTime>) -> Option<(Duration, u64)> {
        let Some(pts) = pts.map(Duration::from) else { return self.sent.back().copied() };
        let older = self.sent.iter().rev().find(|(time, _)| *time <= pts);
        older.or(self.sent.front()).copied()
    }
}

impl Playing for Run {
    fn set(&mut self, (address, value): &Setting) -> Result<(), String> {
        let element = self.pipeline.by_name(&address.element);
        let element = element.ok_or_else(|| format!("{address}: no element is named {}", address.element))?;
        values::set(&element, &address.property, value)
    }

    fn process(&mut self, frame: &Frame) -> Result<Option<Frame>, Fault> {
        self.push(frame)?;
        self.answer(frame)
    }
}

impl Drop for Run {
    /// Stops the graph on a thread of its own, so that a graph that hangs blocks no other thread.
    fn drop(&mut self) {
        let pipeline = self.pipeline.clone();
        let (tell, hear) = mpsc::channel();
        let thread = std::thread::Builder::new().name("stage-stop".into()).spawn(move || {
            state::stop(&pipeline);
            drop(pipeline);
            tell.send(()).ok(); // the stage's thread gave up waiting
        });
        let stopped = thread.is_ok() && hear.recv_timeout(STOP_LIMIT).is_ok();
        if !stopped {
            tracing::warn!(graph = %self.pipeline.name(), "a stage's graph did not stop and is abandoned");
        }
    }
}

fn sink(plan: &Plan, tell: mpsc::Sender<Report>) -> gst_app::AppSink {
    let sink = gst_app::AppSink::builder()
        .name(SINK)
        .caps(&convert::caps(&plan.layouts))
        .sync(false)
        .async_(false)
        .enable_last_sample(false)
        .build();
    let frames = tell.clone();
    let take = move |sample: &gst::Sample| {
        frames.send(Report::Frame(sample.clone())).map_err(|_| gst::FlowError::Flushing)?;
        Ok(gst::FlowSuccess::Ok)
    };
    probes::STAGE_FRAMES.samples(&sink, take, || {});
    if let Some(pad) = sink.static_pad("sink") {
        probes::STAGE_MARKERS.downstream(&pad, move |_, event| {
            let marker = event.structure().filter(|structure| structure.name() == MARKER);
            let Some(number) = marker.and_then(|marker| marker.get(NUMBER).ok()) else {
                return gst::PadProbeReturn::Ok;
            };
            tell.send(Report::Marker(number)).ok(); // the stage is being dropped
            gst::PadProbeReturn::Handled
        });
    }
    sink
}

/// Forwards what elements post, on the posting thread.
fn listen(pipeline: &gst::Pipeline, tell: mpsc::Sender<Report>) {
    let Some(bus) = pipeline.bus() else { return };
    bus.set_sync_handler(move |_, message| {
        let report = match message.view() {
            gst::MessageView::Eos(_) => Some(Report::Ended),
            gst::MessageView::Error(error) => {
                let element = message.src().map(|source| source.name().to_string()).unwrap_or_default();
                // The last line of the debug text is the element's own; the lines above name a source location.
                let debug = error.debug();
                let cause = debug.as_ref().and_then(|debug| debug.lines().last());
                let cause = cause.map(|cause| format!(" ({cause})")).unwrap_or_default();
                Some(Report::Failed(format!("{element}: {}{cause}", error.error())))
            }
            _ => None,
        };
        if let Some(report) = report {
            tell.send(report).ok(); // the stage is being dropped
        }
        gst::BusSyncReply::Drop
    });
}
