//! A server in the test's own process, for stages and elements that the test makes itself.

use std::time::Duration;

use scope::{app::App, config::Config, stage::Catalog, telemetry};
use tokio_util::sync::CancellationToken;

/// Runs `test` with the URL of a server on loopback and stops it.
pub fn run(catalog: Catalog, test: impl FnOnce(&str)) {
    run_with(Config::default(), catalog, test);
}

/// The same with settings of the test's own.
pub fn run_with(mut config: Config, catalog: Catalog, test: impl FnOnce(&str)) {
    config.server.host = [127, 0, 0, 1].into();
    config.server.port = 0;
    config.turn.offline = true;
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    let stop = CancellationToken::new();
    let logs = telemetry::init(config.log);
    let app = runtime.block_on(App::start_with(config, logs, catalog)).expect("the server starts");
    let url = app.url();
    let running = runtime.spawn(app.run_until(stop.clone()));

    test(&url);

    stop.cancel();
    runtime.block_on(running).expect("the server does not panic").ok(); // a hanging stage is left behind, and said to be
    runtime.shutdown_timeout(Duration::from_secs(1));
}
