//! The formats of an RTP m-line: rtpmap, fmtp, rtcp-fb, and which of them this server supports.

use std::{collections::HashMap, fmt, str::FromStr};

use sdp_types::RtpMap;

use super::{
    Error, Kind, attributes,
    text::{is_token, number, quote},
};

/// The clock rate of every RTP video codec.
const VIDEO_CLOCK: u32 = 90_000;

/// Opus has one clock and two channels on the wire, whatever it carries (RFC 7587 section 7).
const OPUS_CLOCK: u32 = 48_000;
const OPUS_CHANNELS: u8 = 2;

/// `profile-level-id` when none is given: Baseline, level 1 (RFC 6184 section 8.1).
const H264_DEFAULT_PROFILE: u32 = 0x42_000a;

/// A codec that this server supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CodecName {
    /// RFC 7741.
    Vp8,
    /// RFC 9628.
    Vp9,
    /// RFC 6184.
    H264,
    /// AOM's RTP payload format for AV1.
    Av1,
    /// RFC 7587.
    Opus,
}

impl CodecName {
    const ALL: [Self; 5] = [Self::Vp8, Self::Vp9, Self::H264, Self::Av1, Self::Opus];

    /// The video codecs.
    pub fn video() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|name| name.kind() == Kind::Video)
    }

    /// The encoding name as GStreamer's caps write it, in capitals; on the wire case does not count.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Vp8 => "VP8",
            Self::Vp9 => "VP9",
            Self::H264 => "H264",
            Self::Av1 => "AV1",
            Self::Opus => "OPUS",
        }
    }

    /// The kind of m-line that may offer it.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            Self::Vp8 | Self::Vp9 | Self::H264 | Self::Av1 => Kind::Video,
            Self::Opus => Kind::Audio,
        }
    }
}

impl fmt::Display for CodecName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One format of an m-line, with what the offer says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Codec {
    /// 0 to 127.
    pub payload: u8,
    /// The encoding.
    pub name: CodecName,
    /// Hz.
    pub clock_rate: u32,
    /// Audio channels; `None` for video.
    pub channels: Option<u8>,
    /// The parameters of `a=fmtp`, without the payload number.
    pub fmtp: Option<String>,
    /// The payload of this format's retransmissions (RFC 4588), 0 to 127.
    pub rtx: Option<u8>,
    /// The RTCP feedback that the peer accepts and sends.
    pub feedback: Feedback,
}

/// The feedback that the peer supports for a format (`a=rtcp-fb`, RFC 4585 section 4.2).
#[allow(clippy::struct_excessive_bools, reason = "a set of independent flags, one per line of the offer")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Feedback {
    /// NACK: lost packets are listed (RFC 4585 section 6.2.1).
    pub nack: bool,
    /// Picture loss indication (RFC 4585 section 6.3.1).
    pub nack_pli: bool,
    /// Full intra request (RFC 5104 section 4.3.1).
    pub ccm_fir: bool,
    /// Transport-wide congestion control.
    pub transport_cc: bool,
    /// The receiver's estimate of the bitrate.
    pub goog_remb: bool,
}

/// The parameters of H.264 over RTP (RFC 6184 section 8.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct H264 {
    /// Three bytes: profile, constraints, level.
    pub profile_level_id: u32,
    /// 0 single NAL units, 1 non-interleaved, 2 interleaved.
    pub packetization_mode: u8,
    /// The levels of the two directions may differ.
    pub level_asymmetry_allowed: bool,
}

