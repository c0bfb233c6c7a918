//! The built page: its files, its `index.html` for every other path, or a sentence where it is not built.
//!
//! Runs on tokio's workers; the file system is asked on blocking threads. Must never serve a file that lies,
//! links followed, outside the page's folder.

use std::{
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use axum::{
    Extension, Json,
    extract::{Query, Request, State as Extract, rejection::QueryRejection},
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use tower::ServiceExt;
use tower_http::services::ServeFile;
use utoipa::{IntoParams, ToSchema};

use super::{State, error, sign_in};

/// Where a built page may lie: below the working folder, below the binary's, where the image has it.
const PLACES: [&str; 3] = ["frontend/dist", "../../frontend/dist", "/usr/share/scope/ui"];
const NOT_BUILT: &str = "the page is not built; `make run` builds it, or set SCOPE_UI_DIR to its folder";
const OPEN: &str = "open to everybody: every caller is an operator; start without --open to require keys";
const NO_FILE: &str = "no such file; reload the page, it may have been rebuilt";
/// Vite puts a hash of the content into these names, so the content behind a name never changes.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// Cached but revalidated each time: a new build shows at once.
const ASK_AGAIN: &str = "no-cache";

/// What a program learns at the root.
#[derive(Serialize, ToSchema)]
pub struct RootBody {
    name: &'static str,
    version: &'static str,
    /// Where the API is documented.
    docs: &'static str,
    /// Where health is reported.
    health: &'static str,
    /// What a browser finds here, or how to build the page.
    message: &'static str,
    /// What the operator should change; absent where there is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    warning: Option<&'static str>,
}

/// What the root's address may carry.
#[derive(Deserialize, IntoParams)]
pub struct RootQuery {
    /// A key, as a sign-in link has it: the answer is a redirect to the page with the sign-in's cookie.
    key: Option<String>,
}

/// The page, if it is built.
pub struct Ui {
    /// Its real path, links followed.
    folder: Option<PathBuf>,
}

impl Ui {
    /// The page in `folder`, or in the first of the usual places.
    pub fn find(folder: Option<&Path>) -> Self {
        let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join(PLACES[1])));
        let usual = [PLACES[0].into()].into_iter().chain(beside).chain([PathBuf::from(PLACES[2])]);
        let places: Vec<_> = folder.map_or_else(|| usual.collect(), |folder| vec![folder.to_owned()]);
        let found = places.into_iter().filter_map(|place| place.canonicalize().ok());
        let folder = found.into_iter().find(|place| place.join("index.html").is_file());
        if let Some(folder) = &folder {
            tracing::debug!(folder = %folder.display(), "page found");
        } else {
            tracing::warn!("{NOT_BUILT}");
        }
        Self { folder }
    }
}

/// The page for a browser, else what this server is.
#[utoipa::path(get, path = "/", operation_id = "get_root", params(RootQuery), responses(
    (status = 200, description = "the page where `Accept` has `text/html` and it is built, else JSON",
    content((RootBody = "application/json"), (String = "text/html"))),
    (status = 303, description = "to the page, signed in where the server knows the `key`")))]
pub async fn root(
    Extract(state): Extract<State>,
    Extension(ui): Extension<Arc<Ui>>,
    query: Result<Query<RootQuery>, QueryRejection>,
    request: Request,
) -> Response {
    if let Ok(Query(RootQuery { key: Some(key) })) = query {
        // The address that stays in the browser's history has no key.
        let place = (header::LOCATION, HeaderValue::from_static("/"));
        let policy = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let cookie = sign_in::by_link(&state, &key, &request).map(|cookie| [(header::SET_COOKIE, cookie)]);
        return (StatusCode::SEE_OTHER, [place, policy], cookie, ()).into_response();
    }
    let accept = request
        .headers()
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let mut response = match &ui.folder {
        Some(folder) if accept.contains("text/html") => {
            serve(&folder.join("index.html"), ASK_AGAIN, request).await
        }
        folder => Json(RootBody {
            name: "Scope",
            version: env!("CARGO_PKG_VERSION"),
            docs: "/docs",
            health: "/health",
            message: if folder.is_some() { "Scope API; a browser gets the page here" } else { NOT_BUILT },
            warning: state.access.is_open().then_some(OPEN),
        })
        .into_response(),
    };
    response.headers_mut().append(header::VARY, HeaderValue::from_static("accept"));
    response
}

