//! Who may do what: keys, sign-ins, and who a request comes from.
//!
//! Owns the API keys in memory and the task that reads their file again after a change. Requests ask on tokio's workers;
//! a lock is held for one look-up or one copy. Must never wait for the disk there, never log a key, and never take a
//! request whose proof is wrong for one without a proof.
//!
//! It serves no HTTP: `api` reads a request's [`Evidence`] and holds the table of what each route needs.

mod attempts;
pub mod audit;
mod audit_file;
mod caller;
mod issuer;
mod jose;
mod key;
mod key_file;
mod keys;
mod party;
mod revoked;
mod sign_ins;
mod token_secret;
mod tokens;

use std::{
    io,
    net::IpAddr,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use tokio::task::{JoinHandle, spawn_blocking};
use tokio_util::sync::CancellationToken;

use self::{
    attempts::Attempts,
    issuer::Issuer,
    key::Digest,
    keys::Keys,
    sign_ins::{Proof, SignIns},
};
pub use self::{
    caller::{Caller, Limits, Right, Rights, Role, Subject},
    issuer::{Begun, Error as IssuerError, Returned, Settings as IssuerSettings, issuer_url},
    key::Key,
    key_file::{KeyFile, Row},
    party::{Party, network},
    tokens::{Error as TokenError, Minted, SessionCount, Tokens},
};
use crate::state_dir::{self, StateDir};

/// The file of keys in the state folder.
const KEYS: &str = "keys.toml";
/// The key that the server made for itself, in the state folder.
const MADE: &str = "operator.key";
/// A revoked key is refused after this, and the time that it takes to read the file.
const REREAD: Duration = Duration::from_secs(1);

/// How callers prove who they are.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Everybody is an operator.
    pub open: bool,
    /// A request from this machine itself is the operator's.
    pub trust_loopback: bool,
    /// The file of keys, if it is not in the state folder.
    pub keys_file: Option<PathBuf>,
    /// One operator's key.
    pub key: Option<Key>,
    /// A file that holds it.
    pub key_file: Option<PathBuf>,
    /// The file of the audit.
    pub audit_log: Option<PathBuf>,
    /// An issuer whose tokens stand in place of keys.
    pub issuer: IssuerSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            open: false,
            trust_loopback: true,
            keys_file: None,
            key: None,
            key_file: None,
            audit_log: None,
            issuer: IssuerSettings::default(),
        }
    }
}

impl Settings {
    /// The file of keys; `state` is the folder for what the server keeps.
    pub fn keys(&self, state: &StateDir) -> KeyFile {
        KeyFile::new(self.keys_file.clone().unwrap_or_else(|| state.path(KEYS)))
    }

    /// The operator's key that the configuration has.
    ///
    /// # Errors
    /// [`Error::KeyFile`].
    fn configured(&self) -> Result<Option<Key>, Error> {
        let Some(path) = &self.key_file else { return Ok(self.key.clone()) };
        let fault = |detail| Error::KeyFile { path: path.clone(), detail };
        let text = std::fs::read_to_string(path).map_err(|error| fault(error.to_string()))?;
        Key::parse(text.trim()).map(Some).map_err(fault)
    }
}

/// Why the server cannot tell callers apart.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file of keys.
    #[error(transparent)]
    Keys(#[from] key_file::Error),
    /// The file of the operator's key.
    #[error("{}: {detail}", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// The file of the audit.
    #[error("the audit log {}: {error}", path.display())]
    AuditLog {
        /// The file.
        path: PathBuf,
        /// Why it cannot be opened.
        error: io::Error,
    },
    /// The state folder, or the system's random numbers.
    #[error("the state folder: {0}")]
    State(#[from] io::Error),
}

/// Who can reach the server's port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// This machine alone.
    Machine,
    /// Others too.
    Network,
}

/// What a request shows of its sender.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The address that the connection comes from.
    pub from: IpAddr,
    /// Whether it comes from this machine itself, with no proxy in between.
    pub direct: bool,
    /// A key.
    pub key: Option<&'a str>,
    /// The value of a sign-in's cookie.
    pub sign_in: Option<&'a str>,
    /// The origin of the page that asks, as its browser says.
    pub origin: Option<&'a str>,
}

