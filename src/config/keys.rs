//! Every key in one table: its name as a flag, in the environment and in the file, what it means, how it is set.

use std::path::PathBuf;

use super::{
    CodecPolicy, Config, IceServer, LogFormat, Secret, Tls,
    values::{address, duration, number, port_range, switch, turn_url},
};

/// Whether a key takes one value or several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    /// The last one counts.
    One,
    /// Comma-separated in the environment, a list in the file, repeated as a flag.
    Many,
    /// A flag without a value means true.
    Switch,
}

/// One key.
pub struct Key {
    /// Name in the file; with dashes for the flag.
    pub name: &'static str,
    /// Name in the environment.
    pub env: &'static str,
    /// One or several.
    pub arity: Arity,
    /// Default, as a person reads it.
    pub default: &'static str,
    /// What it is for, with the reason for its default.
    pub help: &'static str,
    /// Puts a value in.
    pub set: fn(&mut Config, &str) -> Result<(), String>,
}

macro_rules! keys {
    ($($name:literal $env:literal $arity:ident $default:literal $help:literal |$config:ident, $text:ident| $set:expr;)*) => {
        /// All keys, in the order of the table.
        pub const KEYS: &[Key] = &[$(Key {
            name: $name, env: $env, arity: Arity::$arity, default: $default, help: $help,
            set: |$config, $text| { $set; Ok(()) },
        }),*];
    };
}

