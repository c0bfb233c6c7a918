//! Receives one session's video: chooses the decoder, and rebuilds or replaces it if packets yield no frame.
//!
//! [`Receiver::attach`] runs on webrtcbin's threads; [`Receiver::mend`] blocks and belongs on a blocking thread. The
//! transport's pad stays: packets that arrive without a decoder are dropped.

use std::{
    sync::{Mutex, MutexGuard, PoisonError, mpsc},
    time::{Duration, Instant},
};

use gst::{glib, prelude::*};

use super::bin;
use crate::{
    frame::Layout,
    media::{
        Error,
        codec::{Decoder, Table},
        graph::{
            Parts, bins,
            failures::{Failures, Replaced},
            line::Line,
            probes,
        },
        gst::{convert, events},
    },
    signalling::CodecName,
};

/// A decoder takes tens of milliseconds for a frame, on a loaded host a second; one that takes longer hangs.
const IDLE_LIMIT: Duration = Duration::from_secs(3);

/// How to mend a decoder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// No frame came: rebuild the same decoder.
    Rebuild,
    /// Still no frame: use the next row of the table.
    Next,
    /// The decoder in the bin of this name failed: use the next row of the table.
    Failed(String),
}

/// The receiving side of one session's video.
pub struct Receiver {
    pipeline: glib::WeakRef<gst::Pipeline>,
    codec: CodecName,
    rows: Vec<&'static Decoder>,
    parts: Parts,
    /// Held while a bin is added or removed. Locked before `current`.
    work: Mutex<Work>,
    /// Held only briefly, to read or to swap.
    current: Mutex<Current>,
}

#[derive(Default)]
struct Work {
    built: u32,
    failures: Failures,
}

struct Current {
    /// `None` before the first packet.
    bin: Option<gst::Bin>,
    row: usize,
    layouts: Vec<Layout>,
}

impl Receiver {
    /// The receiving side of `line`; its bin is built when packets arrive.
    pub fn new(pipeline: &gst::Pipeline, line: &Line, table: &Table, parts: &Parts) -> Result<Self, Error> {
        let codec = line.codec.name;
        let rows = table.decoders(codec).to_vec();
        if rows.is_empty() {
            return Err(Error::NoCodec(codec.to_string()));
        }
        let (parts, layouts) = (parts.clone(), parts.layouts.clone());
        let current = Mutex::new(Current { bin: None, row: 0, layouts });
        let pipeline = pipeline.downgrade();
        Ok(Self { pipeline, codec, rows, parts, work: Mutex::default(), current })
    }

