//! A provider's answer, read leniently, since providers differ. Pure; never quotes the answer,
//! which holds credentials.

use std::time::Duration;

use serde::Deserialize;

use super::secret::Secret;
use super::server::{IceServer, OneOrMany};
use super::uri::IceUri;

/// Most URLs used from one answer. Cloudflare gives nine and Twilio five; browsers slow
/// down with each, and each host is a DNS lookup.
const MAX_URLS: usize = 32;

/// What a provider answered.
pub(super) struct Answer {
    /// Servers that a browser can use; at least one.
    pub(super) servers: Vec<IceServer>,
    /// Lifetime of the credentials, if the answer gives it.
    pub(super) ttl: Option<Duration>,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    #[error("the answer is not the expected JSON (line {line}, column {column})")]
    Json { line: usize, column: usize },
    #[error("the answer lists no usable ICE server")]
    Empty,
}

/// Reads `{"iceServers": …}` (Cloudflare) and `{"ice_servers": …, "ttl": "86400"}` (Twilio).
/// Leaves out what would make the browser fail or wait: invalid URLs, TURN without
/// credentials (W3C WebRTC 1.0, "set a configuration": `InvalidAccessError`) and port 53.
pub(super) fn parse(body: &[u8]) -> Result<Answer, Error> {
    let wire: Wire = serde_json::from_slice(body)
        .map_err(|error| Error::Json { line: error.line(), column: error.column() })?;
    let mut left = MAX_URLS;
    let servers: Vec<IceServer> = wire
        .ice_servers
        .map_or_else(Vec::new, OneOrMany::into_vec)
        .into_iter()
        .filter_map(|server| usable(server, &mut left))
        .collect();
    if servers.is_empty() {
        return Err(Error::Empty);
    }
    let ttl = wire.ttl.and_then(Ttl::into_duration);
    Ok(Answer { servers, ttl })
}

#[derive(Deserialize)]
struct Wire {
    #[serde(rename = "iceServers", alias = "ice_servers")]
    ice_servers: Option<OneOrMany<WireServer>>,
    ttl: Option<Ttl>,
}

/// Twilio writes `urls` and its old name `url` side by side.
#[derive(Deserialize)]
struct WireServer {
    urls: Option<OneOrMany<String>>,
    url: Option<String>,
    username: Option<String>,
    credential: Option<Secret>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Ttl {
    Seconds(u64),
    Text(String),
}

impl Ttl {
    fn into_duration(self) -> Option<Duration> {
        let seconds = match self {
            Self::Seconds(seconds) => seconds,
            Self::Text(text) => text.parse().ok()?,
        };
        Some(Duration::from_secs(seconds))
    }
}

fn usable(server: WireServer, left: &mut usize) -> Option<IceServer> {
    let given = server.urls.map(OneOrMany::into_vec);
    let has_credentials = server.username.is_some() && server.credential.is_some();
    let is_usable = |url: &String| {
        IceUri::parse(url)
            .is_ok_and(|uri| !uri.is_blocked_by_browsers() && (has_credentials || !uri.scheme.is_turn()))
    };
    let urls: Vec<String> = given
        .unwrap_or_else(|| server.url.into_iter().collect())
        .into_iter()
        .filter(is_usable)
        .take(*left)
        .collect();
    *left -= urls.len();
    (!urls.is_empty()).then_some(IceServer { urls, username: server.username, credential: server.credential })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn cloudflares_answer_loses_port_53_alone() {
        let answer = parse_json(&json!({"iceServers": [
            {"urls": ["stun:stun.cloudflare.com:3478", "stun:stun.cloudflare.com:53"]},
            {
                "urls": [
                    "turn:turn.cloudflare.com:3478?transport=udp",
                    "turn:turn.cloudflare.com:53?transport=udp",
                    "turns:turn.cloudflare.com:443?transport=tcp",
                ],
                "username": "u",
                "credential": "c",
            },
        ]}));

        assert_eq!(
            urls(&answer),
            [
                "stun:stun.cloudflare.com:3478",
                "turn:turn.cloudflare.com:3478?transport=udp",
                "turns:turn.cloudflare.com:443?transport=tcp",
            ]
        );
        assert_eq!(answer.servers[1].credential, Some("c".into()));
        assert_eq!(answer.ttl, None);
    }

    #[test]
    fn one_server_and_one_url_need_no_list() {
        let answer = parse_json(&json!({"iceServers": {"urls": "stun:a.test"}}));

        assert_eq!(urls(&answer), ["stun:a.test"]);
    }

    #[test]
    fn twilios_answer_is_read_with_url_beside_urls() {
        let answer = parse_json(&json!({
            "username": "u", "password": "c", "ttl": "3600",
            "ice_servers": [
                {"url": "stun:a.test:3478", "urls": "stun:a.test:3478"},
                {"url": "turn:b.test:3478", "username": "u", "credential": "c"},
            ],
        }));

        assert_eq!(urls(&answer), ["stun:a.test:3478", "turn:b.test:3478"]);
        assert_eq!(answer.ttl, Some(Duration::from_hours(1)));
    }

    #[test]
    fn what_a_browser_would_throw_on_is_left_out() {
        let answer = parse_json(&json!({"ttl": 60, "iceServers": [
            {"urls": ["turn:no-credentials.test", "stun:a.test", "https://b.test"]},
            {"urls": ["turn:half.test"], "username": "u"},
            {"urls": []},
            {},
        ]}));

        assert_eq!(urls(&answer), ["stun:a.test"]);
        assert_eq!(answer.ttl, Some(Duration::from_mins(1)));
    }

    #[test]
    fn an_endless_list_is_cut() {
        let many: Vec<String> = (0..50).map(|n| format!("stun:s{n}.test")).collect();

        let answer = parse_json(&json!({"iceServers": [{"urls": many}, {"urls": many}]}));

        assert_eq!(urls(&answer).len(), MAX_URLS);
    }

    #[test]
    fn an_error_does_not_quote_the_answer() {
        for body in [r#"{"iceServers": "hunter2"}"#, "<html>hunter2"] {
            let error = parse(body.as_bytes()).err().expect("not an answer");

            assert!(matches!(error, Error::Json { .. }), "{error}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn an_answer_without_servers_is_an_error() {
        for body in [json!({}), json!({"iceServers": []}), json!({"error": "x"})] {
            let error = parse(body.to_string().as_bytes()).err();

            assert_eq!(error, Some(Error::Empty), "{body}");
        }
    }

    fn parse_json(body: &Value) -> Answer {
        parse(body.to_string().as_bytes()).expect("a good answer")
    }

    fn urls(answer: &Answer) -> Vec<&str> {
        let urls = answer.servers.iter().flat_map(|server| &server.urls);
        urls.map(String::as_str).collect()
    }
}
