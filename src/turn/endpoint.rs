//! The address of a provider: an http or https URL to which path segments can be appended. Pure.

use url::Url;

/// The endpoint in `text`.
pub(super) fn parse(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
}

/// Appends path segments, each percent-encoded.
pub(super) fn join(mut base: Url, segments: &[&str]) -> Url {
    base.path_segments_mut()
        .expect("parse admits only http URLs, which have a path")
        .pop_if_empty()
        .extend(segments);
    base
}