/// Why a sign-in failed.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The server does not know the key.
    #[error(
        "expected a key of this server, got another text; ask its operator, or run `scope keys new` on it"
    )]
    Unknown,
    /// Too many failed before.
    #[error("too many failed sign-ins from this address; try again in {} s", .0.as_secs() + 1)]
    TooMany(Duration),
    /// The system has no random numbers.
    #[error("cannot make a sign-in: {0}")]
    Random(#[from] io::Error),
}

/// All that proves who a caller is; clones share it.
#[derive(Clone)]
pub struct Access(Arc<Inner>);

struct Inner {
    open: bool,
    trust_loopback: bool,
    /// The operator's key, where the server made it.
    made: Option<Key>,
    keys: Arc<Keys>,
    tokens: Tokens,
    issuer: OnceLock<Issuer>,
    sign_ins: Mutex<SignIns>,
    attempts: Mutex<Attempts>,
}

impl Access {
    /// Reads the keys. Where none is configured and others can reach the server, it makes one for the operator and keeps
    /// it. Blocks on the disk.
    ///
    /// # Errors
    /// Something that is configured is wrong.
    pub fn load(settings: &Settings, state: &StateDir, reach: Reach) -> Result<Self, Error> {
        if let Some(path) = &settings.audit_log {
            audit::keep(path).map_err(|error| Error::AuditLog { path: path.clone(), error })?;
        }
        let keys = Keys::load(settings.keys(state))?;
        let configured = settings.configured()?;
        let needs_one = !settings.open && reach == Reach::Network && configured.is_none() && keys.is_empty();
        let made = if needs_one { Some(made_key(state)?) } else { None };
        if settings.open {
            tracing::warn!(
                "open to everybody: every caller is an operator; start without --open to require keys"
            );
        }
        let keys = keys.with_own(configured.as_ref().or(made.as_ref()));
        let keys = Arc::new(keys.trusting_loopback(settings.trust_loopback));
        let tokens = Tokens::load(state.clone(), keys.clone())?;
        Ok(Self(Arc::new(Inner {
            open: settings.open,
            trust_loopback: settings.trust_loopback,
            keys,
            tokens,
            issuer: OnceLock::new(),
            made,
            sign_ins: Mutex::default(),
            attempts: Mutex::default(),
        })))
    }

    /// Whether everybody is an operator.
    pub fn is_open(&self) -> bool {
        self.0.open
    }

    /// The key that the server made because none is configured, for the sign-in link that the operator gets.
    pub fn made_key(&self) -> Option<&Key> {
        self.0.made.as_ref()
    }

    /// Asks the issuer of tokens for its keys, if there is one, and starts the task that follows their changes.
    pub async fn start_issuer(
        &self,
        settings: IssuerSettings,
        over: CancellationToken,
    ) -> Option<JoinHandle<()>> {
        settings.issuer.as_ref()?;
        let (issuer, task) = Issuer::start(settings, over).await;
        self.0.issuer.set(issuer).ok(); // started once
        Some(task)
    }

    /// Who a request comes from, with the issuer's newest keys where its token needs them.
    pub async fn authenticate(&self, evidence: &Evidence<'_>) -> Caller {
        let caller = self.caller(evidence);
        let (Role::Nobody, Some(key), Some(issuer)) = (caller.role(), evidence.key, self.0.issuer.get())
        else {
            return caller;
        };
        issuer.learn_key(key).await;
        self.caller(evidence)
    }

    /// Who a request comes from, as far as the server knows without asking anybody.
    pub fn caller(&self, evidence: &Evidence<'_>) -> Caller {
        let from = evidence.from;
        if self.0.open {
            return if evidence.direct { Caller::local(from) } else { Caller::anybody(from) };
        }
        // A wrong key is never taken for none: its sender believes to be somebody.
        if let Some(key) = evidence.key {
            let of_key = self.0.keys.caller(&Digest::of(key), from);
            let found = of_key.or_else(|| self.0.tokens.caller(key, evidence));
            let of_issuer = || self.0.issuer.get()?.caller(key, evidence.origin, from);
            let found = found.or_else(of_issuer);
            return found.unwrap_or_else(|| Caller::nobody(from));
        }
        let signed_in =
            evidence.sign_in.and_then(|value| lock(&self.0.sign_ins).proof(value, Instant::now()));
        let of_proof = |proof| match proof {
            Proof::Key(key) => self.0.keys.caller(&key, from),
            Proof::Token(token) => self.0.issuer.get()?.caller(&token, evidence.origin, from),
        };
        if let Some(caller) = signed_in.and_then(of_proof) {
            return caller;
        }
        if evidence.direct && self.0.trust_loopback { Caller::local(from) } else { Caller::nobody(from) }
    }

