//! The peer's offer: every rule that it must keep, and the text that webrtcbin gets in its place.

use std::{
    collections::{HashMap, HashSet},
    fmt,
};

use sdp_types::{Attribute, Session};

use super::{
    Error, Fingerprint, Kind, Media, bundle,
    candidate::{Line, Reach},
    limits, redact,
    text::{self, quote},
    transport::Transport,
};

/// Names of codecs that a message lists.
const NAMES_SHOWN: usize = 12;

/// An offer that keeps all rules.
#[derive(Clone, PartialEq, Eq)]
pub struct Offer {
    /// The text for webrtcbin: the client's, written again by one grammar, without candidates that it cannot use
    /// (`.local` names and lines that do not parse) and with `bundle-only` written out.
    pub sdp: String,
    /// In the offer's order; at least one is [usable video](Offer::video).
    pub medias: Vec<Media>,
    /// Those of the one transport that all m-lines share: the certificate of the peer must match one of them.
    pub fingerprints: Vec<Fingerprint>,
    /// The peer's username fragment (RFC 8839 section 5.4), the same for all m-lines.
    pub ice_ufrag: String,
    /// Candidates in [`Offer::sdp`], at most [`limits::CANDIDATES`].
    pub candidates: usize,
    /// Candidates that were left out because no check may go there, or because there were too many.
    pub ignored: usize,
    /// Where the peer is.
    pub reach: Reach,
}

impl Offer {
    /// Parses and checks an offer from anywhere; the error is the first rule that is broken.
    pub fn parse(sdp: &str) -> Result<Self, Error> {
        Self::parse_from(sdp, Reach::Network)
    }

    /// The same for an offer whose peer is known to be there.
    pub fn parse_from(sdp: &str, reach: Reach) -> Result<Self, Error> {
        let mut session = text::parse(sdp)?;
        check_media_count(&session)?;

        let group = bundle::group(&session)?;
        bundle::expand_bundle_only(&mut session, &group);
        let medias = read_medias(&session)?;
        check_video(&medias)?;
        bundle::check(&group, &medias)?;
        check_payloads(&medias)?;
        let transport = read_transport(&session, &medias)?;
        let (candidates, ignored) = drop_candidates(&mut session, reach)?;

        let text = session.to_string();
        text::check(&text)?;
        Ok(Self {
            sdp: text,
            medias,
            fingerprints: transport.fingerprints,
            ice_ufrag: transport.ice_ufrag,
            candidates,
            ignored,
            reach,
        })
    }

    /// The first m-line with video that is in use and has a known codec.
    #[must_use]
    pub fn video(&self) -> Option<&Media> {
        self.first(Kind::Video)
    }

    /// The first audio m-line that is in use and has a known codec.
    #[must_use]
    pub fn audio(&self) -> Option<&Media> {
        self.first(Kind::Audio)
    }

    /// The m-line of the data channels, if it is in use.
    #[must_use]
    pub fn application(&self) -> Option<&Media> {
        self.first(Kind::Application)
    }

    fn first(&self, kind: Kind) -> Option<&Media> {
        self.medias.iter().find(|media| media.kind == kind && media.usable())
    }
}

/// Without the ICE password and addresses, so that a stray `{:?}` reveals nothing.
impl fmt::Debug for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Offer")
            .field("sdp", &redact(&self.sdp))
            .field("medias", &self.medias)
            .field("fingerprints", &self.fingerprints)
            .field("candidates", &self.candidates)
            .field("ignored", &self.ignored)
            .finish_non_exhaustive()
    }
}

fn check_media_count(session: &Session) -> Result<(), Error> {
    match session.medias.len() {
        0 => Err(Error::NoMedia),
        count if count > limits::MEDIAS => Err(Error::TooManyMedias { count }),
        _ => Ok(()),
    }
}

