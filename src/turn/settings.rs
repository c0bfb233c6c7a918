//! What the configuration says about ICE servers, and what can be wrong with it. Pure.

use std::time::Duration;

use super::endpoint;
use super::secret::{Secret, is_given};
use super::server::IceServer;
use super::uri::IceUri;

/// Shortest lifetime of minted credentials: a browser has to gather and connect within it.
const MIN_TURN_TTL: Duration = Duration::from_mins(1);
/// Longest lifetime of minted credentials: they cannot be revoked individually.
const MAX_TURN_TTL: Duration = Duration::from_hours(7 * 24);
/// A page asks for them when it connects, and a TURN allocation outlives its credentials. Less than the day that
/// draft-uberti-behave-turn-rest-00, section 2.2, recommends: somebody who gets hold of them relays at the owner's cost.
const DEFAULT_TURN_TTL: Duration = Duration::from_hours(1);
/// A STUN server that needs no account.
const DEFAULT_STUN: &str = "stun:stun.l.google.com:19302";

/// Where ICE servers come from. The first of these that is set is used: own servers (`servers`
/// and `turn_urls`, merged), Cloudflare, Cloudflare through Hugging Face, Twilio, `fallback_stun`.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Fixed servers, with fixed credentials.
    pub servers: Vec<IceServer>,
    /// URLs of TURN servers that share `turn_secret`, such as coturn with `use-auth-secret`.
    pub turn_urls: Vec<String>,
    /// Secret of draft-uberti-behave-turn-rest-00; coturn calls it `static-auth-secret`.
    pub turn_secret: Option<Secret>,
    /// Lifetime of the credentials minted from `turn_secret`, one minute to seven days.
    pub turn_ttl: Duration,
    /// The user's own Cloudflare TURN key.
    pub cloudflare: Option<CloudflareKeys>,
    /// Hugging Face token for which turn.fastrtc.org issues Cloudflare credentials.
    pub hf_token: Option<Secret>,
    /// Account at Twilio, for its Network Traversal Service.
    pub twilio: Option<Twilio>,
    /// Asks no provider and does not use `fallback_stun`; own servers are still used.
    pub offline: bool,
    /// STUN URLs to use when nothing else is set or works.
    pub fallback_stun: Vec<String>,
    /// Base URLs of the providers.
    pub endpoints: Endpoints,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            turn_urls: Vec::new(),
            turn_secret: None,
            turn_ttl: DEFAULT_TURN_TTL,
            cloudflare: None,
            hf_token: None,
            twilio: None,
            offline: false,
            fallback_stun: vec![DEFAULT_STUN.to_owned()],
            endpoints: Endpoints::default(),
        }
    }
}

impl Settings {
    /// Everything wrong with the settings, in the order of the fields.
    #[must_use]
    pub fn faults(&self) -> Vec<Error> {
        let mut faults: Vec<Error> = self.servers.iter().flat_map(server_faults).collect();
        faults.extend(url_faults(&self.turn_urls, Kind::Turn));
        faults.extend(self.secret_faults());
        faults.extend(self.account_faults());
        faults.extend(url_faults(&self.fallback_stun, Kind::Stun));
        faults.extend(self.endpoints.faults());
        faults
    }

    fn secret_faults(&self) -> Option<Error> {
        let has_secret = is_given(self.turn_secret.as_ref());
        if has_secret && self.turn_urls.is_empty() {
            return Some(Error::SecretWithoutUrls);
        }
        if !has_secret && !self.turn_urls.is_empty() {
            return Some(Error::UrlsWithoutSecret);
        }
        let is_ttl_good = (MIN_TURN_TTL..=MAX_TURN_TTL).contains(&self.turn_ttl);
        (!is_ttl_good).then_some(Error::Ttl { ttl: self.turn_ttl })
    }

    fn account_faults(&self) -> Vec<Error> {
        let mut faults = Vec::new();
        if let Some(keys) = &self.cloudflare
            && (keys.key_id.is_empty() || keys.api_token.is_empty())
        {
            let secret = "CLOUDFLARE_TURN_KEY_API_TOKEN";
            faults.push(Error::Incomplete { id: "CLOUDFLARE_TURN_KEY_ID", secret });
        }
        if let Some(account) = &self.twilio
            && (account.account_sid.is_empty() || account.auth_token.is_empty())
        {
            faults.push(Error::Incomplete { id: "TWILIO_ACCOUNT_SID", secret: "TWILIO_AUTH_TOKEN" });
        }
        faults
    }
}

