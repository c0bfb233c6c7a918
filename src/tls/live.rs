//! The certificate in use. Another one takes its place when its files change, on SIGHUP, or before a self-signed one
//! ends; connections and sessions go on with the one they began with.
//!
//! Owns a task on tokio; files are read on blocking threads. Must never take a working certificate away for one that does
//! not work.

use std::{fs, io, path::Path, time::Duration};

use axum_server::tls_rustls::RustlsConfig;
use jiff::Timestamp;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::{JoinHandle, spawn_blocking},
};
use tokio_util::sync::CancellationToken;

use super::{Certificate, Error, from_files, self_signed};
use crate::state_dir::StateDir;

/// How often certificate files are read: their content is compared, so that links and network shares count as well.
const LOOK: Duration = Duration::from_secs(10);
/// How often a self-signed pair's end is looked at.
const LOOK_AT_END: Duration = Duration::from_hours(1);

/// Loads the certificate and starts the task that follows its changes; `None` for plain HTTP.
///
/// # Errors
/// The certificate cannot be used, or the system refuses a signal handler.
pub fn start(
    certificate: Certificate,
    state: StateDir,
    over: CancellationToken,
) -> Result<Option<(RustlsConfig, JoinHandle<()>)>, Error> {
    let Some(config) = certificate.load(&state)? else { return Ok(None) };
    let config = RustlsConfig::from_config(config);
    let follow = match certificate {
        Certificate::None => return Ok(None),
        Certificate::SelfSigned => tokio::spawn(renew(config.clone(), state, over)),
        Certificate::Files { cert, key } => {
            // Not with a self-signed one: it is for servers that end with their terminal.
            let hangup = signal(SignalKind::hangup()).map_err(Error::Signal)?;
            let files = Files { seen: read(&cert, &key).ok(), cert, key };
            tokio::spawn(files.follow(config.clone(), hangup, over))
        }
    };
    Ok(Some((config, follow)))
}

async fn renew(config: RustlsConfig, state: StateDir, over: CancellationToken) {
    while over.run_until_cancelled(tokio::time::sleep(LOOK_AT_END)).await.is_some() {
        let state = state.clone();
        let renewed = spawn_blocking(move || {
            let now = Timestamp::now();
            self_signed::kept_is_due(&state, now).then(|| self_signed::load(&state, now))
        });
        match renewed.await {
            Ok(Some(Ok(renewed))) => config.reload_from_config(renewed),
            Ok(Some(Err(error))) => tracing::warn!(%error, "the self-signed certificate cannot be renewed"),
            Ok(None) | Err(_) => {}
        }
    }
}

/// Files with a certificate and its key, and what was in them.
struct Files {
    cert: std::path::PathBuf,
    key: std::path::PathBuf,
    seen: Option<Content>,
}

type Content = [Vec<u8>; 2];

fn read(cert: &Path, key: &Path) -> io::Result<Content> {
    Ok([fs::read(cert)?, fs::read(key)?])
}

impl Files {
    async fn follow(mut self, mut config: RustlsConfig, mut hangup: Signal, over: CancellationToken) {
        loop {
            let asked = tokio::select! {
                () = over.cancelled() => return,
                () = tokio::time::sleep(LOOK) => false,
                _ = hangup.recv() => true,
            };
            let Ok(looked) = spawn_blocking(move || {
                self.look(&config, asked);
                (self, config)
            })
            .await
            else {
                return; // its panic is in the log, and the certificate stays
            };
            (self, config) = looked;
        }
    }

    fn look(&mut self, config: &RustlsConfig, asked: bool) {
        let content = read(&self.cert, &self.key).ok();
        if content == self.seen && !asked {
            return;
        }
        self.seen = content;
        match from_files(&self.cert, &self.key) {
            Ok(read) => {
                config.reload_from_config(read);
                tracing::info!(file = %self.cert.display(), "certificate read again");
            }
            Err(error) => {
                tracing::warn!(%error, "the changed certificate cannot be used; the earlier one stays");
            }
        }
    }
}
