//! Running time, the clock that all elements of a graph share.

use std::time::Duration;

use gst::prelude::*;

/// The running time of a buffer that passes `pad`; encoders may shift timestamps together with the segment.
pub fn of_buffer(pad: &gst::Pad, buffer: &gst::BufferRef) -> Option<gst::ClockTime> {
    let segment = pad.sticky_event::<gst::event::Segment>(0)?;
    let segment = segment.segment().downcast_ref::<gst::ClockTime>()?;
    segment.to_running_time(buffer.pts()?)
}

/// The running time of a sample.
pub fn of_sample(sample: &gst::Sample) -> Option<gst::ClockTime> {
    let segment = sample.segment()?.downcast_ref::<gst::ClockTime>()?;
    segment.to_running_time(sample.buffer()?.pts()?)
}

/// How long ago `running` was, on the clock of the pad's graph.
pub fn age(pad: &gst::Pad, running: gst::ClockTime) -> Duration {
    let now = pad.parent_element().and_then(|element| element.current_running_time());
    now.map_or(Duration::ZERO, |now| now.saturating_sub(running).into())
}
