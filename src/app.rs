//! The only wiring: starts leaf-first, stops in reverse. `main` and every test go through it.

use std::{
    future::{Ready, ready},
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use anyhow::Context;
use axum_server::{Handle, accept::Accept, tls_rustls::RustlsConfig};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    api,
    config::{self, Config},
    descriptors, media,
    metrics::Metrics,
    recordings, session, shutdown, signalling, stage, system, telemetry, tls, turn,
};

/// Where the shipped pipelines are: in a checkout, or installed.
const SHIPPED: [&str; 2] = ["pipelines/catalog", "/usr/share/scope/pipelines/catalog"];
/// How long a connection may take to send a request's head, or be idle: axum-server's default is for ever.
const HEADER_LIMIT: Duration = Duration::from_secs(10);

/// Fine enough for a retention of hours.
const SWEEP: Duration = Duration::from_mins(10);

/// A server that takes sessions.
pub struct App {
    address: SocketAddr,
    scheme: &'static str,
    registry: session::Registry,
    draining: CancellationToken,
    http: Handle<SocketAddr>,
    http_task: JoinHandle<std::io::Result<()>>,
    turn_task: JoinHandle<()>,
    /// Deletes recordings that are too old.
    sweeper: JoinHandle<()>,
    /// Reads the catalog again where a folder changes, until the end.
    watch: stage::Watch,
    grace: Duration,
}

impl App {
    /// Starts everything; the port opens last, when the server can do its job.
    ///
    /// # Errors
    /// What is missing or wrong, before the port opens.
    pub async fn start(config: Config, logs: telemetry::LogTail) -> anyhow::Result<Self> {
        let counters = Arc::new(stage::python::Counters::default());
        let kinds = counted_kinds(&config.pipelines, &counters);
        let catalog = stage::Catalog::read(&pipeline_folders(&config.pipelines), &kinds)
            .context("a folder of pipelines")?;
        let metrics = Metrics::new().context("the metrics")?;
        counters.show(&metrics);
        Self::assemble(config, logs, catalog, metrics).await
    }

    /// The same with a catalog of the caller's own.
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
        if let Some(id) = &config.pipelines.default {
            catalog.load(std::slice::from_ref(id), None).context("the default pipeline")?;
        }
        let ice = turn_settings(&config.ice);
        ice.validate().context("the ICE servers")?;
        let certificate = certificate(&config.server.tls).context("the HTTPS certificate")?;
        let settings = media_settings(&config);
        let engine = tokio::task::spawn_blocking(move || media::Engine::start(settings))
            .await
            .context("GStreamer")??;
        log_codecs(&engine);
        descriptors::log_shortage(config.limits.sessions);
        let draining = CancellationToken::new();
        let (turn, turn_task) = turn::Service::start(ice, draining.clone()).await;
        let metrics = Arc::new(metrics);
        let watch = stage::Watch::start(catalog.clone()).context("watching the folders of pipelines")?;
        let recordings = recordings::Store::new(recordings_settings(&config.recordings));
        let sweeper = tokio::spawn(sweep(recordings.clone(), draining.clone()));
        let registry = session::Registry::new(
            engine,
            catalog.clone(),
            turn.clone(),
            session_settings(&config),
            metrics.clone(),
            recordings.clone(),
            draining.clone(),
        );
        let system = system::System::new().context("figures of the host")?;
        let router = api::router(api::State {
            registry: registry.clone(),
            catalog,
            turn,
            settings: api_settings(&config),
            recordings,
            metrics,
            logs,
            system: Arc::new(move || serde_json::to_value(system.snapshot()).unwrap_or_default()),
            draining: draining.clone(),
            started: SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs_f64(),
        });
        let listener = listen(&config.server)?;
        let address = listener.local_addr()?;
        let http = Handle::new();
        let scheme = if certificate.is_some() { "https" } else { "http" };
        let http_task = serve(listener, certificate, router, http.clone())?;
        tracing::info!(%address, scheme, version = env!("CARGO_PKG_VERSION"), "serving");
        let grace = config.limits.shutdown_grace;
        Ok(Self { address, scheme, registry, draining, http, http_task, turn_task, sweeper, watch, grace })
    }

    /// Where it listens, e.g. `http://127.0.0.1:8000`.
    pub fn url(&self) -> String {
        let host = if self.address.ip().is_unspecified() {
            "127.0.0.1".into()
        } else {
            self.address.ip().to_string()
        };
        format!("{}://{host}:{}", self.scheme, self.address.port())
    }

    /// Serves until `stop` is cancelled, then ends every session in parallel and the rest in reverse.
    ///
    /// # Errors
    /// The HTTP server failed, or something was left when the limits were over.
    pub async fn run_until(mut self, stop: CancellationToken) -> anyhow::Result<()> {
        tokio::select! {
            () = stop.cancelled() => {}
            ended = &mut self.http_task => return ended.context("HTTP")?.context("HTTP"),
        }
        // Not ready and no new sessions from here on; every session hears of it at once.
        self.draining.cancel();
        let left = self.registry.drained(self.grace).await;
        self.http.graceful_shutdown(Some(shutdown::HTTP_GRACE));
        let http = tokio::time::timeout(shutdown::HTTP_GRACE * 2, self.http_task).await;
        let turn = tokio::time::timeout(shutdown::TASK_GRACE, self.turn_task).await;
        tokio::time::timeout(shutdown::TASK_GRACE, self.sweeper).await.ok(); // a disk that hangs holds nothing up
        tokio::task::spawn_blocking(move || drop(self.watch)).await.ok(); // it waits for its thread
        anyhow::ensure!(left == 0, "{left} sessions did not end within {:?}", self.grace);
        http.context("HTTP connections did not end in time")??.context("HTTP")?;
        turn.context("the ICE servers' task did not end in time")??;
        tracing::info!("stopped");
        Ok(())
    }
}

