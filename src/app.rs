//! The only wiring: starts the leaves first, stops in reverse. `main` and every test go through it.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, SystemTime},
};

use anyhow::Context;
use axum_server::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    access, api, config::Config, descriptors, limits, media, metrics::Metrics, recordings, session, shutdown,
    stage, state_dir::StateDir, system, telemetry, tls, turn,
};

/// A running server.
pub struct App {
    access: access::Access,
    address: SocketAddr,
    scheme: &'static str,
    registry: session::Registry,
    draining: CancellationToken,
    http: Handle<SocketAddr>,
    server: JoinHandle<std::io::Result<()>>,
    turn_task: JoinHandle<()>,
    /// Deletes expired recordings; follows changes of the certificate, of the keys and of the issuer's.
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
        let issuer = config.access.issuer.clone();
        let access = load_access(config.access, config.state_dir, config.server.host).await?;
        let issuer_task = access.start_issuer(issuer, draining.clone()).await;
        let engine = tokio::task::spawn_blocking(move || media::Engine::start(config.media))
            .await
            .context("GStreamer")??;
        log_codecs(&engine);
        descriptors::log_shortage(config.session.sessions);
        let (turn, turn_task) = turn::Service::start(config.turn, draining.clone()).await;
        let metrics = Arc::new(metrics);
        let watch = stage::Watch::start(catalog.clone()).context("watching the folders of pipelines")?;
        let recordings = recordings::Store::new(config.recordings);
        let tasks = [recordings.start_sweeping(draining.clone()), access.start_watching(draining.clone())];
        let tasks = tasks.into_iter().chain(tls_task).chain(issuer_task).collect();
        let registry = session::Registry::new(
            engine,
            catalog.clone(),
            turn.clone(),
            config.session,
            metrics.clone(),
            recordings.clone(),
            draining.clone(),
        )?;
        let router = api::router(api::State {
            access: access.clone(),
            registry: registry.clone(),
            catalog,
            turn,
            settings: api::Settings { https: tls.is_some(), ..config.api },
            recordings,
            metrics,
            logs,
            system: Arc::new(system::System::new().context("figures of the host")?),
            draining: draining.clone(),
            started: SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs_f64(),
        });
        let listener =
            config.server.listen().with_context(|| format!("listening on {}", config.server.address()))?;
        let address = listener.local_addr()?;
        let http = Handle::new();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let server = config.server.serve(listener, tls, router, http.clone())?;
        tracing::info!(%address, scheme, version = env!("CARGO_PKG_VERSION"), "serving");
        let grace = config.shutdown_grace;
        Ok(Self { access, address, scheme, registry, draining, http, server, turn_task, tasks, watch, grace })
    }

    /// The address with which the operator signs in from another machine; `None` where keys are configured, or where no
    /// other machine reaches the server.
    pub fn sign_in_link(&self) -> Option<String> {
        let key = self.access.made_key()?;
        let host = SocketAddr::new(outer_address(self.address.ip()), self.address.port());
        Some(format!("{}://{host}/?key={}", self.scheme, key.expose()))
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
            ended = &mut self.server => return ended.context("HTTP")?.context("HTTP"),
        }
        // From this point on the server is not ready and refuses sessions; every live session is notified at once.
        self.draining.cancel();
        let left = self.registry.drained(self.grace).await;
        self.http.graceful_shutdown(Some(shutdown::HTTP_GRACE));
        let http = tokio::time::timeout(shutdown::HTTP_GRACE * 2, self.server).await;
        let turn = tokio::time::timeout(shutdown::TASK_GRACE, self.turn_task).await;
        for task in self.tasks {
            tokio::time::timeout(shutdown::TASK_GRACE, task).await.ok(); // a hanging disk must not delay the shutdown
        }
        tokio::task::spawn_blocking(move || drop(self.watch)).await.ok(); // joins its thread
        tokio::task::spawn_blocking(|| access::audit::flush(shutdown::TASK_GRACE)).await.ok(); // as above
        anyhow::ensure!(left == 0, "{left} sessions did not end within {:?}", self.grace);
        http.context("HTTP connections did not end in time")??.context("HTTP")?;
        turn.context("the ICE servers' task did not end in time")??;
        tracing::info!("stopped");
        Ok(())
    }
}

/// Exports the counts of [`limits`] and of the audit.
fn show_refusals(metrics: &Metrics) {
    metrics.before_text(|metrics| {
        for limit in limits::ALL {
            let counter = metrics.limit_refusals.with_label_values(&[limit.name]);
            counter.reset();
            counter.inc_by(limit.refusals());
        }
        metrics.audit_lines_lost.reset();
        metrics.audit_lines_lost.inc_by(access::audit::lost());
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
    let misused = |cause: &(dyn std::error::Error + 'static)| {
        cause.is::<stage::Error>()
            || cause.is::<tls::Error>()
            || cause.is::<access::Error>()
            || cause.is::<session::UsageLogError>()
    };
    if error.chain().any(missing) {
        69
    } else if error.chain().any(misused) {
        64
    } else {
        1
    }
}

async fn load_access(
    settings: access::Settings,
    state: StateDir,
    host: IpAddr,
) -> anyhow::Result<access::Access> {
    let reach = if host.is_loopback() { access::Reach::Machine } else { access::Reach::Network };
    let loaded = tokio::task::spawn_blocking(move || access::Access::load(&settings, &state, reach)).await;
    loaded.context("the API keys")?.context("the API keys")
}

/// An address by which others reach a server that listens on `host`.
fn outer_address(host: IpAddr) -> IpAddr {
    if !host.is_unspecified() {
        return host;
    }
    let own = system::addresses();
    own.iter().find(|address| address.is_ipv4()).or(own.first()).copied().unwrap_or(host)
}

fn log_codecs(engine: &media::Engine) {
    for trial in engine.trials().iter().filter(|trial| trial.chosen && trial.direction == "encode") {
        tracing::info!(codec = %trial.codec, element = trial.element, reason = trial.reason, "codec");
    }
}
