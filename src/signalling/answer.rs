//! Completes webrtcbin's answer: what 1.22 leaves out and what only the operator knows.

use std::net::IpAddr;

use sdp_types::{Attribute, Direction, Media, Session};

use super::{
    Error, attributes,
    candidate::{Line, Tcp},
    limits,
    text::{self, is_token, quote},
};

/// What to add to an answer and what to change in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AnswerPatch {
    /// Payload and parameters of the chosen H.264 format. GStreamer before 1.28 drops the line, and a strict client
    /// then takes the missing `profile-level-id` for another profile.
    pub h264_fmtp: Option<(u8, String)>,
    /// The stream id of `a=msid` (RFC 8830), so that `ontrack` has a stream in every browser: 1 to 64 token characters.
    pub stream_id: String,
    /// The addresses that peers reach this server at. Each host candidate is written once per advertised address of
    /// its family, and left out if there is none; empty leaves all as they are.
    pub advertised: Vec<IpAddr>,
    /// Leave out candidates for ICE over TCP.
    pub udp_only: bool,
    /// Gathering is complete: say so with `a=end-of-candidates`.
    pub gathered: bool,
}

/// An answer for the peer.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The text, with CRLF.
    pub sdp: String,
}

impl Answer {
    /// Completes webrtcbin's local description. Lines that the patch does not name stay as they are, in order.
    /// [`Error::BadAnswer`] if the description does not parse or the patch holds what no line may hold.
    pub fn finish(local_description: &str, patch: &AnswerPatch) -> Result<Self, Error> {
        check_patch(patch)?;
        let mut session = text::parse(local_description).map_err(|error| bad(error.to_string()))?;

        for (index, media) in session.medias.iter_mut().enumerate() {
            set_h264_fmtp(media, patch);
            add_msid(media, index, &patch.stream_id);
            set_max_message_size(media);
            rewrite_candidates(&mut media.attributes, patch)?;
        }
        if patch.gathered {
            end_candidates(&mut session);
        }
        Ok(Self { sdp: session.to_string() })
    }
}

/// Without the ICE password and addresses.
impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").field("sdp", &super::redact(&self.sdp)).finish()
    }
}

fn check_patch(patch: &AnswerPatch) -> Result<(), Error> {
    let id = &patch.stream_id;
    if !is_token(id) || !limits::MSID_BYTES.contains(&id.len()) {
        return Err(bad(format!("expected a stream id of 1 to 64 token characters, got {}", quote(id))));
    }
    match &patch.h264_fmtp {
        Some((payload, _)) if *payload > 127 => Err(bad(format!("the H264 payload is {payload}"))),
        Some((_, fmtp)) if fmtp.is_empty() || fmtp.chars().any(char::is_control) => {
            Err(bad(format!("the H264 parameters are {}", quote(fmtp))))
        }
        _ => Ok(()),
    }
}

/// Puts the parameters of H.264 in place of those that webrtcbin wrote.
fn set_h264_fmtp(media: &mut Media, patch: &AnswerPatch) {
    let Some((payload, fmtp)) = &patch.h264_fmtp else { return };
    let starts = format!("{payload} ");
    let is_map = |line: &Attribute| {
        let value = line.value.as_deref().unwrap_or_default();
        let encoding = value.strip_prefix(&starts).unwrap_or_default().to_ascii_uppercase();
        line.attribute == "rtpmap" && encoding.starts_with("H264/")
    };
    if media.attributes.iter().any(is_map) {
        // webrtcbin before 1.28 writes the line without its profile-level-id.
        let is_fmtp = |line: &Attribute| {
            line.attribute == "fmtp" && line.value.as_deref().unwrap_or_default().starts_with(&starts)
        };
        media.attributes.retain(|line| !is_fmtp(line));
    }
    if let Some(at) = media.attributes.iter().position(is_map) {
        media.attributes.insert(at + 1, Attribute::with_value("fmtp", format!("{starts}{fmtp}")));
    }
}

