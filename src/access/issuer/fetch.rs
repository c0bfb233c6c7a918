//! One request to the issuer: status, size, time. Runs on the tasks that ask it; must never let a secret into an error.

use std::{error::Error as _, time::Duration};

use reqwest::{Client, RequestBuilder, StatusCode, redirect::Policy};

/// An issuer answers in well under a second; the server's start waits for this once.
const LIMIT: Duration = Duration::from_secs(5);
/// Largest answer that is read. A set of keys with certificates has some 20 kB.
const BODY_BYTES: usize = 512 * 1024;

/// Why an issuer gave no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The client.
    #[error("the HTTP client failed to start: {0}")]
    Client(String),
    /// The connection.
    #[error("the request failed: {0}")]
    Request(String),
    /// The time.
    #[error("no answer within {} s", LIMIT.as_secs())]
    Timeout,
    /// The status.
    #[error("the issuer answered {0}")]
    Status(StatusCode),
    /// The size.
    #[error("the answer is longer than {BODY_BYTES} bytes")]
    TooLarge,
    /// What it says.
    #[error("the answer of the issuer: {0}")]
    Answer(String),
}

/// An HTTP client for the issuer. Reads the system's CA certificates: not for a tokio thread.
///
/// # Errors
/// [`Error::Client`].
pub fn client() -> Result<Client, Error> {
    let agent = concat!("scope/", env!("CARGO_PKG_VERSION"));
    let built = Client::builder().user_agent(agent).redirect(Policy::none()).build();
    built.map_err(|error| Error::Client(error.to_string()))
}

/// The body of a successful answer.
///
/// # Errors
/// [`Error`].
pub async fn body(request: RequestBuilder) -> Result<Vec<u8>, Error> {
    let exchange = async {
        let mut response = request.send().await.map_err(failed)?;
        if !response.status().is_success() {
            return Err(Error::Status(response.status()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > BODY_BYTES {
                return Err(Error::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    };
    tokio::time::timeout(LIMIT, exchange).await.unwrap_or(Err(Error::Timeout))
}

/// The error with its causes: reqwest's own text stops before the one that matters.
fn failed(error: reqwest::Error) -> Error {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    Error::Request(text)
}
