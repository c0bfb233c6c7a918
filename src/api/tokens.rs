//! Short-lived tokens: what an application server gives its users' browsers.

use std::time::Duration;

use axum::{
    Extension, Json,
    extract::{Path, State as Extract, rejection::PathRejection},
    http::StatusCode,
};
use serde::Serialize;
use tokio::task::spawn_blocking;
use utoipa::ToSchema;

use super::{
    State,
    body::Object,
    error::Error,
    error_body::{FieldFault, Place},
};
use crate::{
    access::{Caller, Limits, Right, TokenError, audit},
    session,
};

/// A page that gets one connects with it at once.
const LIFETIME: u64 = 300;

/// Body of a request for a token.
#[derive(ToSchema)]
#[schema(as = TokenRequest)]
#[expect(dead_code, reason = "documents what Object reads field by field")]
pub struct RequestBody {
    /// What it may do with its sessions; no more than the caller.
    rights: Vec<Right>,
    /// Ids of the pipelines that it may run; all without.
    pipelines: Option<Vec<String>>,
    /// Origins of the pages that may use it; any without.
    origins: Option<Vec<String>>,
    /// Seconds that each of its sessions may last; no limit without.
    #[schema(minimum = 1)]
    max_seconds: Option<u32>,
    /// Sessions that it may make; no limit without.
    #[schema(minimum = 1)]
    sessions: Option<u32>,
    /// A session of the caller's, for which it has its rights too.
    session: Option<String>,
    /// Seconds until it is refused: 1 to 86,400, 300 without.
    #[schema(minimum = 1, maximum = 86_400)]
    expires_in: Option<u32>,
}

/// A new token.
#[derive(Serialize, ToSchema)]
pub struct TokenBody {
    /// The token, for `Authorization: Bearer`; it is shown this once.
    token: String,
    /// Its name, to revoke it.
    id: String,
    /// When it is refused, RFC 3339 in UTC.
    #[schema(format = DateTime)]
    expires: String,
}

/// Mints a token, which may do no more than the caller.
#[utoipa::path(post, path = "/api/v1/tokens", operation_id = "create_token", request_body = RequestBody, responses(
    (status = 200, body = TokenBody), (status = 403, description = "more than the caller may do itself"),
    (status = 404, description = "no such session")))]
pub async fn create(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
    mut body: Object,
) -> Result<Json<TokenBody>, Error> {
    if !body.has("rights") {
        body.missing("rights");
    }
    let names = body.strings("rights").unwrap_or_default();
    let limits = Limits {
        pipelines: body.strings("pipelines"),
        origins: body.strings("origins"),
        max_seconds: body.optional_index("max_seconds"),
        sessions: body.optional_index("sessions"),
        session: body.optional_string("session"),
    };
    let lifetime = body.optional_index("expires_in").map_or(LIFETIME, u64::from);
    body.check()?;
    let rights =
        names.iter().enumerate().map(|(index, name)| right(index, name)).collect::<Result<_, _>>()?;
    if let Some(id) = limits.session.as_deref().map(super::sessions::id_of) {
        let owned = state.registry.owner(&id).is_some_and(|owner| caller.owns(&owner));
        if !owned {
            return Err(session::Error::NotFound(id).into());
        }
    }
    let access = state.access.clone();
    let by = caller.clone();
    let mint = move || access.tokens().mint(&caller, rights, limits, Duration::from_secs(lifetime));
    let minted = on_disk(mint).await?;
    audit::note(&by, "token", &minted.id, &"minted");
    let expires = i64::try_from(minted.expires).ok().and_then(|at| jiff::Timestamp::from_second(at).ok());
    Ok(Json(TokenBody {
        token: minted.text,
        id: minted.id,
        expires: expires.unwrap_or(jiff::Timestamp::MAX).to_string(),
    }))
}

/// Revokes a token of the caller's, by its `id`. Idempotent: the server keeps no list of tokens.
#[utoipa::path(delete, path = "/api/v1/tokens/{token}", operation_id = "revoke_token",
    params(("token" = String, Path)), responses((status = 204)))]
pub async fn revoke(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Error> {
    let Ok(Path(id)) = id else { return Ok(StatusCode::NO_CONTENT) };
    if id.len() <= ID_BYTES {
        let access = state.access.clone();
        on_disk(move || access.tokens().revoke(&caller, &id)).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// No id is longer: a longer text is no token's.
const ID_BYTES: usize = 64;

fn right(index: usize, name: &str) -> Result<Right, Error> {
    Right::ALL.into_iter().find(|right| right.name() == name).ok_or_else(|| {
        let loc = vec![Place::body(), "rights".into(), index.into()];
        let expected = "expected publish, view, control or record, got another word".to_owned();
        Error::Fields(vec![FieldFault::new("enum", loc, expected, &name.into())])
    })
}

async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TokenError> + Send + 'static,
) -> Result<T, Error> {
    let done = spawn_blocking(work).await;
    let panicked =
        |_| Err(TokenError::State(std::io::Error::other("the server failed on this request; see its log")));
    done.unwrap_or_else(panicked).map_err(|error| Error::Access(error.into()))
}
