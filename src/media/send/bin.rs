//! The bin that sends video: appsrc → scale → encoder → payloader.
//!
//! Built on blocking threads; what it does once a frame is in [`outlet`] and in the table of probes.

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

/// What every bin of one sender is built from.
pub struct Plan {
    /// Encoders, the best one first.
    pub rows: Vec<&'static Encoder>,
    /// What the answer says.
    pub line: Line,
    /// What it works with.
    pub parts: Parts,
    /// Who may encode.
    pub limit: Arc<EncodeLimit>,
}

impl Plan {
    /// The first row from `from` on whose elements open: hardware may have no slot left for one more session. `number`
    /// tells this bin from the ones before.
    pub fn build(&self, from: usize, number: u32, pace: &Arc<Pace>) -> Result<(usize, gst::Bin), Error> {
        let name = format!("{}{number}", bins::SEND_VIDEO);
        for (index, row) in self.rows.iter().enumerate().skip(from) {
            let bin = self.bin(&name, row, pace)?;
            if bin.set_state(gst::State::Ready).is_ok() {
                return Ok((index, bin));
            }
            tracing::warn!(element = row.element, "the encoder does not open; the next one is tried");
            bin.set_state(gst::State::Null).ok(); // it failed already; it is dropped next
        }
        Err(Error::Graph(format!("no encoder of {} opens", self.line.codec.name)))
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
        keep_end_of_stream_in(&payloader);
        Ok(bin)
    }

    /// Counts access units and notes the age of each: from its arrival (its pts, which the stage keeps) to here.
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

/// An appsrc whose encoder failed sends an end of stream, and the transport takes nothing after it.
fn keep_end_of_stream_in(payloader: &gst::Element) {
    let Some(pad) = payloader.static_pad("src") else { return };
    probes::NO_END_OF_STREAM.downstream(&pad, |_, event| match event.type_() {
        gst::EventType::Eos => gst::PadProbeReturn::Handled,
        _ => gst::PadProbeReturn::Ok,
    });
}

/// Stops a bin and gives the pad of webrtcbin that it was linked to.
pub fn take_out(pipeline: &gst::Pipeline, bin: &gst::Bin, pace: &Pace) -> Result<gst::Pad, Error> {
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

/// Where a payloader is in its stream.
pub struct Progress {
    sequence: Option<u32>,
    offset: Option<u32>,
}

impl Progress {
    /// Of the payloader in `bin`.
    pub fn of(bin: &gst::Bin) -> Self {
        let stats = bin
            .by_name("pay")
            .filter(|payloader| payloader.find_property("stats").is_some())
            .and_then(|payloader| payloader.property::<Option<gst::Structure>>("stats"));
        let field = |name: &str| stats.as_ref().and_then(|stats| stats.get::<u32>(name).ok());
        Self { sequence: field("seqnum"), offset: field("timestamp-offset") }
    }

    /// Lets the payloader in `bin` go on from there.
    pub fn go_on(&self, bin: &gst::Bin) {
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
