//! Builds a [client](super::client): its settings, its offer, and the server's answer to it.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::media::{Direction, MediaKind, Mid};
use str0m::{Candidate, Rtc};

use super::address::own_address;
use super::client::Client;
use super::codec::{Codec, Decoder, Encoder};
use super::driver::{Driver, Shared, Source, State};
use super::http;
use super::opus;

/// Where offers go.
pub const OFFERS: &str = "/api/v1/webrtc/offer";
const STATS_INTERVAL: Duration = Duration::from_secs(1);

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server answered with something else than 200.
    #[error("refused with {status}: {body}")]
    Refused { status: u16, body: Value },
    #[error("no answer: {0}")]
    Http(#[from] reqwest::Error),
    #[error("the answer is not usable: {0}")]
    Answer(String),
}

/// When the client tells its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Candidates {
    InOffer,
    /// After the answer, by PATCH, and then the empty one.
    Trickled,
}

/// Whether the client sends what it offered to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    Sent,
    Withheld,
}

/// The client's settings; by default small VP8 video, sendrecv, no audio, and the data channel.
pub struct Builder {
    codec: Codec,
    size: (u32, u32),
    fps: u32,
    kbps: Option<u32>,
    direction: Direction,
    audio: bool,
    channel: Option<String>,
    candidates: Candidates,
    media: Media,
    parameters: Option<Value>,
    resume_token: Option<String>,
    key: Option<String>,
    offer_map: Vec<TextMap>,
    answer_map: Vec<TextMap>,
}

type TextMap = Box<dyn FnOnce(String) -> String + Send>;

impl Default for Builder {
    fn default() -> Self {
        Self {
            codec: Codec::Vp8,
            size: (160, 120),
            fps: 10,
            kbps: None,
            direction: Direction::SendRecv,
            audio: false,
            channel: Some("parameters".into()),
            candidates: Candidates::InOffer,
            media: Media::Sent,
            parameters: None,
            resume_token: None,
            key: None,
            offer_map: Vec::new(),
            answer_map: Vec::new(),
        }
    }
}

impl Builder {
    pub fn codec(mut self, codec: Codec) -> Self {
        self.codec = codec;
        self
    }

    pub fn size(mut self, width: u32, height: u32) -> Self {
        self.size = (width, height);
        self
    }

    pub fn fps(mut self, fps: u32) -> Self {
        self.fps = fps;
        self
    }

    /// The encoder's bit rate; by default 0.1 bit per pixel, and 150 kbit/s at least.
    pub fn kbps(mut self, kbps: u32) -> Self {
        self.kbps = Some(kbps);
        self
    }

    /// The direction of the video and of the audio.
    pub fn direction(mut self, direction: Direction) -> Self {
        self.direction = direction;
        self
    }

    /// Adds Opus audio, a beep of half a second in each second.
    pub fn with_audio(mut self) -> Self {
        self.audio = true;
        self
    }

    /// The data channel's label, `parameters` by default.
    pub fn channel(mut self, label: &str) -> Self {
        self.channel = Some(label.into());
        self
    }

    pub fn without_channel(mut self) -> Self {
        self.channel = None;
        self
    }

    pub fn candidates(mut self, candidates: Candidates) -> Self {
        self.candidates = candidates;
        self
    }

    pub fn media(mut self, media: Media) -> Self {
        self.media = media;
        self
    }

    /// The offer's `initialParameters`.
    pub fn parameters(mut self, parameters: Value) -> Self {
        self.parameters = Some(parameters);
        self
    }

    /// Sends the offer with a key or a token.
    pub fn key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    /// Offers the fingerprint of a certificate that the client does not have, the same on each line.
    pub fn resume(mut self, token: &str) -> Self {
        self.resume_token = Some(token.to_owned());
        self
    }

    pub fn falsify_fingerprint(self) -> Self {
        self.with_offer_map(|sdp| {
            let mut parts = sdp.split("a=fingerprint:sha-256 ");
            let before = parts.next().unwrap_or_default().to_owned();
            parts.fold(before, |sdp, part| {
                let other = if part.starts_with('0') { '1' } else { '0' };
                format!("{sdp}a=fingerprint:sha-256 {other}{}", &part[1..])
            })
        })
    }

