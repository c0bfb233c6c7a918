//! Short-lived credentials from a secret shared with the TURN server, as coturn's
//! `use-auth-secret` checks them (draft-uberti-behave-turn-rest-00, section 2.2). Pure.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use sha1::Sha1;

use super::secret::Secret;
use super::server::IceServer;

/// The part of the user name after the expiry; TURN servers print it in their logs.
const USER: &str = "scope";

/// Mints credentials for `urls`, valid from `now` for `ttl`: the user name is
/// `<unix expiry>:scope`, the credential base64(HMAC-SHA1(secret, user name)).
pub(super) fn mint(urls: &[String], secret: &Secret, ttl: Duration, now: Timestamp) -> IceServer {
    let ttl_seconds = i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX);
    let expiry = now.as_second().saturating_add(ttl_seconds);
    let username = format!("{expiry}:{USER}");
    let credential = sign(secret.expose().as_bytes(), username.as_bytes());
    IceServer { urls: urls.to_vec(), username: Some(username), credential: Some(credential.into()) }
}

fn sign(key: &[u8], message: &[u8]) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(message);
    STANDARD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_those_that_openssl_computes() {
        let now = Timestamp::from_second(1_700_000_000).expect("a time in range");
        let urls = vec!["turn:relay.test".to_owned()];

        let server = mint(&urls, &Secret::from("north"), Duration::from_hours(1), now);

        // printf 1700003600:scope | openssl dgst -sha1 -hmac north -binary | base64
        assert_eq!(server.urls, urls);
        assert_eq!(server.username.as_deref(), Some("1700003600:scope"));
        assert_eq!(server.credential, Some("wo9dAsSdEN3KsVUOPc0lbDN1IjE=".into()));
    }

    #[test]
    fn hmac_is_that_of_rfc_2202() {
        // RFC 2202, section 3, test case 2
        let digest = sign(b"Jefe", b"what do ya want for nothing?");

        assert_eq!(digest, "7/zfauXrL6LSdBbV8YTfnCWafHk=");
    }
}
