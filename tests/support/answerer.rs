//! A peer that needs no server: it answers offers as the server does and returns what it receives, or a frozen frame.
//! It proves that the client sees what is there and nothing else. One thread per session, one for HTTP.

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{patch, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use str0m::change::SdpOffer;
use str0m::media::{KeyframeRequestKind, MediaData};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcError};

use super::address::own_address;
use super::http;

/// Commands are looked for this often; nothing is measured on this side.
const POLL: Duration = Duration::from_millis(10);

/// What comes back as video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VideoMode {
    Echoed,
    /// The first key frame, repeated at the rate of the incoming frames.
    Frozen,
}

/// The peer; its sessions end with their clients.
pub struct Answerer {
    url: String,
    sessions: Arc<Sessions>,
}

struct Sessions {
    video: VideoMode,
    commands: Mutex<HashMap<String, Sender<Command>>>,
}

enum Command {
    Candidate(Candidate),
    Close,
}

impl Answerer {
    pub fn spawn(video: VideoMode) -> Answerer {
        let sessions = Arc::new(Sessions { video, commands: Mutex::default() });
        let router = Router::new()
            .route("/api/v1/webrtc/offer", post(offer))
            .route("/api/v1/webrtc/offer/{id}", patch(candidates))
            .with_state(Arc::clone(&sessions));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let url = format!("http://{}", listener.local_addr().expect("a bound socket has an address"));
        listener.set_nonblocking(true).expect("a listener can be polled");
        http::runtime().spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("the listener is not blocking");
            axum::serve(listener, router).await
        });
        Answerer { url, sessions }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Closes the connection to every client.
    pub fn close(&self) {
        for commands in self.sessions.commands.lock().expect("no holder of this lock panics").values() {
            commands.send(Command::Close).ok(); // that session has ended
        }
    }
}

type Refusal = (StatusCode, Json<Value>);

async fn offer(
    State(sessions): State<Arc<Sessions>>,
    Json(body): Json<Value>,
) -> Result<Json<Value>, Refusal> {
    let refused =
        |error: String| (StatusCode::BAD_REQUEST, Json(json!({ "detail": error, "code": "bad_offer" })));
    let sdp = body["sdp"].as_str().unwrap_or_default();
    let offer = SdpOffer::from_sdp_string(sdp).map_err(|error| refused(error.to_string()))?;
    let socket = UdpSocket::bind((own_address(), 0)).expect("a UDP port is free");
    let local = socket.local_addr().expect("a bound socket has an address");
    let mut rtc = Rtc::builder().build(Instant::now());
    rtc.add_local_candidate(Candidate::host(local, "udp").expect("an own address is a host candidate"));
    let answer =
        rtc.sdp_api().accept_offer(offer).map_err(|error| refused(error.to_string()))?.to_sdp_string();

    let id = format!("session-{}", local.port());
    let (sender, commands) = mpsc::channel();
    sessions.commands.lock().expect("no holder of this lock panics").insert(id.clone(), sender);
    let peer = Peer { rtc, socket, local, commands, video: sessions.video, frozen: None };
    thread::spawn(move || peer.run());
    Ok(Json(json!({ "sdp": answer, "type": "answer", "sessionId": id })))
}

async fn candidates(
    State(sessions): State<Arc<Sessions>>,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> StatusCode {
    let commands = sessions.commands.lock().expect("no holder of this lock panics");
    let Some(commands) = commands.get(&id) else {
        return StatusCode::NOT_FOUND;
    };
    let texts =
        body["candidates"].as_array().into_iter().flatten().filter_map(|entry| entry["candidate"].as_str());
    for text in texts.filter(|text| !text.is_empty()) {
        let Ok(candidate) = Candidate::from_sdp_string(text) else {
            return StatusCode::BAD_REQUEST;
        };
        commands.send(Command::Candidate(candidate)).ok(); // that session has ended
    }
    StatusCode::NO_CONTENT
}

struct Peer {
    rtc: Rtc,
    socket: UdpSocket,
    local: SocketAddr,
    commands: Receiver<Command>,
    video: VideoMode,
    frozen: Option<Arc<[u8]>>,
}

impl Peer {
    fn run(mut self) {
        let mut buffer = vec![0; 2000];
        while self.rtc.is_alive() {
            // An error ends the session, as a wrong DTLS fingerprint does.
            if self.step(&mut buffer).is_err() {
                return;
            }
        }
    }

    fn step(&mut self, buffer: &mut [u8]) -> Result<(), RtcError> {
        let timeout = match self.rtc.poll_output()? {
            Output::Timeout(timeout) => timeout,
            Output::Transmit(datagram) => {
                self.socket.send_to(&datagram.contents, datagram.destination).ok(); // ICE finds out by itself
                return Ok(());
            }
            Output::Event(event) => return self.on_event(event),
        };
        match self.commands.try_recv() {
            Ok(Command::Candidate(candidate)) => {
                self.rtc.add_remote_candidate(candidate);
                return Ok(());
            }
            Ok(Command::Close) => return self.rtc.close(),
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => {}
        }
        let wait = timeout.saturating_duration_since(Instant::now()).clamp(Duration::from_millis(1), POLL);
        self.socket.set_read_timeout(Some(wait)).expect("the limit is not zero");
        let received = self.socket.recv_from(buffer);
        let now = Instant::now();
        if let Ok((len, source)) = received
            && let Ok(contents) = buffer[..len].try_into()
        {
            let receive = Receive { proto: Protocol::Udp, source, destination: self.local, contents };
            self.rtc.handle_input(Input::Receive(now, receive))?;
        }
        self.rtc.handle_input(Input::Timeout(now))
    }

    fn on_event(&mut self, event: Event) -> Result<(), RtcError> {
        match event {
            Event::MediaData(data) => self.on_media(&data),
            Event::KeyframeRequest(request) => {
                if let Some(mut writer) = self.rtc.writer(request.mid) {
                    writer.request_keyframe(None, KeyframeRequestKind::Pli).ok(); // nothing came in yet
                }
                Ok(())
            }
            Event::ChannelData(message) => {
                if let Some(mut channel) = self.rtc.channel(message.id) {
                    let _ = channel.write(message.binary, &message.data)?; // its buffer holds a test's few messages
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn on_media(&mut self, data: &MediaData) -> Result<(), RtcError> {
        let frozen = self.video == VideoMode::Frozen && data.params.spec().codec.is_video();
        if frozen && self.frozen.is_none() && data.is_keyframe() {
            self.frozen = Some(Arc::clone(&data.data));
        }
        let payload = if frozen { self.frozen.clone() } else { Some(Arc::clone(&data.data)) };
        let Some((payload, writer)) = payload.zip(self.rtc.writer(data.mid)) else {
            return Ok(());
        };
        match writer.match_params(data.params) {
            Some(pt) => writer.write(pt, data.network_time, data.time, payload),
            None => Ok(()),
        }
    }
}
