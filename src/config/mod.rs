//! Configuration: flag > environment > TOML file > default. Unknown keys are errors; all faults come at once.
//!
//! Read once, before anything else starts. Secrets never show in `Debug`.

mod keys;
mod load;
mod task;
mod values;

use std::{collections::BTreeMap, net::IpAddr, path::PathBuf, time::Duration};

pub use keys::{table, variables};
pub use load::{Outcome, Subject, load};
pub use task::{Form, Run, Task};
pub use values::Secret;

/// Everything that a person can set.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The HTTP side.
    pub server: Server,
    /// Bounds on what clients may use and how long steps may take.
    pub limits: Limits,
    /// Codecs and bitrates.
    pub media: Media,
    /// How peers are reached.
    pub ice: Ice,
    /// What is logged and how.
    pub log: Log,
    /// Where pipelines come from.
    pub pipelines: Pipelines,
    /// Where recordings go.
    pub recordings: Recordings,
}

/// The HTTP side.
#[derive(Clone, Debug)]
pub struct Server {
    /// Address to listen on.
    pub host: IpAddr,
    /// Port to listen on; 0 takes any free one.
    pub port: u16,
    /// Folder of the built page.
    pub ui_dir: Option<PathBuf>,
    /// Folder of video files that sessions may take in place of a camera.
    pub video_files: Option<PathBuf>,
    /// HTTPS.
    pub tls: Tls,
}

/// Where the HTTPS certificate comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Tls {
    /// Plain HTTP.
    #[default]
    Off,
    /// A certificate made at start.
    SelfSigned,
    /// PEM files.
    Files {
        /// Certificate chain.
        cert: PathBuf,
        /// Private key.
        key: PathBuf,
    },
}

/// Bounds on what clients may use and how long steps may take.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Sessions that may live at once.
    pub sessions: usize,
    /// Longest request body in bytes.
    pub body_bytes: usize,
    /// Requests under way at once.
    pub requests_in_flight: usize,
    /// Longest time for a request.
    pub request: Duration,
    /// From the answer to a connection.
    pub connect: Duration,
    /// From the connection to the first picture.
    pub media: Duration,
    /// Without a packet of the peer.
    pub vanish: Duration,
    /// How long an answer waits for candidates.
    pub gather: Duration,
    /// How long sessions get to end when the server stops.
    pub shutdown_grace: Duration,
}

/// Codecs and bitrates.
#[derive(Clone, Debug)]
pub struct Media {
    /// Codecs that are answered with: vp8, vp9, h264, av1.
    pub codecs: Vec<String>,
    /// Which of several common codecs is answered with.
    pub codec_policy: CodecPolicy,
    /// Encoder element by codec, where one is forced.
    pub forced_encoders: BTreeMap<String, String>,
    /// Longest wait for a retransmission.
    pub jitter_buffer: Duration,
    /// Bitrate at the start, bit/s.
    pub start_bitrate_bps: u32,
    /// Lower end of congestion control, bit/s.
    pub min_bitrate_bps: u32,
    /// Upper end of congestion control, bit/s.
    pub max_bitrate_bps: u32,
    /// Whether congestion control drives the bitrate.
    pub congestion_control: bool,
}

/// Which of several common codecs is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodecPolicy {
    /// The one that costs this host least at the same quality.
    Cheapest,
    /// The one that the client names first.
    Offer,
}

/// A STUN or TURN server of the static list (W3C `RTCIceServer`).
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IceServer {
    /// `stun:`, `turn:` or `turns:` URLs.
    pub urls: Vec<String>,
    /// For TURN.
    pub username: Option<String>,
    /// For TURN.
    pub credential: Option<Secret>,
}

/// How peers are reached.
#[derive(Clone, Debug)]
pub struct Ice {
    /// The static list.
    pub servers: Vec<IceServer>,
    /// TURN URLs that share `turn_secret`.
    pub turn_urls: Vec<String>,
    /// coturn's `static-auth-secret`.
    pub turn_secret: Option<Secret>,
    /// Life of the credentials made from it.
    pub turn_ttl: Duration,
    /// UDP ports for media, both ends included.
    pub udp_ports: Option<(u16, u16)>,
    /// Addresses that stand in answers in place of the host's own.
    pub advertised: Vec<IpAddr>,
    /// ICE over TCP.
    pub tcp: bool,
    /// No STUN and no provider.
    pub offline: bool,
    /// Cloudflare TURN key id and API token.
    pub cloudflare: Option<(String, Secret)>,
    /// Hugging Face token, for Cloudflare through it.
    pub hf_token: Option<Secret>,
    /// Twilio account SID and auth token.
    pub twilio: Option<(String, Secret)>,
    /// What is used when nothing else is set or works.
    pub fallback_stun: Vec<String>,
}