    /// Factory name of the decoder in use.
    pub fn element(&self) -> &'static str {
        self.row().element
    }

    /// The row of the decoder in use.
    pub(in crate::media) fn row(&self) -> &'static Decoder {
        self.rows[self.look().row]
    }

    /// The appsink where decoded frames leave the graph; `None` before the first packet.
    pub(in crate::media) fn tap(&self) -> Option<gst::Element> {
        self.look().bin.as_ref()?.by_name("tap")
    }

    /// Makes the graph deliver frames in one of `layouts`.
    pub fn set_layouts(&self, layouts: &[Layout]) {
        let mut current = self.look();
        current.layouts = layouts.to_vec();
        current.deliver();
    }

    /// Receives the stream from `pad`, in place of the previous one.
    pub(in crate::media) fn attach(&self, pad: &gst::Pad) -> Result<(), Error> {
        let mut work = self.lock();
        let bin = self.look().bin.clone();
        if let Some(bin) = bin {
            return bins::take_over(pad, bin.upcast_ref());
        }
        let bin = self.build(&mut work, 0)?;
        bins::attach(&self.graph()?, pad, bin.upcast_ref())
    }

    /// Rebuilds or replaces the decoder in use. Blocks.
    ///
    /// # Errors
    /// The old one hangs, too many failed, or none can be built. `Ok(None)`: there is nothing to mend.
    pub fn mend(&self, remedy: &Remedy) -> Result<Option<Replaced>, Error> {
        let mut work = self.lock();
        let (bin, row) = {
            let current = self.look();
            (current.bin.clone(), current.row)
        };
        let Some(old) = bin else { return Ok(None) };
        if let Remedy::Failed(name) = remedy {
            if old.name() != *name {
                return Ok(None);
            }
            work.failures.add("decoders", Instant::now())?;
        }
        let next = match remedy {
            Remedy::Rebuild => row,
            Remedy::Next | Remedy::Failed(_) => (row + 1).min(self.rows.len() - 1),
        };
        let pipeline = self.graph()?;
        let sink = bins::input(old.upcast_ref())?;
        let stream = sink.peer();
        let dropped = stream.as_ref().map(drop_packets).transpose()?;
        if let Some(pad) = &stream {
            pad.unlink(&sink)
                .map_err(|error| Error::Graph(format!("cannot unlink webrtcbin's stream: {error}")))?;
        }
        old.set_locked_state(true);
        old.set_state(gst::State::Null).ok(); // a failed element may refuse; remove it all the same
        pipeline.remove(&old)?;

        let bin = self.build(&mut work, next)?;
        match &stream {
            Some(pad) => bins::attach(&pipeline, pad, bin.upcast_ref())?,
            None => pipeline.add(&bin).map(|()| bin.sync_state_with_parent())??,
        }
        if let Some((pad, probe)) = stream.zip(dropped) {
            pad.remove_probe(probe);
        }
        self.request_key_frame();
        Ok(Some(Replaced { failed: self.rows[row].element, element: self.element() }))
    }

    /// Requests a key frame from the peer, once it has sent packets.
    pub fn request_key_frame(&self) {
        let depayloader = self.look().bin.as_ref().and_then(|bin| bin.by_name("depay"));
        if let Some(pad) = depayloader.and_then(|depayloader| depayloader.static_pad("sink")) {
            pad.push_event(events::key_request());
        }
    }

    /// Builds the first row from `from` on whose elements open: hardware may have no session left.
    fn build(&self, work: &mut Work, from: usize) -> Result<gst::Bin, Error> {
        for (index, row) in self.rows.iter().enumerate().skip(from) {
            work.built += 1;
            let name = format!("{}{}", bins::RECEIVE_VIDEO, work.built);
            let bin = bin::build(&name, row, &self.parts)?;
            if bin.set_state(gst::State::Ready).is_ok() {
                let mut current = self.look();
                (current.bin, current.row) = (Some(bin.clone()), index);
                current.deliver();
                return Ok(bin);
            }
            tracing::warn!(element = row.element, "decoder did not open, trying the next one");
            bin.set_state(gst::State::Null).ok(); // it failed already and is dropped
        }
        Err(Error::Graph(format!("no {} decoder opened", self.codec)))
    }

    fn graph(&self) -> Result<gst::Pipeline, Error> {
        self.pipeline.upgrade().ok_or_else(|| Error::Graph("the graph is gone".into()))
    }

    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Current {
    fn deliver(&self) {
        let Some(sink) = self.bin.as_ref().and_then(|bin| bin.by_name("tap")) else { return };
        sink.set_property("caps", convert::caps(&self.layouts));
        if let Some(pad) = sink.static_pad("sink") {
            pad.push_event(gst::event::Reconfigure::new());
        }
    }
}

/// Drops packets from `pad` and waits until none is inside the decoder: a bin that goes to NULL while it holds a packet
/// returns flushing, which stops the jitter buffer for good.
fn drop_packets(pad: &gst::Pad) -> Result<gst::PadProbeId, Error> {
    let dropped = probes::DECODER_SWAP
        .decide(pad, |_, _| gst::PadProbeReturn::Drop)
        .ok_or_else(|| Error::Graph("cannot install a probe on webrtcbin's stream".into()))?;
    let (tell, idle) = mpsc::sync_channel(1);
    let probe = probes::DECODER_IDLE.idle(pad, move || {
        tell.try_send(()).ok(); // the receiver gave up waiting
    });
    if idle.recv_timeout(IDLE_LIMIT).is_err() {
        if let Some(probe) = probe {
            pad.remove_probe(probe);
        }
        pad.remove_probe(dropped);
        return Err(Error::Timeout { step: "a frame in the decoder", limit: IDLE_LIMIT });
    }
    Ok(dropped)
}