keys! {
    "host" "SCOPE_HOST" One "0.0.0.0" "address to listen on" |c, t| c.server.host = address(t)?;
    "port" "SCOPE_PORT" One "8000" "port to listen on; 0 takes any free one" |c, t| c.server.port = number(t)?;
    "ui_dir" "SCOPE_UI_DIR" One "frontend/dist, /usr/share/scope/ui" "folder of the built page" |c, t| c.server.ui_dir = Some(PathBuf::from(t));
    "video_files" "SCOPE_VIDEO_FILES" One "" "folder of video files that sessions may take in place of a camera" |c, t| c.server.video_files = Some(PathBuf::from(t));
    "tls" "SCOPE_TLS" One "off" "off or self-signed: browsers give no camera to a plain-HTTP page that is not localhost" |c, t| c.server.tls = tls(t)?;
    "tls_cert" "SCOPE_TLS_CERT" One "" "PEM file of the certificate chain" |c, t| set_cert(c, t);
    "tls_key" "SCOPE_TLS_KEY" One "" "PEM file of its private key" |c, t| set_key(c, t);
    "max_sessions" "SCOPE_MAX_SESSIONS" One "16" "sessions at once; about 5 of 640x480 fit on a core" |c, t| c.limits.sessions = number(t)?;
    "max_body_bytes" "SCOPE_MAX_BODY_BYTES" One "524288" "longest request body; an offer has 10 to 30 kB" |c, t| c.limits.body_bytes = number(t)?;
    "max_requests" "SCOPE_MAX_REQUESTS" One "64" "requests under way at once" |c, t| c.limits.requests_in_flight = number(t)?;
    "request_timeout" "SCOPE_REQUEST_TIMEOUT" One "20s" "longest time for a request; an offer takes 50 ms" |c, t| c.limits.request = duration(t)?;
    "connect_timeout" "SCOPE_CONNECT_TIMEOUT" One "15s" "from the answer to a connection" |c, t| c.limits.connect = duration(t)?;
    "media_timeout" "SCOPE_MEDIA_TIMEOUT" One "10s" "from the connection to the first picture" |c, t| c.limits.media = duration(t)?;
    "vanish_timeout" "SCOPE_VANISH_TIMEOUT" One "10s" "without a packet of the browser; RTCP comes every 1 to 5 s" |c, t| c.limits.vanish = duration(t)?;
    "gather_timeout" "SCOPE_GATHER_TIMEOUT" One "1s" "how long an answer waits for STUN and TURN candidates" |c, t| c.limits.gather = duration(t)?;
    "shutdown_grace" "SCOPE_SHUTDOWN_GRACE" One "10s" "how long sessions get to end; containers kill after 10 s by default" |c, t| c.limits.shutdown_grace = duration(t)?;
    "codecs" "SCOPE_CODECS" Many "vp8,vp9,h264" "codecs that are answered with; av1 only where named" |c, t| c.media.codecs = list(t);
    "codec_policy" "SCOPE_CODEC_POLICY" One "cheapest" "which of several common codecs: cheapest (hardware first, then H.264, VP8, VP9, AV1) or offer (the client's order)" |c, t| c.media.codec_policy = codec_policy(t)?;
    "encoders" "SCOPE_ENCODERS" Many "" "forced encoder elements, e.g. h264=openh264enc" |c, t| force_encoders(c, t)?;
    "jitter_buffer" "SCOPE_JITTER_BUFFER" One "600ms" "longest wait for a retransmission; in-order packets never wait, small values break retransmission" |c, t| c.media.jitter_buffer = duration(t)?;
    "start_bitrate_bps" "SCOPE_START_BITRATE_BPS" One "600000" "bitrate at the start, bit/s" |c, t| c.media.start_bitrate_bps = number(t)?;
    "min_bitrate_bps" "SCOPE_MIN_BITRATE_BPS" One "100000" "lower end of congestion control, bit/s" |c, t| c.media.min_bitrate_bps = number(t)?;
    "max_bitrate_bps" "SCOPE_MAX_BITRATE_BPS" One "4000000" "upper end of congestion control, bit/s" |c, t| c.media.max_bitrate_bps = number(t)?;
    "congestion_control" "SCOPE_CONGESTION_CONTROL" Switch "true" "without it a narrow link freezes the picture" |c, t| c.media.congestion_control = switch(t)?;
    "stun" "SCOPE_STUN" Many "" "STUN URLs, e.g. stun:stun.example.org:3478" |c, t| add_stun(c, t);
    "turn" "SCOPE_TURN" Many "" "TURN servers as turn:user:password@host:port" |c, t| add_turn(c, t)?;
    "turn_urls" "SCOPE_TURN_URLS" Many "" "TURN URLs whose credentials are made from turn_secret" |c, t| c.ice.turn_urls = list(t);
    "turn_secret" "SCOPE_TURN_SECRET" One "" "coturn's static-auth-secret" |c, t| c.ice.turn_secret = Some(t.to_owned().into());
    "turn_ttl" "SCOPE_TURN_TTL" One "24h" "life of the credentials made from it" |c, t| c.ice.turn_ttl = duration(t)?;
    "udp_ports" "SCOPE_UDP_PORTS" One "any" "UDP ports for media, e.g. 50000-50100" |c, t| c.ice.udp_ports = Some(port_range(t)?);
    "advertised_address" "SCOPE_ADVERTISED_ADDRESS" Many "" "addresses that stand in answers in place of the host's own (Docker, NAT)" |c, t| c.ice.advertised = list(t).iter().map(|one| address(one)).collect::<Result<_, _>>()?;
    "ice_tcp" "SCOPE_ICE_TCP" Switch "false" "ICE over TCP as well" |c, t| c.ice.tcp = switch(t)?;
    "offline" "SCOPE_OFFLINE" Switch "false" "no STUN and no TURN provider" |c, t| c.ice.offline = switch(t)?;
    "cloudflare_turn_key_id" "CLOUDFLARE_TURN_KEY_ID" One "" "Cloudflare TURN key" |c, t| t.clone_into(&mut pair(&mut c.ice.cloudflare).0);
    "cloudflare_turn_key_api_token" "CLOUDFLARE_TURN_KEY_API_TOKEN" One "" "its API token" |c, t| pair(&mut c.ice.cloudflare).1 = t.to_owned().into();
    "hf_token" "HF_TOKEN" One "" "Hugging Face token: Cloudflare TURN through fastrtc" |c, t| c.ice.hf_token = Some(t.to_owned().into());
    "twilio_account_sid" "TWILIO_ACCOUNT_SID" One "" "Twilio account for TURN" |c, t| t.clone_into(&mut pair(&mut c.ice.twilio).0);
    "twilio_auth_token" "TWILIO_AUTH_TOKEN" One "" "its token" |c, t| pair(&mut c.ice.twilio).1 = t.to_owned().into();
    "log_format" "SCOPE_LOG_FORMAT" One "text" "text or json" |c, t| c.log.format = log_format(t)?;
    "verbose" "VERBOSE_LOGGING" Switch "false" "opens the libraries' log lines" |c, t| c.log.verbose = switch(t)?;
    "pipelines" "SCOPE_PIPELINES" Many "" "folders of pipelines beside the shipped ones, each <id>/pipeline.toml" |c, t| c.pipelines.dirs = list(t).iter().map(PathBuf::from).collect();
    "pipeline_admission" "SCOPE_PIPELINE_ADMISSION" Switch "true" "refuse a session that would break the frame rate of others; by max_load of its pipeline.toml, 1.0 for Python" |c, t| c.pipelines.admission = switch(t)?;
    "python" "SCOPE_PYTHON" One "" "Python of pipelines that name none and have no .venv; without it the active environment, .venv beside the server, python3" |c, t| c.pipelines.python = Some(PathBuf::from(t));
    "onnxruntime" "SCOPE_ONNXRUNTIME" One "" "file of ONNX Runtime (libonnxruntime.so, 1.17 or newer) for pipelines of kind onnx; without it ORT_DYLIB_PATH, the system's folders and .venv are looked into" |c, t| c.pipelines.onnxruntime = Some(PathBuf::from(t));
    "onnx_providers" "SCOPE_ONNX_PROVIDERS" Many "" "what runs ONNX models, the best first: tensorrt, cuda, openvino, cpu; in place of what each pipeline.toml names" |c, t| c.pipelines.onnx_providers = list(t);
    "onnx_threads" "SCOPE_ONNX_THREADS" One "" "threads of one ONNX stage, in place of what its pipeline.toml says (2 where it says nothing)" |c, t| c.pipelines.onnx_threads = Some(number(t)?);
    "recordings" "SCOPE_RECORDINGS" One "recordings" "folder of recordings, made when the first one starts; below the working folder" |c, t| c.recordings.folder = PathBuf::from(t);
    "recordings_quota" "SCOPE_RECORDINGS_QUOTA" One "0" "bytes that all recordings may take: then none starts and those under way end, with a sentence; 0 is as many as the disk has" |c, t| c.recordings.quota_bytes = number(t)?;
    "recordings_retention" "SCOPE_RECORDINGS_RETENTION" One "0s" "how long finished recordings are kept, e.g. 720h; 0s keeps them" |c, t| c.recordings.retention = duration(t)?;
    "pipeline" "PIPELINE" One "echo" "pipeline of sessions that name none" |c, t| c.pipelines.default = Some(t.to_owned());
}