/// What is logged and how.
#[derive(Clone, Copy, Debug, Default)]
pub struct Log {
    /// Lines for people or for programs.
    pub format: LogFormat,
    /// Opens the libraries' lines.
    pub verbose: bool,
}

/// Form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Where pipelines come from.
#[derive(Clone, Debug)]
pub struct Pipelines {
    /// Folders of the user's own.
    pub dirs: Vec<PathBuf>,
    /// The one that new sessions get.
    pub default: Option<String>,
    /// Whether sessions are refused that would break the frame rate of others.
    pub admission: bool,
    /// The Python of pipelines that name none and have no `.venv` of their own.
    pub python: Option<PathBuf>,
    /// The file of ONNX Runtime.
    pub onnxruntime: Option<PathBuf>,
    /// Providers of ONNX Runtime in place of those that pipelines name.
    pub onnx_providers: Vec<String>,
    /// Threads of a stage of kind `onnx` in place of what pipelines say.
    pub onnx_threads: Option<usize>,
}

/// Where recordings go.
#[derive(Clone, Debug)]
pub struct Recordings {
    /// Their folder.
    pub folder: PathBuf,
    /// Bytes of all together; 0 for as many as the disk has.
    pub quota_bytes: u64,
    /// How long finished ones are kept; zero keeps them.
    pub retention: Duration,
}

impl Default for Recordings {
    fn default() -> Self {
        // Below the working folder: the image's is /var/lib/scope.
        Self { folder: PathBuf::from("recordings"), quota_bytes: 0, retention: Duration::ZERO }
    }
}

impl Default for Pipelines {
    fn default() -> Self {
        Self {
            dirs: Vec::new(),
            default: None,
            admission: true,
            python: None,
            onnxruntime: None,
            onnx_providers: Vec::new(),
            onnx_threads: None,
        }
    }
}

impl Default for Server {
    fn default() -> Self {
        Self { host: [0, 0, 0, 0].into(), port: 8000, ui_dir: None, video_files: None, tls: Tls::Off }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions: 16,
            body_bytes: 512 * 1024,
            requests_in_flight: 64,
            request: Duration::from_secs(20),
            connect: Duration::from_secs(15),
            media: Duration::from_secs(10),
            vanish: Duration::from_secs(10),
            gather: Duration::from_secs(1),
            shutdown_grace: Duration::from_secs(10),
        }
    }
}

impl Default for Media {
    fn default() -> Self {
        Self {
            codecs: ["vp8", "vp9", "h264"].map(str::to_owned).to_vec(),
            codec_policy: CodecPolicy::Cheapest,
            forced_encoders: BTreeMap::new(),
            jitter_buffer: Duration::from_millis(600),
            start_bitrate_bps: 600_000,
            min_bitrate_bps: 100_000,
            max_bitrate_bps: 4_000_000,
            congestion_control: true,
        }
    }
}

impl Default for Ice {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            turn_urls: Vec::new(),
            turn_secret: None,
            turn_ttl: Duration::from_hours(24),
            udp_ports: None,
            advertised: Vec::new(),
            tcp: false,
            offline: false,
            cloudflare: None,
            hf_token: None,
            twilio: None,
            fallback_stun: vec!["stun:stun.l.google.com:19302".to_owned()],
        }
    }
}

impl Config {
    /// Everything that is wrong with values that are each fine by themselves.
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let media = &self.media;
        for codec in media.codecs.iter().chain(media.forced_encoders.keys()) {
            if !["vp8", "vp9", "h264", "av1"].contains(&codec.as_str()) {
                faults.push(format!("codecs: vp8, vp9, h264 or av1 is wanted, {codec:?} came"));
            }
        }
        for provider in &self.pipelines.onnx_providers {
            if !["tensorrt", "cuda", "openvino", "cpu"].contains(&provider.as_str()) {
                faults.push(format!(
                    "onnx-providers: tensorrt, cuda, openvino or cpu is wanted, {provider:?} came"
                ));
            }
        }
        if media.codecs.is_empty() {
            faults.push("codecs: one codec at least is wanted, none came".into());
        }
        if !(media.min_bitrate_bps <= media.start_bitrate_bps
            && media.start_bitrate_bps <= media.max_bitrate_bps)
        {
            faults.push(format!(
                "bitrates: min <= start <= max is wanted, {} {} {} came",
                media.min_bitrate_bps, media.start_bitrate_bps, media.max_bitrate_bps
            ));
        }
        if self.limits.sessions == 0 {
            faults.push("max-sessions: one session at least is wanted, 0 came".into());
        }
        if self.limits.requests_in_flight == 0 {
            faults.push("max-requests: one request at least is wanted, 0 came".into());
        }
        faults
    }
}