impl Codec {
    /// The H.264 parameters; `None` for another codec and for parameters that do not parse.
    #[must_use]
    pub fn h264(&self) -> Option<H264> {
        if self.name != CodecName::H264 {
            return None;
        }
        let profile_level_id = match self.parameter("profile-level-id") {
            Some(hex) if hex.len() == 6 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                u32::from_str_radix(hex, 16).ok()?
            }
            Some(_) => return None,
            None => H264_DEFAULT_PROFILE,
        };
        let packetization_mode = match self.parameter("packetization-mode") {
            Some(mode) => number(mode).filter(|mode| *mode <= 2)?,
            None => 0,
        };
        let level_asymmetry_allowed = self.parameter("level-asymmetry-allowed") == Some("1");
        Some(H264 { profile_level_id, packetization_mode, level_asymmetry_allowed })
    }

    /// The VP9 profile, 0 to 3 (RFC 9628 section 6.1); `None` for another codec and for one that does not parse.
    #[must_use]
    pub fn vp9_profile(&self) -> Option<u8> {
        if self.name != CodecName::Vp9 {
            return None;
        }
        match self.parameter("profile-id") {
            Some(profile) => number(profile).filter(|profile| *profile <= 3),
            None => Some(0),
        }
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        parameter(self.fmtp.as_deref()?, name)
    }
}

/// Everything that an m-line declares about its formats.
#[derive(Default)]
pub(super) struct Formats {
    pub codecs: Vec<Codec>,
    /// Encoding names of all formats, each once.
    pub names: Vec<String>,
    /// Payload and encoding of all formats with an rtpmap.
    pub payloads: Vec<(u8, String)>,
}

/// Reads the formats of an audio or video m-line.
pub(super) fn read(kind: Kind, media: &sdp_types::Media, place: &str) -> Result<Formats, Error> {
    let payloads = payloads(&media.fmt, place)?;
    let maps = rtpmaps(media, place)?;
    let parameters = parameters(media, place)?;
    let feedback = feedback(media, place)?;
    let retransmissions = retransmissions(&payloads, &maps, &parameters);

    let mut formats = Formats::default();
    for payload in payloads {
        let Some(map) = maps.get(&payload) else { continue };
        let upper = map.encoding_name.to_ascii_uppercase();
        formats.payloads.push((payload, format!("{upper}/{}", map.clock_rate)));
        if let Some(name) =
            CodecName::ALL.into_iter().find(|name| name.as_str() == upper && name.kind() == kind)
        {
            formats.codecs.push(Codec {
                payload,
                name,
                clock_rate: map.clock_rate,
                channels: channels(name, map, place)?,
                fmtp: parameters.get(&payload).cloned(),
                rtx: retransmissions.get(&payload).copied(),
                feedback: feedback.of(payload),
            });
        }
        if !formats.names.contains(&map.encoding_name) {
            formats.names.push(map.encoding_name.clone());
        }
    }
    Ok(formats)
}

/// The numbers of the m-line; webrtcbin's properties panic beyond 127.
fn payloads(fmt: &str, place: &str) -> Result<Vec<u8>, Error> {
    let mut payloads = Vec::new();
    for text in fmt.split(' ') {
        let payload = payload(text, place)?;
        if payloads.contains(&payload) {
            return Err(Error::BadPayload { place: place.to_owned(), found: quote(text) });
        }
        payloads.push(payload);
    }
    Ok(payloads)
}

fn payload(text: &str, place: &str) -> Result<u8, Error> {
    number::<u8>(text)
        .filter(|payload| *payload <= 127)
        .ok_or_else(|| Error::BadPayload { place: place.to_owned(), found: quote(text) })
}

/// `<payload> <rest>`, the shape of rtpmap, fmtp and rtcp-fb.
fn split_payload<'a>(line: &'a str, place: &str) -> Result<(u8, &'a str), Error> {
    let (text, rest) = line.split_once(' ').unwrap_or((line, ""));
    Ok((payload(text, place)?, rest))
}

fn rtpmaps(media: &sdp_types::Media, place: &str) -> Result<HashMap<u8, RtpMap>, Error> {
    let bad = |reason: String| Error::BadRtpmap { place: place.to_owned(), reason };
    let mut maps = HashMap::new();

    for line in attributes::values(&media.attributes, "rtpmap") {
        let (payload, _) = split_payload(line, place)?;
        let map = RtpMap::from_str(line)
            .map_err(|_| bad(format!("expected payload name/clock, got {}", quote(line))))?;
        if !is_token(&map.encoding_name) || map.clock_rate == 0 {
            return Err(bad(format!("expected payload name/clock, got {}", quote(line))));
        }
        if maps.insert(payload, map).is_some() {
            return Err(bad(format!("payload {payload} has two")));
        }
    }
    Ok(maps)
}