    /// Changes the offer's text before it is sent; the client goes on from the unchanged one.
    pub fn with_offer_map(mut self, map: impl FnOnce(String) -> String + Send + 'static) -> Self {
        self.offer_map.push(Box::new(map));
        self
    }

    /// Changes the answer's text before the client reads it.
    pub fn with_answer_map(mut self, map: impl FnOnce(String) -> String + Send + 'static) -> Self {
        self.answer_map.push(Box::new(map));
        self
    }

    /// Offers a session to the server at `base_url` and starts the client on its answer.
    pub fn connect(self, base_url: &str) -> Result<Client, Error> {
        let socket = UdpSocket::bind((own_address(), 0)).expect("a UDP port is free");
        let local = socket.local_addr().expect("a bound socket has an address");
        let candidate = Candidate::host(local, "udp").expect("an own address is a host candidate");
        let Lines { mut rtc, video, audio, offer, pending } = self.offer(&candidate);
        let codecs = self.codecs();
        let offer = self.offer_map.into_iter().fold(offer, |sdp, map| map(sdp));

        let shared = Arc::new(Shared::default());
        shared.update(|stats| stats.offered_at = Some(Instant::now()));
        let reply = post_body(base_url, &offer, self.parameters, self.resume_token, self.key)?;
        let Reply { session_id, answer, resume_token, resumed } = reply;
        let answer = self.answer_map.into_iter().fold(answer, |sdp, map| map(sdp));
        accept(&mut rtc, pending, &answer, video)?;
        if self.candidates == Candidates::Trickled {
            rtc.add_local_candidate(candidate.clone());
            trickle(base_url, &session_id, &candidate, &offer)?;
        }

        let (commands, receiver) = mpsc::channel();
        let driver = Driver {
            rtc,
            socket,
            local,
            commands: receiver,
            shared: Arc::clone(&shared),
            video,
            audio,
            source: codecs.source,
            beep: codecs.beep,
            decoder: codecs.decoder,
            listener: codecs.listener,
            state: State::default(),
        };
        let thread = thread::Builder::new()
            .name("client".into())
            .spawn(move || driver.run())
            .expect("a thread starts");
        let waker = UdpSocket::bind((local.ip(), 0)).expect("a UDP port is free");
        Ok(Client {
            base_url: base_url.into(),
            session_id,
            resume_token,
            resumed,
            offer,
            answer,
            shared,
            commands,
            waker,
            local,
            thread: Some(thread),
        })
    }

    fn offer(&self, candidate: &Candidate) -> Lines {
        let mut rtc = self.rtc();
        if self.candidates == Candidates::InOffer {
            rtc.add_local_candidate(candidate.clone());
        }
        let mut changes = rtc.sdp_api();
        let stream = Some("camera".to_owned());
        let video = changes.add_media(MediaKind::Video, self.direction, stream.clone(), None, None);
        let audio =
            self.audio.then(|| changes.add_media(MediaKind::Audio, self.direction, stream, None, None));
        if let Some(label) = &self.channel {
            changes.add_channel(label.clone());
        }
        let (offer, pending) = changes.apply().expect("new lines need an offer");
        let offer = offer.to_sdp_string();
        Lines { rtc, video, audio, offer, pending }
    }

    // Bandwidth estimation stays off: the bit rate is fixed, and str0m's pacer would add to the measured delay. The
    // transport-wide feedback that the server's own estimate needs is sent all the same.
    fn rtc(&self) -> Rtc {
        let mut config = Rtc::builder()
            .clear_codecs()
            .enable_opus(self.audio, false)
            .set_stats_interval(Some(STATS_INTERVAL));
        match self.codec {
            Codec::Vp8 => config = config.enable_vp8(true),
            Codec::Vp9 => config = config.enable_vp9(true),
            // One payload type, constrained baseline 3.1 in packetization mode 1: what the encoder makes.
            Codec::H264 => config.codec_config().add_h264(108.into(), Some(109.into()), true, 0x42_e01f),
        }
        config.build(Instant::now())
    }

