//! The task that asks the issuer for its endpoints and keys, again and again. Runs on tokio; holds no lock while it waits.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::{
    Issuer, Known,
    endpoints::Endpoints,
    fetch::{self, Error},
    jwks::Keys,
};

/// Asks, and lets the keys go that nobody has confirmed for too long.
pub struct Refresher {
    issuer: Issuer,
    /// When the issuer last answered.
    answered: Option<Instant>,
    failing: bool,
    /// How many keys it had then.
    keys: Option<usize>,
}

impl Refresher {
    /// One that has not asked yet.
    pub fn new(issuer: Issuer) -> Self {
        Self { issuer, answered: None, failing: false, keys: None }
    }

    /// Asks at its interval, and at once where a request needs a key, until `over`.
    pub async fn run(mut self, over: CancellationToken) {
        let steps = async {
            let settings = self.issuer.settings().clone();
            loop {
                tokio::time::sleep(settings.ask_again.min(settings.refresh)).await;
                self.issuer.wait(settings.refresh.saturating_sub(settings.ask_again)).await;
                self.step().await;
            }
        };
        over.run_until_cancelled(steps).await;
    }

    /// Asks once; takes at most the limits of two requests.
    pub async fn step(&mut self) {
        match self.ask().await {
            Ok(known) => {
                let (issuer, keys) = (self.issuer.settings().identifier(), known.keys.len());
                if self.failing || self.keys != Some(keys) {
                    tracing::info!(issuer, keys, "keys of the issuer fetched");
                }
                if keys == 0 && self.keys != Some(keys) {
                    tracing::warn!(
                        issuer,
                        "the issuer has no public key for signatures: its tokens are refused"
                    );
                }
                self.keys = Some(keys);
                (self.failing, self.answered) = (false, Some(Instant::now()));
                self.issuer.learn(known);
            }
            Err(error) => self.note_failure(&error),
        }
        self.issuer.told();
    }

    async fn ask(&self) -> Result<Known, Error> {
        let client = self.issuer.client().await?;
        let identifier = self.issuer.settings().identifier();
        let description = fetch::body(client.get(Endpoints::place(&identifier))).await?;
        let endpoints = Endpoints::parse(&description, &identifier).map_err(Error::Answer)?;
        let keys = fetch::body(client.get(endpoints.jwks_uri.clone())).await?;
        let keys = Keys::parse(&keys).map_err(Error::Answer)?;
        Ok(Known { endpoints: Some(endpoints), keys })
    }

    fn note_failure(&mut self, error: &Error) {
        let (issuer, hold) = (self.issuer.settings().identifier(), self.issuer.settings().hold);
        if !self.failing {
            let held_for_s = self.answered.map_or(Duration::ZERO, |_| hold).as_secs();
            tracing::warn!(
                issuer, %error, held_for_s,
                "the issuer does not answer: its keys hold for this time, a key that it removes too"
            );
        }
        self.failing = true;
        if self.answered.is_some_and(|answered| answered.elapsed() > hold) {
            tracing::error!(issuer, "the issuer has not answered for too long: its tokens are refused");
            self.answered = None;
            self.issuer.learn(Known::default());
        }
    }
}
