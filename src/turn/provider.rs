//! One request to one provider: request, status, size, time, JSON. The refresh task runs it;
//! it must never let a token or a credential into an error.

use std::error::Error as _;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use url::Url;

use super::answer::{self, Answer};
use super::secret::{Secret, is_given};
use super::settings::{CloudflareKeys, Endpoints, Settings, Twilio};
use super::{Source, cloudflare, endpoint, huggingface, twilio};

/// Largest answer that is read, in bytes. Cloudflare's has about 1 kB, Twilio's 2 kB.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// The provider that the settings choose.
#[derive(Clone, Debug)]
pub(super) enum Provider {
    Cloudflare(CloudflareKeys),
    HuggingFace(Secret),
    Twilio(Twilio),
}

impl Provider {
    /// The first provider whose credentials are set, in the order of [`Settings`]' doc.
    pub(super) fn choose(settings: &Settings) -> Option<Self> {
        let cloudflare =
            settings.cloudflare.as_ref().filter(|keys| !keys.key_id.is_empty() && !keys.api_token.is_empty());
        let hf_token = settings.hf_token.as_ref();
        let twilio = settings
            .twilio
            .as_ref()
            .filter(|account| !account.account_sid.is_empty() && !account.auth_token.is_empty());
        None.or_else(|| cloudflare.cloned().map(Self::Cloudflare))
            .or_else(|| hf_token.filter(|token| is_given(Some(token))).cloned().map(Self::HuggingFace))
            .or_else(|| twilio.cloned().map(Self::Twilio))
    }

    pub(super) fn source(&self) -> Source {
        match self {
            Self::Cloudflare(_) => Source::Cloudflare,
            Self::HuggingFace(_) => Source::HuggingFace,
            Self::Twilio(_) => Source::Twilio,
        }
    }

    /// What a person can do about an error.
    pub(super) fn advice(&self, error: &Error) -> &'static str {
        match error {
            Error::NoTls => "install a rustls crypto provider at start",
            Error::Client(_) => "check that the system has CA certificates",
            Error::Endpoint(_) => "check the provider's endpoint in the configuration",
            Error::Status(status) if status.is_client_error() => match self {
                Self::Cloudflare(_) => cloudflare::CHECK,
                Self::HuggingFace(_) => huggingface::CHECK,
                Self::Twilio(_) => twilio::CHECK,
            },
            Error::Request(_) | Error::Timeout(_) | Error::Status(_) | Error::TooLarge | Error::Answer(_) => {
                match self {
                    Self::HuggingFace(_) => huggingface::UNREACHABLE,
                    Self::Cloudflare(_) | Self::Twilio(_) => {
                        "check that this machine can reach the provider, or configure your own TURN server"
                    }
                }
            }
        }
    }

    fn request(
        &self,
        client: &Client,
        endpoints: &Endpoints,
        ttl: Duration,
    ) -> Result<RequestBuilder, Error> {
        let ttl_seconds = ttl.as_secs();
        match self {
            Self::Cloudflare(keys) => {
                let base = http_url(&endpoints.cloudflare)?;
                Ok(cloudflare::request(client, base, keys, ttl_seconds))
            }
            Self::HuggingFace(token) => {
                let base = http_url(&endpoints.huggingface)?;
                Ok(huggingface::request(client, base, token, ttl_seconds))
            }
            Self::Twilio(account) => {
                let base = http_url(&endpoints.twilio)?;
                Ok(twilio::request(client, base, account, ttl_seconds))
            }
        }
    }
}

/// Why a provider gave no servers.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("no rustls crypto provider is installed in this process")]
    NoTls,
    #[error("the HTTP client failed to start: {0}")]
    Client(String),
    #[error("the endpoint {0:?} is not an http or https URL")]
    Endpoint(String),
    #[error("the request failed: {0}")]
    Request(String),
    #[error("no answer within {} s", .0.as_secs_f32())]
    Timeout(Duration),
    #[error("the provider answered {0}")]
    Status(StatusCode),
    #[error("the answer is longer than {MAX_BODY_BYTES} bytes")]
    TooLarge,
    #[error(transparent)]
    Answer(#[from] answer::Error),
}

/// An HTTP client for the providers. Reads the system's CA certificates: not for a tokio thread.
///
/// reqwest panics if no crypto provider is installed, so this checks first.
pub(super) fn client() -> Result<Client, Error> {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        return Err(Error::NoTls);
    }
    Client::builder()
        .user_agent(concat!("scope/", env!("CARGO_PKG_VERSION")))
        // the token must not follow a redirect to another host
        .redirect(Policy::none())
        .build()
        .map_err(|error| Error::Client(chain(error)))
}

/// Asks `provider` for credentials with a lifetime of `ttl`, all within `limit`.
pub(super) async fn fetch(
    client: &Client,
    provider: &Provider,
    endpoints: &Endpoints,
    ttl: Duration,
    limit: Duration,
) -> Result<Answer, Error> {
    let request = provider.request(client, endpoints, ttl)?;
    let exchange = async {
        let response = request.send().await.map_err(request_error)?;
        if !response.status().is_success() {
            return Err(Error::Status(response.status()));
        }
        let body = read_body(response).await?;
        Ok(answer::parse(&body)?)
    };
    tokio::time::timeout(limit, exchange).await.unwrap_or(Err(Error::Timeout(limit)))
}

fn http_url(text: &str) -> Result<Url, Error> {
    endpoint::parse(text).ok_or_else(|| Error::Endpoint(text.to_owned()))
}

async fn read_body(mut response: Response) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(request_error)? {
        if body.len() + chunk.len() > MAX_BODY_BYTES {
            return Err(Error::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn request_error(error: reqwest::Error) -> Error {
    Error::Request(chain(error))
}

/// The error with its causes: reqwest's own text stops before the one that matters. Without the
/// URL, which names the account.
fn chain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
