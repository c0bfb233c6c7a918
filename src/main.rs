//! Load, then run.

use std::process::ExitCode;

use scope::{
    app::{self, App},
    config, memory, shutdown, telemetry,
};

fn main() -> ExitCode {
    memory::settle();
    // A variable that is no text is none of ours.
    let environment =
        std::env::vars_os().filter_map(|(name, value)| name.into_string().ok().zip(value.into_string().ok()));
    let config = match config::load(std::env::args_os(), environment) {
        config::Outcome::Serve(config) => *config,
        config::Outcome::Print(text) => {
            print!("{text}");
            return ExitCode::SUCCESS;
        }
        config::Outcome::Faults(text) => {
            eprintln!("{}", text.trim_end());
            return ExitCode::from(64); // EX_USAGE
        }
    };
    let logs = telemetry::init(config.log.format == config::LogFormat::Json, config.log.verbose);
    match run(config, logs) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::from(app::exit_code(&error))
        }
    }
}

#[tokio::main]
async fn run(config: config::Config, logs: telemetry::LogTail) -> anyhow::Result<()> {
    let stop = shutdown::signal()?;
    App::start(config, logs).await?.run_until(stop).await
}
