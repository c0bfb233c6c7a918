//! `scope` and `scope serve`: the server, until it is told to stop.

use std::{process::ExitCode, time::Duration};

use anyhow::Context;
use tokio::{runtime, task::spawn_blocking, time::timeout};

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
/// Blocking calls wake their pool's threads in turn, so one call a second keeps ten threads for as many seconds: with
/// tokio's 10 s, a burst's threads stayed.
const BLOCKING_IDLE: Duration = Duration::from_secs(1);

/// Runs the server to its end.
pub fn serve(config: Config) -> ExitCode {
    if !config.debuggable {
        memory::hide();
    }
    let logs = telemetry::init(config.log);
    for config::Warning { found, advice } in &config.warnings {
        tracing::warn!(advice, "{found}");
    }
    let runtime = runtime::Builder::new_multi_thread().enable_all().thread_keep_alive(BLOCKING_IDLE).build();
    match runtime.context("cannot start threads").and_then(|runtime| runtime.block_on(run(config, logs))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::from(app::exit_code(&error))
        }
    }
}

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