    /// Made before the offer, so that it costs the first frame nothing.
    fn codecs(&self) -> Codecs {
        let sends = self.media == Media::Sent && self.direction.is_sending();
        let (width, height) = self.size;
        let kbps = self.kbps.unwrap_or_else(|| (width * height * self.fps / 10_000).max(150));
        let source = sends.then(|| Source {
            encoder: Encoder::new(self.codec, width, height, self.fps, kbps),
            fps: self.fps,
        });
        Codecs {
            source,
            beep: (sends && self.audio).then(opus::beep),
            decoder: Decoder::new(self.codec),
            listener: self.audio.then(opus::Listener::new),
        }
    }
}

struct Codecs {
    source: Option<Source>,
    beep: Option<&'static [Vec<u8>]>,
    decoder: Decoder,
    listener: Option<opus::Listener>,
}

struct Lines {
    rtc: Rtc,
    video: Mid,
    audio: Option<Mid>,
    offer: String,
    pending: SdpPendingOffer,
}

/// Posts an offer and returns the session's id and the answer's text.
pub fn post(base_url: &str, offer: &str, parameters: Option<Value>) -> Result<(String, String), Error> {
    let reply = post_body(base_url, offer, parameters, None, None)?;
    Ok((reply.session_id, reply.answer))
}

struct Reply {
    session_id: String,
    answer: String,
    resume_token: String,
    resumed: bool,
}

fn post_body(
    base_url: &str,
    offer: &str,
    parameters: Option<Value>,
    resume_token: Option<String>,
    key: Option<String>,
) -> Result<Reply, Error> {
    let mut body = json!({ "sdp": offer, "type": "offer" });
    if let Some(parameters) = parameters {
        body["initialParameters"] = parameters;
    }
    if let Some(token) = resume_token {
        body["resumeToken"] = token.into();
    }
    let url = format!("{base_url}{OFFERS}");
    let bearer = key.map(|key| format!("Bearer {key}"));
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
    let response = http::send(http::Method::POST, &url, &headers, body.to_string().into_bytes())?;
    let reply = accepted(&response, 200)?;
    let text = |key: &str| reply[key].as_str().map(str::to_owned);
    match (text("type").as_deref(), text("sessionId"), text("sdp")) {
        (Some("answer"), Some(session_id), Some(answer)) => Ok(Reply {
            session_id,
            answer,
            // Peers that the tests put in the server's place have none.
            resume_token: text("resumeToken").unwrap_or_default(),
            resumed: reply["resumed"] == true,
        }),
        _ => Err(Error::Answer(format!("no sdp, type and sessionId in {reply}"))),
    }
}

fn accepted(response: &http::Response, status: u16) -> Result<Value, Error> {
    if response.status == status {
        return Ok(response.json());
    }
    let body = serde_json::from_slice(&response.body).unwrap_or_else(|_| Value::String(response.text()));
    Err(Error::Refused { status: response.status, body })
}

/// Takes the answer, and refuses one that leaves the video line without a codec: such a client would only be silent.
fn accept(rtc: &mut Rtc, pending: SdpPendingOffer, answer: &str, video: Mid) -> Result<(), Error> {
    let unusable = |error: String| Error::Answer(format!("{error} in {answer}"));
    let parsed = SdpAnswer::from_sdp_string(answer).map_err(|error| unusable(error.to_string()))?;
    rtc.sdp_api().accept_answer(pending, parsed).map_err(|error| unusable(error.to_string()))?;
    match rtc.writer(video).map(|writer| writer.payload_params().count()) {
        Some(1..) => Ok(()),
        // An H.264 line without its profile-level-id ends here: it then means another profile (RFC 6184).
        _ => Err(unusable("no common video codec".into())),
    }
}

/// Sends the candidate and then the empty one that ends the list.
fn trickle(base_url: &str, session_id: &str, candidate: &Candidate, offer: &str) -> Result<(), Error> {
    let mid = offer.lines().find_map(|line| line.strip_prefix("a=mid:")).unwrap_or_default();
    for text in [candidate.to_sdp_string(), String::new()] {
        let body = json!({ "candidates": [{ "candidate": text, "sdpMid": mid, "sdpMLineIndex": 0 }] });
        let response = http::patch_json(&format!("{base_url}{OFFERS}/{session_id}"), &body)?;
        accepted(&response, 204)?;
    }
    Ok(())
}
