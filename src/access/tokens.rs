//! Short-lived tokens: what an application server gives its users' browsers, in place of a key of their own.
//!
//! A token is a JWT (RFC 7519) of the server's own, signed by HS256 with a secret of the state folder. It carries its
//! limits; the server remembers how many sessions it made, and which tokens were revoked. [`Tokens::load`],
//! [`Tokens::mint`] and [`Tokens::revoke`] block on the disk; a token is verified without it.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use super::{
    Evidence,
    caller::{Caller, Limits, Right, Rights, Subject, Token},
    jose,
    key::random_text,
    keys::Keys,
    revoked::{self, Revoked},
    token_secret,
};
use crate::{limits, state_dir::StateDir};

/// A JWT for anything else is no token.
const AUDIENCE: &str = "scope";
/// Who needs more mints another: a token cannot be looked up once it is lost.
pub const LONGEST: Duration = Duration::from_hours(24);
/// Bytes of a token at most: it travels in a header, of which proxies take 8 kB.
const BYTES: usize = 4096;

/// Why a token was not minted, revoked or used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The minter lacks what the token is to have.
    #[error("expected rights that the caller has, got {}; ask for fewer", .0.name())]
    Exceeds(Right),
    /// A token without rights is of no use.
    #[error("expected at least one of the rights publish, view, control and record, got none")]
    Nothing,
    /// A token lives for a time that is no time, or too long.
    #[error("expected expires_in of 1 to {} seconds, got {}", LONGEST.as_secs(), .0)]
    Lifetime(u64),
    /// What is limited to nothing.
    #[error("expected {0} of at least 1, got 0")]
    Zero(&'static str),
    /// An origin that no browser sends.
    #[error("{0}")]
    Origin(String),
    /// The lists of its limits are too long.
    #[error(
        "expected lists that fit into a token of {BYTES} bytes, got {0} bytes; name fewer pipelines or origins"
    )]
    TooLong(usize),
    /// Its sessions are used up.
    #[error("{}: {}", limits::TOKEN_SESSIONS, .0)]
    UsedUp(u32),
    /// Too many are remembered.
    #[error("{}", limits::REVOKED_TOKENS)]
    TooMany,
    /// The state folder, or the system's random numbers.
    #[error("cannot keep the tokens' secret or their revocations: {0}")]
    State(#[from] io::Error),
    /// The signature.
    #[error("cannot sign a token: {0}")]
    Sign(#[from] jsonwebtoken::errors::Error),
}

/// A new token.
#[derive(Clone, Debug)]
pub struct Minted {
    /// The token itself; shown once.
    pub text: String,
    /// Its name, with which it is revoked.
    pub id: String,
    /// When it expires, in seconds since 1970.
    pub expires: u64,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    aud: String,
    jti: String,
    /// The minter's subject.
    sub: String,
    exp: u64,
    /// What the server knew of the minter's key: a key of the same name that was made later is another.
    by: String,
    rights: Vec<Right>,
    #[serde(flatten)]
    limits: Limits,
}

/// How many sessions each token made, by its subject, with the time at which it expires.
type Uses = Arc<Mutex<HashMap<Subject, (u32, u64)>>>;

/// All that verifies tokens.
pub struct Tokens {
    state: StateDir,
    keys: Arc<Keys>,
    secret: RwLock<Option<String>>,
    revoked: Revoked,
    uses: Uses,
}

impl Tokens {
    /// Reads what an earlier run kept.
    ///
    /// # Errors
    /// A file that is there cannot be read.
    pub fn load(state: StateDir, keys: Arc<Keys>) -> io::Result<Self> {
        jose::install();
        let secret = RwLock::new(token_secret::read(&state)?);
        let revoked = Revoked::load(&state)?;
        Ok(Self { state, keys, secret, revoked, uses: Arc::default() })
    }

    /// A token that may do no more than `minter`.
    ///
    /// # Errors
    /// [`Error`].
    pub fn mint(
        &self,
        minter: &Caller,
        rights: Vec<Right>,
        limits: Limits,
        lifetime: Duration,
    ) -> Result<Minted, Error> {
        check(minter, &rights, &limits, lifetime)?;
        let (jti, secret, sub) = (random_text()?, self.secret()?, minter.subject().to_string());
        let exp = now() + lifetime.as_secs();
        let by = self.keys.standing(minter.subject()).map(|(by, _)| by).unwrap_or_default();
        let claims = Claims { aud: AUDIENCE.into(), jti: jti.clone(), sub, exp, by, rights, limits };
        let key = EncodingKey::from_secret(secret.as_bytes())?;
        let text = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)?;
        if text.len() > BYTES {
            return Err(Error::TooLong(text.len()));
        }
        Ok(Minted { text, id: jti, expires: exp })
    }

    /// Whom a token stands for: one that is signed by this server, has not expired and is not revoked, whose minter's key
    /// stands, shown from a page that it is for. It has the rights that its minter still has.
    pub fn caller(&self, text: &str, evidence: &Evidence<'_>) -> Option<Caller> {
        let claims = self.verified(text)?;
        let (by, role) = self.keys.standing(&claims.sub.as_str().into())?;
        let stands = by == claims.by && claims.exp > now();
        let from_its_page = claims.limits.allows_origin(evidence.origin);
        if !stands || !from_its_page || self.revoked.has(&claims.sub, &claims.jti) {
            return None;
        }
        let rights: Vec<_> = claims.rights.into_iter().filter(|right| role.rights().has(*right)).collect();
        let subject = Subject::minted(&claims.sub, &claims.jti);
        let token = Token { id: claims.jti, expires: claims.exp, limits: claims.limits };
        Some(Caller::of_token(subject, Rights::of(&rights), token, evidence.from))
    }

    fn verified(&self, text: &str) -> Option<Claims> {
        if text.len() > BYTES {
            return None;
        }
        let secret = self.secret.read().unwrap_or_else(PoisonError::into_inner).clone()?;
        let mut rules = Validation::new(Algorithm::HS256);
        rules.leeway = 0; // the clock that it is checked with is the one that signed it
        rules.set_audience(&[AUDIENCE]);
        rules.set_required_spec_claims(&["exp", "aud", "sub"]);
        let key = DecodingKey::from_secret(secret.as_bytes()).ok()?;
        jsonwebtoken::decode::<Claims>(text, &key, &rules).ok().map(|token| token.claims)
    }

    /// Ends a token of `caller`, or as an operator any. Idempotent: the server does not know which tokens there are.
    ///
    /// # Errors
    /// [`Error::TooMany`], [`Error::State`].
    pub fn revoke(&self, caller: &Caller, id: &str) -> Result<(), Error> {
        let minter = (!caller.is_operator()).then(|| caller.subject().to_string());
        self.state.prepare()?;
        let now = now();
        self.revoked.add(minter.as_deref(), id, now, now + LONGEST.as_secs()).map_err(|error| match error {
            revoked::Error::TooMany => Error::TooMany,
            revoked::Error::Disk(error) => Error::State(error),
        })
    }

    /// Counts a session of a caller whose sessions are counted. One that may `resume` another, which was counted when it
    /// was made, passes in any case.
    ///
    /// # Errors
    /// [`Error::UsedUp`].
    pub fn begin_session(&self, caller: &Caller, resume: bool) -> Result<SessionCount, Error> {
        let counted = caller.token().and_then(|token| Some((token.expires, token.limits.sessions?)));
        let Some((expires, limit)) = counted else { return Ok(SessionCount(None)) };
        let (mut uses, now) = (lock(&self.uses), now());
        uses.retain(|_, (_, expires)| *expires > now);
        let (count, _) = uses.entry(caller.subject().clone()).or_insert((0, expires));
        if *count >= limit && !resume {
            limits::TOKEN_SESSIONS.refused();
            return Err(Error::UsedUp(limit));
        }
        *count += 1;
        drop(uses);
        Ok(SessionCount(Some((self.uses.clone(), caller.subject().clone()))))
    }

    /// The secret, made when the first token is minted.
    fn secret(&self) -> io::Result<String> {
        let mut secret = self.secret.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(secret) = &*secret {
            return Ok(secret.clone());
        }
        let new = token_secret::make(&self.state)?;
        *secret = Some(new.clone());
        Ok(new)
    }
}

fn check(minter: &Caller, rights: &[Right], limits: &Limits, lifetime: Duration) -> Result<(), Error> {
    if let Some(right) = rights.iter().find(|right| !minter.rights().has(**right)) {
        return Err(Error::Exceeds(*right));
    }
    if rights.is_empty() {
        return Err(Error::Nothing);
    }
    if lifetime.is_zero() || lifetime > LONGEST {
        return Err(Error::Lifetime(lifetime.as_secs()));
    }
    for (name, value) in [("max_seconds", limits.max_seconds), ("sessions", limits.sessions)] {
        if value == Some(0) {
            return Err(Error::Zero(name));
        }
    }
    limits.check_origins().map_err(Error::Origin)
}

/// A session that counts for its token; it does not where it is dropped before [`SessionCount::keep`].
#[must_use]
pub struct SessionCount(Option<(Uses, Subject)>);

impl SessionCount {
    /// The session was made.
    pub fn keep(mut self) {
        self.0.take();
    }
}

impl Drop for SessionCount {
    fn drop(&mut self) {
        if let Some((uses, subject)) = self.0.take()
            && let Some((count, _)) = lock(&uses).get_mut(&subject)
        {
            *count = count.saturating_sub(1);
        }
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
