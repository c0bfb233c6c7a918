//! What media and stage share about a bin that a stage runs: its plan, its properties, the way of a frame. Pure
//! vocabulary, like [`Frame`](super::Frame).

use std::{fmt, time::Duration};

use serde_json::Value;

use super::{Frame, Layout};

/// The plan of a bin; it comes from the server's own folders alone.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The pipeline's id.
    pub id: String,
    /// A description in the language of `gst-launch-1.0`, `#` lines included, with one open input and one open output.
    pub description: String,
    /// The layouts of input and output frames.
    pub layouts: Vec<Layout>,
    /// The properties that will be set on its elements.
    pub addresses: Vec<Address>,
    /// How long a frame may take.
    pub deadline: Duration,
}

/// A property of one element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The element's name in the description.
    pub element: String,
    /// The property's name.
    pub property: String,
}

impl Address {
    /// Reads `element.property`.
    pub fn parse(text: &str) -> Option<Self> {
        let (element, property) = text.split_once('.')?;
        let is_word = |word: &str| !word.is_empty() && !word.contains(['.', ' ']);
        (is_word(element) && is_word(property))
            .then(|| Self { element: element.to_owned(), property: property.to_owned() })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.element, self.property)
    }
}

/// The values that a property accepts.
#[derive(Clone, Debug, PartialEq)]
pub enum Takes {
    /// Whole numbers, both ends included.
    Integer(f64, f64),
    /// Numbers, both ends included.
    Number(f64, f64),
    /// True and false.
    Boolean,
    /// One of these strings.
    Choice(Vec<String>),
    /// Any text.
    Text,
}

impl fmt::Display for Takes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(low, high) => write!(formatter, "whole numbers of {low} to {high}"),
            Self::Number(low, high) => write!(formatter, "{low} to {high}"),
            Self::Boolean => formatter.write_str("true and false"),
            Self::Choice(words) => formatter.write_str(&words.join(", ")),
            Self::Text => formatter.write_str("text"),
        }
    }
}

/// When a property may be set, as its element declares it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settable {
    /// Between two frames.
    WhilePlaying,
    /// Before the bin plays.
    BeforePlaying,
    /// The element does not declare it.
    Undeclared,
}

/// The declaration of a property.
#[derive(Clone, Debug, PartialEq)]
pub struct Property {
    /// The values that it accepts.
    pub takes: Takes,
    /// When it may be set.
    pub settable: Settable,
}

/// A property and its value.
pub type Setting = (Address, Value);

/// Why a frame has no output.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// This frame was refused; the bin continues.
    #[error("{0}")]
    Frame(String),
    /// An element failed or ended: the bin is unusable.
    #[error("{0}")]
    Failed(String),
    /// The frame was not returned within this limit: an element hangs, and the bin is unusable.
    #[error("an element hangs: no output within {0:?}")]
    Hung(Duration),
}

/// Checks and starts bins.
pub trait Player: Send + Sync {
    /// Checks everything that can be checked without running the bin; returns the property behind each address.
    ///
    /// # Errors
    /// What is wrong with the description, as a sentence.
    fn inspect(&self, plan: &Plan) -> Result<Vec<Property>, String>;

    /// Starts the bin with these settings. Blocks.
    ///
    /// # Errors
    /// The error of an element.
    fn play(&self, plan: &Plan, settings: &[Setting]) -> Result<Box<dyn Playing>, String>;
}

/// A running bin; dropping it stops it within a limit.
pub trait Playing: Send {
    /// Sets a property between two frames.
    ///
    /// # Errors
    /// Why the element refuses it.
    fn set(&mut self, setting: &Setting) -> Result<(), String>;

    /// Pushes a frame and waits for output: this frame's, an earlier frame's, or none. Blocks.
    ///
    /// # Errors
    /// [`Fault`].
    fn process(&mut self, frame: &Frame) -> Result<Option<Frame>, Fault>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_an_element_and_a_property() {
        let address = Address::parse("blur.sigma").unwrap();

        assert_eq!((address.element.as_str(), address.property.as_str()), ("blur", "sigma"));
        assert_eq!(address.to_string(), "blur.sigma");
        for wrong in ["", "blur", "blur.", ".sigma", "a.b.c", "a b.c"] {
            assert_eq!(Address::parse(wrong), None, "{wrong:?}");
        }
    }
}
