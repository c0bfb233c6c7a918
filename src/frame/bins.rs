//! What media and stage say to each other about a bin that a stage runs: what it is made from, what its elements can
//! be told, how a frame goes through. Pure vocabulary, as [`Frame`] is for pictures.

use std::{fmt, time::Duration};

use serde_json::Value;

use super::{Frame, Layout};

/// What a bin is made from; it stems from the server's own folders alone.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The pipeline's id.
    pub id: String,
    /// A description in the language of `gst-launch-1.0`, `#` lines included, with one open input and one open output.
    pub description: String,
    /// Layouts that go in, and that come out.
    pub layouts: Vec<Layout>,
    /// What will be set on its elements.
    pub addresses: Vec<Address>,
    /// How long a frame may be in it.
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

/// Values that a property takes.
#[derive(Clone, Debug, PartialEq)]
pub enum Takes {
    /// Whole numbers, both ends included.
    Integer(f64, f64),
    /// Numbers, both ends included.
    Number(f64, f64),
    /// True and false.
    Boolean,
    /// One of these words.
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
    /// The element says nothing of it.
    Undeclared,
}

/// What an element says of one of its properties.
#[derive(Clone, Debug, PartialEq)]
pub struct Property {
    /// Values that it takes.
    pub takes: Takes,
    /// When.
    pub settable: Settable,
}

/// A property and its value.
pub type Setting = (Address, Value);

/// Why a frame has no picture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// This frame cannot go in; the bin lives.
    #[error("{0}")]
    Frame(String),
    /// An element failed or ended: the bin is of no more use.
    #[error("{0}")]
    Failed(String),
    /// The frame was not out after so long: an element hangs, and the bin is of no more use.
    #[error("an element hangs: the frame is not out after {0:?}")]
    Hung(Duration),
}

/// Looks at bins and runs them.
pub trait Player: Send + Sync {
    /// Checks all that can be checked without running, and tells what each of the plan's addresses takes.
    ///
    /// # Errors
    /// What is wrong with the description, in a sentence.
    fn inspect(&self, plan: &Plan) -> Result<Vec<Property>, String>;

    /// Starts the bin with these settings. Blocks.
    ///
    /// # Errors
    /// What an element said.
    fn play(&self, plan: &Plan, settings: &[Setting]) -> Result<Box<dyn Playing>, String>;
}

/// A running bin; dropping it stops it within a limit.
pub trait Playing: Send {
    /// Sets a property between two frames.
    ///
    /// # Errors
    /// Why the element does not take it.
    fn set(&mut self, setting: &Setting) -> Result<(), String>;

    /// Puts a frame in and waits for what comes out: its picture, an earlier frame's, or none. Blocks.
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