/// A Cloudflare TURN key, from the dashboard's *Realtime* › *TURN*.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CloudflareKeys {
    /// The key's id, `CLOUDFLARE_TURN_KEY_ID`; not secret.
    pub key_id: String,
    /// The key's token, `CLOUDFLARE_TURN_KEY_API_TOKEN`.
    pub api_token: Secret,
}

/// A Twilio account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Twilio {
    /// `TWILIO_ACCOUNT_SID`; not secret.
    pub account_sid: String,
    /// `TWILIO_AUTH_TOKEN`.
    pub auth_token: Secret,
}

/// Base URLs of the providers, to which their paths are appended.
#[derive(Clone, Debug)]
pub struct Endpoints {
    /// Cloudflare's Realtime API.
    pub cloudflare: String,
    /// The service that issues Cloudflare credentials for a Hugging Face token.
    pub huggingface: String,
    /// Twilio's REST API.
    pub twilio: String,
}

impl Default for Endpoints {
    fn default() -> Self {
        Self {
            cloudflare: "https://rtc.live.cloudflare.com".to_owned(),
            huggingface: "https://turn.fastrtc.org".to_owned(),
            twilio: "https://api.twilio.com".to_owned(),
        }
    }
}

impl Endpoints {
    fn faults(&self) -> impl Iterator<Item = Error> {
        [&self.cloudflare, &self.huggingface, &self.twilio]
            .into_iter()
            .filter(|text| endpoint::parse(text).is_none())
            .map(|text| Error::Endpoint { url: text.clone() })
    }
}

/// What can be wrong with the settings.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A URL that RFC 7064 and RFC 7065 do not allow, or of the wrong kind for its setting.
    #[error("ICE server URL {url:?} {reason}")]
    Url {
        /// The URL, without credentials.
        url: String,
        /// What is wrong, as the rest of a sentence that starts with the URL.
        reason: &'static str,
    },
    /// An ICE server without a URL.
    #[error("an ICE server has no URL; add one or remove the server")]
    NoUrls,
    /// A TURN server without credentials: `RTCPeerConnection` throws on it.
    #[error("TURN server {url:?} needs a username and a credential")]
    NoCredential {
        /// The server's first TURN URL.
        url: String,
    },
    /// A TURN secret without the servers it belongs to.
    #[error("turn_secret is set without turn_urls; set both or neither")]
    SecretWithoutUrls,
    /// TURN URLs for minted credentials without the secret to mint from.
    #[error("turn_urls is set without turn_secret; set both or neither")]
    UrlsWithoutSecret,
    /// A TTL out of range.
    #[error(
        "turn_ttl must be {} s to {} s, got {} s",
        MIN_TURN_TTL.as_secs(), MAX_TURN_TTL.as_secs(), ttl.as_secs()
    )]
    Ttl {
        /// The configured TTL.
        ttl: Duration,
    },
    /// Half of a provider's credentials.
    #[error("{id} and {secret} must be set together")]
    Incomplete {
        /// Variable of the account's id.
        id: &'static str,
        /// Variable of its secret.
        secret: &'static str,
    },
    /// A provider's base URL that is not an HTTP URL.
    #[error("TURN provider endpoint {url:?} is not an http or https URL")]
    Endpoint {
        /// The URL.
        url: String,
    },
}

#[derive(Clone, Copy)]
enum Kind {
    Stun,
    Turn,
    Any,
}

fn server_faults(server: &IceServer) -> Vec<Error> {
    if server.urls.is_empty() {
        return vec![Error::NoUrls];
    }
    let mut faults = url_faults(&server.urls, Kind::Any);
    let has_credentials = server.username.is_some() && server.credential.is_some();
    let is_turn = |url: &&String| IceUri::parse(url).is_ok_and(|uri| uri.scheme.is_turn());
    if !has_credentials && let Some(url) = server.urls.iter().find(is_turn) {
        faults.push(Error::NoCredential { url: url.clone() });
    }
    faults
}

