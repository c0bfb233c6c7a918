//! The one place in front of every route: who asks, what the route needs, and the refusal.
//!
//! A caller that may not know of a session or recording hears of it what it would hear of one that there never was: ids
//! are no oracle.

mod evidence;
mod policy;
mod rate;

use std::sync::Arc;

use axum::{
    RequestExt,
    extract::{MatchedPath, RawPathParams, Request, State as Extract},
    http::{Method, StatusCode},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tokio::task::spawn_blocking;

pub use self::evidence::{COOKIE, address, cookie, cookie_named};
use self::{policy::Need, rate::Rates};
use super::{
    State, access_error,
    error::{self, Error},
    sessions::id_of,
};
use crate::{
    access::{Caller, Role, audit},
    recordings, session,
    signalling::Reach,
};

/// Where DELETE of a session that there is not is a success, as in Scope.
const IDEMPOTENT: &str = "/api/v1/webrtc/offer/";

/// What the guard works with; clones share it.
#[derive(Clone)]
pub struct Guard {
    state: State,
    rates: Arc<Rates>,
}

impl Guard {
    /// Nobody has asked yet.
    pub fn new(state: State) -> Self {
        let rates = Arc::new(Rates::new(state.settings.request_rate));
        Self { state, rates }
    }
}

/// Lets a request through whose caller has what the route needs; later steps find the [`Caller`] and its [`Reach`] in
/// its extensions.
pub async fn check(
    Extract(Guard { state, rates }): Extract<Guard>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let evidence = evidence::of(&parts);
    let caller = state.access.authenticate(&evidence).await;
    let reach = if evidence.direct { Reach::Host } else { Reach::Network };
    let got = if evidence.key.is_some() { "one that it does not know or has revoked" } else { "none" };
    let (method, changes) = (parts.method.clone(), policy::changes(&parts.method));
    let path = parts.extensions.get::<MatchedPath>().map(|path| path.as_str().to_owned());
    if let Err(wait) = rates.check(&caller, path.as_deref()) {
        return error::too_fast(state.settings.request_rate, wait); // no line of the audit: floods fill no log
    }
    // Without a route it is a file of the page.
    let need = path.as_deref().map_or(Need::Nothing, |path| policy::need(&parts.method, path));
    let mut request = Request::from_parts(parts, body);
    let on = if changes { named(&mut request).await } else { String::new() };
    let response = if let Err(refusal) = permit(&state, &mut request, need, &caller, got).await {
        refusal
    } else {
        request.extensions_mut().insert(caller.clone());
        request.extensions_mut().insert(reach);
        next.run(request).await
    };
    if let Some(path) = path.filter(|_| changes) {
        audit::note(&caller, &format!("{method} {path}"), &on, &response.status().as_u16());
    }
    response
}

async fn permit(
    state: &State,
    request: &mut Request,
    need: Need,
    caller: &Caller,
    got: &str,
) -> Result<(), Response> {
    let right = match need {
        Need::Nothing => return Ok(()),
        Need::Key if caller.may_mint() => return Ok(()),
        Need::Key if caller.role() != Role::Nobody => {
            return Err(access_error::forbidden("a key of the role user or operator", caller));
        }
        _ if caller.is_operator() => return Ok(()),
        _ if caller.role() == Role::Nobody => return Err(access_error::unauthorized(got)),
        Need::Somebody => return Ok(()),
        Need::Operator | Need::Key => return Err(access_error::forbidden("the role operator", caller)),
        Need::Right(right) | Need::Session(right) | Need::Recording(right) => right,
    };
    if !caller.rights().has(right) {
        return Err(access_error::forbidden(&format!("the right {}", right.name()), caller));
    }
    match need {
        Need::Session(_) => own_session(state, request, caller).await,
        Need::Recording(_) => own_recording(state, request, caller).await,
        Need::Nothing | Need::Somebody | Need::Right(_) | Need::Key | Need::Operator => Ok(()),
    }
}

async fn own_session(state: &State, request: &mut Request, caller: &Caller) -> Result<(), Response> {
    let id = id_of(&named(request).await);
    let given = || caller.is_given(&id.to_string());
    if state.registry.owner(&id).is_some_and(|owner| caller.owns(&owner) || given()) {
        return Ok(());
    }
    // As the route itself answers for a session that there is not.
    let path = request.uri().path();
    Err(if request.method() == Method::DELETE && path.starts_with(IDEMPOTENT) {
        StatusCode::NO_CONTENT.into_response()
    } else {
        Error::from(session::Error::NotFound(id)).into_response()
    })
}

async fn own_recording(state: &State, request: &mut Request, caller: &Caller) -> Result<(), Response> {
    let (store, id) = (state.recordings.clone(), named(request).await);
    let asked = id.clone();
    let owner = spawn_blocking(move || store.owner(&asked)).await.ok().flatten();
    if owner.is_some_and(|owner| caller.owns(&owner.as_str().into())) {
        return Ok(());
    }
    Err(Error::from(recordings::Error::NotFound(id_of(&id).to_string())).into_response())
}

/// The `{id}` or `{token}` of the path; empty where it has none.
async fn named(request: &mut Request) -> String {
    let parameters = request.extract_parts::<RawPathParams>().await;
    let id = parameters.ok().and_then(|all| {
        all.iter().find(|(name, _)| ["id", "token"].contains(name)).map(|(_, id)| id.to_owned())
    });
    id.unwrap_or_default()
}
