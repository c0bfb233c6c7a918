//! The sending side of one session's video: which encoder, at which bitrate, size and frame rate; another one when it fails.
//!
//! Bitrate and size come from congestion control, on webrtcbin's RTCP thread. [`Sender::replace`] blocks and
//! belongs on a blocking thread.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Instant,
};

use gst::{glib, prelude::*};

use super::{
    adapt::{Adapter, Step},
    bin::{Plan, Progress, scale, take_out},
    congestion::{self, Estimate, Packet},
    outlet::Pace,
};
use crate::{
    media::{
        Engine, Error, Settings,
        codec::Encoder,
        graph::{
            Parts,
            failures::{Failures, Replaced},
            line::Line,
        },
        gst::events,
    },
    signalling::CodecName,
};

/// An encoder is told of changes over this part of its bitrate.
const WORTH_A_GRANT: u32 = 50;

/// The sending side of one session's video.
pub struct Sender {
    pipeline: glib::WeakRef<gst::Pipeline>,
    plan: Plan,
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
    /// Builds appsrc, encoder and payloader; the bin is not linked yet.
    pub fn new(pipeline: &gst::Pipeline, line: &Line, parts: &Parts, engine: &Engine) -> Result<Self, Error> {
        let settings = &engine.settings;
        let plan = Plan {
            rows: engine.table.encoders(line.codec.name).to_vec(),
            line: line.clone(),
            parts: parts.clone(),
            limit: engine.encode_limit.clone(),
        };
        let pace = Arc::new(Pace::default());
        let (row, bin) = plan.build(0, 0, &pace)?;
        parts.timing.set_payload(line.codec.payload);
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
            control: Control::of(line, settings),
            plan,
            current: Mutex::new(current),
            grant_bps: AtomicU32::new(settings.start_bitrate_bps),
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
        self.plan.line.codec.name
    }

    /// Factory name of the encoder in use.
    pub fn element(&self) -> &'static str {
        self.row().element
    }

    /// The row of the encoder in use.
    pub(in crate::media) fn row(&self) -> &'static Encoder {
        self.plan.rows[self.lock().row]
    }

    /// Lets the picture have so many bits a second: bitrate first, then its size, then its frame rate.
    pub fn grant(&self, bitrate_bps: u32) {
        self.grant_bps.store(bitrate_bps, Relaxed);
        self.plan.parts.counters.target_bps.store(u64::from(bitrate_bps), Relaxed);
        self.apply(&mut self.lock());
    }

    /// What the peer says of the packets that it got.
    pub(in crate::media) fn feedback(&self, packets: &[Packet]) {
        let Some(Control::Feedback(estimate)) = &self.control else { return };
        let mut estimate = estimate.lock().unwrap_or_else(PoisonError::into_inner);
        let bitrate_bps = estimate.report(packets, self.plan.line.codec.payload);
        self.plan.parts.counters.lossy.store(estimate.is_lossy(), Relaxed);
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
        let counters = &self.plan.parts.counters;
        counters.recovery_ms.store(counters.now_ms(), Relaxed);
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
            self.plan.rows[current.row].set_bitrate(&encoder, bitrate_bps);
        }
        let size = self.plan.parts.counters.input_size();
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
        let broken = self.plan.rows[current.row].element;
        let pipeline = self.pipeline.upgrade().ok_or_else(|| Error::Graph("the graph is gone".into()))?;
        let (old, next) = (current.bin.clone(), (current.row + 1).min(self.plan.rows.len() - 1));
        let progress = Progress::of(&old);
        let webrtc = take_out(&pipeline, &old, &current.pace)?;
        self.plan.parts.timing.forget();

        current.built += 1;
        current.pace = Arc::new(Pace::default());
        let (row, bin) = self.plan.build(next, current.built, &current.pace)?;
        progress.go_on(&bin);
        (current.bin, current.row, current.step) = (bin.clone(), row, Step::FULL);
        current.size = (0, 0);
        self.apply(&mut current);
        pipeline.add(&bin)?;
        let source = bin.static_pad("src").ok_or_else(|| Error::Graph("a bin without an output".into()))?;
        source.link(&webrtc).map_err(|error| Error::Graph(format!("webrtcbin takes no link: {error}")))?;
        bin.sync_state_with_parent()?;
        Ok(Some(Replaced { failed: broken, element: self.plan.rows[row].element }))
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