/// Closes what a server before was killed in, then deletes what is too old, until the end.
async fn sweep(recordings: recordings::Store, stop: CancellationToken) {
    let mut first = true;
    loop {
        let (store, tidies) = (recordings.clone(), std::mem::take(&mut first));
        let swept =
            tokio::task::spawn_blocking(
                move || {
                    if tidies { store.tidy() } else { store.sweep(SystemTime::now()) }
                },
            );
        swept.await.ok(); // a panic is in the log
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(SWEEP) => {}
        }
    }
}

fn recordings_settings(config: &config::Recordings) -> recordings::Settings {
    let (folder, quota_bytes, retention) = (config.folder.clone(), config.quota_bytes, config.retention);
    recordings::Settings { folder, quota_bytes, retention }
}

/// Where pipelines are: the shipped ones, then the user's own.
pub fn pipeline_folders(pipelines: &config::Pipelines) -> Vec<PathBuf> {
    let shipped = SHIPPED.iter().map(PathBuf::from).find(|folder| folder.is_dir());
    shipped.into_iter().chain(pipelines.dirs.iter().cloned()).collect()
}

/// The kinds of pipelines that this server knows.
pub fn kinds(pipelines: &config::Pipelines) -> stage::Kinds {
    counted_kinds(pipelines, &Arc::default())
}

fn counted_kinds(pipelines: &config::Pipelines, counters: &Arc<stage::python::Counters>) -> stage::Kinds {
    let onnx = stage::onnx::Settings {
        library: pipelines.onnxruntime.clone(),
        providers: pipelines
            .onnx_providers
            .iter()
            .filter_map(|name| stage::onnx::Provider::named(name))
            .collect(),
        threads: pipelines.onnx_threads,
    };
    let python = stage::python::Options {
        interpreter: pipelines.python.clone(),
        hidden: config::variables().map(Into::into).collect(),
        counters: counters.clone(),
        ..stage::python::Options::default()
    };
    stage::Kinds::default()
        .with("launch", stage::launch::kind(Arc::new(media::Bins)))
        .with("python", move |folder, about| stage::python::prepare(&python, folder, about))
        .with("onnx", move |folder, about| stage::onnx::prepare(&onnx, folder, about))
}

/// Exit code of a start that failed: 69 (`EX_UNAVAILABLE`) when something has to be installed, 64 (`EX_USAGE`)
/// when the configuration is wrong, 1 else.
pub fn exit_code(error: &anyhow::Error) -> u8 {
    let missing = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<media::Error>().is_some_and(media::Error::is_missing)
    };
    let misused = |cause: &(dyn std::error::Error + 'static)| {
        cause.is::<turn::Error>() || cause.is::<stage::Error>() || cause.is::<tls::Error>()
    };
    if error.chain().any(missing) {
        69
    } else if error.chain().any(misused) {
        64
    } else {
        1
    }
}

