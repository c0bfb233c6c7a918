//! A browser's sign-in at the issuer: authorization code with PKCE (OpenID Connect Core 1.0, section 3.1; RFC 7636).
//!
//! The server keeps nothing of one that has begun: the browser does, in a cookie of its own.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use url::Url;

use super::{Issuer, Rules, fetch};
use crate::access::key::random_text;

/// Why a browser is not signed in.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no issuer, or no name under which it knows this server.
    #[error("this server has no sign-in with an issuer; start it with --oidc-issuer and --oidc-client-id")]
    None,
    /// Nothing is known of it yet.
    #[error("the issuer does not answer, or has no sign-in; try again in a minute")]
    Silent,
    /// It is not what this browser began.
    #[error("expected the answer to a sign-in that this browser began in the last 10 minutes; sign in again")]
    State,
    /// The issuer or the person says no.
    #[error("the issuer refused: {0}; sign in again")]
    Refused(String),
    /// The request for the tokens.
    #[error("the issuer gave no token: {0}")]
    Exchange(#[from] fetch::Error),
    /// What it gave.
    #[error(
        "the issuer's token is not for this sign-in, or gives no role here; ask the server's operator for one"
    )]
    Token,
    /// The system has no random numbers.
    #[error("cannot begin a sign-in: {0}")]
    Random(#[from] std::io::Error),
}

/// A sign-in that a browser has begun.
pub struct Begun {
    /// Where it goes on.
    pub place: Url,
    /// What its browser keeps for the end.
    pub kept: String,
}

/// The query with which the issuer sends a browser back.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Returned {
    /// What the sign-in began with.
    state: Option<String>,
    /// What the server gets its tokens for.
    code: Option<String>,
    /// Why there is no code.
    error: Option<String>,
    /// The issuer (RFC 9207).
    iss: Option<String>,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
}

impl Issuer {
    /// Begins a sign-in that ends at `redirect`.
    ///
    /// # Errors
    /// [`Error::None`], [`Error::Silent`], [`Error::Random`].
    pub fn begin(&self, redirect: &str) -> Result<Begun, Error> {
        let client_id = self.settings().client_id.as_deref().ok_or(Error::None)?;
        let place = self.read(|known| known.endpoints.as_ref()?.authorization_endpoint.clone());
        let mut place = place.ok_or(Error::Silent)?;
        let (state, nonce, verifier) = (random_text()?, random_text()?, random_text()?);
        place.query_pairs_mut().extend_pairs([
            ("response_type", "code"),
            ("scope", "openid profile email"),
            ("client_id", client_id),
            ("redirect_uri", redirect),
            ("state", &state),
            ("nonce", &nonce),
            ("code_challenge", &BASE64.encode(Sha256::digest(verifier.as_bytes()))),
            ("code_challenge_method", "S256"),
        ]);
        Ok(Begun { place, kept: format!("{state}.{nonce}.{verifier}") })
    }

    /// Ends a sign-in whose browser has `kept` that; gives the ID token.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn finish(&self, kept: &str, returned: Returned, redirect: &str) -> Result<String, Error> {
        let client_id = self.settings().client_id.as_deref().ok_or(Error::None)?;
        let endpoints = self.read(|known| known.endpoints.clone()).ok_or(Error::Silent)?;
        let mut parts = kept.split('.');
        let (Some(state), Some(nonce), Some(verifier), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Error::State);
        };
        let is_same = returned.state.is_some_and(|sent| sent.as_bytes().ct_eq(state.as_bytes()).into());
        if !is_same || returned.iss.is_some_and(|issuer| issuer != endpoints.issuer()) {
            return Err(Error::State);
        }
        let Some(code) = returned.code else {
            let reason = returned.error.unwrap_or_default();
            return Err(Error::Refused(reason.chars().filter(char::is_ascii_graphic).take(64).collect()));
        };
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", redirect),
            ("client_id", client_id),
            ("code_verifier", verifier),
        ];
        let secret = self.settings().client_secret.as_ref();
        form.extend(secret.map(|secret| ("client_secret", secret.expose())));
        let place = endpoints.token_endpoint.clone().ok_or(Error::Silent)?;
        let answer = fetch::body(self.client().await?.post(place).form(&form)).await?;
        let tokens: Tokens = serde_json::from_slice(&answer)
            .map_err(|error| fetch::Error::Answer(format!("line {}: no ID token", error.line())))?;
        self.learn_key(&tokens.id_token).await;
        let rules = Rules { issuer: endpoints.issuer().to_owned(), audiences: vec![client_id.to_owned()] };
        let claims = self.read(|known| known.keys.verify(&tokens.id_token, &rules)).ok_or(Error::Token)?;
        let is_for_us = claims.get("azp").is_none_or(|party| party == client_id);
        let is_this_one = claims.get("nonce").and_then(Value::as_str) == Some(nonce);
        if is_for_us && is_this_one { Ok(tokens.id_token) } else { Err(Error::Token) }
    }
}
