//! Who may do what, asked of the binary that ships: keys, sign-ins, ownership.

#![allow(clippy::unwrap_used, reason = "a helper's failed step is the test's failed step")]

mod audit;
mod issuer;
mod keys;
mod limits;
mod ownership;
mod routes;
mod sign_in;
mod tokens;
mod waiting;

use serde_json::{Value, json};

use crate::support::{
    http::{self, Method, Response},
    server::{Server, scope},
};

const CHROMIUM: &str = include_str!("../../../fixtures/offers/chromium.sdp");
const OFFER: &str = "/api/v1/webrtc/offer";
/// What makes a request over loopback a stranger's: as a proxy passes it on.
const FOREIGN: (&str, &str) = ("x-forwarded-for", "203.0.113.9");

/// A server with its own state folder, and keys in it.
struct Fixture {
    state: tempfile::TempDir,
    server: Server,
}

impl Fixture {
    fn new(args: &[&str]) -> Self {
        let state = tempfile::tempdir().unwrap();
        let recordings = state.path().join("recordings");
        let settings = [
            ("SCOPE_OFFLINE", "1"),
            ("SCOPE_CONNECT_TIMEOUT", "120s"), // none of these sessions connects
            ("SCOPE_RECORDINGS", recordings.to_str().unwrap()),
            ("SCOPE_STATE_DIR", state.path().to_str().unwrap()),
        ];
        let server = Server::spawn(args, &settings);
        Self { state, server }
    }

    /// A key made while the server runs; waits until the server knows it.
    fn key(&self, name: &str, role: &str) -> String {
        let key = new_key(&self.state, name, role);
        let known = || ask(&self.server, "GET", "/api/v1/me", Some(&key), "").json()["role"] == role;
        assert!(
            crate::support::wait_until(known, crate::support::LIMIT),
            "the server does not read its keys again"
        );
        key
    }

    /// A request of a stranger, or of the one who has `key`.
    fn ask(&self, method: &str, path: &str, key: Option<&str>, body: &str) -> Response {
        ask(&self.server, method, path, key, body)
    }

    /// A session that waits for its connection.
    fn session(&self, key: &str) -> String {
        let answer =
            self.ask("POST", OFFER, Some(key), &json!({"sdp": CHROMIUM, "type": "offer"}).to_string());
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["sessionId"].as_str().unwrap().to_owned()
    }

    /// A recording that is over.
    fn recording(&self, key: &str) -> String {
        let session = self.session(key);
        let start = self.ask("POST", &format!("/api/v1/recordings/{session}/start"), Some(key), "");
        assert_eq!(start.status, 200, "{}", start.text());
        let stop = self.ask("POST", &format!("/api/v1/recordings/{session}/stop"), Some(key), "");
        assert_eq!(stop.status, 200, "{}", stop.text());
        start.json()["id"].as_str().unwrap().to_owned()
    }
}

/// `scope keys new`.
fn new_key(state: &tempfile::TempDir, name: &str, role: &str) -> String {
    let mut command = scope();
    command.args(["keys", "new", "--name", name, "--role", role]).env("SCOPE_STATE_DIR", state.path());
    let made = command.output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    String::from_utf8(made.stdout).unwrap().trim().to_owned()
}

fn ask(server: &Server, method: &str, path: &str, key: Option<&str>, body: &str) -> Response {
    let bearer = key.map(|key| format!("Bearer {key}"));
    let mut headers = vec![FOREIGN];
    headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
    send(server, method, path, &headers, body)
}

fn send(server: &Server, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
    let mut headers = headers.to_vec();
    if !body.is_empty() {
        headers.push(("content-type", "application/json"));
    }
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    http::send(method, &format!("{}{path}", server.url()), &headers, body.into()).unwrap()
}

fn code(response: &Response) -> Value {
    response.json()["code"].clone()
}
