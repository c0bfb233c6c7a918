//! What holds for every request: who may ask, bounds, headers, a line in the log.

use std::{
    any::Any,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    error_handling::HandleErrorLayer,
    extract::Request,
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use tower::{BoxError, ServiceBuilder, limit::GlobalConcurrencyLimitLayer, timeout::TimeoutLayer};
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::{
        CompressionLayer,
        predicate::{DefaultPredicate, NotForContentType, Predicate},
    },
    set_header::SetResponseHeaderLayer,
};
use tracing::Instrument;

use super::{Settings, State, buffering, error, origin, unread};
use crate::system;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The page loads nothing from elsewhere and sends nothing elsewhere; styles are set by its components.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; \
     style-src 'self' 'unsafe-inline'; form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors";

/// The page alone gets devices. A frame around it has to grant them too (`allow="camera; microphone"`).
const PERMISSIONS_POLICY: &str = "camera=(self), microphone=(self), display-capture=(self)";

/// Bounds on the routes that do work: body, number at once, time. Probes stay outside.
pub fn limit(router: Router<State>, settings: &Settings) -> Router<State> {
    let bounds = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(bounded))
        .load_shed()
        .layer(GlobalConcurrencyLimitLayer::new(settings.requests_in_flight))
        .layer(TimeoutLayer::new(settings.request_limit.max(Duration::from_millis(1))));
    // Outside the bounds: a request counts once it is complete.
    let buffering = buffering::Buffering::new(settings.body_bytes);
    let buffering = middleware::from_fn_with_state(buffering, buffering::receive);
    router.layer(bounds).layer(buffering).layer(SetResponseHeaderLayer::if_not_present(
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-store"), // credentials and figures of a moment
    ))
}

/// What every response has, from any route; requests of foreign names and pages end here.
pub fn wrap(router: Router, origin: origin::Settings) -> Router {
    let security_policy = format!("{CONTENT_SECURITY_POLICY} {}", origin.frame_ancestors());
    let security_policy = HeaderValue::try_from(security_policy).expect("a frame ancestor is plain ASCII");
    let origin = Arc::new(origin::Policy::new(origin, system::host_name().as_deref()));
    let fixed = |name: HeaderName, value: &'static str| {
        SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
    };
    // A router of its own around the other: axum sets `Allow` after the layers of the inner one.
    Router::new()
        .fallback_service(router)
        .layer(middleware::from_fn(methods))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(CompressionLayer::new().compress_when(worth_compressing()))
        .layer(middleware::from_fn_with_state(origin, origin::check))
        .layer(fixed(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(fixed(header::REFERRER_POLICY, "no-referrer"))
        .layer(fixed(HeaderName::from_static("cross-origin-resource-policy"), "same-origin"))
        .layer(fixed(HeaderName::from_static("cross-origin-opener-policy"), "same-origin"))
        .layer(fixed(HeaderName::from_static("permissions-policy"), PERMISSIONS_POLICY))
        .layer(SetResponseHeaderLayer::if_not_present(header::CONTENT_SECURITY_POLICY, security_policy))
        .layer(middleware::from_fn(unread::discard))
        .layer(middleware::from_fn(observe))
}

/// Video is compressed already; gzip would take its length and its ranges away.
fn worth_compressing() -> impl Predicate {
    DefaultPredicate::new().and(NotForContentType::const_new("video/"))
}

async fn bounded(fault: BoxError) -> Response {
    if fault.is::<tower::timeout::error::Elapsed>() { error::too_slow() } else { error::overloaded() }
}

#[expect(clippy::needless_pass_by_value, reason = "the signature that CatchPanicLayer calls")]
fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    tracing::error!(panic = text, "a handler panicked");
    error::panicked()
}

/// Says in JSON which methods a path takes, whichever router refused; answers `OPTIONS` with the same list.
async fn methods(request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = next.run(request).await;
    let allow = response.headers().get(header::ALLOW).cloned();
    match allow {
        Some(allow) if response.status() == StatusCode::METHOD_NOT_ALLOWED && method == Method::OPTIONS => {
            (StatusCode::NO_CONTENT, [(header::ALLOW, allow)]).into_response()
        }
        Some(allow) if response.status() == StatusCode::METHOD_NOT_ALLOWED => {
            error::wrong_method(&path, &allow)
        }
        _ => response,
    }
}

/// A span and a line for each request, and its id in the answer: the client's own, or a new one.
async fn observe(request: Request, next: Next) -> Response {
    let given = request.headers().get(&REQUEST_ID).filter(|id| is_id(id)).cloned();
    let id = given.or_else(|| HeaderValue::try_from(uuid::Uuid::new_v4().to_string()).ok());
    let shown = id.as_ref().and_then(|id| id.to_str().ok()).unwrap_or_default();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let span = tracing::debug_span!("request", request_id = shown);
    let started = Instant::now();
    async {
        let mut response = next.run(request).await;
        let (status, spent_ms) = (response.status().as_u16(), started.elapsed().as_millis());
        tracing::debug!(%method, path, status, spent_ms, "answered");
        if let Some(id) = id {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        response
    }
    .instrument(span)
    .await
}

/// Short and plain enough to repeat in a log line and a header.
fn is_id(id: &HeaderValue) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    (1..=64).contains(&id.len()) && id.as_bytes().iter().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_the_client_is_short_and_plain() {
        for (id, fine) in
            [("a-7", true), ("", false), ("a b", false), ("a\"b", false), (&"x".repeat(65), false)]
        {
            assert_eq!(is_id(&HeaderValue::from_str(id).unwrap()), fine, "{id:?}");
        }
    }
}
