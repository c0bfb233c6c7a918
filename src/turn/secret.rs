//! A password or token: sent or computed with, never printed. Pure.

use std::fmt;

use serde::Deserialize;

/// A password or token. `Debug` shows `***`.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The text itself, for the one place that sends it or computes with it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is no text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// Whether a secret is set; an empty one counts as absent.
pub(super) fn is_given(secret: Option<&Secret>) -> bool {
    secret.is_some_and(|secret| !secret.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_the_text() {
        let secret: Secret = "hunter2".into();

        assert_eq!(format!("{secret:?}"), "***");
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn an_empty_secret_counts_as_absent() {
        assert!(is_given(Some(&Secret::from("x"))));
        assert!(!is_given(Some(&Secret::from(""))));
        assert!(!is_given(None));
    }
}
