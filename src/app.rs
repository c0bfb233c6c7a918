//! The only wiring: starts the leaves first, stops in reverse. `main` and every test go through it.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use anyhow::Context;
use axum_server::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    api, config::Config, descriptors, limits, media, metrics::Metrics, recordings, session, shutdown, stage,
    system, telemetry, tls, turn,
};

/// A running server.
pub struct App {
    address: SocketAddr,
    scheme: &'static str,
    registry: session::Registry,
    draining: CancellationToken,
    http: Handle<SocketAddr>,
    http_task: JoinHandle<std::io::Result<()>>,
    turn_task: JoinHandle<()>,
    /// Deletes expired recordings; follows changes of the certificate.
    tasks: Vec<JoinHandle<()>>,
    /// Watches the folders of pipelines and reads the catalog again after a change.
    watch: stage::Watch,
    grace: Duration,
}

impl App {
    /// Starts everything; the port opens last, once the server is ready.
    ///
    /// # Errors
    /// The first thing that is missing or wrong; no port is open then.
    pub async fn start(config: Config, logs: telemetry::LogTail) -> anyhow::Result<Self> {
        let counters = Arc::new(stage::python::Counters::default());
        let kinds = counted_kinds(&config.pipelines, &counters);
        let catalog =
            stage::Catalog::read(&config.pipelines.folders(), &kinds).context("a folder of pipelines")?;
        let metrics = Metrics::new().context("the metrics")?;
        counters.show(&metrics);
        Self::assemble(config, logs, catalog, metrics).await
    }

    /// As [`App::start`], with the caller's catalog.
    ///
    /// # Errors
    /// As [`App::start`].
    pub async fn start_with(
        config: Config,
        logs: telemetry::LogTail,
        catalog: stage::Catalog,
    ) -> anyhow::Result<Self> {
        Self::assemble(config, logs, catalog, Metrics::new().context("the metrics")?).await
    }

    async fn assemble(
        config: Config,
        logs: telemetry::LogTail,
        catalog: stage::Catalog,
        metrics: Metrics,
    ) -> anyhow::Result<Self> {
        descriptors::settle();
        tls::install_provider();
        show_refusals(&metrics);
        if let Some(id) = &config.pipelines.default {
            catalog.load(std::slice::from_ref(id), None).context("the default pipeline")?;
        }
        let draining = CancellationToken::new();
        let tls = tls::start(config.server.certificate.clone(), config.state_dir.clone(), draining.clone())
            .context("the HTTPS certificate")?;
        let (tls, tls_task) = tls.unzip();
        let engine = tokio::task::spawn_blocking(move || media::Engine::start(config.media))
            .await
            .context("GStreamer")??;
        log_codecs(&engine);
        descriptors::log_shortage(config.session.sessions);
        let (turn, turn_task) = turn::Service::start(config.turn, draining.clone()).await;
        let metrics = Arc::new(metrics);
        let watch = stage::Watch::start(catalog.clone()).context("watching the folders of pipelines")?;
        let recordings = recordings::Store::new(config.recordings);
        let tasks = [recordings.start_sweeping(draining.clone())].into_iter().chain(tls_task).collect();
        let registry = session::Registry::new(
            engine,
            catalog.clone(),
            turn.clone(),
            config.session,
            metrics.clone(),
            recordings.clone(),
            draining.clone(),
        );
        let system = system::System::new().context("figures of the host")?;
        let router = api::router(api::State {
            registry: registry.clone(),
            catalog,
            turn,
            settings: config.api,
            recordings,
            metrics,
            logs,
            system: Arc::new(system),
            draining: draining.clone(),
            started: SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs_f64(),
        });
        let listener =
            config.server.listen().with_context(|| format!("listening on {}", config.server.address()))?;
        let address = listener.local_addr()?;
        let http = Handle::new();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let http_task = config.server.serve(listener, tls, router, http.clone())?;
        tracing::info!(%address, scheme, version = env!("CARGO_PKG_VERSION"), "serving");
        let grace = config.shutdown_grace;
        Ok(Self { address, scheme, registry, draining, http, http_task, turn_task, tasks, watch, grace })
    }

