//! HTTP: every route, and the OpenAPI document of the whole contract.
//!
//! Runs on tokio's workers. Must never touch GStreamer; what takes time is asked of a session and awaited.

mod access_error;
mod body;
mod buffering;
mod chain;
pub mod connections;
mod document;
mod domain_error;
mod error;
mod error_body;
mod graphviz;
mod guard;
mod headless;
mod host;
mod layers;
mod offer;
mod oidc;
pub mod origin;
mod pipelines;
mod recordings;
mod refusal;
pub mod server;
mod sessions;
mod sign_in;
mod sources;
mod tokens;
mod ui;
mod unread;
mod viewer;
mod waiting;

use std::{path::PathBuf, sync::Arc, time::Duration};

use axum::{Extension, Router, middleware, routing::any};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use utoipa_axum::{router::OpenApiRouter, routes};
use utoipa_swagger_ui::SwaggerUi;

use crate::{
    access::Access, metrics::Metrics, recordings::Store, session, stage, system::System, telemetry, turn,
};

/// Below these no file of the page is ever served, under the routes of today or of another day.
const RESERVED: [&str; 3] = ["/api", "/api/", "/api/{*path}"];

/// Bounds and places of the HTTP side.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Folder of the built page; looked for in the usual places without.
    pub ui_dir: Option<PathBuf>,
    /// Longest request body in bytes.
    pub body_bytes: usize,
    /// Requests a second of one caller that is no operator; 0 is no limit.
    pub request_rate: u32,
    /// Requests under way at once.
    pub requests_in_flight: usize,
    /// Longest time for a request.
    pub request_limit: Duration,
    /// Names and origins that the operator trusts.
    pub origin: origin::Settings,
    /// Whether the server speaks HTTPS.
    pub https: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ui_dir: None,
            body_bytes: 512 * 1024,
            request_rate: 50, // the page sends three a second
            requests_in_flight: 64,
            request_limit: Duration::from_secs(20),
            origin: origin::Settings::default(),
            https: false,
        }
    }
}

/// What the handlers work with.
#[derive(Clone)]
pub struct State {
    /// Who may do what.
    pub access: Access,
    /// All sessions.
    pub registry: session::Registry,
    /// All pipelines.
    pub catalog: stage::Catalog,
    /// ICE servers.
    pub turn: turn::Service,
    /// Bounds and places.
    pub settings: Settings,
    /// All recordings.
    pub recordings: Store,
    /// Every metric.
    pub metrics: Arc<Metrics>,
    /// The newest log lines.
    pub logs: telemetry::LogTail,
    /// Figures of the host.
    pub system: Arc<System>,
    /// Cancelled when the server stops.
    pub draining: CancellationToken,
    /// Seconds since 1970 at the server's start.
    pub started: f64,
}

/// The routes that do work, which [`layers::limit`] bounds.
fn bounded() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(sign_in::me))
        .routes(routes!(sign_in::sign_in))
        .routes(routes!(sign_in::sign_out))
        .routes(routes!(oidc::begin))
        .routes(routes!(oidc::finish))
        .routes(routes!(tokens::create))
        .routes(routes!(tokens::revoke))
        .routes(routes!(offer::create))
        .routes(routes!(offer::add_candidates, offer::close))
        .routes(routes!(offer::ice_servers))
        .routes(routes!(waiting::show, waiting::leave))
        .routes(routes!(waiting::watch))
        .routes(routes!(pipelines::schemas))
        .routes(routes!(pipelines::load))
        .routes(routes!(pipelines::status))
        .routes(routes!(sessions::list))
        .routes(routes!(sessions::show, sessions::close))
        .routes(routes!(sessions::graph_dot))
        .routes(routes!(sessions::graph_svg))
        .routes(routes!(sessions::launch))
        .routes(routes!(sessions::descriptions))
        .routes(routes!(sessions::switch_pipeline))
        .routes(routes!(sessions::set_parameters))
        .routes(routes!(recordings::list))
        .routes(routes!(recordings::show, recordings::delete))
        .routes(routes!(recordings::start))
        .routes(routes!(recordings::stop))
        .routes(routes!(recordings::file))
        .routes(routes!(headless::start))
        .routes(routes!(headless::stop))
        .routes(routes!(headless::parameters, headless::set_parameters))
        .routes(routes!(headless::frame))
        .routes(routes!(headless::output))
        .routes(routes!(headless::metrics))
        .routes(routes!(sources::kinds))
        .routes(routes!(sources::sources))
        .routes(routes!(host::hardware))
        .routes(routes!(host::system))
        .routes(routes!(host::logs))
}

/// Probes, and the page's own address.
fn open() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(host::health))
        .routes(routes!(host::ready))
        .routes(routes!(host::metrics))
        .routes(routes!(ui::root))
}

/// The OpenAPI document of every route and of the data channel's messages, as `GET /openapi.json` gives it.
pub fn document() -> Value {
    document::complete(bounded().merge(open()).into_openapi())
}

/// The route table.
pub fn router(state: State) -> Router {
    let (routes, open) = (Router::from(bounded()), Router::from(open()));
    let routes =
        RESERVED.into_iter().fold(routes, |routes, path| routes.route(path, any(error::unknown_path)));
    let ui = ui::Ui::find(state.settings.ui_dir.as_deref());
    let origin = state.settings.origin.clone();
    let all = layers::limit(routes, &state.settings)
        .merge(open)
        .merge(SwaggerUi::new("/docs").external_url_unchecked("/openapi.json", document()))
        .fallback(ui::file)
        .layer(Extension(Arc::new(ui)))
        .layer(middleware::from_fn_with_state(guard::Guard::new(state.clone()), guard::check));
    layers::wrap(all.with_state(state), origin)
}

#[cfg(test)]
mod tests;
