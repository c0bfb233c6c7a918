//! The built page: its files, its `index.html` for every other path, or a sentence where it is not built.

use std::path::{Path, PathBuf};

use axum::{
    Json, Router,
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::json;
use tower::ServiceExt;
use tower_http::services::{ServeDir, ServeFile};

use super::{State, error};

/// Where a built page may lie: below the working folder, below the binary's, where the image has it.
const PLACES: [&str; 3] = ["frontend/dist", "../../frontend/dist", "/usr/share/scope/ui"];

/// The page, if it is built.
pub struct Ui {
    folder: Option<PathBuf>,
}

impl Ui {
    /// The page in `folder`, or in the first of the usual places.
    pub fn find(folder: Option<&Path>) -> Self {
        let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.to_owned()));
        let places = PLACES.iter().map(PathBuf::from);
        let beside = beside.map(|beside| beside.join(PLACES[1]));
        let usual = places.take(1).chain(beside).chain([PathBuf::from(PLACES[2])]);
        let folder = folder.map(Path::to_owned);
        let candidates: Vec<_> =
            if folder.is_some() { folder.into_iter().collect() } else { usual.collect() };
        // The real path: a link inside the folder must not lead out of it unnoticed.
        let found = candidates.into_iter().filter_map(|place| place.canonicalize().ok());
        let folder = found.into_iter().find(|place| place.join("index.html").is_file());
        match &folder {
            Some(folder) => tracing::debug!(folder = %folder.display(), "page found"),
            None => tracing::warn!("the page is not built; `make run` builds it"),
        }
        Self { folder }
    }

    /// The routes of the page; the fallback of all others.
    pub fn router(self) -> Router<State> {
        match self.folder {
            None => {
                let sentence = "Scope API; the page is not built, `make run` builds it";
                Router::new().route("/", get(move || about(sentence))).fallback(not_built)
            }
            Some(folder) => {
                let index = folder.join("index.html");
                let front = index.clone();
                let files = Router::new()
                    .fallback_service(ServeDir::new(&folder).fallback(ServeFile::new(&index)))
                    .layer(middleware::from_fn(move |request, next| guard(folder.clone(), request, next)));
                Router::new()
                    .route(
                        "/",
                        get(move |headers: HeaderMap, request: Request| {
                            root(front.clone(), headers, request)
                        }),
                    )
                    .fallback_service(files)
            }
        }
    }
}

/// A browser gets the page, a program the facts.
async fn root(index: PathBuf, headers: HeaderMap, request: Request) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !accept.contains("text/html") {
        return about("Scope API").await;
    }
    match ServeFile::new(index).oneshot(request).await {
        Ok(response) => cached(response.into_response(), "no-cache"),
        Err(never) => match never {},
    }
}

async fn about(message: &'static str) -> Response {
    let body = json!({
        "name": "Scope", "message": message, "version": env!("CARGO_PKG_VERSION"),
        "docs": "/docs", "health": "/health",
    });
    let mut response = Json(body).into_response();
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
    response
}

async fn not_built() -> Response {
    error::no_file("the page is not built; run `make run`, or set SCOPE_UI_DIR to its folder")
}

/// Keeps requests inside the folder, and sets how long a browser may keep what it gets.
async fn guard(folder: PathBuf, request: Request, next: Next) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = error::wrong_method(request.uri().clone()).await;
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET,HEAD"));
        return response;
    }
    let path = request.uri().path().to_owned();
    let wanted = folder.join(path.trim_start_matches('/'));
    if wanted.canonicalize().is_ok_and(|real| !real.starts_with(&folder)) {
        return error::no_file("there is no such file");
    }
    let assets = path.starts_with("/assets/");
    if assets && !wanted.is_file() {
        return error::no_file("there is no such file; load the page again, it was built anew");
    }
    let response = next.run(request).await;
    cached(response, if assets { "public, max-age=31536000, immutable" } else { "no-cache" })
}

fn cached(mut response: Response, policy: &'static str) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(policy));
    response
}