/// The clock and channels of a supported codec, if they match its RFC.
fn channels(name: CodecName, map: &RtpMap, place: &str) -> Result<Option<u8>, Error> {
    let channels = map.encoding_params.as_deref().map(number::<u8>);
    let fits = match name.kind() {
        Kind::Audio => map.clock_rate == OPUS_CLOCK && channels == Some(Some(OPUS_CHANNELS)),
        _ => map.clock_rate == VIDEO_CLOCK && channels.is_none(),
    };
    if fits {
        return Ok(channels.flatten());
    }
    let expected = match name.kind() {
        Kind::Audio => "opus/48000/2".to_owned(),
        _ => format!("{name}/90000"),
    };
    Err(Error::BadRtpmap {
        place: place.to_owned(),
        reason: format!("expected {expected}, got {}", quote(&map.to_string())),
    })
}

fn parameters(media: &sdp_types::Media, place: &str) -> Result<HashMap<u8, String>, Error> {
    let mut parameters = HashMap::new();
    for line in attributes::values(&media.attributes, "fmtp") {
        let (payload, rest) = split_payload(line, place)?;
        if parameters.insert(payload, rest.to_owned()).is_some() {
            return Err(Error::DuplicateAttribute {
                place: format!("payload {payload} of {place}"),
                attribute: "fmtp",
            });
        }
    }
    Ok(parameters)
}

/// Payload → payload of its retransmissions, for formats that the m-line lists. A dangling `apt` is left alone: pages
/// that reorder codecs by text leave them behind.
fn retransmissions(
    payloads: &[u8],
    maps: &HashMap<u8, RtpMap>,
    parameters: &HashMap<u8, String>,
) -> HashMap<u8, u8> {
    let mut retransmissions = HashMap::new();
    for rtx in payloads {
        let is_rtx = maps.get(rtx).is_some_and(|map| map.encoding_name.eq_ignore_ascii_case("rtx"));
        let apt = parameters.get(rtx).and_then(|fmtp| parameter(fmtp, "apt")).and_then(number::<u8>);
        if let Some(apt) = apt.filter(|apt| is_rtx && payloads.contains(apt)) {
            retransmissions.entry(apt).or_insert(*rtx);
        }
    }
    retransmissions
}

/// Feedback per payload and for all (`*`).
#[derive(Default)]
struct FeedbackLines {
    all: Feedback,
    each: HashMap<u8, Feedback>,
}

impl FeedbackLines {
    fn of(&self, payload: u8) -> Feedback {
        let own = self.each.get(&payload).copied().unwrap_or_default();
        Feedback {
            nack: own.nack | self.all.nack,
            nack_pli: own.nack_pli | self.all.nack_pli,
            ccm_fir: own.ccm_fir | self.all.ccm_fir,
            transport_cc: own.transport_cc | self.all.transport_cc,
            goog_remb: own.goog_remb | self.all.goog_remb,
        }
    }
}

/// Unknown kinds are skipped; the crate's own type rejects Chromium's `a=rtcp-fb:96 ack ccfb`.
fn feedback(media: &sdp_types::Media, place: &str) -> Result<FeedbackLines, Error> {
    let mut lines = FeedbackLines::default();
    for line in attributes::values(&media.attributes, "rtcp-fb") {
        let (flags, what) = if let Some(what) = line.strip_prefix("* ") {
            (&mut lines.all, what)
        } else {
            let (payload, what) = split_payload(line, place)?;
            (lines.each.entry(payload).or_default(), what)
        };
        match what {
            "nack" => flags.nack = true,
            "nack pli" => flags.nack_pli = true,
            "ccm fir" => flags.ccm_fir = true,
            "transport-cc" => flags.transport_cc = true,
            "goog-remb" => flags.goog_remb = true,
            _ => {}
        }
    }
    Ok(lines)
}

fn parameter<'a>(fmtp: &'a str, name: &str) -> Option<&'a str> {
    fmtp.split(';')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| key.trim().eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}
