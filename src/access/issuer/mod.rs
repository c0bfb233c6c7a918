//! An OpenID Connect issuer: the JWTs that it signs stand in place of keys.
//!
//! Owns the issuer's public keys in memory and the task that asks for them again. A token is verified on the request's
//! own task with the keys at hand; one that names a key that is not among them makes the task ask at once. Must never
//! take a token whose algorithm is none or symmetric, and never follow an address that another server than the issuer
//! gave.

mod code;
mod endpoints;
mod fetch;
mod identity;
mod jwks;
mod refresh;
mod settings;

use std::{
    net::IpAddr,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use serde_json::{Map, Value};
use tokio::{
    sync::{Notify, OnceCell, Semaphore, watch},
    task::{JoinHandle, spawn_blocking},
};
use tokio_util::sync::CancellationToken;

pub use self::{
    code::{Begun, Error, Returned},
    jwks::Rules,
    settings::{Settings, issuer_url},
};
use self::{endpoints::Endpoints, jwks::Keys};
use super::caller::Caller;

/// Requests that wait at once for keys that are being fetched; further ones are answered with what there is. A stranger
/// can name any key.
const WAITING: usize = 8;

/// The issuer; clones share it.
#[derive(Clone)]
pub struct Issuer(Arc<Inner>);

struct Inner {
    settings: Settings,
    known: RwLock<Known>,
    /// Makes the task ask before its time.
    ask: Notify,
    /// How often the task has asked.
    asked: watch::Sender<u64>,
    waiting: Semaphore,
    client: OnceCell<reqwest::Client>,
}

/// What the issuer said last.
#[derive(Default)]
struct Known {
    endpoints: Option<Endpoints>,
    keys: Keys,
}

impl Issuer {
    /// Asks the issuer once, then starts the task that asks again until `over`. An issuer that does not answer keeps
    /// nobody from starting: until it does, its tokens are refused.
    pub async fn start(settings: Settings, over: CancellationToken) -> (Self, JoinHandle<()>) {
        super::jose::install();
        let issuer = Self(Arc::new(Inner {
            settings,
            known: RwLock::default(),
            ask: Notify::new(),
            asked: watch::Sender::new(0),
            waiting: Semaphore::new(WAITING),
            client: OnceCell::new(),
        }));
        let mut refresher = refresh::Refresher::new(issuer.clone());
        over.run_until_cancelled(refresher.step()).await;
        (issuer, tokio::spawn(refresher.run(over)))
    }

    /// What the person who set it up said of it.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Whom a token stands for: one that the issuer signed for this server, and that is valid at the moment.
    pub fn caller(&self, token: &str, origin: Option<&str>, from: IpAddr) -> Option<Caller> {
        identity::caller(&self.claims(token)?, self.settings(), origin, from)
    }

    fn claims(&self, token: &str) -> Option<Map<String, Value>> {
        self.read(|known| {
            let issuer = known.endpoints.as_ref()?.issuer();
            known.keys.verify(token, &self.0.settings.rules(issuer))
        })
    }

    /// Waits until the keys are fetched again, where a token names one that is not among them; not longer than the fetch
    /// takes, and not at all where the task has asked a moment ago or others wait already.
    pub async fn learn_key(&self, token: &str) {
        if !self.read(|known| known.keys.lacks_key_of(token)) {
            return;
        }
        let Ok(_place) = self.0.waiting.try_acquire() else { return };
        let mut asked = self.0.asked.subscribe();
        self.0.ask.notify_one();
        let limit = self.0.settings.learn_limit;
        tokio::time::timeout(limit, asked.changed()).await.ok(); // asked a moment ago: the keys are those at hand
    }

    async fn client(&self) -> Result<&reqwest::Client, fetch::Error> {
        let built = || async {
            // It reads the CA certificates from disk.
            let built = spawn_blocking(fetch::client).await;
            built.unwrap_or_else(|error| Err(fetch::Error::Client(error.to_string())))
        };
        self.0.client.get_or_try_init(built).await
    }

    fn read<T>(&self, read: impl FnOnce(&Known) -> T) -> T {
        read(&self.0.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn learn(&self, known: Known) {
        *self.0.known.write().unwrap_or_else(PoisonError::into_inner) = known;
    }

    fn told(&self) {
        self.0.asked.send_modify(|asked| *asked += 1);
    }

    /// Waits until a request asks for a key, at most so long.
    async fn wait(&self, limit: Duration) {
        tokio::time::timeout(limit, self.0.ask.notified()).await.ok(); // its time has come anyway
    }
}
