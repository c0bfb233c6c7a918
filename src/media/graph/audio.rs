//! Audio goes back unchanged: Opus packets are depayloaded and payloaded again, never decoded.

use std::sync::atomic::Ordering::Relaxed;

use gst::prelude::*;

use super::{
    Parts,
    bins::{RECEIVE_AUDIO, set_payload},
    line::Line,
    probes,
};
use crate::media::{Error, gst::launch};

const RECEIVE: &str = "rtpopusdepay ! appsink name=tap async=false sync=false max-buffers=20 drop=true \
                       enable-last-sample=false wait-on-eos=false";
const SEND: &str = "appsrc name=tap is-live=true format=time do-timestamp=false max-buffers=20 \
                    leaky-type=downstream ! rtpopuspay name=pay mtu=1200";

/// appsrc → payloader.
pub fn send(line: &Line) -> Result<gst::Bin, Error> {
    let bin = launch::bin("send-audio", SEND)?;
    set_payload(&bin, line)?;
    Ok(bin)
}

/// depayloader → the appsrc of the send bin.
pub fn receive(send: &gst::Bin, parts: &Parts) -> Result<gst::Bin, Error> {
    let bin = launch::bin(RECEIVE_AUDIO, RECEIVE)?;
    let sink = launch::part::<gst_app::AppSink>(&bin, "tap")?;
    let source = launch::part::<gst_app::AppSrc>(send, "tap")?.downgrade();
    let (counters, feeds) = (parts.counters.clone(), parts.feeds.clone());
    let back = move |sample: &gst::Sample| {
        let source = source.upgrade().ok_or(gst::FlowError::Eos)?;
        counters.audio_packets.fetch_add(1, Relaxed);
        feeds.audio(sample);
        source.push_sample(sample).ok(); // flushing: the graph is being stopped
        Ok(gst::FlowSuccess::Ok)
    };
    probes::AUDIO.samples(&sink, back, || {});
    Ok(bin)
}
