//! ICE servers for the browser and for webrtcbin: a static list, coturn's shared secret,
//! Cloudflare, Cloudflare through Hugging Face, Twilio, else STUN.
//!
//! Owns the cache of a provider's credentials and one tokio task, which renews them at 80 % of
//! their lifetime and resolves host names. Callers read the cache under a short lock; they never
//! wait for a provider or for DNS. It must never hand out expired credentials, never print a secret
//! and never keep the server from starting: any failure leaves STUN, a warning and
//! [`Status::last_error`].
//!
//! [`probe`] tests one server for `scope doctor`; no session needs it.
//!
//! reqwest is built without a TLS provider of its own, so that the process has only one (ring). The
//! app calls `rustls::crypto::ring::default_provider().install_default()` before
//! [`Service::start`]; without it the providers fail with an error that says so.

mod answer;
mod cloudflare;
mod coturn;
mod endpoint;
mod huggingface;
mod message;
mod probe;
mod provider;
mod refresh;
mod resolve;
mod secret;
mod server;
mod settings;
#[cfg(test)]
mod tests;
mod twilio;
mod uri;

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::warn;

pub use self::probe::{Answer, ProbeError, probe};
pub use self::secret::Secret;
pub use self::server::IceServer;
pub use self::settings::{CloudflareKeys, Endpoints, Error, Settings, Twilio};

use self::provider::Provider;
use self::refresh::{Refresher, Timing};
use self::secret::is_given;
use self::uri::IceUri;

/// Hands out ICE servers; clones share one cache.
#[derive(Clone)]
pub struct Service {
    shared: Arc<Shared>,
}

impl Service {
    /// Asks the provider, if one is configured, and resolves the host names; then returns with the
    /// task that keeps both fresh until `cancel`, whose owner awaits it.
    ///
    /// Takes 7 s at most (5 s for the provider, 2 s for DNS) and never fails: without an answer
    /// the service starts with STUN. The caller checks [`Settings::faults`]; a URL among them is
    /// kept from webrtcbin but reaches the browser.
    pub async fn start(settings: Settings, cancel: CancellationToken) -> (Self, JoinHandle<()>) {
        Self::start_with(settings, Timing::default(), cancel).await
    }

    async fn start_with(
        settings: Settings,
        timing: Timing,
        cancel: CancellationToken,
    ) -> (Self, JoinHandle<()>) {
        let shared = Arc::new(Shared::new(settings));
        let mut refresher = Refresher::new(Arc::clone(&shared), timing);
        cancel.run_until_cancelled(refresher.step()).await;
        (Self { shared }, tokio::spawn(refresher.run(cancel)))
    }

    /// The servers for a browser's `RTCPeerConnection`. Credentials from a shared secret are minted
    /// by this call; a provider's come from the cache and have not expired.
    #[must_use]
    pub fn ice_servers(&self) -> Vec<IceServer> {
        self.shared.current().servers
    }

    /// The same without the accounts of the configuration, whose passwords never expire: for callers that nobody knows.
    #[must_use]
    pub fn ice_servers_for_strangers(&self) -> Vec<IceServer> {
        let fixed = &self.shared.settings.servers;
        let is_account = |server: &IceServer| server.credential.is_some() && fixed.contains(server);
        self.ice_servers().into_iter().filter(|server| !is_account(server)).collect()
    }

    /// The same servers for webrtcbin, without those whose names did not resolve last time, since
    /// webrtcbin would wait for them, and without `turns:` where there is a `turn:`.
    ///
    /// libnice 0.1.21 under webrtcbin 1.22 speaks no TLS to a TURN server: it sends plain STUN to
    /// the port. coturn takes that; a strict TLS server gives no relay, and gathering completes
    /// after 2.1 s instead of 0.2 s. Each of Cloudflare's answers has `turns:` URLs.
    #[must_use]
    pub fn for_server(&self) -> ServerSide {
        let mut side = ServerSide::default();
        for server in self.shared.current().servers {
            for uri in server.urls.iter().filter_map(|url| IceUri::parse(url).ok()) {
                if !uri.is_address() && self.shared.is_resolved(&uri.host) != Some(true) {
                    continue;
                }
                if side.stun.is_none() {
                    side.stun = uri.stun_server();
                }
                if let (Some(username), Some(credential)) = (&server.username, &server.credential) {
                    side.turn.extend(uri.turn_server(username, credential.expose()));
                }
            }
        }
        if side.turn.iter().any(|url| url.starts_with("turn://")) {
            side.turn.retain(|url| url.starts_with("turn://"));
        }
        side
    }

    /// Where the servers come from and whether that works, for a person.
    #[must_use]
    pub fn status(&self) -> Status {
        let current = self.shared.current();
        Status {
            source: current.source,
            expires_at: current.expires_at,
            last_error: self.shared.lock().last_error.clone(),
        }
    }
}

/// ICE servers in webrtcbin's form. `Debug` hides the credentials.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ServerSide {
    /// `stun://host:port`, for the property `stun-server`, which takes one.
    pub stun: Option<String>,
    /// `turn://user:password@host:port?transport=udp`, or `turns://…` where there is no other, each
    /// for one emission of the signal `add-turn-server`; user and password are percent-encoded.
    pub turn: Vec<String>,
}

