//! Takes one sent frame as a JPEG (ITU-T T.81).

use std::{
    sync::{Mutex, PoisonError, mpsc},
    time::Duration,
};

use gst::prelude::*;

use crate::media::{Error, graph::probes, gst::launch::Graph};

/// A running session sends a frame well within this; a paused or very slow stage sends none.
const FRAME_LIMIT: Duration = Duration::from_secs(2);
/// A large frame takes about 50 ms.
const JPEG_LIMIT: gst::ClockTime = gst::ClockTime::from_seconds(5);
const JPEG: &str = "appsrc name=frame format=time ! videoconvert n-threads=1 ! jpegenc name=jpeg \
                    ! appsink name=tap async=false sync=false";

/// The next frame that passes `pad`, as a JPEG of `quality` 0 to 100; `None` if none passes within two seconds. Blocks.
///
/// # Errors
/// The frame cannot be encoded.
pub fn take(pad: &gst::Pad, quality: u8) -> Result<Option<Vec<u8>>, Error> {
    let (give, taken) = mpsc::sync_channel(1);
    let give = Mutex::new(Some(give));
    let probe = probes::STILL.each(pad, move |pad, buffer| {
        if let Some(give) = give.lock().unwrap_or_else(PoisonError::into_inner).take() {
            give.send((buffer.to_owned(), pad.current_caps())).ok(); // the caller gave up waiting
        }
    });
    let frame = taken.recv_timeout(FRAME_LIMIT);
    if let Some(probe) = probe {
        pad.remove_probe(probe);
    }
    match frame {
        Ok((buffer, Some(caps))) => jpeg(buffer, &caps, quality).map(Some),
        _ => Ok(None),
    }
}

fn jpeg(frame: gst::Buffer, caps: &gst::Caps, quality: u8) -> Result<Vec<u8>, Error> {
    let graph = Graph::parse(JPEG)?;
    let source = graph.part::<gst_app::AppSrc>("frame")?;
    let sink = graph.part::<gst_app::AppSink>("tap")?;
    graph.part::<gst::Element>("jpeg")?.set_property("quality", i32::from(quality.min(100)));
    source.set_caps(Some(caps));
    let encoded = graph.0.set_state(gst::State::Playing).ok().and_then(|_| {
        source.push_buffer(frame).ok()?;
        let sample = sink.try_pull_sample(JPEG_LIMIT)?;
        Some(sample.buffer()?.map_readable().ok()?.to_vec())
    });
    encoded.ok_or_else(|| Error::Graph("cannot encode the frame as a JPEG".into()))
}
