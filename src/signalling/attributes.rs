//! Look-ups in a list of `a=` lines. Names are compared exactly (RFC 8866 section 5.13), as GStreamer does.

use sdp_types::Attribute;

use super::Error;

/// The values of all lines with that name, in order; a line without a value gives the empty string.
pub(super) fn values<'a>(
    attributes: &'a [Attribute],
    name: &'static str,
) -> impl Iterator<Item = &'a str> + use<'a> {
    attributes
        .iter()
        .filter(move |attribute| attribute.attribute == name)
        .map(|attribute| attribute.value.as_deref().unwrap_or_default())
}

/// Whether a line with that name is there.
pub(super) fn has(attributes: &[Attribute], name: &'static str) -> bool {
    values(attributes, name).next().is_some()
}

/// The value of the one line with that name; two of them are an error, since readers differ in which they take.
pub(super) fn single<'a>(
    attributes: &'a [Attribute],
    name: &'static str,
    place: &str,
) -> Result<Option<&'a str>, Error> {
    let mut found = values(attributes, name);
    let first = found.next();
    if found.next().is_some() {
        return Err(Error::DuplicateAttribute { place: place.to_owned(), attribute: name });
    }
    Ok(first)
}