impl fmt::Debug for ServerSide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts = self.turn.iter().map(|url| match url.rsplit_once('@') {
            Some((_, host)) => format!("***@{host}"),
            None => "***".to_owned(),
        });
        f.debug_struct("ServerSide")
            .field("stun", &self.stun)
            .field("turn", &hosts.collect::<Vec<_>>())
            .finish()
    }
}

/// State of the service, without secrets.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = IceStatus)]
pub struct Status {
    /// Where the current servers come from.
    pub source: Source,
    /// When the cached credentials expire, RFC 3339 in UTC; null where nothing is cached, which
    /// includes minted credentials.
    #[serde(serialize_with = "timestamp")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// Why the last request to the provider failed, with what to do; null after a success.
    pub last_error: Option<String>,
}

/// Where the current servers come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = IceSource)]
pub enum Source {
    /// The static list alone.
    Static,
    /// A shared secret, with the static list if there is one.
    Hmac,
    /// Cloudflare with the user's own key.
    Cloudflare,
    /// Cloudflare through a Hugging Face token.
    HuggingFace,
    /// Twilio.
    Twilio,
    /// The fallback: no provider is configured, or it failed.
    Stun,
    /// None, as configured.
    Offline,
}

impl Source {
    /// The name in JSON and in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Hmac => "hmac",
            Self::Cloudflare => "cloudflare",
            Self::HuggingFace => "huggingface",
            Self::Twilio => "twilio",
            Self::Stun => "stun",
            Self::Offline => "offline",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[expect(clippy::ref_option, reason = "serde calls it with a reference to the field")]
fn timestamp<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(|time| time.to_string()).serialize(serializer)
}

/// What the service and its task share. The one lock is held for a copy, never across a wait.
struct Shared {
    settings: Settings,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    cached: Option<Cached>,
    last_error: Option<String>,
    looked_up: BTreeSet<String>,
    resolved: HashSet<String>,
}

/// A provider's servers.
#[derive(Clone)]
struct Cached {
    servers: Vec<IceServer>,
    expires_at: Timestamp,
    source: Source,
}

struct Current {
    servers: Vec<IceServer>,
    source: Source,
    expires_at: Option<Timestamp>,
}

impl Current {
    fn lasting(servers: Vec<IceServer>, source: Source) -> Self {
        Self { servers, source, expires_at: None }
    }
}

impl Shared {
    fn new(settings: Settings) -> Self {
        Self { settings, state: Mutex::default() }
    }

    /// The provider to ask; none if the settings have servers of their own, or are offline.
    fn provider(&self) -> Option<Provider> {
        let is_needed = !self.settings.offline && self.own().is_none();
        is_needed.then(|| Provider::choose(&self.settings)).flatten()
    }

    fn current(&self) -> Current {
        if let Some(own) = self.own() {
            return own;
        }
        if self.settings.offline {
            return Current::lasting(Vec::new(), Source::Offline);
        }
        match self.unexpired() {
            Some(cached) => Current {
                servers: cached.servers,
                source: cached.source,
                expires_at: Some(cached.expires_at),
            },
            None => Current::lasting(self.fallback(), Source::Stun),
        }
    }

    /// All servers that `current` can give before the task next resolves names.
    fn candidates(&self) -> Vec<IceServer> {
        let current = self.current();
        let mut servers = current.servers;
        if current.expires_at.is_some() {
            servers.extend(self.fallback());
        }
        servers
    }

    fn own(&self) -> Option<Current> {
        let mut servers = self.settings.servers.clone();
        let mut source = Source::Static;
        let secret = self.settings.turn_secret.as_ref();
        if let Some(secret) = secret.filter(|secret| is_given(Some(secret)))
            && !self.settings.turn_urls.is_empty()
        {
            let (urls, ttl) = (&self.settings.turn_urls, self.settings.turn_ttl);
            servers.push(coturn::mint(urls, secret, ttl, Timestamp::now()));
            source = Source::Hmac;
        }
        (!servers.is_empty()).then(|| Current::lasting(servers, source))
    }

    fn fallback(&self) -> Vec<IceServer> {
        match self.settings.fallback_stun.as_slice() {
            [] => Vec::new(),
            urls => vec![IceServer::stun(urls.to_vec())],
        }
    }

    /// The cache, after dropping what has expired.
    fn unexpired(&self) -> Option<Cached> {
        let mut state = self.lock();
        let cached = state.cached.take_if(|cached| cached.expires_at <= Timestamp::now());
        if let Some(Cached { source, .. }) = cached {
            warn!(%source, "turn credentials expired before they could be renewed; only STUN is left");
        }
        state.cached.clone()
    }

    fn store(&self, cached: Cached) {
        let mut state = self.lock();
        state.cached = Some(cached);
        state.last_error = None;
    }

    /// Keeps why a provider failed; gives whether the reason is a new one.
    fn fail(&self, error: String) -> bool {
        let last_error = &mut self.lock().last_error;
        let is_new = last_error.as_ref() != Some(&error);
        *last_error = Some(error);
        is_new
    }

    fn store_resolved(&self, looked_up: BTreeSet<String>, resolved: HashSet<String>) {
        let mut state = self.lock();
        state.looked_up = looked_up;
        state.resolved = resolved;
    }

    /// Whether a name resolved; `None` if it was never looked up.
    fn is_resolved(&self, host: &str) -> Option<bool> {
        let state = self.lock();
        let is_known = state.looked_up.contains(host);
        is_known.then(|| state.resolved.contains(host))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // no code that panics runs under the lock
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