fn listen(server: &config::Server) -> anyhow::Result<TcpListener> {
    let address = SocketAddr::new(server.host, server.port);
    let listener = TcpListener::bind(address).with_context(|| format!("listening on {address}"))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn serve(
    listener: TcpListener,
    certificate: Option<Arc<rustls::ServerConfig>>,
    router: axum::Router,
    http: Handle<SocketAddr>,
) -> std::io::Result<JoinHandle<std::io::Result<()>>> {
    let service = router.into_make_service();
    if let Some(certificate) = certificate {
        let tls = RustlsConfig::from_config(certificate);
        let server = axum_server::from_tcp_rustls(listener, tls)?.map(|tls| tls.acceptor(Admission));
        let mut server = server.handle(http);
        server.http_builder().http1().header_read_timeout(HEADER_LIMIT);
        return Ok(tokio::spawn(server.serve(service)));
    }
    let mut server = axum_server::from_tcp(listener)?.acceptor(Admission).handle(http);
    server.http_builder().http1().header_read_timeout(HEADER_LIMIT);
    Ok(tokio::spawn(server.serve(service)))
}

/// Closes new connections while they would take the file descriptors that live sessions need.
#[derive(Clone, Copy)]
struct Admission;

impl<I, S> Accept<I, S> for Admission {
    type Stream = I;
    type Service = S;
    type Future = Ready<std::io::Result<(I, S)>>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        if descriptors::take_connection() {
            return ready(Ok((stream, service)));
        }
        ready(Err(std::io::Error::other("too few file descriptors are free")))
    }
}

fn certificate(tls: &config::Tls) -> Result<Option<Arc<rustls::ServerConfig>>, tls::Error> {
    match tls {
        config::Tls::Off => Ok(None),
        config::Tls::SelfSigned => tls::self_signed().map(Some),
        config::Tls::Files { cert, key } => tls::from_files(cert, key).map(Some),
    }
}

fn log_codecs(engine: &media::Engine) {
    for trial in engine.trials().iter().filter(|trial| trial.chosen && trial.direction == "encode") {
        tracing::info!(codec = %trial.codec, element = trial.element, reason = trial.reason, "codec");
    }
}

fn codec_name(name: &str) -> Option<signalling::CodecName> {
    use signalling::CodecName::{Av1, H264, Vp8, Vp9};
    [("vp8", Vp8), ("vp9", Vp9), ("h264", H264), ("av1", Av1)]
        .into_iter()
        .find_map(|(known, codec)| (known == name).then_some(codec))
}

/// What media has to know of the configuration.
pub fn media_settings(config: &Config) -> media::Settings {
    let media = &config.media;
    let forced = &media.forced_encoders;
    media::Settings {
        codecs: media.codecs.iter().filter_map(|name| codec_name(name)).collect(),
        offer_decides: media.codec_policy == config::CodecPolicy::Offer,
        forced_encoders: forced
            .iter()
            .filter_map(|(name, element)| Some((codec_name(name)?, element.clone())))
            .collect(),
        jitter_buffer: media.jitter_buffer,
        start_bitrate_bps: media.start_bitrate_bps,
        min_bitrate_bps: media.min_bitrate_bps,
        max_bitrate_bps: media.max_bitrate_bps,
        congestion_control: media.congestion_control,
        gather_limit: config.limits.gather,
        udp_ports: config.ice.udp_ports,
        advertised: config.ice.advertised.clone(),
        ice_tcp: config.ice.tcp,
    }
}

fn session_settings(config: &Config) -> session::Settings {
    let limits = &config.limits;
    session::Settings {
        sessions: limits.sessions,
        limits: session::Limits { connect: limits.connect, media: limits.media, vanish: limits.vanish },
        admission: config.pipelines.admission,
        video_files: config.server.video_files.clone(),
    }
}

fn api_settings(config: &Config) -> api::Settings {
    api::Settings {
        ui_dir: config.server.ui_dir.clone(),
        body_bytes: config.limits.body_bytes,
        requests_in_flight: config.limits.requests_in_flight,
        request_limit: config.limits.request,
    }
}

/// Where ICE servers come from, by the configuration.
pub fn turn_settings(ice: &config::Ice) -> turn::Settings {
    let secret = |secret: &config::Secret| turn::Secret::from(secret.expose());
    turn::Settings {
        servers: ice
            .servers
            .iter()
            .map(|server| turn::IceServer {
                urls: server.urls.clone(),
                username: server.username.clone(),
                credential: server.credential.as_ref().map(|credential| credential.expose().to_owned()),
            })
            .collect(),
        turn_urls: ice.turn_urls.clone(),
        turn_secret: ice.turn_secret.as_ref().map(secret),
        turn_ttl: ice.turn_ttl,
        cloudflare: ice
            .cloudflare
            .as_ref()
            .map(|(key_id, token)| turn::CloudflareKeys { key_id: key_id.clone(), api_token: secret(token) }),
        hf_token: ice.hf_token.as_ref().map(secret),
        twilio: ice
            .twilio
            .as_ref()
            .map(|(sid, token)| turn::Twilio { account_sid: sid.clone(), auth_token: secret(token) }),
        offline: ice.offline,
        fallback_stun: ice.fallback_stun.clone(),
        endpoints: turn::Endpoints::default(),
    }
}