fn read_medias(session: &Session) -> Result<Vec<Media>, Error> {
    let mut medias = Vec::with_capacity(session.medias.len());
    let mut mids = HashSet::new();
    let mut application = false;

    for (index, media) in session.medias.iter().enumerate() {
        let media = Media::parse(index, &session.attributes, media)?;
        if !mids.insert(media.mid.clone()) {
            return Err(Error::DuplicateMid { place: media.place(), mid: quote(&media.mid) });
        }
        if media.kind == Kind::Application && !media.rejected && std::mem::replace(&mut application, true) {
            return Err(Error::SecondApplication { place: media.place() });
        }
        medias.push(media);
    }
    Ok(medias)
}

fn check_video(medias: &[Media]) -> Result<(), Error> {
    let in_use: Vec<&Media> =
        medias.iter().filter(|media| media.kind == Kind::Video && !media.rejected).collect();
    if in_use.is_empty() {
        let kinds: Vec<&str> = medias
            .iter()
            .map(|media| match (media.kind, media.rejected) {
                (Kind::Video, _) => "rejected video",
                (kind, _) => kind.as_str(),
            })
            .collect();
        return Err(Error::NoVideo { offered: kinds.join(", ") });
    }
    if in_use.iter().any(|media| media.usable()) {
        return Ok(());
    }

    let names = in_use.iter().flat_map(|media| &media.offered).take(NAMES_SHOWN);
    let names: Vec<String> = names.map(|name| quote(name)).collect();
    let offered = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    Err(Error::NoCommonCodec { offered })
}

/// In one transport a payload number identifies the codec (RFC 9143 section 9.1); without mids in the answer's
/// RTP it identifies the m-line as well.
fn check_payloads(medias: &[Media]) -> Result<(), Error> {
    let mut known: HashMap<u8, &str> = HashMap::new();
    for media in medias.iter().filter(|media| !media.rejected) {
        for (payload, encoding) in &media.payloads {
            let other = known.entry(*payload).or_insert(encoding);
            if *other != encoding {
                return Err(Error::PayloadClash {
                    place: media.place(),
                    payload: *payload,
                    found: quote(encoding),
                    other: quote(other),
                });
            }
        }
    }
    Ok(())
}

/// The transport that all m-lines in use have in common.
fn read_transport(session: &Session, medias: &[Media]) -> Result<Transport, Error> {
    let mut shared: Option<Transport> = None;
    for (media, parsed) in session.medias.iter().zip(medias).filter(|(_, parsed)| !parsed.rejected) {
        let place = parsed.place();
        let transport = Transport::read(&session.attributes, &media.attributes, &place)?;
        match &shared {
            Some(shared) => shared.check_same(&transport, &place)?,
            None => shared = Some(transport),
        }
    }
    shared.ok_or(Error::NoMedia)
}

/// Removes the candidates that webrtcbin cannot or must not use; counts the rest, and those that it must not. A `.local`
/// name resolves nowhere but in the peer's network; its checks reach the server all the same and become peer-reflexive
/// candidates.
fn drop_candidates(session: &mut Session, reach: Reach) -> Result<(usize, usize), Error> {
    let (mut kept, mut ignored, mut seen) = (0, 0, 0);
    let mut keep = |line: &Attribute| {
        if line.attribute != "candidate" {
            return true;
        }
        seen += 1;
        let parsed = Line::parse(line.value.as_deref().unwrap_or_default()).ok();
        let Some(line) = parsed.filter(|line| !line.is_mdns()) else { return false };
        let usable = line.is_usable(reach) && kept < limits::CANDIDATES;
        *if usable { &mut kept } else { &mut ignored } += 1;
        usable
    };

    session.attributes.retain(&mut keep);
    for media in &mut session.medias {
        media.attributes.retain(&mut keep);
    }
    if seen > limits::CANDIDATES_PER_OFFER {
        return Err(Error::TooManyCandidates { limit: limits::CANDIDATES_PER_OFFER });
    }
    Ok((kept, ignored))
}
