//! Every key in one table: its name as a flag, in the environment and in the file, what it means, how it is set.
//!
//! `--help` and the table of `docs/operations.md` come from it. Its defaults are what a person reads; the values are
//! those of the settings' own `Default`, and a test holds the two together.

use std::path::PathBuf;

use super::{
    Config,
    values::{
        address, bytes_or_auto, choice, duration, each, frame_size, list, number, port_range, positive,
        switch, turn_url,
    },
};
use crate::{
    access::{Key as ApiKey, issuer_url},
    api::origin::{FrameAncestor, HostPattern, OriginPattern},
    media::CodecPolicy,
    signalling::CodecName,
    stage::onnx::Provider,
    telemetry::Format,
    tls::Certificate,
    turn::IceServer,
};

/// Whether a key takes one value or several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    /// The last one wins.
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
    /// Reads the value from its text into the configuration.
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
    "open" "SCOPE_OPEN" Switch "false" "no keys: everybody who reaches the port is an operator, as in Daydream Scope" |c, t| c.access.open = switch(t)?;
    "trust_loopback" "SCOPE_TRUST_LOOPBACK" Switch "true" "a request from this machine itself is the operator's and needs no key; false behind a proxy on this machine that adds no X-Forwarded-For, or where other people have accounts" |c, t| c.access.trust_loopback = switch(t)?;
    "key" "SCOPE_KEY" One "" "one operator's key; by the environment, since flags are visible to every local user" |c, t| c.access.key = Some(ApiKey::parse(t)?);
    "key_file" "SCOPE_KEY_FILE" One "" "file that holds this key" |c, t| c.access.key_file = Some(PathBuf::from(t));
    "keys_file" "SCOPE_KEYS_FILE" One "keys.toml in the state folder" "file of the keys that `scope keys new` makes; it has their digests alone" |c, t| c.access.keys_file = Some(PathBuf::from(t));
    "audit_log" "SCOPE_AUDIT_LOG" One "" "file to which each change is appended as a line of JSON: who, what, from where, and its outcome" |c, t| c.access.audit_log = Some(PathBuf::from(t));
    "oidc_issuer" "SCOPE_OIDC_ISSUER" One "" "OpenID Connect issuer whose JWTs stand in place of keys, e.g. https://login.example.org" |c, t| c.access.issuer.issuer = Some(issuer_url(t)?);
    "oidc_audience" "SCOPE_OIDC_AUDIENCE" One "" "audience that these JWTs have to name" |c, t| c.access.issuer.audience = Some(t.into());
    "oidc_client_id" "SCOPE_OIDC_CLIENT_ID" One "" "name under which the issuer knows this server; JWTs may name it as their audience too" |c, t| c.access.issuer.client_id = Some(t.into());
    "oidc_client_secret" "SCOPE_OIDC_CLIENT_SECRET" One "" "its secret, where the issuer wants one besides PKCE" |c, t| c.access.issuer.client_secret = Some(t.into());
    "oidc_role_claim" "SCOPE_OIDC_ROLE_CLAIM" One "" "claim that names operator, user or viewer, as a text or a list, e.g. realm_access.roles; without this key everybody with a JWT is a user" |c, t| c.access.issuer.role_claim = Some(t.into());
    "oidc_limits_claim" "SCOPE_OIDC_LIMITS_CLAIM" One "" "claim with an object of pipelines, origins and max_seconds, which bound its bearer" |c, t| c.access.issuer.limits_claim = Some(t.into());
    "oidc_refresh" "SCOPE_OIDC_REFRESH" One "45s" "how often the issuer's keys are asked for: one that it removes is refused after this" |c, t| c.access.issuer.refresh = duration(t)?;
    "ui_dir" "SCOPE_UI_DIR" One "frontend/dist, /usr/share/scope/ui" "folder of the built page" |c, t| c.api.ui_dir = Some(PathBuf::from(t));
    "video_files" "SCOPE_VIDEO_FILES" One "" "folder of video files that sessions may use instead of a camera" |c, t| c.session.video_files = Some(PathBuf::from(t));
    "tls" "SCOPE_TLS" One "off" "off or self-signed; browsers give no camera to a plain-HTTP page other than localhost" |c, t| c.server.certificate = choice(t, [("off", Certificate::None), ("self-signed", Certificate::SelfSigned)])?;
    "tls_cert" "SCOPE_TLS_CERT" One "" "PEM file of the certificate chain" |c, t| set_cert(&mut c.server.certificate, t);
    "tls_key" "SCOPE_TLS_KEY" One "" "PEM file of its private key" |c, t| set_key(&mut c.server.certificate, t);
    "allowed_hosts" "SCOPE_ALLOWED_HOSTS" Many "" "names that this server answers to besides IP addresses, localhost and this host's own name: scope.example.org, *.local, or * for all" |c, t| c.api.origin.allowed_hosts = each(t, HostPattern::parse)?;
    "allow_origin" "SCOPE_ALLOW_ORIGIN" Many "" "origins of other pages that may use the API (CORS), e.g. https://app.example.org, or * for all" |c, t| c.api.origin.allow_origin = each(t, OriginPattern::parse)?;
    "frame_ancestors" "SCOPE_FRAME_ANCESTORS" Many "" "pages that may show this one in a frame, e.g. https://huggingface.co, self, or * for all; none without" |c, t| c.api.origin.frame_ancestors = each(t, FrameAncestor::parse)?;
    "state_dir" "SCOPE_STATE_DIR" One "~/.local/state/scope" "folder of what the server keeps for itself, such as keys and the self-signed certificate; $XDG_STATE_HOME/scope where that is set" |c, t| c.state_dir = PathBuf::from(t).into();
    "max_sessions" "SCOPE_MAX_SESSIONS" One "16" "sessions at once; a core carries about 5 of 640x480" |c, t| c.session.sessions = positive(t)?;
    "waiting_line" "SCOPE_WAITING_LINE" One "0" "clients that may wait for a place on a full server: an offer is answered with a ticket (202) in place of 503; 0 for no line" |c, t| c.session.waiting_line = number(t)?;
    "max_sessions_per_subject" "SCOPE_MAX_SESSIONS_PER_SUBJECT" One "0" "sessions of one user at once, operators excepted; 0 is no limit" |c, t| c.session.shares.per_subject = number(t)?;
    "max_sessions_per_address" "SCOPE_MAX_SESSIONS_PER_ADDRESS" One "0" "the same from one IPv4 address or IPv6 /64; not for loopback; 0 is no limit" |c, t| c.session.shares.per_address = number(t)?;
    "max_connecting_per_address" "SCOPE_MAX_CONNECTING_PER_ADDRESS" One "4" "sessions of one address that may wait for their connection at once, the oldest gives way; not for loopback, so raise it for a proxy on another host" |c, t| c.session.shares.connecting = positive(t)?;
    "max_minutes_per_day" "SCOPE_MAX_MINUTES_PER_DAY" One "0" "minutes that all sessions of one user may last a day, in UTC, operators excepted; 0 is no limit" |c, t| c.session.minutes_per_day = number(t)?;
    "max_viewers" "SCOPE_MAX_VIEWERS" One "8" "viewers of the headless session's output.ts at once; each takes threads and up to 5 MB" |c, t| c.session.viewers = positive(t)?;
    "max_connections" "SCOPE_MAX_CONNECTIONS" One "1024" "HTTP connections at once, at most a quarter of the file descriptors; the longest idle one gives way to a newer one" |c, t| c.server.connections.all = positive(t)?;
    "max_connections_per_address" "SCOPE_MAX_CONNECTIONS_PER_ADDRESS" One "64" "the same from one IPv4 address or IPv6 /64; not for loopback, so raise it for a reverse proxy on another host" |c, t| c.server.connections.per_address = positive(t)?;
    "max_body_bytes" "SCOPE_MAX_BODY_BYTES" One "524288" "longest request body; an offer has 10 to 30 kB" |c, t| c.api.body_bytes = number(t)?;
    "max_requests" "SCOPE_MAX_REQUESTS" One "64" "requests in flight at once" |c, t| c.api.requests_in_flight = positive(t)?;
    "max_request_rate" "SCOPE_MAX_REQUEST_RATE" One "50" "requests a second of one user, or of one address without a key, and four times as many at once; not for operators, and for strangers not over loopback; 0 is no limit" |c, t| c.api.request_rate = number(t)?;
    "request_timeout" "SCOPE_REQUEST_TIMEOUT" One "20s" "longest time for a request; an offer takes 50 ms" |c, t| c.api.request_limit = duration(t)?;
    "connect_timeout" "SCOPE_CONNECT_TIMEOUT" One "15s" "from the answer to a connection" |c, t| c.session.limits.connect = duration(t)?;
    "media_timeout" "SCOPE_MEDIA_TIMEOUT" One "10s" "from the connection to the first video frame" |c, t| c.session.limits.media = duration(t)?;
    "vanish_timeout" "SCOPE_VANISH_TIMEOUT" One "10s" "longest time without a packet from the browser; RTCP comes every 1 to 5 s" |c, t| c.session.limits.vanish = duration(t)?;
    "gather_timeout" "SCOPE_GATHER_TIMEOUT" One "1s" "how long an answer waits for STUN and TURN candidates" |c, t| c.media.gather_limit = duration(t)?;
    "shutdown_grace" "SCOPE_SHUTDOWN_GRACE" One "10s" "how long sessions get to end; containers kill after 10 s by default" |c, t| c.shutdown_grace = duration(t)?;
    "codecs" "SCOPE_CODECS" Many "vp8,vp9,h264" "codecs to answer with; av1 only if named" |c, t| c.media.codecs = codecs(t)?;
    "codec_policy" "SCOPE_CODEC_POLICY" One "cheapest" "which of several common codecs to use: cheapest (hardware first, then H.264, VP8, VP9, AV1) or offer (the client's order)" |c, t| c.media.codec_policy = choice(t, [("cheapest", CodecPolicy::Cheapest), ("offer", CodecPolicy::Offer)])?;
    "encoders" "SCOPE_ENCODERS" Many "" "forced encoder elements, e.g. h264=openh264enc" |c, t| c.media.forced_encoders.extend(each(t, forced_encoder)?);
    "max_frame" "SCOPE_MAX_FRAME" One "4096x2304" "largest frame that is decoded, played or sent, by its pixels; no side may be over 8192; a decoder takes several times its memory" |c, t| c.media.max_frame = frame_size(t)?;
    "jitter_buffer" "SCOPE_JITTER_BUFFER" One "600ms" "longest wait for a retransmission; in-order packets never wait, small values break retransmission" |c, t| c.media.jitter_buffer = duration(t)?;
    "start_bitrate_bps" "SCOPE_START_BITRATE_BPS" One "600000" "bitrate at the start, bit/s" |c, t| c.media.start_bitrate_bps = number(t)?;
    "min_bitrate_bps" "SCOPE_MIN_BITRATE_BPS" One "100000" "lower end of congestion control, bit/s" |c, t| c.media.min_bitrate_bps = number(t)?;
    "max_bitrate_bps" "SCOPE_MAX_BITRATE_BPS" One "4000000" "upper end of congestion control, bit/s" |c, t| c.media.max_bitrate_bps = number(t)?;
    "congestion_control" "SCOPE_CONGESTION_CONTROL" Switch "true" "without it a narrow link freezes the video" |c, t| c.media.congestion_control = switch(t)?;
    "stun" "SCOPE_STUN" Many "" "STUN URLs, e.g. stun:stun.example.org:3478" |c, t| c.turn.servers.extend(stun(t));
    "turn" "SCOPE_TURN" Many "" "TURN servers as turn:user:password@host:port" |c, t| c.turn.servers.extend(each(t, turn_url)?);
    "turn_urls" "SCOPE_TURN_URLS" Many "" "TURN URLs whose credentials are made from turn_secret" |c, t| c.turn.turn_urls = strings(t);
    "turn_secret" "SCOPE_TURN_SECRET" One "" "coturn's static-auth-secret" |c, t| c.turn.turn_secret = Some(t.into());
    "turn_ttl" "SCOPE_TURN_TTL" One "1h" "lifetime of the credentials made from it" |c, t| c.turn.turn_ttl = duration(t)?;
    "udp_ports" "SCOPE_UDP_PORTS" One "any" "UDP ports for media, e.g. 50000-50100" |c, t| c.media.udp_ports = Some(port_range(t)?);
    "advertised_address" "SCOPE_ADVERTISED_ADDRESS" Many "" "addresses to put into answers instead of the host's own (Docker, NAT)" |c, t| c.media.advertised = each(t, address)?;
    "ice_tcp" "SCOPE_ICE_TCP" Switch "false" "also offer ICE over TCP" |c, t| c.media.ice_tcp = switch(t)?;
    "offline" "SCOPE_OFFLINE" Switch "false" "no STUN and no TURN provider" |c, t| c.turn.offline = switch(t)?;
    "cloudflare_turn_key_id" "CLOUDFLARE_TURN_KEY_ID" One "" "Cloudflare TURN key" |c, t| c.turn.cloudflare.get_or_insert_default().key_id = t.into();
    "cloudflare_turn_key_api_token" "CLOUDFLARE_TURN_KEY_API_TOKEN" One "" "its API token" |c, t| c.turn.cloudflare.get_or_insert_default().api_token = t.into();
    "hf_token" "HF_TOKEN" One "" "Hugging Face token: Cloudflare TURN through fastrtc" |c, t| c.turn.hf_token = Some(t.into());
    "twilio_account_sid" "TWILIO_ACCOUNT_SID" One "" "Twilio account for TURN" |c, t| c.turn.twilio.get_or_insert_default().account_sid = t.into();
    "twilio_auth_token" "TWILIO_AUTH_TOKEN" One "" "its token" |c, t| c.turn.twilio.get_or_insert_default().auth_token = t.into();
    "usage_log" "SCOPE_USAGE_LOG" One "" "file to which each session that ends adds a line of JSON: who used what, for how long, and how much" |c, t| c.session.usage_log = Some(PathBuf::from(t));
    "log_format" "SCOPE_LOG_FORMAT" One "text" "text or json" |c, t| c.log.format = choice(t, [("text", Format::Text), ("json", Format::Json)])?;
    "verbose" "VERBOSE_LOGGING" Switch "false" "also log lines from libraries" |c, t| c.log.verbose = switch(t)?;
    "debuggable" "SCOPE_DEBUGGABLE" Switch "false" "allow core dumps, debuggers and profilers; without it no other process of the same user reads the server's memory, which holds video and keys" |c, t| c.debuggable = switch(t)?;
    "pipelines" "SCOPE_PIPELINES" Many "" "folders of pipelines besides the shipped ones, each <id>/pipeline.toml" |c, t| c.pipelines.dirs = list(t).map(PathBuf::from).collect();
    "writable_pipelines" "SCOPE_WRITABLE_PIPELINES" Switch "false" "run pipelines from folders that other users may write, e.g. on a file system without permissions; a pipeline is code" |c, t| c.pipelines.writable = switch(t)?;
    "pipeline_admission" "SCOPE_PIPELINE_ADMISSION" Switch "true" "refuse a session that would break the frame rate of others; by max_load of its pipeline.toml, 1.0 for Python" |c, t| c.session.admission = switch(t)?;
    "python" "SCOPE_PYTHON" One "" "Python of pipelines that name none and have no .venv; without it the active environment, .venv beside the server, python3" |c, t| c.pipelines.python.interpreter = Some(PathBuf::from(t));
    "max_python_workers" "SCOPE_MAX_PYTHON_WORKERS" One "4" "worker processes of one Python pipeline; each set of load-time parameters has a process, and a model, of its own" |c, t| c.pipelines.python.max_workers = positive(t)?;
    "onnxruntime" "SCOPE_ONNXRUNTIME" One "" "file of ONNX Runtime (libonnxruntime.so, 1.17 or newer) for pipelines of kind onnx; without it ORT_DYLIB_PATH, the system's folders and .venv are searched" |c, t| c.pipelines.onnx.library = Some(PathBuf::from(t));
    "onnx_providers" "SCOPE_ONNX_PROVIDERS" Many "" "what runs ONNX models, the best first: tensorrt, cuda, openvino, cpu; overrides each pipeline.toml" |c, t| c.pipelines.onnx.providers = each(t, provider)?;
    "onnx_threads" "SCOPE_ONNX_THREADS" One "" "threads of one ONNX stage; overrides its pipeline.toml (2 where it says nothing)" |c, t| c.pipelines.onnx.threads = Some(number(t)?);
    "recordings" "SCOPE_RECORDINGS" One "recordings" "folder of recordings, created when the first one starts; relative to the working folder" |c, t| c.recordings.folder = PathBuf::from(t);
    "recordings_quota" "SCOPE_RECORDINGS_QUOTA" One "auto" "bytes that all recordings may take; auto is 10 GB or a tenth of the disk, whichever is less, 0 is no quota; at the quota none starts and running ones end with an error" |c, t| c.recordings.quota_bytes = bytes_or_auto(t)?;
    "recordings_reserve" "SCOPE_RECORDINGS_RESERVE" One "auto" "bytes that recordings leave free on their disk; auto is 1 GB or 5 % of the disk, whichever is less; 2 MiB stay free in any case" |c, t| c.recordings.reserve_bytes = bytes_or_auto(t)?;
    "max_recording_bytes_per_subject" "SCOPE_MAX_RECORDING_BYTES_PER_SUBJECT" One "0" "bytes that the recordings of one user may take, operators excepted; 0 is no limit" |c, t| c.recordings.owner_quota_bytes = number(t)?;
    "max_recordings" "SCOPE_MAX_RECORDINGS" One "16" "recordings at once; each takes a thread and its bitrate of the disk" |c, t| c.recordings.at_once = positive(t)?;
    "recordings_retention" "SCOPE_RECORDINGS_RETENTION" One "0s" "how long finished recordings are kept, e.g. 720h; 0s keeps them for good" |c, t| c.recordings.retention = duration(t)?;
    "pipeline" "PIPELINE" One "echo" "pipeline of sessions that name none" |c, t| c.pipelines.default = Some(t.into());
}

