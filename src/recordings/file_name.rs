//! The name of a recording's file as a type: no other text of a sidecar becomes part of a path. Pure.

use serde::{Deserialize, Serialize};

/// Extensions of the files.
const EXTENSIONS: [&str; 2] = ["mp4", "webm"];
/// Digits of the first thousand numbers.
const DIGITS: usize = 3;

/// Whether a file is of the session's output or its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RecordingFileKind)]
pub enum Kind {
    /// What was sent to the client.
    Output,
    /// What the client sent.
    Input,
}

impl Kind {
    /// The start of its files' names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Output => "output",
            Self::Input => "input",
        }
    }
}

/// `output-000.mp4`, `input-012.webm`: kind, number from 0, extension.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FileName(String);

impl FileName {
    /// The name of the file of that kind, number and extension.
    pub fn new(kind: Kind, number: usize, extension: &str) -> Self {
        Self(format!("{}-{number:0DIGITS$}.{extension}", kind.name()))
    }

    /// The name as a text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for FileName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if is_file_name(&text) {
            return Ok(Self(text));
        }
        let start: String = text.chars().take(40).collect();
        Err(format!("expected a file's name such as output-000.mp4 or input-000.webm, got {start:?}"))
    }
}

impl From<FileName> for String {
    fn from(name: FileName) -> Self {
        name.0
    }
}

fn is_file_name(text: &str) -> bool {
    let Some((kind, rest)) = text.split_once('-') else { return false };
    let Some((number, extension)) = rest.split_once('.') else { return false };
    [Kind::Output, Kind::Input].iter().any(|known| known.name() == kind)
        && number.len() >= DIGITS
        && number.bytes().all(|digit| digit.is_ascii_digit())
        && EXTENSIONS.contains(&extension)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_kind_a_number_and_an_extension_and_nothing_else() {
        for (kind, number, extension, name) in [
            (Kind::Output, 0, "mp4", "output-000.mp4"),
            (Kind::Input, 12, "webm", "input-012.webm"),
            (Kind::Output, 1234, "webm", "output-1234.webm"),
        ] {
            let made = FileName::new(kind, number, extension);
            assert_eq!(made.as_str(), name);
            assert_eq!(FileName::try_from(name.to_owned()), Ok(made));
        }
        for text in [
            "",
            ".",
            "..",
            "../../x",
            "../output-000.mp4",
            "/etc/passwd",
            "output-000.mp4/../../x",
            "output-000.mp4\0",
            "output-00.mp4",
            "output-000.html",
            "output-000.mp4.html",
            "output--000.mp4",
            "output-٠٠٠.mp4",
            "Output-000.mp4",
            "recording.json",
        ] {
            assert!(FileName::try_from(text.to_owned()).is_err(), "{text:?}");
        }
    }
}
