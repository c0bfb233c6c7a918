//! Fragments: parts of a graph kept as text, run by the server as bins and by a person with `gst-launch-1.0`.

use gst::prelude::*;

use super::state;
use crate::media::Error;

/// Builds a bin from a fragment, with its one open input and output as ghost pads `sink` and `src`.
///
/// # Errors
/// [`Error::Graph`] with the parser's message, which names the element.
pub fn bin(name: &str, fragment: &str) -> Result<gst::Bin, Error> {
    gst::parse::bin_from_description_with_name(&strip(fragment), true, name)
        .map_err(|error| Error::Graph(format!("{name}: {}", error.message())))
}

/// The element of that name directly inside `bin`.
///
/// # Errors
/// [`Error::Graph`]: the fragment does not use the fixed names.
pub fn element(bin: &gst::Bin, name: &str) -> Result<gst::Element, Error> {
    bin.by_name(name).ok_or_else(|| Error::Graph(format!("{} has no element named {name}", bin.name())))
}

/// The element of that name and type directly inside `bin`.
///
/// # Errors
/// As [`element`].
pub fn part<T: IsA<gst::Element>>(bin: &gst::Bin, name: &str) -> Result<T, Error> {
    let other = |element: gst::Element| Error::Graph(format!("{} has an unexpected type", element.name()));
    element(bin, name)?.downcast().map_err(other)
}

/// A graph outside the sessions' own. Dropping it stops it.
pub struct Graph(pub gst::Pipeline);

impl Graph {
    /// Builds it from a line, without starting it.
    ///
    /// # Errors
    /// [`Error::Graph`] with the parser's message, which names the element.
    pub fn parse(line: &str) -> Result<Self, Error> {
        let element = gst::parse::launch(line).map_err(|error| Error::Graph(error.message().to_owned()))?;
        element
            .downcast()
            .map(Self)
            .map_err(|_| Error::Graph("expected a pipeline, got a single element".into()))
    }

    /// The element of that name and type.
    ///
    /// # Errors
    /// As [`element`].
    pub fn part<T: IsA<gst::Element>>(&self, name: &str) -> Result<T, Error> {
        part(self.0.upcast_ref(), name)
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        state::stop(&self.0);
    }
}

/// The fragment on one line, without its comments.
pub fn strip(fragment: &str) -> String {
    fragment.lines().filter(|line| !line.trim_start().starts_with('#')).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::strip;

    #[test]
    fn comments_are_gone_and_lines_joined() {
        assert_eq!(strip("# a ! b\nfakesrc\n! fakesink"), "fakesrc ! fakesink");
    }
}