/// Keys whose values are secrets, or hold one.
const SECRETS: &[&str] = &[
    "oidc_client_secret",
    "turn",
    "turn_secret",
    "cloudflare_turn_key_api_token",
    "hf_token",
    "twilio_auth_token",
];

impl Key {
    /// Whether its value is a secret, or holds one. Such a value can also come from a file that a variable names.
    pub fn is_secret(&self) -> bool {
        SECRETS.contains(&self.name)
    }

    /// The variable that names a file with the value of a secret key.
    pub fn file_env(&self) -> String {
        format!("{}_FILE", self.env)
    }

    /// The flag, without its dashes.
    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }
}

/// The table of `docs/operations.md`, in Markdown.
pub fn table() -> String {
    let head = "| flag | environment | default | meaning |\n|---|---|---|---|\n".to_owned();
    let rows = KEYS.iter().map(|key| {
        let default = if key.default.is_empty() { "–".into() } else { format!("`{}`", key.default) };
        format!("| `--{}` | `{}` | {default} | {} |\n", key.flag(), key.env, key.help)
    });
    std::iter::once(head).chain(rows).collect()
}

fn strings(text: &str) -> Vec<String> {
    list(text).map(str::to_owned).collect()
}

fn stun(text: &str) -> Option<IceServer> {
    let urls = strings(text);
    (!urls.is_empty()).then(|| IceServer::stun(urls))
}

