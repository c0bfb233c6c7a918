//! The bin that sends video: appsrc → scale → encoder → payloader.
//!
//! Built on blocking threads; its work per frame is in [`outlet`] and in the table of probes.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use gst::prelude::*;

use super::{
    adapt::Step,
    encode_limit::EncodeLimit,
    outlet::{self, Pace},
};
use crate::media::{
    Error,
    codec::Encoder,
    graph::{Parts, bins, feeds::Track, line::Line, probes},
    gst::{events, launch, time},
};

const OUTLET: &str = "appsrc name=tap is-live=true format=time do-timestamp=false \
                      ! videoscale n-threads=1 add-borders=false ! capsfilter name=size";

/// What each bin of a sender is built from.
pub struct Plan {
    /// Encoders, best first.
    pub rows: Vec<&'static Encoder>,
    /// The negotiated m-line.
    pub line: Line,
    /// The session's slots, counters and timing.
    pub parts: Parts,
    /// The server's limit on concurrent encodes.
    pub limit: Arc<EncodeLimit>,
}

impl Plan {
    /// Builds the first row from `from` on whose elements open: hardware may have no session left. `number` makes the
    /// bin's name unique.
    pub fn build(&self, from: usize, number: u32, pace: &Arc<Pace>) -> Result<(usize, gst::Bin), Error> {
        let name = format!("{}{number}", bins::SEND_VIDEO);
        for (index, row) in self.rows.iter().enumerate().skip(from) {
            let bin = self.bin(&name, row, pace)?;
            if bin.set_state(gst::State::Ready).is_ok() {
                return Ok((index, bin));
            }
            tracing::warn!(element = row.element, "encoder did not open, trying the next one");
            bin.set_state(gst::State::Null).ok(); // it failed already and is dropped
        }
        Err(Error::Graph(format!("no {} encoder opened", self.line.codec.name)))
    }

    fn bin(&self, name: &str, row: &Encoder, pace: &Arc<Pace>) -> Result<gst::Bin, Error> {
        let bin = launch::bin(name, &format!("{OUTLET} ! {}", launch::strip(row.fragment)))?;
        bins::set_payload(&bin, &self.line)?;
        let source = launch::part::<gst_app::AppSrc>(&bin, "tap")?;
        outlet::drain(&source, &self.parts, &self.limit, pace.clone());
        row.prepare(&launch::element(&bin, "enc")?);
        let payloader = launch::element(&bin, "pay")?;
        if let Some(pad) = payloader.static_pad("sink") {
            self.count(&pad);
            self.parts.feeds.watch(Track::Output, &probes::RECORD_OUTPUT, &pad);
        }
        drop_end_of_stream(&payloader);
        Ok(bin)
    }

    /// Counts access units and records the age of each, from its arrival (its pts, which the stage keeps) to here.
    fn count(&self, pad: &gst::Pad) {
        let (counters, timing) = (self.parts.counters.clone(), self.parts.timing.clone());
        probes::ENCODER_OUTPUT.each(pad, move |pad, buffer| {
            counters.encoded.fetch_add(1, Relaxed);
            if let Some(running) = time::of_buffer(pad, buffer) {
                timing.encoder_gives(running, time::age(pad, running));
            }
        });
        let counters = self.parts.counters.clone();
        probes::KEY_REQUESTS_RECEIVED.upstream(pad, move |_, event| {
            if event.has_name(events::KEY_REQUEST) {
                counters.key_requests_received.fetch_add(1, Relaxed);
            }
            gst::PadProbeReturn::Ok
        });
    }
}

/// Drops the EOS that an appsrc sends when its encoder failed: the transport accepts nothing after EOS.
fn drop_end_of_stream(payloader: &gst::Element) {
    let Some(pad) = payloader.static_pad("src") else { return };
    probes::NO_END_OF_STREAM.downstream(&pad, |_, event| match event.type_() {
        gst::EventType::Eos => gst::PadProbeReturn::Handled,
        _ => gst::PadProbeReturn::Ok,
    });
}

/// Stops and removes a bin, and returns the webrtcbin pad that it was linked to.
pub fn take_out(pipeline: &gst::Pipeline, bin: &gst::Bin, pace: &Pace) -> Result<gst::Pad, Error> {
    pace.retired.store(true, Relaxed);
    let source =
        bin.static_pad("src").ok_or_else(|| Error::Graph("the encoder's bin has no output".into()))?;
    let peer = source.peer().ok_or_else(|| Error::Graph("the encoder's bin is not linked".into()))?;
    source.unlink(&peer).ok(); // anything it still produces is dropped
    bin.set_locked_state(true);
    bin.set_state(gst::State::Null).ok(); // a failed element may refuse; remove it all the same
    pipeline.remove(bin)?;
    Ok(peer)
}

/// Sets the encoder's input size; at full size, that of the input.
pub fn scale(bin: &gst::Bin, step: Step, size: (u32, u32)) {
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

/// A payloader's position in its RTP stream.
pub struct Progress {
    sequence: Option<u32>,
    offset: Option<u32>,
}

impl Progress {
    /// Reads the position of the payloader in `bin`.
    pub fn of(bin: &gst::Bin) -> Self {
        let stats = bin
            .by_name("pay")
            .filter(|payloader| payloader.find_property("stats").is_some())
            .and_then(|payloader| payloader.property::<Option<gst::Structure>>("stats"));
        let field = |name: &str| stats.as_ref().and_then(|stats| stats.get::<u32>(name).ok());
        Self { sequence: field("seqnum"), offset: field("timestamp-offset") }
    }

    /// Makes the payloader in `bin` continue from there.
    pub fn resume(&self, bin: &gst::Bin) {
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
    fn a_new_payloader_continues_where_the_old_one_stopped() {
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
        progress.resume(&new);

        let payloader = new.by_name("pay").unwrap();
        assert_eq!(progress.sequence, Some(0));
        assert_eq!(payloader.property::<i32>("seqnum-offset"), 1);
        assert_eq!(payloader.property::<u32>("timestamp-offset"), 77);
    }
}
