//! What callers hear that the server does not know, or whose role or rights do not reach.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{
    error_body::ErrorBody,
    refusal::{respond, too_many},
};
use crate::access::{Caller, IssuerError, Refused, TokenError};

/// Why a token was not minted, revoked or used, or nobody signed in.
#[derive(Debug)]
pub enum Fault {
    /// A token.
    Token(TokenError),
    /// A sign-in with a key.
    SignIn(Refused),
    /// A sign-in at the issuer.
    Issuer(IssuerError),
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        match self {
            Self::Token(error) => token(&error),
            Self::SignIn(error) => sign_in(&error),
            Self::Issuer(error) => issuer(&error),
        }
    }
}

impl From<TokenError> for Fault {
    fn from(error: TokenError) -> Self {
        Self::Token(error)
    }
}

impl From<IssuerError> for Fault {
    fn from(error: IssuerError) -> Self {
        Self::Issuer(error)
    }
}

impl From<Refused> for Fault {
    fn from(error: Refused) -> Self {
        Self::SignIn(error)
    }
}

/// A caller that the server does not know; `got` is what it showed in place of a key.
pub fn unauthorized(got: &str) -> Response {
    challenge(&format!(
        "expected a key of this server, got {got}; sign in on its page, or send it as `Authorization: Bearer KEY` \
         (`scope keys new` on the server makes one)"
    ))
}

/// A caller without what a route needs.
pub fn forbidden(needs: &str, caller: &Caller) -> Response {
    let (name, role) = (caller.name(), caller.role().name());
    let sentence =
        format!("expected {needs}, got {name} with the role {role}; ask the server's operator for it");
    respond(StatusCode::FORBIDDEN, ErrorBody::new(sentence, "forbidden"))
}

/// A sign-in that failed.
fn sign_in(error: &Refused) -> Response {
    match error {
        Refused::Unknown => challenge(&error.to_string()),
        Refused::TooMany(wait) => too_many(ErrorBody::new(error, "too_many_sign_ins"), Some(*wait)),
        Refused::Random(_) => {
            tracing::error!(%error, "a request failed");
            respond(StatusCode::INTERNAL_SERVER_ERROR, ErrorBody::new(error, "internal"))
        }
    }
}

/// A token that was not minted, revoked or used.
fn token(error: &TokenError) -> Response {
    let respond_as = |status, code| respond(status, ErrorBody::new(error, code));
    match error {
        TokenError::Exceeds(_) | TokenError::UsedUp(_) => respond_as(StatusCode::FORBIDDEN, "forbidden"),
        TokenError::Nothing
        | TokenError::Lifetime(_)
        | TokenError::Zero(_)
        | TokenError::Origin(_)
        | TokenError::TooLong(_) => respond_as(StatusCode::BAD_REQUEST, "bad_token_request"),
        TokenError::TooMany => respond_as(StatusCode::CONFLICT, "too_many_revoked_tokens"),
        TokenError::State(_) | TokenError::Sign(_) => {
            tracing::error!(%error, "a request failed");
            respond_as(StatusCode::INTERNAL_SERVER_ERROR, "internal")
        }
    }
}

fn issuer(error: &IssuerError) -> Response {
    let respond_as = |status, code| respond(status, ErrorBody::new(error, code));
    match error {
        IssuerError::None => respond_as(StatusCode::NOT_FOUND, "no_issuer"),
        IssuerError::Silent => respond_as(StatusCode::SERVICE_UNAVAILABLE, "issuer_silent"),
        IssuerError::State => respond_as(StatusCode::BAD_REQUEST, "not_this_sign_in"),
        IssuerError::Refused(_) | IssuerError::Token => challenge(&error.to_string()),
        IssuerError::Exchange(_) => {
            tracing::warn!(%error, "a sign-in failed");
            respond_as(StatusCode::BAD_GATEWAY, "issuer_failed")
        }
        IssuerError::Random(_) => {
            tracing::error!(%error, "a request failed");
            respond_as(StatusCode::INTERNAL_SERVER_ERROR, "internal")
        }
    }
}

/// 401 with the scheme that the server takes (RFC 9110, section 11.6.1).
fn challenge(sentence: &str) -> Response {
    let mut response = respond(StatusCode::UNAUTHORIZED, ErrorBody::new(sentence, "unauthorized"));
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}
