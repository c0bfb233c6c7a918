//! `scope` and `scope serve`: the server, until it is told to stop.

use std::{process::ExitCode, time::Duration};

use tokio::{task::spawn_blocking, time::timeout};

use super::print;
use crate::{
    app::{self, App},
    config::{self, Config},
    memory, shutdown,
    system::fixes,
    telemetry,
};

/// dpkg answers in milliseconds; a disk that hangs must not keep the server from starting.
const FIXES_LIMIT: Duration = Duration::from_secs(5);

/// Runs the server to its end.
pub fn serve(config: Config) -> ExitCode {
    if !config.debuggable {
        memory::hide();
    }
    let logs = telemetry::init(config.log);
    for config::Warning { found, advice } in &config.warnings {
        tracing::warn!(advice, "{found}");
    }
    match run(config, logs) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::from(app::exit_code(&error))
        }
    }
}

#[tokio::main]
async fn run(config: Config, logs: telemetry::LogTail) -> anyhow::Result<()> {
    let stop = shutdown::signal()?;
    timeout(FIXES_LIMIT, spawn_blocking(fixes::log)).await.ok(); // a warning less is no reason to end
    let app = App::start(config, logs).await?;
    if let Some(link) = app.sign_in_link() {
        // Not a line of the log, which others than the operator may keep.
        print(&format!("No key is configured. Sign in from another machine as the operator: {link}\n"));
    }
    app.run_until(stop).await
}
