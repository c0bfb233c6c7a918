//! A provider on a port of 127.0.0.1.

use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::turn::{Endpoints, Settings};

/// The fallback, by address so that no test asks DNS.
pub(super) const STUN: &str = "stun:127.0.0.1:19302";

/// What the fake answers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reply {
    Cloudflare,
    Twilio,
    Status(u16),
    Redirect,
    Html,
    Empty,
    Huge,
    Hang,
}

impl Reply {
    async fn respond(self) -> Response {
        match self {
            Self::Cloudflare => (StatusCode::CREATED, cloudflare_answer().to_string()).into_response(),
            Self::Twilio => (StatusCode::CREATED, twilio_answer().to_string()).into_response(),
            Self::Status(code) => StatusCode::from_u16(code).expect("a status").into_response(),
            Self::Redirect => Redirect::temporary("/elsewhere").into_response(),
            Self::Html => Html("<html>Sign in to the hotel's network</html>").into_response(),
            Self::Empty => r#"{"iceServers": []}"#.into_response(),
            Self::Huge => vec![b' '; 1 << 20].into_response(),
            Self::Hang => std::future::pending().await,
        }
    }
}

pub(super) struct Request {
    pub(super) method: Method,
    pub(super) uri: Uri,
    headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Request {
    pub(super) fn header(&self, name: &header::HeaderName) -> &str {
        let value = self.headers.get(name).expect("the header is there");
        value.to_str().expect("the header is text")
    }
}

#[derive(Clone)]
struct Script {
    reply: Arc<Mutex<Reply>>,
    requests: Arc<Mutex<Vec<Request>>>,
}

/// A provider on a port of 127.0.0.1 that records what it is asked.
pub(super) struct Fake {
    url: String,
    script: Script,
    task: JoinHandle<()>,
}

impl Fake {
    pub(super) async fn start(reply: Reply) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound port");
        let script = Script { reply: Arc::new(Mutex::new(reply)), requests: Arc::default() };
        let router = Router::new().fallback(record).with_state(script.clone());
        let task = tokio::spawn(async {
            axum::serve(listener, router).await.expect("axum::serve has no end");
        });
        Self { url: format!("http://{address}"), script, task }
    }

    pub(super) fn settings(&self) -> Settings {
        Settings {
            endpoints: Endpoints {
                cloudflare: self.url.clone(),
                huggingface: self.url.clone(),
                twilio: format!("{}/", self.url),
            },
            fallback_stun: vec![STUN.into()],
            ..Settings::default()
        }
    }

    pub(super) fn reply(&self, reply: Reply) {
        *self.script.reply.lock().unwrap() = reply;
    }

    pub(super) fn requests(&self) -> MutexGuard<'_, Vec<Request>> {
        self.script.requests.lock().unwrap()
    }

    pub(super) fn only_request(&self) -> Request {
        let mut requests = self.requests();
        assert_eq!(requests.len(), 1);
        requests.remove(0)
    }

    pub(super) async fn stop(mut self) {
        self.task.abort();
        (&mut self.task).await.expect_err("the task ends by the abort");
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn record(
    State(script): State<Script>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request = Request { method, uri, headers, body };
    script.requests.lock().unwrap().push(request);
    let reply = *script.reply.lock().unwrap();
    reply.respond().await
}

fn cloudflare_answer() -> Value {
    json!({"iceServers": [
        {"urls": ["stun:127.0.0.1:3478", "stun:127.0.0.1:53"]},
        {
            "urls": ["turn:127.0.0.1:3478?transport=udp", "turn:127.0.0.1:53?transport=udp"],
            "username": "u:1",
            "credential": "c/1",
        },
    ]})
}

fn twilio_answer() -> Value {
    json!({
        "username": "u", "password": "c", "ttl": "3600", "account_sid": "AC0",
        "ice_servers": [
            {"url": "stun:127.0.0.1:3478", "urls": "stun:127.0.0.1:3478"},
            {
                "url": "turn:127.0.0.1:3478?transport=udp",
                "urls": "turn:127.0.0.1:3478?transport=udp",
                "username": "u", "credential": "c",
            },
        ],
    })
}
