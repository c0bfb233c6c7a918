//! The issuer's description of itself (OpenID Connect Discovery 1.0, section 4). Pure.

use serde::Deserialize;
use url::Url;

use super::settings::is_safe;

/// Where the issuer answers what.
#[derive(Clone, Debug)]
pub struct Endpoints {
    issuer: String,
    /// Its public keys.
    pub jwks_uri: Url,
    /// Where a browser signs in.
    pub authorization_endpoint: Option<Url>,
    /// Where a code is exchanged for tokens.
    pub token_endpoint: Option<Url>,
}

#[derive(Deserialize)]
struct Wire {
    issuer: String,
    jwks_uri: String,
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
}

impl Endpoints {
    /// Where an issuer's description is.
    pub fn place(identifier: &str) -> String {
        format!("{}/.well-known/openid-configuration", identifier.trim_end_matches('/'))
    }

    /// Reads the description of the issuer with that identifier.
    ///
    /// # Errors
    /// A sentence: it is no description, another issuer's, or names an address that anybody could answer for.
    pub fn parse(bytes: &[u8], identifier: &str) -> Result<Self, String> {
        let read: Wire = serde_json::from_slice(bytes).map_err(|error| format!("no description: {error}"))?;
        if read.issuer.trim_end_matches('/') != identifier {
            return Err(format!("expected the description of {identifier}, got that of {}", read.issuer));
        }
        let address = |text: String| {
            let url = Url::parse(&text).ok().filter(is_safe);
            url.ok_or_else(|| format!("expected https addresses, got {text}"))
        };
        Ok(Self {
            issuer: read.issuer,
            jwks_uri: address(read.jwks_uri)?,
            authorization_endpoint: read.authorization_endpoint.map(address).transpose()?,
            token_endpoint: read.token_endpoint.map(address).transpose()?,
        })
    }

    /// The identifier as the issuer writes it, which its tokens have.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_description_is_of_its_issuer_and_names_safe_addresses() {
        let described = |issuer: &str, keys: &str| {
            let text = json!({"issuer": issuer, "jwks_uri": keys, "more": 1}).to_string();
            Endpoints::parse(text.as_bytes(), "https://a.example").map(|read| read.jwks_uri.to_string())
        };

        assert_eq!(described("https://a.example", "https://k.example/x"), Ok("https://k.example/x".into()));
        assert!(described("https://a.example/", "https://k.example").is_ok(), "Auth0 ends with a slash");
        assert!(described("https://b.example", "https://k.example").unwrap_err().contains("got that of"));
        assert!(described("https://a.example", "http://k.example").unwrap_err().contains("https"));
        assert!(Endpoints::parse(b"<html>", "https://a.example").is_err());
    }
}