    /// What mints, revokes and counts tokens.
    pub fn tokens(&self) -> &Tokens {
        &self.0.tokens
    }

    /// Signs a browser in; gives who it is and the value of its cookie.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn sign_in(&self, key: &str, from: IpAddr) -> Result<(Caller, String), Refused> {
        let now = Instant::now();
        lock(&self.0.attempts).check(from, now).map_err(Refused::TooMany)?;
        let digest = Digest::of(key);
        let Some(caller) = self.0.keys.caller(&digest, from) else {
            lock(&self.0.attempts).failed(from, now);
            return Err(Refused::Unknown);
        };
        let value = lock(&self.0.sign_ins).add(digest, Proof::Key(digest), now)?;
        Ok((caller, value))
    }

    /// The issuer's host, where browsers can sign in there.
    pub fn issuer_name(&self) -> Option<String> {
        let settings = self.0.issuer.get()?.settings();
        settings.client_id.as_ref()?;
        Some(settings.issuer.as_ref()?.host_str()?.to_owned())
    }

    /// Begins a browser's sign-in at the issuer.
    ///
    /// # Errors
    /// [`IssuerError`].
    pub fn begin_at_issuer(&self, redirect: &str) -> Result<Begun, IssuerError> {
        self.0.issuer.get().ok_or(IssuerError::None)?.begin(redirect)
    }

    /// Ends it; gives who it is and the value of its cookie, which stands for the issuer's token while that is valid.
    ///
    /// # Errors
    /// [`IssuerError`].
    pub async fn finish_at_issuer(
        &self,
        kept: &str,
        returned: Returned,
        redirect: &str,
        from: IpAddr,
    ) -> Result<(Caller, String), IssuerError> {
        let issuer = self.0.issuer.get().ok_or(IssuerError::None)?;
        let token = issuer.finish(kept, returned, redirect).await?;
        let caller = issuer.caller(&token, None, from).ok_or(IssuerError::Token)?;
        let owner = Digest::of(&caller.subject().to_string());
        let value = lock(&self.0.sign_ins).add(owner, Proof::Token(token.into()), Instant::now())?;
        Ok((caller, value))
    }

    /// Ends a sign-in.
    pub fn sign_out(&self, value: &str) {
        lock(&self.0.sign_ins).remove(value);
    }

    /// Reads the file of keys again after each change, until `cancel`.
    pub fn start_watching(&self, cancel: CancellationToken) -> JoinHandle<()> {
        let access = self.clone();
        tokio::spawn(async move {
            let mut tick = tokio::time::interval(REREAD);
            while cancel.run_until_cancelled(tick.tick()).await.is_some() {
                let access = access.clone();
                spawn_blocking(move || access.0.keys.reread()).await.ok(); // it does not panic; the next tick tries again
            }
        })
    }
}

/// The key that the server made at an earlier start, or a new one. On a disk that cannot be written it is for this run.
fn made_key(state: &StateDir) -> Result<Key, Error> {
    let path = state.path(MADE);
    let kept = || Some(Key::parse(std::fs::read_to_string(&path).ok()?.trim())).and_then(Result::ok);
    if let Some(kept) = kept() {
        return Ok(kept);
    }
    let key = Key::random()?;
    let written = state.prepare().and_then(|()| state_dir::create(&path, key.expose().as_bytes()));
    match written {
        Ok(()) => Ok(key),
        // Another server that starts at the same moment was first.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(kept().unwrap_or(key)),
        Err(error) => {
            let path = path.display();
            tracing::warn!(%error, %path, "cannot keep the operator's key: it is for this run; set SCOPE_STATE_DIR");
            Ok(key)
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
