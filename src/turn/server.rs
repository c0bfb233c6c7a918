//! One ICE server as the browser takes it. Owns the wire form; must never print a credential.

use serde::{Deserialize, Serialize, Serializer};

use super::secret::Secret;

/// One ICE server: `RTCIceServer` of W3C WebRTC 1.0, section 4.2.2.
///
/// An absent user name or credential is left out of the JSON: `null` would reach the browser's
/// `DOMString` as the text "null".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IceServer {
    /// `stun:`, `stuns:`, `turn:` or `turns:` URLs (RFC 7064, RFC 7065); one string is read as a
    /// list of one.
    #[serde(deserialize_with = "urls")]
    pub urls: Vec<String>,
    /// User name for TURN's long-term credentials (RFC 8489, section 9.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub username: Option<String>,
    /// Password that goes with `username`.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "exposed")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub credential: Option<Secret>,
}

impl IceServer {
    /// A server that takes no credentials.
    #[must_use]
    pub fn stun(urls: Vec<String>) -> Self {
        Self { urls, username: None, credential: None }
    }
}

/// The browser is whom the credential is for.
#[expect(clippy::ref_option, reason = "serde calls it with a reference to the field")]
fn exposed<S: Serializer>(credential: &Option<Secret>, serializer: S) -> Result<S::Ok, S::Error> {
    credential.as_ref().map(Secret::expose).serialize(serializer)
}

/// A JSON value that some writers put in a list and some do not.
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
        let json = serde_json::to_value(&server).expect("an ICE server is JSON");
        assert_eq!(json["credential"], "hunter2", "the browser gets it");
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
