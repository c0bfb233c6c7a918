//! BUNDLE (RFC 9143): all m-lines in use share the transport of the first one that the group names.

use sdp_types::{Attribute, Session};

use super::{Error, Media, attributes, text::quote};

/// Attributes of the shared transport, which an offer may leave out of a `bundle-only` m-line (RFC 9143 section 7.1.3).
const TRANSPORT: [&str; 5] = ["ice-ufrag", "ice-pwd", "fingerprint", "setup", "rtcp-mux"];

/// The discard port (RFC 8840 section 4.1.1): in use, with candidates to come.
const DISCARD_PORT: u16 = 9;

/// The mids of `a=group:BUNDLE`, in order. webrtcbin supports one group, so a second is an error.
pub(super) fn group(session: &Session) -> Result<Vec<String>, Error> {
    let mut groups = attributes::values(&session.attributes, "group")
        .filter_map(|value| value.strip_prefix("BUNDLE"))
        .filter(|mids| mids.is_empty() || mids.starts_with(' '));

    let mids = groups.next().unwrap_or_default().split(' ').filter(|mid| !mid.is_empty());
    if groups.next().is_some() {
        return Err(Error::DuplicateAttribute { place: "session".to_owned(), attribute: "group:BUNDLE" });
    }
    Ok(mids.map(str::to_owned).collect())
}

/// Writes out what `a=bundle-only` implies: port 0 there does not mean rejected, and the transport's attributes are
/// those of the group's first m-line. To readers that do not know `bundle-only` the result means the same.
pub(super) fn expand_bundle_only(session: &mut Session, group: &[String]) {
    let mid_of = |attributes: &[Attribute]| attributes::values(attributes, "mid").next().map(str::to_owned);

    let Some(first) = group.first() else { return };
    let Some(tagged) = session.medias.iter().find(|media| mid_of(&media.attributes).as_ref() == Some(first))
    else {
        return;
    };
    let shared: Vec<Attribute> = tagged
        .attributes
        .iter()
        .filter(|line| TRANSPORT.contains(&line.attribute.as_str()))
        .cloned()
        .collect();

    for media in &mut session.medias {
        let bundled = mid_of(&media.attributes).is_some_and(|mid| &mid != first && group.contains(&mid));
        if media.port != 0 || !bundled || !attributes::has(&media.attributes, "bundle-only") {
            continue;
        }

        media.port = DISCARD_PORT;
        media.attributes.retain(|line| line.attribute != "bundle-only");
        let missing = TRANSPORT.into_iter().filter(|name| !attributes::has(&media.attributes, name));
        let missing: Vec<&str> =
            missing.filter(|name| *name != "rtcp-mux" || media.media != "application").collect();
        media
            .attributes
            .extend(shared.iter().filter(|line| missing.contains(&line.attribute.as_str())).cloned());
    }
}

/// Checks that the group names m-lines of the offer and covers each that is in use.
pub(super) fn check(group: &[String], medias: &[Media]) -> Result<(), Error> {
    if group.is_empty() {
        return Err(Error::NoBundle);
    }
    if let Some(mid) = group.iter().find(|mid| medias.iter().all(|media| media.mid != **mid)) {
        return Err(Error::UnknownBundleMid { mid: quote(mid) });
    }
    match medias.iter().find(|media| !media.rejected && !group.contains(&media.mid)) {
        Some(media) => Err(Error::NotBundled { place: media.place() }),
        None => Ok(()),
    }
}
