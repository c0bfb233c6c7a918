//! One ICE server as the browser takes it. Owns the wire form; must never print a credential.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One ICE server: `RTCIceServer` of W3C WebRTC 1.0, section 4.2.2.
///
/// An absent user name or credential is left out of the JSON: `null` would reach the browser's
/// `DOMString` as the text "null".
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IceServer {
    /// `stun:`, `stuns:`, `turn:` or `turns:` URLs (RFC 7064, RFC 7065); one string is read as a
    /// list of one.
    #[serde(deserialize_with = "urls")]
    pub urls: Vec<String>,
    /// User name for TURN's long-term credentials (RFC 8489, section 9.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Password that goes with `username`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

impl IceServer {
    /// A server that takes no credentials.
    #[must_use]
    pub fn stun(urls: Vec<String>) -> Self {
        Self { urls, username: None, credential: None }
    }
}

impl fmt::Debug for IceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceServer")
            .field("urls", &self.urls)
            .field("username", &self.username)
            .field("credential", &self.credential.as_ref().map(|_| "***"))
            .finish()
    }
}

/// A JSON value that writers give alone or in a list.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMany<T> {
    Many(Vec<T>),
    One(T),
}

impl<T> OneOrMany<T> {
    pub(super) fn into_vec(self) -> Vec<T> {
        match self {
            Self::Many(items) => items,
            Self::One(item) => vec![item],
        }
    }
}

fn urls<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    OneOrMany::deserialize(deserializer).map(OneOrMany::into_vec)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn debug_hides_the_credential() {
        let server = IceServer {
            urls: vec!["turn:relay.test".into()],
            username: Some("alice".into()),
            credential: Some("hunter2".into()),
        };

        let printed = format!("{server:?}");

        assert!(printed.contains("alice") && printed.contains("***"), "{printed}");
        assert!(!printed.contains("hunter2"), "{printed}");
    }

    #[test]
    fn absent_credentials_are_absent_in_json() {
        let server = IceServer::stun(vec!["stun:a.test".into()]);

        let json = serde_json::to_value(&server).expect("an ICE server is JSON");

        assert_eq!(json, json!({"urls": ["stun:a.test"]}));
    }

    #[test]
    fn one_url_is_read_as_a_list() {
        let server: IceServer =
            serde_json::from_value(json!({"urls": "stun:a.test"})).expect("one URL is allowed");

        assert_eq!(server, IceServer::stun(vec!["stun:a.test".into()]));
    }
}
