//! Shields the transport from the decoder: an error in one packet must not stop the transport.
//!
//! Runs once per packet on GStreamer's threads and sets one flag. The bus reports the errors.

use gst::prelude::*;

use crate::media::graph::probes;

/// The element's name in its bin.
pub const NAME: &str = "guard";
/// The element, as a description.
pub const ELEMENT: &str = "errorignore name=guard ignore-error=true ignore-notnegotiated=true ignore-eos=true \
                           convert-to=ok";

/// Lets packets through even after an error.
///
/// After a buffer that failed, `errorignore` silently drops everything until new caps arrive or its input is marked for
/// renegotiation (`keep_pushing`, 1.22 to 1.28). RTP caps arrive once per session, and a single damaged H.264 parameter
/// set fails with not-negotiated.
pub fn pass_after_errors(guard: &gst::Element) {
    let Some(pad) = guard.static_pad("sink") else { return };
    probes::LOSS_GUARD.decide(&pad, |pad, _| {
        pad.mark_reconfigure();
        gst::PadProbeReturn::Ok
    });
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    };

    use super::*;

    #[test]
    fn packets_after_a_failed_one_pass() {
        gst::init().unwrap();
        for fault in [gst::FlowError::NotNegotiated, gst::FlowError::Error, gst::FlowError::Eos] {
            let bin = gst::parse::bin_from_description(ELEMENT, true).unwrap();
            pass_after_errors(&bin.by_name(NAME).unwrap());
            let came = Arc::new(AtomicUsize::new(0));
            let counter = came.clone();
            let end = gst::Pad::builder(gst::PadDirection::Sink)
                .chain_function(move |_, _, _| match counter.fetch_add(1, Relaxed) {
                    0 => Err(fault),
                    _ => Ok(gst::FlowSuccess::Ok),
                })
                .event_function(|_, _, _| true)
                .build();
            let start = gst::Pad::builder(gst::PadDirection::Src).build();
            start.link(&bin.static_pad("sink").unwrap()).unwrap();
            bin.static_pad("src").unwrap().link(&end).unwrap();
            end.set_active(true).unwrap();
            start.set_active(true).unwrap();
            bin.set_state(gst::State::Playing).unwrap();
            start.push_event(gst::event::StreamStart::new("packets"));
            start.push_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new()));

            for _ in 0..3 {
                assert_eq!(start.push(gst::Buffer::new()), Ok(gst::FlowSuccess::Ok), "{fault:?}");
            }

            assert_eq!(came.load(Relaxed), 3, "{fault:?}");
            bin.set_state(gst::State::Null).unwrap();
        }
    }
}
