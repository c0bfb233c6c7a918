//! The task that keeps the cache fresh: asks the provider before its credentials expire, and DNS
//! for the names that webrtcbin would look up. Runs on tokio; must never hold the lock while it
//! waits.

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use reqwest::Client;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::provider::{self, Provider};
use super::resolve::resolvable;
use super::server::IceServer;
use super::uri::IceUri;
use super::{Cached, Shared};

/// Lifetime requested from a provider: Twilio's default and Cloudflare's own example. Not an hour, as with a secret of
/// one's own: Cloudflare authenticates each refresh of an allocation, so that the relayed session ends with the
/// credentials (its TURN FAQ, "maximum duration limit for a TURN allocation"). A browser that gets credentials just before
/// renewal still has a fifth of it left, almost five hours.
const TTL: Duration = Duration::from_hours(24);
/// A provider answers in well under a second; the server's start waits for this once.
const FETCH_LIMIT: Duration = Duration::from_secs(5);
/// A slower resolver would delay a session's answer by as much.
const RESOLVE_LIMIT: Duration = Duration::from_secs(2);
/// How long a name that resolves again is still left out, and the longest sleep: a machine that
/// was suspended notices expired credentials within it.
const CHECK_EVERY: Duration = Duration::from_mins(1);
/// Shortest time from one good answer to the next request, whatever TTL the answer gives.
const REFRESH_FLOOR: Duration = Duration::from_secs(30);
/// Wait after the first failure; it doubles with each further one.
const BACKOFF_FIRST: Duration = Duration::from_secs(2);
/// A provider that comes back after a long outage is noticed within this.
const BACKOFF_CAP: Duration = Duration::from_mins(5);
/// Share of the credentials' lifetime after which they are renewed: the rest leaves time for retries.
const REFRESH_AT: f64 = 0.8;

/// The waits of the task; tests shorten them, and renew earlier.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    pub(super) ttl: Duration,
    pub(super) fetch_limit: Duration,
    pub(super) resolve_limit: Duration,
    pub(super) check_every: Duration,
    pub(super) refresh_floor: Duration,
    pub(super) backoff_first: Duration,
    pub(super) backoff_cap: Duration,
    pub(super) refresh_at: f64,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            ttl: TTL,
            fetch_limit: FETCH_LIMIT,
            resolve_limit: RESOLVE_LIMIT,
            check_every: CHECK_EVERY,
            refresh_floor: REFRESH_FLOOR,
            backoff_first: BACKOFF_FIRST,
            backoff_cap: BACKOFF_CAP,
            refresh_at: REFRESH_AT,
        }
    }
}

/// Owns the provider's side of the cache.
pub(super) struct Refresher {
    shared: Arc<Shared>,
    timing: Timing,
    provider: Option<Provider>,
    client: Option<Client>,
    next_fetch: Due,
    failures: u32,
}

/// A moment on both clocks. The wall clock alone would be late after being set back; the monotonic one does not count
/// the time a machine was suspended.
#[derive(Clone, Copy, Debug)]
struct Due {
    wall: Timestamp,
    steady: Instant,
}

impl Due {
    fn now() -> Self {
        Self { wall: Timestamp::now(), steady: Instant::now() }
    }

    fn after(self, wait: Duration) -> Self {
        Self { wall: after(self.wall, wait), steady: self.steady + wait }
    }

    /// The time left at `now`, by the clock that gives less.
    fn left(self, now: Self) -> Duration {
        let wall = Duration::try_from(self.wall.duration_since(now.wall)).unwrap_or(Duration::ZERO);
        wall.min(self.steady.saturating_duration_since(now.steady))
    }
}

impl Refresher {
    pub(super) fn new(shared: Arc<Shared>, timing: Timing) -> Self {
        let provider = shared.provider();
        Self { shared, timing, provider, client: None, next_fetch: Due::now(), failures: 0 }
    }

    /// Takes steps until `cancel`.
    pub(super) async fn run(mut self, cancel: CancellationToken) {
        let steps = async {
            loop {
                tokio::time::sleep(self.next_wait()).await;
                self.step().await;
            }
        };
        cancel.run_until_cancelled(steps).await;
    }

    /// Asks the provider if that is due, then DNS; takes at most the two limits.
    pub(super) async fn step(&mut self) {
        if self.next_fetch.left(Due::now()).is_zero()
            && let Some(provider) = self.provider.clone()
        {
            self.refresh(&provider).await;
        }
        self.resolve().await;
    }

    fn next_wait(&self) -> Duration {
        if self.provider.is_none() {
            return self.timing.check_every;
        }
        self.next_fetch.left(Due::now()).min(self.timing.check_every)
    }

