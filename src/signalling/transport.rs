//! What ICE and DTLS need of an m-line: credentials, fingerprints and role, from the m-line or from the session.

use std::{ops::RangeInclusive, str::FromStr};

use sdp_types::{Attribute, Setup};

use super::{
    Error, Fingerprint, attributes, fingerprint, limits,
    text::{is_ice_chars, quote},
};

/// The transport of one m-line. In a BUNDLE group all are equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Transport {
    pub ice_ufrag: String,
    pub ice_pwd: String,
    pub fingerprints: Vec<Fingerprint>,
}

impl Transport {
    /// Reads the m-line's own lines and, where it has none of a name, the session's (RFC 8839 section 5.4, RFC 8122
    /// section 5).
    pub(super) fn read(session: &[Attribute], media: &[Attribute], place: &str) -> Result<Self, Error> {
        let credential = |name, bytes| credential(session, media, name, bytes, place);
        let ice_ufrag = credential("ice-ufrag", limits::ICE_UFRAG_BYTES)?;
        let ice_pwd = credential("ice-pwd", limits::ICE_PWD_BYTES)?;

        let mut fingerprints = fingerprint::read(media, place)?;
        if fingerprints.is_empty() {
            fingerprints = fingerprint::read(session, "session")?;
        }
        if fingerprints.is_empty() {
            return Err(Error::NoFingerprint { place: place.to_owned() });
        }

        check_setup(session, media, place)?;
        Ok(Self { ice_ufrag, ice_pwd, fingerprints })
    }

    /// Checks that `other` is this transport again; webrtcbin refuses a group whose members differ.
    pub(super) fn check_same(&self, other: &Self, place: &str) -> Result<(), Error> {
        let attribute = if self.ice_ufrag != other.ice_ufrag {
            "a=ice-ufrag"
        } else if self.ice_pwd != other.ice_pwd {
            "a=ice-pwd"
        } else if self.fingerprints != other.fingerprints {
            "a=fingerprint"
        } else {
            return Ok(());
        };
        Err(Error::BundleMismatch { place: place.to_owned(), attribute })
    }
}

fn credential(
    session: &[Attribute],
    media: &[Attribute],
    name: &'static str,
    bytes: RangeInclusive<usize>,
    place: &str,
) -> Result<String, Error> {
    let Some(value) = either(session, media, name, place)? else {
        return Err(Error::NoIceCredentials { place: place.to_owned() });
    };

    let bad = |reason| Error::BadIceCredentials { place: place.to_owned(), attribute: name, reason };
    if !bytes.contains(&value.len()) {
        let (least, most) = bytes.into_inner();
        return Err(bad(format!("expected {least} to {most} characters, got {}", value.len())));
    }
    if !is_ice_chars(value) {
        return Err(bad("expected letters, digits, + and / alone".to_owned()));
    }
    Ok(value.to_owned())
}

fn check_setup(session: &[Attribute], media: &[Attribute], place: &str) -> Result<(), Error> {
    let Some(value) = either(session, media, "setup", place)? else {
        return Err(Error::NoSetup { place: place.to_owned() });
    };
    match Setup::from_str(value) {
        Ok(Setup::ActPass | Setup::Active | Setup::Passive) => Ok(()),
        Ok(Setup::HoldConn) | Err(_) => Err(Error::BadSetup { place: place.to_owned(), found: quote(value) }),
    }
}

fn either<'a>(
    session: &'a [Attribute],
    media: &'a [Attribute],
    name: &'static str,
    place: &str,
) -> Result<Option<&'a str>, Error> {
    match attributes::single(media, name, place)? {
        Some(value) => Ok(Some(value)),
        None => attributes::single(session, name, "session"),
    }
}
