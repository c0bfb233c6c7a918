//! Configuration: flag > environment > TOML file > default. Unknown keys are errors; all faults come at once.
//!
//! Holds the settings of each part as that part declares them, defaults included. Read once, before anything else
//! starts. Secrets never show in `Debug`.

mod key_task;
mod keys;
mod load;
mod secrets;
mod task;
mod values;

use std::time::Duration;

pub use key_task::KeyTask;
pub use keys::table;
pub use load::{Outcome, Subject, load};
pub use task::{Form, Run, Task};

use crate::{access, api, media, recordings, session, stage, state_dir::StateDir, telemetry, tls, turn};

/// Something in the configuration that works and is dangerous.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// What was found, as part of a sentence.
    pub found: String,
    /// What to do about it.
    pub advice: String,
}

/// Everything that a person can set.
#[derive(Clone, Debug)]
pub struct Config {
    /// How callers prove who they are.
    pub access: access::Settings,
    /// Where the server listens.
    pub server: api::server::Settings,
    /// What the server keeps for itself.
    pub state_dir: StateDir,
    /// Bounds on requests.
    pub api: api::Settings,
    /// How many sessions there may be, and how long their steps may take.
    pub session: session::Settings,
    /// Codecs, bitrates and ICE.
    pub media: media::Settings,
    /// STUN and TURN servers.
    pub turn: turn::Settings,
    /// Where pipelines come from and what runs them.
    pub pipelines: stage::Settings,
    /// Where recordings go.
    pub recordings: recordings::Settings,
    /// Whether debuggers, core dumps and other processes of the same user may read the server's memory and environment.
    pub debuggable: bool,
    /// What is logged and how.
    pub log: telemetry::Settings,
    /// How long sessions get to end when the server stops.
    pub shutdown_grace: Duration,
    /// What the start and `scope doctor` warn of.
    pub warnings: Vec<Warning>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            access: access::Settings::default(),
            server: api::server::Settings::default(),
            state_dir: StateDir::default(),
            api: api::Settings::default(),
            session: session::Settings::default(),
            media: media::Settings::default(),
            turn: turn::Settings::default(),
            pipelines: stage::Settings::default(),
            recordings: recordings::Settings::default(),
            debuggable: false,
            log: telemetry::Settings::default(),
            shutdown_grace: Duration::from_secs(10),
            warnings: Vec::new(),
        }
    }
}

impl Config {
    /// Everything wrong with values that are each fine by themselves.
    fn faults(&self) -> Vec<String> {
        let media = &self.media;
        let (min, start, max) = (media.min_bitrate_bps, media.start_bitrate_bps, media.max_bitrate_bps);
        let mut faults = Vec::new();
        if !(min <= start && start <= max) {
            faults.push(format!(
                "expected min_bitrate_bps <= start_bitrate_bps <= max_bitrate_bps, got {min}, {start} and {max}"
            ));
        }
        if let tls::Certificate::Files { cert, key } = &self.server.certificate
            && (cert.as_os_str().is_empty() || key.as_os_str().is_empty())
        {
            faults.push("tls_cert and tls_key must be set together".into());
        }
        if self.access.key.is_some() && self.access.key_file.is_some() {
            faults.push("expected one of SCOPE_KEY and SCOPE_KEY_FILE, got both".into());
        }
        faults.extend(self.access.issuer.faults());
        faults.extend(self.turn.faults().iter().map(ToString::to_string));
        faults
    }
}
