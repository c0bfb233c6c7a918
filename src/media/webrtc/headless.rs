//! A graph without a client: its video comes from a file or the stage itself and ends in a sink after the payloader.
//!
//! Recordings, stills and viewers get from it what a client would.

use std::sync::Arc;

use gst::prelude::*;

use super::{Open, Opened, Peer};
use crate::{
    media::{
        Engine, Error, Event,
        graph::{bins, line::Line},
        outputs::LaunchLine,
        send::Sender,
    },
    signalling::{Codec, CodecName, Feedback, Kind},
};

/// A dynamic payload type (RFC 3551: 96 to 127).
const PAYLOAD: u8 = 96;
/// Of every video payload format.
const CLOCK_RATE: u32 = 90_000;

/// Builds the graph; it is connected at once. Blocks.
pub fn open(engine: &Engine, open: &Open<'_>) -> Result<Opened, Error> {
    let (settings, table) = (&engine.settings, &engine.table);
    let usable = settings.codecs.iter().copied().filter(|codec| table.works(*codec));
    let video = usable.min_by_key(|codec| table.cost(*codec));
    let video = video.ok_or_else(|| Error::NoCodec("none of the allowed codecs passed its trial".into()))?;
    let line = line(video);
    let mut peer = Peer::build(engine, open, bins::discard()?)?;
    peer.launch_line = LaunchLine::of(std::slice::from_ref(&line), table);
    peer.watch(&open.tell);
    peer.begin()?;
    let sender = Sender::new(&peer.pipeline, &line, &peer.parts, engine)?;
    sender.set_bitrate(settings.max_bitrate_bps); // no link sets a limit
    let bin = sender.bin();
    peer.sender = Some(Arc::new(sender));
    peer.pipeline.add(&bin)?;
    bin.link(&peer.webrtc)?;
    bin.sync_state_with_parent()?;
    peer.webrtc.sync_state_with_parent()?;
    (open.tell)(Event::Connected);
    Ok(Opened { peer, answer: None, video, audio: false, receives_video: false })
}

/// The video m-line that a negotiation would give.
fn line(name: CodecName) -> Line {
    // Constrained baseline, as browsers offer it; packets over the limit are split (RFC 6184).
    let fmtp = (name == CodecName::H264)
        .then(|| "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f".to_owned());
    let feedback = Feedback::default();
    let codec =
        Codec { payload: PAYLOAD, name, clock_rate: CLOCK_RATE, channels: None, fmtp, rtx: None, feedback };
    Line {
        index: 0,
        kind: Kind::Video,
        sends: true,
        receives: false,
        codec,
        twcc: None,
        color_space: None,
        ssrc: 1,
    }
}
