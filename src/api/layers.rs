//! What holds for every request: bounds, headers, a line in the log.

use std::{any::Any, time::Duration};

use axum::{
    Router,
    error_handling::HandleErrorLayer,
    extract::{DefaultBodyLimit, Request},
    http::{HeaderName, HeaderValue, header},
    middleware::{self, Next},
    response::Response,
};
use tower::{BoxError, ServiceBuilder, limit::GlobalConcurrencyLimitLayer, timeout::TimeoutLayer};
use tower_http::{
    catch_panic::CatchPanicLayer, compression::CompressionLayer, set_header::SetResponseHeaderLayer,
};

use super::{Settings, State, error};

/// The page loads nothing from elsewhere; styles are set by its components.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; \
     style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'";

/// Bounds on the routes that do work: body, number at once, time. Probes stay outside.
pub fn limit(router: Router<State>, settings: &Settings) -> Router<State> {
    let bounds = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(bounded))
        .load_shed()
        .layer(GlobalConcurrencyLimitLayer::new(settings.requests_in_flight))
        .layer(TimeoutLayer::new(settings.request_limit.max(Duration::from_millis(1))));
    router.layer(bounds).layer(DefaultBodyLimit::max(settings.body_bytes))
}

/// What every answer has, whoever gives it.
pub fn wrap(router: Router<State>) -> Router<State> {
    let fixed = |name: HeaderName, value: &'static str| {
        SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
    };
    router
        .layer(CatchPanicLayer::custom(panicked))
        .layer(CompressionLayer::new())
        .layer(fixed(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(fixed(header::REFERRER_POLICY, "no-referrer"))
        .layer(fixed(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY))
        .layer(middleware::from_fn(log))
}

async fn bounded(fault: BoxError) -> Response {
    if fault.is::<tower::timeout::error::Elapsed>() { error::too_slow() } else { error::overloaded() }
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands the panic over")]
fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    tracing::error!(panic = text, "a handler panicked");
    error::panicked()
}

async fn log(request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let started = std::time::Instant::now();
    let response = next.run(request).await;
    let spent_ms = started.elapsed().as_millis();
    tracing::debug!(%method, path, status = response.status().as_u16(), spent_ms, "request");
    response
}
