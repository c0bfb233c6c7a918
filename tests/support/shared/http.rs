//! HTTP from a blocking test. Requests run on one small runtime of the process, so that they work in a plain test and
//! inside another runtime alike; no connection is kept, so that the server's file descriptors can be counted.

use std::sync::{OnceLock, mpsc};
use std::time::Duration;

use serde_json::Value;

/// Longer than every limit that the server has on a request.
const LIMIT: Duration = Duration::from_secs(30);

pub use reqwest::Method;

/// A whole response.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Vec<u8>,
}

impl Response {
    /// The body as JSON, `null` where it is not.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header's value, where it is there and text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

pub fn get(url: &str) -> Result<Response, reqwest::Error> {
    send(Method::GET, url, &[], Vec::new())
}

pub fn delete(url: &str) -> Result<Response, reqwest::Error> {
    send(Method::DELETE, url, &[], Vec::new())
}

pub fn post_json(url: &str, body: &Value) -> Result<Response, reqwest::Error> {
    send(Method::POST, url, &[("content-type", "application/json")], body.to_string().into_bytes())
}

pub fn patch_json(url: &str, body: &Value) -> Result<Response, reqwest::Error> {
    send(Method::PATCH, url, &[("content-type", "application/json")], body.to_string().into_bytes())
}

/// Sends any request and reads the whole response.
pub fn send(
    method: Method,
    url: &str,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> Result<Response, reqwest::Error> {
    let request = headers
        .iter()
        .fold(client().request(method, url), |request, (name, value)| request.header(*name, *value))
        .body(body);
    let (sender, receiver) = mpsc::channel();
    runtime().spawn(async move {
        sender.send(read(request).await).ok(); // the test has gone
    });
    receiver.recv().expect("the request has a limit of its own")
}

async fn read(request: reqwest::RequestBuilder) -> Result<Response, reqwest::Error> {
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(Response { status, headers, body: response.bytes().await?.to_vec() })
}

fn client() -> &'static reqwest::Client {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    CLIENT.get_or_init(|| {
        rustls::crypto::ring::default_provider().install_default().ok(); // the test may have installed it
        reqwest::Client::builder()
            .timeout(LIMIT)
            .pool_max_idle_per_host(0)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .tls_danger_accept_invalid_certs(true)
            .build()
            .expect("a client with these settings builds")
    })
}

pub fn runtime() -> &'static tokio::runtime::Runtime {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime with one thread starts")
    })
}