    /// The server's address, e.g. `http://127.0.0.1:8000`.
    pub fn url(&self) -> String {
        let host = if self.address.ip().is_unspecified() {
            "127.0.0.1".into()
        } else {
            self.address.ip().to_string()
        };
        format!("{}://{host}:{}", self.scheme, self.address.port())
    }

    /// Serves until `stop` is cancelled, then ends all sessions in parallel and everything else in reverse order.
    ///
    /// # Errors
    /// The HTTP server failed, or something did not stop within its limit.
    pub async fn run_until(mut self, stop: CancellationToken) -> anyhow::Result<()> {
        tokio::select! {
            () = stop.cancelled() => {}
            ended = &mut self.http_task => return ended.context("HTTP")?.context("HTTP"),
        }
        // From this point on the server is not ready and refuses sessions; every live session is notified at once.
        self.draining.cancel();
        let left = self.registry.drained(self.grace).await;
        self.http.graceful_shutdown(Some(shutdown::HTTP_GRACE));
        let http = tokio::time::timeout(shutdown::HTTP_GRACE * 2, self.http_task).await;
        let turn = tokio::time::timeout(shutdown::TASK_GRACE, self.turn_task).await;
        for task in self.tasks {
            tokio::time::timeout(shutdown::TASK_GRACE, task).await.ok(); // a hanging disk must not delay the shutdown
        }
        tokio::task::spawn_blocking(move || drop(self.watch)).await.ok(); // joins its thread
        anyhow::ensure!(left == 0, "{left} sessions did not end within {:?}", self.grace);
        http.context("HTTP connections did not end in time")??.context("HTTP")?;
        turn.context("the ICE servers' task did not end in time")??;
        tracing::info!("stopped");
        Ok(())
    }
}

/// Exports the counts of [`limits`].
fn show_refusals(metrics: &Metrics) {
    metrics.before_text(|metrics| {
        for limit in limits::ALL {
            let counter = metrics.limit_refusals.with_label_values(&[limit.name]);
            counter.reset();
            counter.inc_by(limit.refusals());
        }
    });
}

/// The kinds of pipelines that this server knows.
pub fn kinds(pipelines: &stage::Settings) -> stage::Kinds {
    counted_kinds(pipelines, &Arc::default())
}

fn counted_kinds(pipelines: &stage::Settings, counters: &Arc<stage::python::Counters>) -> stage::Kinds {
    let (onnx, python, counters) = (pipelines.onnx.clone(), pipelines.python.clone(), counters.clone());
    stage::Kinds::default()
        .from_writable_folders(pipelines.writable)
        .with("launch", stage::launch::kind(Arc::new(media::Bins)))
        .with("python", move |folder, about| stage::python::prepare(&python, &counters, folder, about))
        .with("onnx", move |folder, about| stage::onnx::prepare(&onnx, folder, about))
}

/// Exit code of a failed start: 69 (`EX_UNAVAILABLE`) if something has to be installed, 64 (`EX_USAGE`) if the
/// configuration is wrong, 1 otherwise.
pub fn exit_code(error: &anyhow::Error) -> u8 {
    let missing = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<media::Error>().is_some_and(media::Error::is_missing)
    };
    let misused =
        |cause: &(dyn std::error::Error + 'static)| cause.is::<stage::Error>() || cause.is::<tls::Error>();
    if error.chain().any(missing) {
        69
    } else if error.chain().any(misused) {
        64
    } else {
        1
    }
}

fn log_codecs(engine: &media::Engine) {
    for trial in engine.trials().iter().filter(|trial| trial.chosen && trial.direction == "encode") {
        tracing::info!(codec = %trial.codec, element = trial.element, reason = trial.reason, "codec");
    }
}