fn url_faults(urls: &[String], kind: Kind) -> Vec<Error> {
    urls.iter()
        .filter_map(|url| {
            let reason = match IceUri::parse(url) {
                Err(reason) => reason,
                Ok(uri) => match (kind, uri.scheme.is_turn()) {
                    (Kind::Stun, true) => "is a TURN URL, expected a STUN URL",
                    (Kind::Turn, false) => "is a STUN URL, expected a TURN URL",
                    (Kind::Any | Kind::Stun, false) | (Kind::Any | Kind::Turn, true) => return None,
                },
            };
            let url = without_credentials(url);
            Some(Error::Url { url, reason })
        })
        .collect()
}

/// The URL in a form that may be printed: the part before an `@` may be a password.
fn without_credentials(url: &str) -> String {
    match url.rsplit_once('@') {
        Some((_, host)) => format!("***@{host}"),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid() {
        assert_eq!(Settings::default().faults(), []);
    }

    #[test]
    fn secrets_are_not_printed() {
        let settings = Settings {
            servers: vec![turn_server("turn:a.test", "hunter2")],
            turn_secret: Some("hunter2".into()),
            cloudflare: Some(CloudflareKeys { key_id: "id".into(), api_token: "hunter2".into() }),
            hf_token: Some("hunter2".into()),
            twilio: Some(Twilio { account_sid: "AC0".into(), auth_token: String::from("hunter2").into() }),
            ..Settings::default()
        };

        let printed = format!("{settings:#?}");

        assert!(!printed.contains("hunter2"), "{printed}");
        assert!(printed.contains("***"), "{printed}");
    }

    #[test]
    fn a_password_in_a_url_is_refused_and_not_printed() {
        let settings = Settings {
            turn_urls: vec!["turn:me:hunter2@a.test".into()],
            turn_secret: Some("s".into()),
            ..Settings::default()
        };

        let faults = settings.faults().iter().map(Error::to_string).collect::<Vec<_>>().join("\n");

        assert!(!faults.contains("hunter2"), "{faults}");
        assert!(faults.contains("***@a.test"), "{faults}");
    }

    #[test]
    fn all_faults_are_reported_at_once() {
        let settings = Settings {
            servers: vec![
                IceServer::stun(vec![]),
                IceServer::stun(vec!["turn:a.test".into(), "stun://b.test".into()]),
            ],
            turn_urls: vec!["stun:c.test".into()],
            cloudflare: Some(CloudflareKeys { key_id: String::new(), api_token: "t".into() }),
            twilio: Some(Twilio { account_sid: "AC0".into(), auth_token: "".into() }),
            fallback_stun: vec!["turn:d.test".into()],
            endpoints: Endpoints { twilio: "nowhere".into(), ..Endpoints::default() },
            ..Settings::default()
        };

        let faults: Vec<String> = settings.faults().iter().map(Error::to_string).collect();

        assert_eq!(
            faults,
            [
                "an ICE server has no URL; add one or remove the server",
                "ICE server URL \"stun://b.test\" has slashes after the scheme, expected stun:host:port \
                 as in RFC 7064",
                "TURN server \"turn:a.test\" needs a username and a credential",
                "ICE server URL \"stun:c.test\" is a STUN URL, expected a TURN URL",
                "turn_urls is set without turn_secret; set both or neither",
                "CLOUDFLARE_TURN_KEY_ID and CLOUDFLARE_TURN_KEY_API_TOKEN must be set together",
                "TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN must be set together",
                "ICE server URL \"turn:d.test\" is a TURN URL, expected a STUN URL",
                "TURN provider endpoint \"nowhere\" is not an http or https URL",
            ]
        );
    }

    #[test]
    fn a_secret_needs_urls_and_a_ttl_in_range() {
        let mut settings = Settings {
            turn_secret: Some("s".into()),
            turn_ttl: Duration::from_secs(1),
            ..Settings::default()
        };

        assert_eq!(settings.faults(), [Error::SecretWithoutUrls]);
        settings.turn_urls = vec!["turn:a.test".into()];
        let ttl = settings.turn_ttl;
        assert_eq!(settings.faults(), [Error::Ttl { ttl }]);
        settings.turn_ttl = Duration::from_hours(1);
        assert_eq!(settings.faults(), []);
    }

    fn turn_server(url: &str, credential: &str) -> IceServer {
        IceServer {
            urls: vec![url.to_owned()],
            username: Some("me".to_owned()),
            credential: Some(credential.into()),
        }
    }
}
