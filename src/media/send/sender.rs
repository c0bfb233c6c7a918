//! Sends one session's video: chooses encoder, bitrate, size and frame rate, and replaces an encoder that fails.
//!
//! Congestion control sets bitrate and size, on webrtcbin's RTCP thread. [`Sender::replace`] blocks and belongs on a
//! blocking thread.

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

/// The encoder gets a new bitrate only if it differs by more than 1/50.
const MIN_CHANGE_DIVISOR: u32 = 50;

/// The sending side of one session's video.
pub struct Sender {
    pipeline: glib::WeakRef<gst::Pipeline>,
    plan: Plan,
    current: Mutex<Current>,
    bitrate_bps: AtomicU32,
    /// What drives the bitrate; `None` keeps the configured one.
    control: Option<Control>,
}

enum Control {
    /// Transport-wide feedback: whether and when each packet arrived.
    Feedback(Box<Mutex<Estimate>>),
    /// Receiver reports only; holds the bounds of the bitrate.
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
    /// Builds appsrc, encoder and payloader, unlinked.
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
            bitrate_bps: AtomicU32::new(settings.start_bitrate_bps),
        };
        sender.set_bitrate(settings.start_bitrate_bps);
        Ok(sender)
    }

    /// The bin that sends.
    pub fn bin(&self) -> gst::Bin {
        self.lock().bin.clone()
    }

    /// The negotiated codec.
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

    /// Sets the video bitrate, and lowers resolution and then frame rate as it requires.
    pub fn set_bitrate(&self, bitrate_bps: u32) {
        self.bitrate_bps.store(bitrate_bps, Relaxed);
        self.plan.parts.counters.target_bps.store(u64::from(bitrate_bps), Relaxed);
        self.apply(&mut self.lock());
    }

    /// Takes the peer's transport-wide feedback.
    pub(in crate::media) fn feedback(&self, packets: &[Packet]) {
        let Some(Control::Feedback(estimate)) = &self.control else { return };
        let mut estimate = estimate.lock().unwrap_or_else(PoisonError::into_inner);
        let bitrate_bps = estimate.report(packets, self.plan.line.codec.payload);
        self.plan.parts.counters.lossy.store(estimate.is_lossy(), Relaxed);
        let recover = estimate.take_recovery();
        drop(estimate);
        let before = self.bitrate_bps.load(Relaxed);
        if bitrate_bps.abs_diff(before) >= before / MIN_CHANGE_DIVISOR {
            self.set_bitrate(bitrate_bps);
        }
        if recover {
            self.recover();
        }
    }

    /// Sends a key frame instead of retransmitting.
    fn recover(&self) {
        let counters = &self.plan.parts.counters;
        counters.recovery_ms.store(counters.now_ms(), Relaxed);
        self.request_key_frame();
    }

    /// Makes the encoder's next frame a key frame.
    pub fn request_key_frame(&self) {
        if let Some(pad) = self.bin().by_name("pay").and_then(|payloader| payloader.static_pad("sink")) {
            pad.push_event(events::key_request());
        }
    }

    /// Takes the share of packets lost from the peer's receiver report.
    pub fn lost(&self, share: f64) {
        if let Some(Control::Loss(bounds)) = self.control {
            self.set_bitrate(congestion::by_loss(self.bitrate_bps.load(Relaxed), share, bounds));
        }
    }

    /// Reapplies the bitrate: the input size may have changed, or enough time may have passed for a larger step.
    pub fn review(&self) {
        self.apply(&mut self.lock());
    }

    /// The size that is sent, and the frame rate limit.
    pub fn sending(&self) -> ((u32, u32), Option<u32>) {
        let current = self.lock();
        (current.step.scaled(current.size), current.step.fps)
    }

    /// Frames skipped because the link has no room for more.
    pub fn skipped(&self) -> u64 {
        self.lock().pace.skipped.load(Relaxed)
    }

    fn apply(&self, current: &mut Current) {
        let bitrate_bps = self.bitrate_bps.load(Relaxed);
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
            tracing::debug!(?step, bitrate_bps, "video step changed");
        }
        (current.step, current.size) = (step, size);
    }

    /// Replaces the encoder in the bin named `failed` by the next row's. Blocks.
    ///
    /// The peer sees one stream: the payloader's sequence numbers and timestamps continue (RFC 3550, 5.1).
    ///
    /// # Errors
    /// Too many failed, or none can be built. `Ok(None)`: that bin was replaced already.
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
        progress.resume(&bin);
        (current.bin, current.row, current.step) = (bin.clone(), row, Step::FULL);
        current.size = (0, 0);
        self.apply(&mut current);
        pipeline.add(&bin)?;
        let source =
            bin.static_pad("src").ok_or_else(|| Error::Graph("the encoder's bin has no output".into()))?;
        source.link(&webrtc).map_err(|error| Error::Graph(format!("cannot link to webrtcbin: {error}")))?;
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
