//! The sending side of the picture: which encoder, at which bitrate, size and frame rate; another one when it fails.
//!
//! Bitrate and size come from congestion control, on webrtcbin's RTCP thread. [`Sender::replace`] blocks and
//! belongs on a blocking thread.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use gst::{glib, prelude::*};

use super::{
    Error, Settings,
    adapt::{Adapter, Step},
    codec::{Encoder, Table},
    congestion::{self, Estimate, Packet},
    failures::Failures,
    graph::{self, Taps},
    gst::{events, launch},
    negotiate::Line,
};
use crate::signalling::CodecName;

/// An encoder is told of changes over this part of its bitrate.
const WORTH_A_GRANT: u32 = 50;

/// What the outlet looks at once a picture.
#[derive(Debug, Default)]
pub struct Pace {
    /// Pictures a second at most; 0 for as many as come.
    pub fps: AtomicU32,
    /// The bin is being taken out.
    pub retired: AtomicBool,
    /// Pictures left out for the frame rate's sake.
    pub skipped: AtomicU64,
}

/// An encoder or decoder took another one's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaced {
    /// Factory name of the one that failed.
    pub failed: &'static str,
    /// Factory name of the one in its place.
    pub element: &'static str,
}

/// The sending side of one session's picture.
pub struct Sender {
    pipeline: glib::WeakRef<gst::Pipeline>,
    line: Line,
    taps: Taps,
    rows: Vec<&'static Encoder>,
    current: Mutex<Current>,
    grant_bps: AtomicU32,
    /// What drives the bitrate; `None` where it stays as it is configured.
    control: Option<Control>,
}

enum Control {
    /// The peer says of each packet whether and when it came.
    Feedback(Box<Mutex<Estimate>>),
    /// Its receiver reports alone, and the ends of the bitrate.
    Loss((u32, u32)),
}

struct Current {
    bin: gst::Bin,
    row: usize,
    built: u32,
    pace: Arc<Pace>,
    adapter: Adapter,
    step: Step,
    size: (u32, u32),
    failures: Failures,
}

impl Sender {
    /// Builds outlet, encoder and payloader; the bin is not linked yet.
    pub fn new(
        pipeline: &gst::Pipeline,
        line: &Line,
        table: &Table,
        taps: &Taps,
        settings: &Settings,
    ) -> Result<Self, Error> {
        let rows = table.encoders(line.codec.name).to_vec();
        let pace = Arc::new(Pace::default());
        let (row, bin) = first_open(&rows, 0, &format!("{}0", graph::SEND_VIDEO), line, taps, &pace)?;
        taps.timing.set_payload(line.codec.payload);
        let current = Current {
            bin,
            row,
            built: 0,
            pace,
            adapter: Adapter::default(),
            step: Step::FULL,
            size: (0, 0),
            failures: Failures::default(),
        };
        let sender = Self {
            pipeline: pipeline.downgrade(),
            line: line.clone(),
            taps: taps.clone(),
            rows,
            current: Mutex::new(current),
            grant_bps: AtomicU32::new(settings.start_bitrate_bps),
            control: Control::of(line, settings),
        };
        sender.grant(settings.start_bitrate_bps);
        Ok(sender)
    }

    /// The bin that sends.
    pub fn bin(&self) -> gst::Bin {
        self.lock().bin.clone()
    }

    /// The codec that the client gets.
    pub fn codec(&self) -> CodecName {
        self.line.codec.name
    }

