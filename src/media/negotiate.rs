//! From a parsed offer to what is sent and received on each m-line.
//!
//! Pure but for the caps it builds. One payload type an m-line is chosen here, since webrtcbin answers with the
//! first of several (fixed in 1.28).

use super::{Error, Settings, codec::Table, congestion::TWCC_URI};
use crate::signalling::{Codec, CodecName, Direction, Kind, Media, Offer};

/// Canvas and screen capture of Chromium are full-range BT.709, which a receiver takes for limited BT.601 unless
/// it is told; the depayloader puts it into the caps and the payloader takes it from them.
const COLOR_SPACE_URI: &str = "http://www.webrtc.org/experiments/rtp-hdrext/color-space";

/// One m-line that the graph serves.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its index in the offer, which is webrtcbin's pad number.
    pub index: usize,
    /// Sound or picture.
    pub kind: Kind,
    /// Whether we send on it.
    pub sends: bool,
    /// Whether the peer sends on it.
    pub receives: bool,
    /// The codec and payload type that both use.
    pub codec: Codec,
    /// Header extension number of transport-wide congestion control.
    pub twcc: Option<u8>,
    /// Header extension number of the picture's colour space.
    pub color_space: Option<u8>,
    /// Our synchronisation source, in the payloader and in the answer.
    pub ssrc: u32,
}

/// The m-lines that the graph serves: one picture, and a sound where the offer has Opus.
///
/// # Errors
/// [`Error::NoCommonCodec`] with what was offered.
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

/// The cheapest codec that works here, or the first one in the offer's order.
fn video_codec<'a>(media: &'a Media, table: &Table, settings: &Settings) -> Option<&'a Codec> {
    let usable = |codec: &&Codec| {
        settings.codecs.contains(&codec.name) && table.works(codec.name) && fitness(codec).is_some()
    };
    let mut usable = media.codecs.iter().filter(usable).map(|codec| codec.name);
    let name = if settings.offer_decides {
        usable.next()?
    } else {
        usable.min_by_key(|codec| table.cost(*codec))?
    };
    media
        .codecs
        .iter()
        .filter(|codec| codec.name == name)
        .filter_map(|codec| Some((fitness(codec)?, codec)))
        .reduce(|best, other| if other.0 > best.0 { other } else { best })
        .map(|(_, codec)| codec)
}

/// How well a variant fits what the encoders make; `None` where it does not.
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
        // Never 0, and within the signed range that some payloaders keep to.
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

impl Line {
    /// RTP caps of the chosen codec, for `codec-preferences`: webrtcbin puts into the answer what stands here.
    pub fn caps(&self) -> gst::Caps {
        let feedback = &self.codec.feedback;
        let mut caps = gst::Caps::builder("application/x-rtp")
            .field("media", if self.kind == Kind::Video { "video" } else { "audio" })
            .field("encoding-name", self.encoding_name())
            .field("payload", i32::from(self.codec.payload))
            .field("clock-rate", i32::try_from(self.codec.clock_rate).unwrap_or(90_000))
            .field("ssrc", self.ssrc);
        if self.kind == Kind::Video {
            for (field, offered) in [
                ("rtcp-fb-nack-pli", feedback.nack_pli),
                ("rtcp-fb-ccm-fir", feedback.ccm_fir),
                ("rtcp-fb-transport-cc", feedback.transport_cc),
            ] {
                if offered {
                    caps = caps.field(field, true);
                }
            }
            for (id, uri) in self.extensions() {
                caps = caps.field(format!("extmap-{id}").as_str(), uri);
            }
        }
        caps.build()
    }

    /// Numbers and names of the header extensions that both ends use.
    pub fn extensions(&self) -> impl Iterator<Item = (u8, &'static str)> {
        let video = self.kind == Kind::Video;
        [(self.twcc, TWCC_URI), (self.color_space, COLOR_SPACE_URI)]
            .into_iter()
            .filter(move |_| video)
            .filter_map(|(id, uri)| Some((id?, uri)))
    }

    /// The `a=fmtp` that webrtcbin before 1.28 loses, for H.264.
    pub fn h264_fmtp(&self) -> Option<(u8, String)> {
        let h264 = self.codec.h264()?;
        let fmtp = format!(
            "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id={:06x}",
            h264.profile_level_id
        );
        Some((self.codec.payload, fmtp))
    }

    fn encoding_name(&self) -> &'static str {
        match self.codec.name {
            CodecName::Vp8 => "VP8",
            CodecName::Vp9 => "VP9",
            CodecName::H264 => "H264",
            CodecName::Av1 => "AV1",
            CodecName::Opus => "OPUS",
        }
    }
}