fn set_cert(certificate: &mut Certificate, path: &str) {
    let key = if let Certificate::Files { key, .. } = certificate { key.clone() } else { PathBuf::new() };
    *certificate = Certificate::Files { cert: path.into(), key };
}

fn set_key(certificate: &mut Certificate, path: &str) {
    let cert = if let Certificate::Files { cert, .. } = certificate { cert.clone() } else { PathBuf::new() };
    *certificate = Certificate::Files { cert, key: path.into() };
}

fn codec(name: &str) -> Result<CodecName, String> {
    choice(name, CodecName::video().map(|codec| (codec.as_str().to_ascii_lowercase(), codec)))
}

fn codecs(text: &str) -> Result<Vec<CodecName>, String> {
    let codecs = each(text, codec)?;
    if codecs.is_empty() { Err("at least one codec is required".into()) } else { Ok(codecs) }
}

fn forced_encoder(text: &str) -> Result<(CodecName, String), String> {
    let (name, element) =
        text.split_once('=').ok_or_else(|| format!("expected codec=element, got {text:?}"))?;
    Ok((codec(name)?, element.into()))
}

fn provider(name: &str) -> Result<Provider, String> {
    choice(name, Provider::all().into_iter().map(|provider| (provider.name(), provider)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys whose default is not a value but a sentence about one.
    const DESCRIBED: [&str; 5] = ["keys_file", "state_dir", "ui_dir", "udp_ports", "pipeline"];

    #[test]
    fn the_defaults_of_the_table_are_those_of_the_settings() {
        let own = format!("{:?}", Config::default());

        for key in KEYS.iter().filter(|key| !key.default.is_empty() && !DESCRIBED.contains(&key.name)) {
            let mut config = Config::default();
            (key.set)(&mut config, key.default).unwrap();
            assert_eq!(format!("{config:?}"), own, "{}", key.name);
        }
    }

    #[test]
    fn every_key_that_speaks_of_a_secret_is_one() {
        let secret = ["secret", "token", "password", "credential"];
        let names_one = |key: &&Key| {
            let is_source = key.help.contains("are made from"); // made from a secret, with none of its own
            secret.iter().any(|word| key.name.contains(word) || key.help.contains(word)) && !is_source
        };

        for key in KEYS.iter().filter(names_one) {
            assert!(key.is_secret() || key.name == "turn_ttl", "{} is not in SECRETS", key.name);
        }
        assert!(SECRETS.iter().all(|name| KEYS.iter().any(|key| key.name == *name)));
    }

    #[test]
    fn a_codec_goes_by_the_name_that_a_list_has() {
        assert_eq!(codecs("h264, av1"), Ok(vec![CodecName::H264, CodecName::Av1]));
        assert_eq!(codec("opus"), Err("expected vp8, vp9, h264 or av1, got \"opus\"".into()));
        assert_eq!(forced_encoder("vp8=vp8enc"), Ok((CodecName::Vp8, "vp8enc".into())));
        assert!(forced_encoder("vp8enc").is_err() && codecs(" ,").is_err());
    }
}
