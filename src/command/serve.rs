//! `scope` and `scope serve`: the server, until it is told to stop.

use std::process::ExitCode;

use crate::{
    app::{self, App},
    config::Config,
    memory, shutdown, telemetry,
};

/// Runs the server to its end.
pub fn serve(config: Config) -> ExitCode {
    if !config.debuggable {
        memory::hide();
    }
    let logs = telemetry::init(config.log);
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
    App::start(config, logs).await?.run_until(stop).await
}