/// Every path without a route: a file of the page, else its `index.html`.
pub async fn file(Extension(ui): Extension<Arc<Ui>>, request: Request) -> Response {
    let Some(folder) = ui.folder.clone() else { return error::no_file(NOT_BUILT) };
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return error::wrong_method(request.uri().path(), &HeaderValue::from_static("GET,HEAD"));
    }
    let Some(path) = inner_path(request.uri().path()) else { return error::no_file(NO_FILE) };
    let asset = path.starts_with("assets");
    let index = folder.join("index.html");
    match spawn_blocking(move || look_up(&folder, &path)).await {
        Ok(Found::File(file)) => serve(&file, if asset { FOR_EVER } else { ASK_AGAIN }, request).await,
        Ok(Found::Nothing) if !asset => serve(&index, ASK_AGAIN, request).await,
        Ok(Found::Nothing | Found::Outside) | Err(_) => error::no_file(NO_FILE),
    }
}

/// What lies at a path of the page's folder.
#[derive(Debug, PartialEq)]
enum Found {
    /// This file, links followed.
    File(PathBuf),
    /// No file.
    Nothing,
    /// A link that leads out of the folder.
    Outside,
}

fn look_up(folder: &Path, path: &Path) -> Found {
    match folder.join(path).canonicalize() {
        Ok(real) if !real.starts_with(folder) => Found::Outside,
        Ok(real) if real.is_file() => Found::File(real),
        Ok(_) | Err(_) => Found::Nothing,
    }
}

/// The path of a URL, decoded; `None` where it is no plain path downwards or names a hidden file.
fn inner_path(url_path: &str) -> Option<PathBuf> {
    let text = decode(url_path)?;
    let path = PathBuf::from(text.trim_start_matches('/'));
    let plain = path.components().all(|part| match part {
        Component::Normal(name) => !name.as_encoded_bytes().starts_with(b"."),
        Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => false,
    });
    (plain && !text.contains(['\0', '\\'])).then_some(path)
}

/// Percent-decoding (RFC 3986, section 2.1); `None` where it is broken or gives no UTF-8.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if byte == b'%' {
            let (digits, after) = after.split_at_checked(2)?;
            let digit = |index: usize| char::from(digits[index]).to_digit(16);
            bytes.push(u8::try_from(digit(0)? * 16 + digit(1)?).ok()?);
            rest = after;
        } else {
            bytes.push(byte);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

async fn serve(file: &Path, policy: &'static str, request: Request) -> Response {
    let mut response = match ServeFile::new(file).oneshot(request).await {
        Ok(response) => response.into_response(),
        Err(never) => match never {},
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(policy));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_goes_downwards_only() {
        assert_eq!(inner_path("/assets/a%20b.js"), Some("assets/a b.js".into()));
        assert_eq!(inner_path("/"), Some(PathBuf::new()));
        for path in [
            "/../x",
            "/%2e%2e/x",
            "/a/..%2f..%2fx",
            "/..%5cx",
            "/a%00",
            "/%ff",
            "/%2",
            "/%zz",
            "/.env",
            "/a/.git/config",
        ] {
            assert_eq!(inner_path(path), None, "{path}");
        }
        assert_eq!(inner_path("//etc/passwd"), Some("etc/passwd".into()));
    }

    #[test]
    fn a_link_that_leads_out_is_not_followed_and_one_inside_is() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().canonicalize().unwrap().join("page");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("a"), "").unwrap();
        std::fs::write(outer.path().join("secret"), "").unwrap();
        std::os::unix::fs::symlink("a", folder.join("inside")).unwrap();
        std::os::unix::fs::symlink("../secret", folder.join("outside")).unwrap();
        std::os::unix::fs::symlink("..", folder.join("up")).unwrap();

        let found = |path: &str| look_up(&folder, Path::new(path));

        assert_eq!(found("inside"), Found::File(folder.join("a")));
        assert_eq!(found("outside"), Found::Outside);
        assert_eq!(found("up/secret"), Found::Outside);
        assert_eq!(found("nothing"), Found::Nothing);
        assert_eq!(found(""), Found::Nothing);
    }
}
