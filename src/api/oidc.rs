//! Signing in at an OpenID Connect issuer: the browser goes there, and comes back to a cookie as of a key's sign-in.

use axum::{
    extract::{Query, Request, State as Extract, rejection::QueryRejection},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{AppendHeaders, IntoResponse, Response},
};

use super::{State, access_error::Fault, error::Error, guard, sign_in};
use crate::access::{IssuerError, Returned, audit};

/// Where the issuer sends the browser back to.
const CALLBACK: &str = "/api/v1/sign-in/oidc/callback";
/// What a browser keeps of a sign-in that it has begun; this path alone gets it.
const COOKIE: &str = "scope_oidc";
/// Seconds for the person at the issuer: to find the telephone with the second factor.
const PATIENCE: u32 = 600;

/// Sends a browser to the issuer.
#[utoipa::path(get, path = "/api/v1/sign-in/oidc", operation_id = "begin_oidc_sign_in", responses(
    (status = 303, description = "to the issuer"), (status = 404, description = "there is none"),
    (status = 503, description = "it does not answer")))]
pub async fn begin(Extract(state): Extract<State>, request: Request) -> Result<Response, Error> {
    let redirect = callback(&state, request.uri(), request.headers()).ok_or(ended(IssuerError::State))?;
    let begun = state.access.begin_at_issuer(&redirect).map_err(ended)?;
    let place = HeaderValue::try_from(begun.place.as_str()).expect("a URL is ASCII");
    Ok(see_other(place, [kept(&begun.kept, PATIENCE, redirect.starts_with("https:"))]))
}

/// Takes a browser back from the issuer and signs it in.
#[utoipa::path(get, path = "/api/v1/sign-in/oidc/callback", operation_id = "finish_oidc_sign_in", params(Returned),
    responses((status = 303, description = "to the page, signed in"),
    (status = 400, description = "it is not the answer to what this browser began"),
    (status = 401, description = "the issuer refused, or its token gives no role"),
    (status = 502, description = "the issuer gave no token")))]
pub async fn finish(
    Extract(state): Extract<State>,
    query: Result<Query<Returned>, QueryRejection>,
    request: Request,
) -> Result<Response, Error> {
    let from = guard::address(request.extensions());
    let redirect = callback(&state, request.uri(), request.headers()).ok_or(ended(IssuerError::State))?;
    let begun = guard::cookie_named(request.headers(), COOKIE).ok_or(ended(IssuerError::State))?.to_owned();
    let Query(returned) = query.map_err(|_| ended(IssuerError::State))?;
    let (caller, value) =
        state.access.finish_at_issuer(&begun, returned, &redirect, from).await.map_err(ended)?;
    audit::note(&caller, "sign-in", "", &"signed in by the issuer");
    let secure = redirect.starts_with("https:");
    Ok(see_other(HeaderValue::from_static("/"), [kept("", 0, secure), sign_in::set_cookie(&value, secure)]))
}

fn ended(error: IssuerError) -> Error {
    Error::Access(Fault::Issuer(error))
}

/// The callback's address as the browser knows this server; `Host` is checked before any route.
fn callback(state: &State, uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = uri.authority().map(axum::http::uri::Authority::as_str).or(host)?;
    let scheme = if sign_in::is_https(state, headers) { "https" } else { "http" };
    Some(format!("{scheme}://{host}{CALLBACK}"))
}

/// `Lax`, since the issuer's page leads back here.
fn kept(value: &str, seconds: u32, secure: bool) -> HeaderValue {
    let secure = if secure { "; Secure" } else { "" };
    let text =
        format!("{COOKIE}={value}; Path={CALLBACK}; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::try_from(text).expect("base64url and our own words")
}

fn see_other<const N: usize>(place: HeaderValue, cookies: [HeaderValue; N]) -> Response {
    let policy = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let cookies = AppendHeaders(cookies.map(|cookie| (header::SET_COOKIE, cookie)));
    (StatusCode::SEE_OTHER, [(header::LOCATION, place), policy], cookies).into_response()
}