/// One `a=msid` on each m-line that sends audio or video; the track is named by kind and m-line.
fn add_msid(media: &mut Media, index: usize, stream_id: &str) {
    let is_rtp = matches!(media.media.as_str(), "audio" | "video") && media.port != 0;
    if !is_rtp || attributes::has(&media.attributes, "msid") {
        return;
    }

    let sends = |line: &Attribute| {
        [Direction::SendRecv, Direction::SendOnly]
            .iter()
            .any(|direction| direction.as_str() == line.attribute)
    };
    if let Some(at) = media.attributes.iter().position(sends) {
        let value = format!("{stream_id} {}{index}", media.media);
        media.attributes.insert(at + 1, Attribute::with_value("msid", value));
    }
}

/// Says how long a message may be (RFC 8841, section 6.1); webrtcbin does not, and leaves it to the peer.
fn set_max_message_size(media: &mut Media) {
    const NAME: &str = "max-message-size";
    media.attributes.retain(|line| line.attribute != NAME);
    if let Some(at) = media.attributes.iter().position(|line| line.attribute == "sctp-port") {
        let line = Attribute::with_value(NAME, limits::MESSAGE_BYTES.to_string());
        media.attributes.insert(at + 1, line);
    }
}

fn rewrite_candidates(lines: &mut Vec<Attribute>, patch: &AnswerPatch) -> Result<(), Error> {
    let mut rewritten: Vec<Attribute> = Vec::with_capacity(lines.len());
    for line in std::mem::take(lines) {
        if line.attribute != "candidate" {
            rewritten.push(line);
            continue;
        }

        let value = line.value.as_deref().unwrap_or_default();
        let parsed = Line::parse(value).map_err(|error| bad(error.to_string()))?;
        // The server connects to no peer.
        if parsed.tcp.is_some_and(|tcp| patch.udp_only || tcp != Tcp::Passive) {
            continue;
        }
        match parsed.address {
            Some(address) if parsed.host && !patch.advertised.is_empty() => {
                for line in advertise(value, address, &patch.advertised) {
                    if !rewritten.contains(&line) {
                        rewritten.push(line);
                    }
                }
            }
            _ => rewritten.push(line),
        }
    }
    *lines = rewritten;
    Ok(())
}

/// The candidate once per advertised address of its family. Foundation and priority differ between the copies, as
/// they must between candidates of one component (RFC 8445 sections 5.1.1.3 and 5.1.2).
fn advertise(value: &str, address: IpAddr, advertised: &[IpAddr]) -> Vec<Attribute> {
    let same_family = advertised.iter().filter(|ip| ip.is_ipv4() == address.is_ipv4());
    let copies = same_family.enumerate().map(|(copy, ip)| {
        let words = value.split(' ').enumerate().map(|(index, word)| match index {
            0 if copy > 0 && word.len() < 28 => format!("{word}x{copy}"),
            3 => lower_priority(word, copy),
            4 => ip.to_string(),
            _ => word.to_owned(),
        });
        Attribute::with_value("candidate", words.collect::<Vec<_>>().join(" "))
    });
    copies.collect()
}

/// Lowers the local preference, bits 8 to 23, by one a copy.
fn lower_priority(word: &str, copy: usize) -> String {
    let step = u32::try_from(copy).unwrap_or(u32::MAX).saturating_mul(256);
    match word.parse::<u32>() {
        Ok(priority) => priority.saturating_sub(step).max(1).to_string(),
        Err(_) => word.to_owned(),
    }
}

/// Ends the list on each m-line that has candidates, and on the first one in use if none has (RFC 8840 section 4.4).
fn end_candidates(session: &mut Session) {
    let any = session.medias.iter().any(|media| attributes::has(&media.attributes, "candidate"));
    let mut first = true;
    for media in session.medias.iter_mut().filter(|media| media.port != 0) {
        let here =
            if any { attributes::has(&media.attributes, "candidate") } else { std::mem::take(&mut first) };
        if !here || attributes::has(&media.attributes, "end-of-candidates") {
            continue;
        }
        let last = media.attributes.iter().rposition(|line| line.attribute == "candidate");
        let at = last.map_or(media.attributes.len(), |last| last + 1);
        media.attributes.insert(at, Attribute::new("end-of-candidates"));
    }
}

fn bad(reason: String) -> Error {
    Error::BadAnswer { reason }
}
