//! What a person says of the issuer. Pure.

use std::time::Duration;

use url::{Host, Url};

use super::Rules;
use crate::turn::Secret;

/// Keys are asked for this often, so that one that is gone is refused within a minute.
const REFRESH: Duration = Duration::from_secs(45);
/// A token that names an unknown key makes the server ask at most this often.
const ASK_AGAIN: Duration = Duration::from_secs(5);
/// How long the keys hold while the issuer does not answer: a restart of it, or a night's maintenance, signs nobody out.
const HOLD: Duration = Duration::from_hours(6);
/// Longest wait of a request for a key; the issuer's answer takes well under a second.
const LEARN_LIMIT: Duration = Duration::from_secs(3);

/// The issuer and how its claims are read.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its identifier: the URL below which `.well-known/openid-configuration` is.
    pub issuer: Option<Url>,
    /// What tokens for this server name as their audience.
    pub audience: Option<String>,
    /// The name under which the issuer knows this server's page; also an audience.
    pub client_id: Option<String>,
    /// Its secret, where the issuer wants one besides PKCE.
    pub client_secret: Option<Secret>,
    /// The claim that names roles; without it everybody whom the issuer knows is a user.
    pub role_claim: Option<String>,
    /// The claim that bounds what its bearer may do.
    pub limits_claim: Option<String>,
    /// How often the keys are asked for.
    pub refresh: Duration,
    /// Shortest time between two questions.
    pub ask_again: Duration,
    /// How long the keys hold without an answer.
    pub hold: Duration,
    /// Longest wait of a request for an unknown key.
    pub learn_limit: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            issuer: None,
            audience: None,
            client_id: None,
            client_secret: None,
            role_claim: None,
            limits_claim: None,
            refresh: REFRESH,
            ask_again: ASK_AGAIN,
            hold: HOLD,
            learn_limit: LEARN_LIMIT,
        }
    }
}

impl Settings {
    /// Everything wrong with values that are each fine by themselves.
    pub fn faults(&self) -> Vec<String> {
        let is_set = [&self.audience, &self.client_id, &self.role_claim, &self.limits_claim];
        let is_set = is_set.iter().any(|setting| setting.is_some()) || self.client_secret.is_some();
        match &self.issuer {
            Some(_) if self.audience.is_none() && self.client_id.is_none() => {
                vec!["expected oidc_audience or oidc_client_id with oidc_issuer, got neither".into()]
            }
            None if is_set => vec!["expected oidc_issuer with the other oidc_ keys, got none".into()],
            Some(_) | None => Vec::new(),
        }
    }

    /// What a token has to name.
    pub(super) fn rules(&self, issuer: &str) -> Rules {
        let audiences = self.audience.iter().chain(&self.client_id).cloned().collect();
        Rules { issuer: issuer.to_owned(), audiences }
    }

    /// The issuer's identifier as it writes it: without the slash that a URL of a host alone gets.
    pub(super) fn identifier(&self) -> String {
        let text = self.issuer.as_ref().map(Url::as_str).unwrap_or_default();
        text.strip_suffix('/').unwrap_or(text).to_owned()
    }
}

/// Reads an issuer's identifier: an HTTPS URL, or one of this machine.
///
/// # Errors
/// A sentence that says what was expected.
pub fn issuer_url(text: &str) -> Result<Url, String> {
    let fault =
        || format!("expected an https URL without query such as https://login.example.org, got {text:?}");
    let url = Url::parse(text).map_err(|_| fault())?;
    let bare = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if bare && is_safe(&url) { Ok(url) } else { Err(fault()) }
}

/// Whether nobody on the way can change what is read from there.
pub fn is_safe(url: &Url) -> bool {
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && is_here)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_https_or_of_this_machine() {
        for text in [
            "https://login.example.org",
            "https://a.example/realms/x/",
            "http://localhost:9/",
            "http://[::1]:9",
        ] {
            assert!(issuer_url(text).is_ok(), "{text}");
        }
        for text in [
            "http://login.example.org",
            "login.example.org",
            "https://a?b",
            "https://u@a",
            "ftp://localhost",
            "",
        ] {
            assert!(issuer_url(text).unwrap_err().contains("expected an https URL"), "{text}");
        }
    }

    #[test]
    fn the_keys_of_an_issuer_go_together() {
        let issuer = issuer_url("https://a.example").ok();
        let faults = |settings: &Settings| settings.faults().len();

        assert_eq!(faults(&Settings::default()), 0);
        assert_eq!(faults(&Settings { issuer: issuer.clone(), ..Settings::default() }), 1);
        assert_eq!(faults(&Settings { audience: Some("a".into()), ..Settings::default() }), 1);
        let both = Settings { issuer, client_id: Some("a".into()), ..Settings::default() };
        assert_eq!((faults(&both), both.identifier().as_str()), (0, "https://a.example"));
    }
}