impl Key {
    /// The flag, without its dashes.
    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }
}

/// The configuration table of the README, in Markdown.
pub fn table() -> String {
    let head = "| flag | environment | default | meaning |\n|---|---|---|---|\n".to_owned();
    let rows = KEYS.iter().map(|key| {
        let default = if key.default.is_empty() { "–".into() } else { format!("`{}`", key.default) };
        format!("| `--{}` | `{}` | {default} | {} |\n", key.flag(), key.env, key.help)
    });
    std::iter::once(head).chain(rows).collect()
}

/// Every variable that the server reads: what it may hold is no other process's business.
pub fn variables() -> impl Iterator<Item = &'static str> {
    KEYS.iter().map(|key| key.env)
}

/// What one half of a pair lacks is found out when all is read.
pub fn halves(config: &Config) -> Vec<String> {
    let mut faults = Vec::new();
    for (pair, one, other) in [
        (&config.ice.cloudflare, "CLOUDFLARE_TURN_KEY_ID", "CLOUDFLARE_TURN_KEY_API_TOKEN"),
        (&config.ice.twilio, "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"),
    ] {
        if let Some((id, secret)) = pair
            && (id.is_empty() || secret.expose().is_empty())
        {
            faults.push(format!("{one} and {other} are wanted together, one of them came"));
        }
    }
    if let Tls::Files { cert, key } = &config.server.tls
        && (cert.as_os_str().is_empty() || key.as_os_str().is_empty())
    {
        faults.push("--tls-cert and --tls-key are wanted together, one of them came".into());
    }
    faults
}

fn pair(slot: &mut Option<(String, Secret)>) -> &mut (String, Secret) {
    slot.get_or_insert_with(|| (String::new(), Secret::from(String::new())))
}

fn tls(text: &str) -> Result<Tls, String> {
    match text {
        "off" => Ok(Tls::Off),
        "self-signed" => Ok(Tls::SelfSigned),
        _ => Err(format!("off or self-signed is wanted, {text:?} came")),
    }
}

fn set_cert(config: &mut Config, path: &str) {
    let key = if let Tls::Files { key, .. } = &config.server.tls { key.clone() } else { PathBuf::new() };
    config.server.tls = Tls::Files { cert: path.into(), key };
}

fn set_key(config: &mut Config, path: &str) {
    let cert = if let Tls::Files { cert, .. } = &config.server.tls { cert.clone() } else { PathBuf::new() };
    config.server.tls = Tls::Files { cert, key: path.into() };
}

fn codec_policy(text: &str) -> Result<CodecPolicy, String> {
    match text {
        "cheapest" => Ok(CodecPolicy::Cheapest),
        "offer" => Ok(CodecPolicy::Offer),
        _ => Err(format!("cheapest or offer is wanted, {text:?} came")),
    }
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(format!("text or json is wanted, {text:?} came")),
    }
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned).collect()
}

fn add_stun(config: &mut Config, text: &str) {
    let urls = list(text);
    if !urls.is_empty() {
        config.ice.servers.push(IceServer { urls, username: None, credential: None });
    }
}

fn add_turn(config: &mut Config, text: &str) -> Result<(), String> {
    for url in list(text) {
        config.ice.servers.push(turn_url(&url)?);
    }
    Ok(())
}

fn force_encoders(config: &mut Config, text: &str) -> Result<(), String> {
    for one in list(text) {
        let (codec, element) =
            one.split_once('=').ok_or_else(|| format!("codec=element is wanted, {one:?} came"))?;
        config.media.forced_encoders.insert(codec.to_owned(), element.to_owned());
    }
    Ok(())
}
