//! One m-line of the offer: kind, mid, direction, codecs and header extensions.

use std::{collections::HashSet, str::FromStr};

use sdp_types::{Attribute, Direction, ExtMap, Ssrc, SsrcGroup};

use super::{
    Codec, Error, Kind, attributes, codec, limits,
    text::{is_token, number, quote},
};

/// Transport-wide congestion control's sequence number (draft-holmer-rmcat-transport-wide-cc-extensions-01).
pub const TWCC_URI: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

/// Primaries, transfer, matrix and range of a frame: VP8 has no other place for them.
pub const COLOR_SPACE_URI: &str = "http://www.webrtc.org/experiments/rtp-hdrext/color-space";

/// The mid in each RTP packet (RFC 9143 section 15).
const MID_URI: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";

/// One m-line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// Its place in the offer and in the answer, from 0.
    pub index: usize,
    /// Unique in the offer, 1 to [`limits::MID_BYTES`] token characters.
    pub mid: String,
    /// What it carries.
    pub kind: Kind,
    /// As the offerer sees it; `sendrecv` when nothing is said (RFC 8866 section 6.7).
    pub direction: Direction,
    /// Port 0 without `bundle-only`: the peer does not use this m-line.
    pub rejected: bool,
    /// In the offer's order, known ones only.
    pub codecs: Vec<Codec>,
    /// Header extension id of transport-wide congestion control, 1 to 255.
    pub twcc: Option<u8>,
    /// Header extension id of the mid, 1 to 255.
    pub mid_ext: Option<u8>,
    /// Number of the header extension that carries the colour space of the video.
    pub color_space: Option<u8>,
    /// The encoding names of all formats, known or not, for messages.
    pub(super) offered: Vec<String>,
    /// Payload and encoding of all formats in use, known or not.
    pub(super) payloads: Vec<(u8, String)>,
}

impl Media {
    pub(super) fn parse(
        index: usize,
        session: &[Attribute],
        media: &sdp_types::Media,
    ) -> Result<Self, Error> {
        let place = format!("m-line {index} ({})", quote(&media.media));
        let kind =
            Kind::from_name(&media.media).ok_or_else(|| Error::UnknownMedia { place: place.clone() })?;
        let rejected = media.port == 0;

        let mid = mid(&media.attributes, &place)?;
        let Extensions { twcc, mid: mid_ext, color_space } =
            header_extensions(session, &media.attributes, &place)?;
        check_protocol(kind, media, &place)?;
        check_sources(&media.attributes, &place)?;
        let formats = match kind {
            Kind::Video | Kind::Audio => codec::read(kind, media, &place)?,
            Kind::Application => codec::Formats::default(),
        };
        if !rejected {
            check_use(kind, media, &place)?;
        }

        Ok(Self {
            index,
            mid,
            kind,
            direction: direction(session, &media.attributes, &place)?,
            rejected,
            codecs: formats.codecs,
            twcc,
            mid_ext,
            color_space,
            offered: formats.names,
            payloads: formats.payloads,
        })
    }

    /// The m-line in a message.
    pub(super) fn place(&self) -> String {
        format!("m-line {} (\"{}\")", self.index, self.kind)
    }

    /// In use, with a codec that this server knows.
    pub(super) fn usable(&self) -> bool {
        !self.rejected && (self.kind == Kind::Application || !self.codecs.is_empty())
    }
}

fn mid(media: &[Attribute], place: &str) -> Result<String, Error> {
    let Some(mid) = attributes::single(media, "mid", place)? else {
        return Err(Error::MissingMid { place: place.to_owned() });
    };
    if !is_token(mid) || mid.len() > limits::MID_BYTES {
        return Err(Error::BadMid { place: place.to_owned(), found: quote(mid) });
    }
    Ok(mid.to_owned())
}

