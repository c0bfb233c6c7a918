//! Negotiates: from a parsed offer to what is sent and received on each m-line, and to the answer.
//!
//! Blocks while webrtcbin works. Chooses one payload type per m-line, since webrtcbin answers with the first of several
//! (fixed in 1.28).

use std::time::Duration;

use gst::{glib, prelude::*};

use super::Peer;
use crate::{
    media::{CodecPolicy, Error, Settings, codec::Table, graph::line::Line, gst::state},
    signalling::{Answer, AnswerPatch, Codec, CodecName, Direction, Media, Offer},
};

/// webrtcbin answers a promise within 10 ms; on a loaded host within a second.
const PROMISE_LIMIT: Duration = Duration::from_secs(5);
/// Stream id for `a=msid`, so that `ontrack` has a stream in every browser.
const STREAM_ID: &str = "scope";

/// The m-lines that the graph serves: one for video, and one for audio if the offer has Opus.
///
/// # Errors
/// [`Error::NoCommonCodec`] with the offered codecs.
pub fn lines(offer: &Offer, table: &Table, settings: &Settings) -> Result<Vec<Line>, Error> {
    let allowed = &settings.codecs;
    let video = offer.video().ok_or_else(|| no_common(offer, allowed))?;
    let codec = video_codec(video, table, settings).ok_or_else(|| no_common(offer, allowed))?;
    let mut lines = vec![line(video, codec)];
    if let Some(audio) = offer.audio() {
        lines.extend(
            audio.codecs.iter().find(|codec| codec.name == CodecName::Opus).map(|codec| line(audio, codec)),
        );
    }
    Ok(lines)
}

/// The cheapest codec that works here, or the first in the offer's order, by policy.
fn video_codec<'a>(media: &'a Media, table: &Table, settings: &Settings) -> Option<&'a Codec> {
    let usable = |codec: &&Codec| {
        settings.codecs.contains(&codec.name) && table.works(codec.name) && fitness(codec).is_some()
    };
    let mut usable = media.codecs.iter().filter(usable).map(|codec| codec.name);
    let name = match settings.codec_policy {
        CodecPolicy::Offer => usable.next()?,
        CodecPolicy::Cheapest => usable.min_by_key(|codec| table.cost(*codec))?,
    };
    media
        .codecs
        .iter()
        .filter(|codec| codec.name == name)
        .filter_map(|codec| Some((fitness(codec)?, codec)))
        .reduce(|best, other| if other.0 > best.0 { other } else { best })
        .map(|(_, codec)| codec)
}

/// How well a variant fits what the encoders produce; `None` if it does not.
fn fitness(codec: &Codec) -> Option<u8> {
    match codec.name {
        CodecName::H264 => {
            let h264 = codec.h264()?;
            if h264.packetization_mode != 1 {
                return None;
            }
            match h264.profile_level_id >> 8 {
                0x42_e0 => Some(2),                          // constrained baseline
                other => Some(u8::from(other >> 8 == 0x42)), // baseline, then what decodes it too
            }
        }
        CodecName::Vp9 => (codec.vp9_profile().unwrap_or(0) == 0).then_some(0),
        CodecName::Vp8 | CodecName::Av1 | CodecName::Opus => Some(0),
    }
}

fn line(media: &Media, codec: &Codec) -> Line {
    Line {
        index: media.index,
        kind: media.kind,
        sends: matches!(media.direction, Direction::SendRecv | Direction::RecvOnly),
        receives: matches!(media.direction, Direction::SendRecv | Direction::SendOnly),
        codec: codec.clone(),
        twcc: media.twcc,
        color_space: media.color_space,
        // Never 0, and within the signed range that some payloaders require.
        ssrc: uuid::Uuid::new_v4().as_fields().0 >> 1 | 1,
    }
}

fn no_common(offer: &Offer, allowed: &[CodecName]) -> Error {
    let names = |codecs: &mut dyn Iterator<Item = CodecName>| {
        let mut names: Vec<_> = codecs.map(|name| name.to_string()).collect();
        names.dedup();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    Error::NoCommonCodec {
        offered: names(
            &mut offer.video().into_iter().flat_map(|media| &media.codecs).map(|codec| codec.name),
        ),
        known: names(&mut allowed.iter().copied()),
    }
}

impl Peer {
    /// Answers the offer.
    pub(super) fn negotiate(
        &self,
        offer: &Offer,
        settings: &Settings,
        lines: &[Line],
    ) -> Result<Answer, Error> {
        let sdp = gst_sdp::SDPMessage::parse_buffer(offer.sdp.as_bytes())
            .map_err(|error| Error::Negotiation { step: "offer", detail: error.to_string() })?;
        let offer = gst_webrtc::WebRTCSessionDescription::new(gst_webrtc::WebRTCSDPType::Offer, sdp);
        Self::ask("set-remote-description", |promise| {
            self.webrtc.emit_by_name::<()>("set-remote-description", &[&offer, promise]);
        })?;
        let reply = Self::ask("create-answer", |promise| {
            self.webrtc.emit_by_name::<()>("create-answer", &[&None::<gst::Structure>, promise]);
        })?;
        let answer: gst_webrtc::WebRTCSessionDescription = reply
            .as_ref()
            .and_then(|reply| reply.get("answer").ok())
            .ok_or(Error::Negotiation { step: "create-answer", detail: "webrtcbin gave no answer".into() })?;
        Self::ask("set-local-description", |promise| {
            self.webrtc.emit_by_name::<()>("set-local-description", &[&answer, promise]);
        })?;
        let complete = gst_webrtc::WebRTCICEGatheringState::Complete;
        let gathered = state::wait_until(settings.gather_limit, "gathering candidates", || {
            self.webrtc.property::<gst_webrtc::WebRTCICEGatheringState>("ice-gathering-state") == complete
        });
        let local: gst_webrtc::WebRTCSessionDescription = self.webrtc.property("local-description");
        let text = local
            .sdp()
            .as_text()
            .map_err(|error| Error::Negotiation { step: "local-description", detail: error.to_string() })?;
        let patch = AnswerPatch {
            h264_fmtp: lines[0].h264_fmtp(),
            stream_id: STREAM_ID.into(),
            advertised: settings.advertised.clone(),
            udp_only: !settings.ice_tcp,
            gathered: gathered.is_ok(),
        };
        let answer = Answer::finish(&text, &patch)?;
        // Without a free port in its range libnice gathers no candidate, and webrtcbin does not report it.
        match settings.udp_ports {
            Some((low, high)) if !answer.sdp.contains("\na=candidate:") => Err(Error::NoPorts { low, high }),
            _ => Ok(answer),
        }
    }

    /// Emits an action with a promise and waits for the reply.
    pub(super) fn ask(
        step: &'static str,
        emit: impl FnOnce(&gst::Promise),
    ) -> Result<Option<gst::Structure>, Error> {
        let (reply_to, reply) = std::sync::mpsc::sync_channel(1);
        emit(&gst::Promise::with_change_func(move |reply| {
            let owned = reply.map(|structure| structure.map(gst::StructureRef::to_owned));
            reply_to.send(owned.map_err(|error| format!("{error:?}"))).ok(); // the wait below gave up
        }));
        let structure = reply
            .recv_timeout(PROMISE_LIMIT)
            .map_err(|_| Error::Timeout { step, limit: PROMISE_LIMIT })?
            .map_err(|detail| Error::Negotiation { step, detail })?;
        match structure.as_ref().and_then(|structure| structure.get::<glib::Error>("error").ok()) {
            Some(error) => Err(Error::Negotiation { step, detail: error.message().to_owned() }),
            None => Ok(structure),
        }
    }
}
