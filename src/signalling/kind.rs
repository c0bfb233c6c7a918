//! What an m-line carries.

use std::fmt;

/// What an m-line carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Video over RTP.
    Video,
    /// Audio over RTP.
    Audio,
    /// Data channels over SCTP (RFC 8841).
    Application,
}

impl Kind {
    /// The word of the m-line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Application => "application",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        [Self::Video, Self::Audio, Self::Application].into_iter().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