fn direction(session: &[Attribute], media: &[Attribute], place: &str) -> Result<Direction, Error> {
    let named = |attributes: &[Attribute], place: &str| {
        let mut found = attributes.iter().filter_map(|line| {
            Direction::from_str(&line.attribute).ok().filter(|direction| direction.as_str() == line.attribute)
        });
        let first = found.next();
        match found.find(|next| Some(*next) != first) {
            Some(_) => Err(Error::DuplicateAttribute { place: place.to_owned(), attribute: "direction" }),
            None => Ok(first),
        }
    };
    Ok(named(media, place)?.or(named(session, "session")?).unwrap_or_default())
}

/// Numbers of the header extensions that this server knows.
#[derive(Default)]
struct Extensions {
    twcc: Option<u8>,
    mid: Option<u8>,
    color_space: Option<u8>,
}

/// The ids of the extensions that this server uses; all ids must be 1 to 255, each once (RFC 8285 section 5).
fn header_extensions(session: &[Attribute], media: &[Attribute], place: &str) -> Result<Extensions, Error> {
    let bad = |reason: String| Error::BadExtmap { place: place.to_owned(), reason };
    let mut found = Extensions::default();
    let mut ids = HashSet::new();

    for line in attributes::values(session, "extmap").chain(attributes::values(media, "extmap")) {
        let map = ExtMap::from_str(line)
            .map_err(|_| bad(format!("expected an id of 1 to 255 and a URI, got {}", quote(line))))?;
        if map.uri.is_empty() {
            return Err(bad(format!("expected a URI, got {}", quote(line))));
        }
        if !ids.insert(map.id) {
            return Err(bad(format!("id {} is used twice", map.id)));
        }
        match map.uri.as_str() {
            TWCC_URI => found.twcc = found.twcc.or(Some(map.id)),
            COLOR_SPACE_URI => found.color_space = found.color_space.or(Some(map.id)),
            MID_URI => found.mid = found.mid.or(Some(map.id)),
            _ => {}
        }
    }
    Ok(found)
}

fn check_protocol(kind: Kind, media: &sdp_types::Media, place: &str) -> Result<(), Error> {
    let (known, expected): (&[&str], _) = match kind {
        Kind::Video | Kind::Audio => {
            (&["UDP/TLS/RTP/SAVPF", "TCP/TLS/RTP/SAVPF"], "UDP/TLS/RTP/SAVPF, as WebRTC uses")
        }
        Kind::Application => (&["UDP/DTLS/SCTP", "TCP/DTLS/SCTP"], "UDP/DTLS/SCTP webrtc-datachannel"),
    };

    let format_fits = kind != Kind::Application || media.fmt == "webrtc-datachannel";
    if known.contains(&media.proto.as_str()) && format_fits {
        return Ok(());
    }
    let found = quote(&format!("{} {}", media.proto, media.fmt));
    Err(Error::BadProtocol { place: place.to_owned(), found, expected })
}

/// What an m-line must have once it is in use.
fn check_use(kind: Kind, media: &sdp_types::Media, place: &str) -> Result<(), Error> {
    match kind {
        Kind::Video | Kind::Audio if attributes::has(&media.attributes, "rtcp-mux") => Ok(()),
        Kind::Video | Kind::Audio => Err(Error::NoRtcpMux { place: place.to_owned() }),
        Kind::Application => match attributes::single(&media.attributes, "sctp-port", place)? {
            None => Err(Error::NoSctpPort { place: place.to_owned() }),
            Some(port) if number::<u16>(port).is_some_and(|port| port != 0) => Ok(()),
            Some(port) => Err(Error::BadSctpPort { place: place.to_owned(), found: quote(port) }),
        },
    }
}

/// `a=ssrc` and `a=ssrc-group` (RFC 5576) hold 32-bit numbers.
fn check_sources(media: &[Attribute], place: &str) -> Result<(), Error> {
    let bad = |attribute, line: &str| Error::BadSsrc {
        place: place.to_owned(),
        attribute,
        reason: format!("expected 32-bit numbers, got {}", quote(line)),
    };

    for line in attributes::values(media, "ssrc") {
        Ssrc::from_str(line).map_err(|_| bad("ssrc", line))?;
    }
    for line in attributes::values(media, "ssrc-group") {
        SsrcGroup::from_str(line).map_err(|_| bad("ssrc-group", line))?;
    }
    Ok(())
}
