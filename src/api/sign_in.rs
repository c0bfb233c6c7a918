//! Who the caller is, signing in with a key and out: a page keeps no key, but a cookie that its scripts cannot read.

use axum::{
    Extension, Json,
    extract::{FromRequest, Request, State as Extract},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{State, body::Object, error::Error, guard};
use crate::access::{Caller, Right, Role};

/// The caller, as the server knows it.
#[derive(Serialize, ToSchema)]
pub struct MeBody {
    /// The name under which it owns sessions and recordings.
    subject: String,
    /// Its name for people.
    name: String,
    /// What it may do in general; `nobody` for a stranger.
    role: Role,
    /// What it may do with its sessions; `publish` is to make and end them.
    rights: Vec<Right>,
    /// Whether the server is open: everybody is an operator.
    open: bool,
    /// How one can sign in.
    sign_in: WaysBody,
}

/// How one can sign in.
#[derive(Serialize, ToSchema)]
#[schema(as = SignInWays)]
pub struct WaysBody {
    /// With a key.
    key: bool,
    /// At an OpenID Connect issuer; null where there is none.
    oidc: Option<OidcWayBody>,
}

/// Signing in at an issuer.
#[derive(Serialize, ToSchema)]
#[schema(as = OidcWay)]
pub struct OidcWayBody {
    /// The issuer's host, for people.
    name: String,
    /// Where to go.
    url: &'static str,
}

/// Body of a sign-in.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents what Object reads field by field")]
pub struct SignInBody {
    /// A key of this server.
    key: String,
}

/// Who the caller is. Always 200: a stranger has the role `nobody`.
#[utoipa::path(get, path = "/api/v1/me", operation_id = "get_me", responses((status = 200, body = MeBody)))]
pub async fn me(Extract(state): Extract<State>, Extension(caller): Extension<Caller>) -> Json<MeBody> {
    Json(about(&state, &caller))
}

/// Signs a browser in: the answer sets a cookie that stands for the key until `POST /api/v1/sign-out`.
#[utoipa::path(post, path = "/api/v1/sign-in", operation_id = "sign_in", request_body = SignInBody, responses(
    (status = 200, body = MeBody), (status = 401, description = "the server does not know the key"),
    (status = 429, description = "too many failed before; Retry-After says when to try again")))]
pub async fn sign_in(Extract(state): Extract<State>, request: Request) -> Result<Response, Error> {
    let from = guard::address(request.extensions());
    let secure = is_https(&state, request.headers());
    let mut body = Object::from_request(request, &state).await?;
    let key = body.string("key");
    body.check()?;
    let (caller, value) = state.access.sign_in(&key, from).map_err(|error| Error::Access(error.into()))?;
    Ok(([(header::SET_COOKIE, set_cookie(&value, secure))], Json(about(&state, &caller))).into_response())
}

/// Signs a browser out. Idempotent.
#[utoipa::path(post, path = "/api/v1/sign-out", operation_id = "sign_out", responses((status = 204)))]
pub async fn sign_out(Extract(state): Extract<State>, headers: HeaderMap) -> Response {
    if let Some(value) = guard::cookie(&headers) {
        state.access.sign_out(value);
    }
    let cookie = format!("{}; Max-Age=0", text("", is_https(&state, &headers)));
    (StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response()
}

/// The cookie for a key of a sign-in link; `None` where the server does not take it.
pub fn by_link(state: &State, key: &str, request: &Request) -> Option<HeaderValue> {
    let (_, value) = state.access.sign_in(key, guard::address(request.extensions())).ok()?;
    Some(set_cookie(&value, is_https(state, request.headers())))
}

fn about(state: &State, caller: &Caller) -> MeBody {
    MeBody {
        subject: caller.subject().to_string(),
        name: caller.name().to_owned(),
        role: caller.role(),
        rights: caller.rights().list(),
        open: state.access.is_open(),
        sign_in: WaysBody {
            key: true,
            oidc: state.access.issuer_name().map(|name| OidcWayBody { name, url: "/api/v1/sign-in/oidc" }),
        },
    }
}

/// The cookie of a sign-in.
pub fn set_cookie(value: &str, secure: bool) -> HeaderValue {
    HeaderValue::try_from(text(value, secure)).expect("base64url and our own words")
}

/// A cookie of this server alone: no script reads it, no other site's request carries it (RFC 6265bis, section 5.6.7).
fn text(value: &str, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{}={value}; Path=/; HttpOnly; SameSite=Strict{secure}", guard::COOKIE)
}

/// Whether the browser speaks HTTPS, to this server or to a proxy in front of it. A client that claims it for itself gets
/// a cookie that plain HTTP does not carry, and harms nobody else.
pub fn is_https(state: &State, headers: &HeaderMap) -> bool {
    state.settings.https || headers.get("x-forwarded-proto").is_some_and(|scheme| scheme == "https")
}