    /// Factory name of the encoder in use.
    pub fn element(&self) -> &'static str {
        self.row().element
    }

    /// The row of the encoder in use.
    pub(super) fn row(&self) -> &'static Encoder {
        self.rows[self.lock().row]
    }

    /// Lets the picture have so many bits a second: bitrate first, then its size, then its frame rate.
    pub fn grant(&self, bitrate_bps: u32) {
        self.grant_bps.store(bitrate_bps, Relaxed);
        self.taps.counters.target_bps.store(u64::from(bitrate_bps), Relaxed);
        self.apply(&mut self.lock());
    }

    /// What the peer says of the packets that it got.
    pub(super) fn feedback(&self, packets: &[Packet]) {
        let Some(Control::Feedback(estimate)) = &self.control else { return };
        let mut estimate = estimate.lock().unwrap_or_else(PoisonError::into_inner);
        let bitrate_bps = estimate.report(packets, self.line.codec.payload);
        self.taps.counters.lossy.store(estimate.is_lossy(), Relaxed);
        let broken = estimate.take_broken();
        drop(estimate);
        let before = self.grant_bps.load(Relaxed);
        if bitrate_bps.abs_diff(before) >= before / WORTH_A_GRANT {
            self.grant(bitrate_bps);
        }
        if broken {
            self.begin_anew();
        }
    }

    /// A key frame in place of what got lost, which is then not sent again.
    fn begin_anew(&self) {
        let counters = &self.taps.counters;
        counters.anew_ms.store(counters.now_ms(), Relaxed);
        self.ask_key_frame();
    }

    /// Makes the encoder's next picture a key frame.
    pub fn ask_key_frame(&self) {
        if let Some(pad) = self.bin().by_name("pay").and_then(|payloader| payloader.static_pad("sink")) {
            pad.push_event(events::key_request());
        }
    }

    /// The peer's receiver report says that this share of the packets got lost.
    pub fn lost(&self, share: f64) {
        if let Some(Control::Loss(bounds)) = self.control {
            self.grant(congestion::by_loss(self.grant_bps.load(Relaxed), share, bounds));
        }
    }

    /// Looks again at what the bitrate is good for; the picture may have another size, or enough time has passed.
    pub fn review(&self) {
        self.apply(&mut self.lock());
    }

    /// The size and frame rate limit that are sent.
    pub fn sending(&self) -> ((u32, u32), Option<u32>) {
        let current = self.lock();
        (current.step.scaled(current.size), current.step.fps)
    }

    /// Pictures left out because the link has no room for more.
    pub fn skipped(&self) -> u64 {
        self.lock().pace.skipped.load(Relaxed)
    }

    fn apply(&self, current: &mut Current) {
        let bitrate_bps = self.grant_bps.load(Relaxed);
        if let Some(encoder) = current.bin.by_name("enc") {
            self.rows[current.row].set_bitrate(&encoder, bitrate_bps);
        }
        let size = self.taps.counters.input_size();
        if size == (0, 0) {
            return;
        }
        let step = current.adapter.step(bitrate_bps, size, Instant::now());
        if step == current.step && size == current.size {
            return;
        }
        current.pace.fps.store(step.fps.unwrap_or(0), Relaxed);
        if step.scaled(size) != current.step.scaled(current.size) {
            scale(&current.bin, step, size);
        }
        if step != current.step {
            tracing::debug!(?step, bitrate_bps, "the picture is sent differently");
        }
        (current.step, current.size) = (step, size);
    }

    /// Takes the encoder out whose bin is named `failed` and puts the next row's in its place. Blocks.
    ///
    /// The peer sees one stream: the payloader's sequence numbers and time stamps go on (RFC 3550, 5.1).
    ///
    /// # Errors
    /// Too many have failed, or none can be built; `Ok(None)` where that bin is out already.
    pub fn replace(&self, failed: &str) -> Result<Option<Replaced>, Error> {
        let mut current = self.lock();
        if current.bin.name() != failed {
            return Ok(None);
        }
        current.failures.add("encoders", Instant::now())?;
        let broken = self.rows[current.row].element;
        let pipeline = self.pipeline.upgrade().ok_or_else(|| Error::Graph("the graph is gone".into()))?;
        let (old, next) = (current.bin.clone(), (current.row + 1).min(self.rows.len() - 1));
        let progress = Progress::of(&old);
        let webrtc = take_out(&pipeline, &old, &current.pace)?;
        self.taps.timing.forget();

        current.built += 1;
        current.pace = Arc::new(Pace::default());
        let name = format!("{}{}", graph::SEND_VIDEO, current.built);
        let (row, bin) = first_open(&self.rows, next, &name, &self.line, &self.taps, &current.pace)?;
        progress.go_on(&bin);
        (current.bin, current.row, current.step) = (bin.clone(), row, Step::FULL);
        current.size = (0, 0);
        self.apply(&mut current);
        pipeline.add(&bin)?;
        let source = bin.static_pad("src").ok_or_else(|| Error::Graph(format!("{name} has no output")))?;
        source.link(&webrtc).map_err(|error| Error::Graph(format!("webrtcbin takes no link: {error}")))?;
        bin.sync_state_with_parent()?;
        Ok(Some(Replaced { failed: broken, element: self.rows[row].element }))
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Control {
    fn of(line: &Line, settings: &Settings) -> Option<Self> {
        let bounds = (settings.min_bitrate_bps, settings.max_bitrate_bps);
        settings.congestion_control.then(|| match line.twcc {
            Some(_) => {
                Self::Feedback(Box::new(Mutex::new(Estimate::new(settings.start_bitrate_bps, bounds))))
            }
            None => Self::Loss(bounds),
        })
    }
}

/// The first row from `from` on whose elements open: hardware may have no slot left for one more session.
fn first_open(
    rows: &[&'static Encoder],
    from: usize,
    name: &str,
    line: &Line,
    taps: &Taps,
    pace: &Arc<Pace>,
) -> Result<(usize, gst::Bin), Error> {
    for (index, row) in rows.iter().enumerate().skip(from) {
        let bin = graph::send_video(name, row, line, taps, pace)?;
        if bin.set_state(gst::State::Ready).is_ok() {
            return Ok((index, bin));
        }
        tracing::warn!(element = row.element, "the encoder does not open; the next one is tried");
        bin.set_state(gst::State::Null).ok(); // it failed already; it is dropped next
    }
    Err(Error::Graph(format!("no encoder of {} opens", line.codec.name)))
}

/// Stops a bin and gives the pad of webrtcbin that it was linked to.
fn take_out(pipeline: &gst::Pipeline, bin: &gst::Bin, pace: &Pace) -> Result<gst::Pad, Error> {
    pace.retired.store(true, Relaxed);
    let source = bin.static_pad("src").ok_or_else(|| Error::Graph("a bin without an output".into()))?;
    let peer = source.peer().ok_or_else(|| Error::Graph("an encoder that is not linked".into()))?;
    source.unlink(&peer).ok(); // what it still gives goes nowhere
    bin.set_locked_state(true);
    bin.set_state(gst::State::Null).ok(); // a failed element may refuse; it is taken out all the same
    pipeline.remove(bin)?;
    Ok(peer)
}

/// Sets the size that goes into the encoder; at full size whatever comes.
fn scale(bin: &gst::Bin, step: Step, size: (u32, u32)) {
    let Some(filter) = bin.by_name("size") else { return };
    let caps = gst::Caps::builder("video/x-raw");
    let caps = if step.quarters == Step::FULL.quarters {
        caps.build()
    } else {
        let (width, height) = step.scaled(size);
        let pixels = |length: u32| i32::try_from(length).unwrap_or(i32::MAX);
        caps.field("width", pixels(width)).field("height", pixels(height)).build()
    };
    filter.set_property("caps", caps);
}

/// Where a payloader is in its stream.
struct Progress {
    sequence: Option<u32>,
    offset: Option<u32>,
}

impl Progress {
    fn of(bin: &gst::Bin) -> Self {
        let stats = bin
            .by_name("pay")
            .filter(|payloader| payloader.find_property("stats").is_some())
            .and_then(|payloader| payloader.property::<Option<gst::Structure>>("stats"));
        let field = |name: &str| stats.as_ref().and_then(|stats| stats.get::<u32>(name).ok());
        Self { sequence: field("seqnum"), offset: field("timestamp-offset") }
    }

    fn go_on(&self, bin: &gst::Bin) {
        let Ok(payloader) = launch::element(bin, "pay") else { return };
        if let Some(sequence) = self.sequence {
            payloader.set_property_from_str("seqnum-offset", &((sequence + 1) & 0xffff).to_string());
        }
        if let Some(offset) = self.offset {
            payloader.set_property_from_str("timestamp-offset", &offset.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_payloader_goes_on_where_the_old_one_was() {
        gst::init().unwrap();
        let line = "videotestsrc num-buffers=3 ! video/x-raw,width=32,height=32 ! vp8enc deadline=1 \
                    ! rtpvp8pay name=pay seqnum-offset=65534 timestamp-offset=77 ! fakesink";
        let old = gst::parse::launch(line).unwrap().downcast::<gst::Pipeline>().unwrap();
        old.set_state(gst::State::Playing).unwrap();
        let bus = old.bus().unwrap();
        bus.timed_pop_filtered(gst::ClockTime::from_seconds(5), &[gst::MessageType::Eos]).unwrap();

        let progress = Progress::of(old.upcast_ref());
        old.set_state(gst::State::Null).unwrap();
        let new = gst::parse::bin_from_description("rtpvp8pay name=pay", true).unwrap();
        progress.go_on(&new);

        let payloader = new.by_name("pay").unwrap();
        assert_eq!(progress.sequence, Some(0));
        assert_eq!(payloader.property::<i32>("seqnum-offset"), 1);
        assert_eq!(payloader.property::<u32>("timestamp-offset"), 77);
    }
}
