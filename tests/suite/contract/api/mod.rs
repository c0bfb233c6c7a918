//! The HTTP contract, asked of the binary that ships: every route, with what is right and what is wrong.

#![allow(clippy::unwrap_used, reason = "a helper's failed step is the test's failed step")]

mod page;
mod refusals;
mod schemas;
mod server;
mod sessions;
mod settings;

use std::{
    collections::BTreeSet,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use crate::support::{
    http::{self, Method, Response},
    server::Server,
};
use serde_json::{Value, json};

const CHROMIUM: &str = include_str!("../../../fixtures/offers/chromium.sdp");
const OFFER: &str = "/api/v1/webrtc/offer";
const JSON: &str = "application/json";
const SECRET: &str = "not a file of the page";

thread_local! {
    /// A server without a built page. Tests that run at the same time share it; the last one ends it.
    static SERVER: Arc<Server> = shared();
}

fn shared() -> Arc<Server> {
    static RUNNING: Mutex<Weak<Server>> = Mutex::new(Weak::new());
    let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    running.upgrade().unwrap_or_else(|| {
        let settings =
            [("SCOPE_OFFLINE", "1"), ("SCOPE_REQUEST_TIMEOUT", "3s"), ("SCOPE_MAX_SESSIONS", "100")];
        let server = Arc::new(Server::spawn(&["--ui-dir", "/nowhere"], &settings));
        *running = Arc::downgrade(&server);
        server
    })
}

fn url(path: &str) -> String {
    SERVER.with(|server| format!("{}{path}", server.url()))
}

fn get(path: &str) -> Response {
    http::get(&url(path)).unwrap()
}

fn send(method: &str, path: &str, kind: &str, body: impl Into<Vec<u8>>) -> Response {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    http::send(method, &url(path), &[("content-type", kind)], body.into()).unwrap()
}

fn offer(extra: &Value) -> Response {
    let mut body = json!({"sdp": CHROMIUM, "type": "offer"});
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    send("POST", OFFER, JSON, body.to_string())
}

/// A session that waits for its connection.
fn session() -> String {
    let answer = offer(&json!({}));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["sessionId"].as_str().unwrap().to_owned()
}

/// Every error has this shape.
#[track_caller]
fn assert_error(response: &Response, status: u16, code: &str) {
    let body = response.json();
    assert_eq!((response.status, body["code"].as_str()), (status, Some(code)), "{}", response.text());
    assert!(body["detail"].is_string() || body["detail"].is_array(), "{body}");
    assert_eq!(response.header("content-type"), Some(JSON), "{body}");
}

/// A request as it is written, sent to `server`; reqwest would tidy the path.
fn raw(server: &Server, head: &str, body: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(server.url().trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(format!("{head}\r\nhost: localhost\r\nconnection: close\r\n\r\n").as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("no status in {text:?}")), text)
}

/// A folder with a page, a link that leads out of it, and a server for it.
fn server_with_page() -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page");
    std::fs::create_dir_all(page.join("assets")).unwrap();
    for (name, text) in [
        ("page/index.html", "<!doctype html><title>Scope</title>"),
        ("page/logo.svg", "<svg/>"),
        ("page/assets/app.js", &"let app = 1;\n".repeat(100)),
        ("page/assets/.hidden", SECRET),
        ("secret.txt", SECRET),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    std::os::unix::fs::symlink(Path::new("../secret.txt"), page.join("link.txt")).unwrap();
    std::os::unix::fs::symlink(Path::new(".."), page.join("up")).unwrap();
    let server = Server::spawn(&["--ui-dir", page.to_str().unwrap()], &[("SCOPE_OFFLINE", "1")]);
    (folder, server)
}