    async fn refresh(&mut self, provider: &Provider) {
        // before the request, so that the expiry is never later than the provider's
        let asked_at = Due::now();
        match self.fetch(provider).await {
            Ok(answer) => {
                let ttl = answer.ttl.map_or(self.timing.ttl, |ttl| ttl.min(self.timing.ttl));
                let wait = ttl.mul_f64(self.timing.refresh_at).max(self.timing.refresh_floor);
                self.next_fetch = asked_at.after(wait);
                self.failures = 0;
                let (source, ttl_s) = (provider.source(), ttl.as_secs());
                info!(%source, ttl_s, servers = answer.servers.len(), "turn credentials fetched");
                self.shared.store(Cached {
                    servers: answer.servers,
                    expires_at: after(asked_at.wall, ttl),
                    source,
                });
            }
            Err(error) => self.note_failure(provider, &error),
        }
    }

    async fn fetch(&mut self, provider: &Provider) -> Result<super::answer::Answer, provider::Error> {
        let client = match &self.client {
            Some(client) => client,
            None => self.client.insert(build_client().await?),
        };
        let endpoints = &self.shared.settings.endpoints;
        let (ttl, limit) = (self.timing.ttl, self.timing.fetch_limit);
        provider::fetch(client, provider, endpoints, ttl, limit).await
    }

    fn note_failure(&mut self, provider: &Provider, error: &provider::Error) {
        let wait = backoff(self.failures, &self.timing).mul_f64(jitter());
        self.next_fetch = Due::now().after(wait);
        self.failures = self.failures.saturating_add(1);
        let (source, retry_in_s) = (provider.source(), wait.as_secs_f32());
        let advice = provider.advice(error);
        let is_new = self.shared.fail(format!("{source}: {error}; {advice}"));
        if is_new {
            warn!(%source, %error, advice, retry_in_s, "no turn credentials; viewers behind strict \
                 NATs may not connect until a retry succeeds");
        } else {
            debug!(%source, %error, retry_in_s, "no turn credentials again");
        }
    }

    async fn resolve(&self) {
        let hosts = host_names(&self.shared.candidates());
        let resolved = resolvable(hosts.clone(), self.timing.resolve_limit).await;
        for host in hosts.difference(&resolved.iter().cloned().collect()) {
            if self.shared.is_resolved(host) != Some(false) {
                warn!(%host, "ICE server's name does not resolve; left out on the server's side");
            }
        }
        self.shared.store_resolved(hosts, resolved);
    }
}

async fn build_client() -> Result<Client, provider::Error> {
    // it reads the CA certificates from disk
    tokio::task::spawn_blocking(provider::client)
        .await
        .unwrap_or_else(|error| Err(provider::Error::Client(error.to_string())))
}

/// All names, but not addresses, in the servers' URLs.
fn host_names(servers: &[IceServer]) -> BTreeSet<String> {
    servers
        .iter()
        .flat_map(|server| &server.urls)
        .filter_map(|url| IceUri::parse(url).ok())
        .filter(|uri| !uri.is_address())
        .map(|uri| uri.host)
        .collect()
}

/// `BACKOFF_FIRST`, doubled `failures` times, up to the cap.
fn backoff(failures: u32, timing: &Timing) -> Duration {
    2_u32
        .checked_pow(failures)
        .and_then(|factor| timing.backoff_first.checked_mul(factor))
        .map_or(timing.backoff_cap, |wait| wait.min(timing.backoff_cap))
}

/// A factor from 0.5 up to 1, so that servers that failed together do not retry together.
/// `RandomState` is seeded by the system, and a spread is all that is needed here.
fn jitter() -> f64 {
    let [byte, ..] = RandomState::new().hash_one(()).to_ne_bytes();
    0.5 + f64::from(byte) / 512.0
}

fn after(start: Timestamp, wait: Duration) -> Timestamp {
    start.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_up_to_its_cap() {
        let timing = Timing::default();

        let waits = [0, 1, 2, 7, 8, 40].map(|failures| backoff(failures, &timing).as_secs());

        assert_eq!(waits, [2, 4, 8, 256, 300, 300]);
    }

    #[test]
    fn a_clock_that_is_set_makes_no_fetch_late() {
        let now = Due::now();
        let due = now.after(Duration::from_mins(30));
        let later = |wall_s: i64, steady_s: u64| {
            let wall = now.wall.saturating_add(jiff::SignedDuration::from_secs(wall_s)).unwrap();
            Due { wall, steady: now.steady + Duration::from_secs(steady_s) }
        };

        assert_eq!(due.left(later(60, 60)), Duration::from_mins(29));
        assert_eq!(due.left(later(1800 - 3600, 1800)), Duration::ZERO, "set back by an hour");
        assert_eq!(due.left(later(3600, 60)), Duration::ZERO, "suspended, or set on by an hour");
    }

    #[test]
    fn jitter_spreads_and_never_lengthens() {
        let factors: Vec<f64> = (0..64).map(|_| jitter()).collect();

        assert!(factors.iter().all(|factor| (0.5..1.0).contains(factor)));
        assert!(factors.iter().any(|factor| factor.to_bits() != factors[0].to_bits()));
    }
}
