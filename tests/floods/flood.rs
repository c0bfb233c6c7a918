//! The floods: each is sent for as long as it is told, by peers that keep to the protocol until then.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream, UdpSocket},
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::support::{
    LIMIT, address,
    client::{Client, Media},
    codec::Codec,
    frame_bomb, http,
    server::Server,
    stats::Stats,
};

/// One flood.
pub struct Flood {
    pub name: &'static str,
    /// What the server is started below, and its flags besides those for its folders.
    pub under: &'static [&'static str],
    pub flags: &'static [&'static str],
    /// The rows of `scope_limit_refusals_total` that have to count it.
    pub limits: &'static [&'static str],
    pub send: fn(&Server, Duration),
}

/// A video file of the server's.
pub const FILM: &str = "film.mp4";
/// A pipeline with a text for a parameter.
pub const NOTES: &str = "notes";

const PLAIN: Flood = Flood { name: "", under: &[], flags: &[], limits: &[], send: |_, _| {} };

pub const FLOODS: &[Flood] = &[
    Flood {
        name: "frame bombs, VP8",
        limits: &["frame_size"],
        send: |server, long| bombs(server, long, Codec::Vp8),
        ..PLAIN
    },
    Flood {
        name: "frame bombs, VP9",
        limits: &["frame_size"],
        send: |server, long| bombs(server, long, Codec::Vp9),
        ..PLAIN
    },
    Flood {
        name: "frame bombs, H.264",
        limits: &["frame_size"],
        send: |server, long| bombs(server, long, Codec::H264),
        ..PLAIN
    },
    Flood {
        name: "frame bombs, AV1",
        flags: &["--codecs", "vp8,vp9,h264,av1"],
        limits: &["frame_size"],
        send: av1_bombs,
        ..PLAIN
    },
    Flood { name: "1,000 data channels", limits: &["channels"], send: channels, ..PLAIN },
    Flood { name: "50,000 SSRCs", limits: &["sources"], send: sources, ..PLAIN },
    Flood { name: "1,500 switches", limits: &["message_rate", "builds"], send: switches, ..PLAIN },
    Flood {
        name: "380 silent sockets",
        under: &["prlimit", "--nofile=400"],
        limits: &["connections"],
        send: silence,
        ..PLAIN
    },
    Flood { name: "64 dripping bodies", limits: &["slow_body"], send: drips, ..PLAIN },
    Flood { name: "300 viewers", limits: &["viewers"], send: viewers, ..PLAIN },
    Flood { name: "670 prompts of 110 kB", limits: &["parameter_text"], send: prompts, ..PLAIN },
    Flood { name: "100 candidate addresses", limits: &["candidates"], send: candidates, ..PLAIN },
];

/// A client that floods: small, so that what it costs is the flood.
fn peer(server: &Server) -> Client {
    let client = Client::builder().fps(10).connect(server.url()).expect("the flooder is let in");
    client.expect("frames and a channel", |stats| stats.rises() >= 5 && stats.channel_open, LIMIT);
    client
}

/// One session after another whose key frames announce a frame of a gigabyte.
fn bombs(server: &Server, long: Duration, codec: Codec) {
    let begun = Instant::now();
    while begun.elapsed() < long {
        let client =
            Client::builder().codec(codec).fps(30).connect(server.url()).expect("the flooder is let in");
        client.expect("frames", |stats| stats.rises() >= 5, LIMIT);
        client.damage(move |unit| frame_bomb::enlarged(codec, unit));
        client.set_size(192, 144); // a key frame
        client.expect("the end", |stats| stats.messages_of("stream_stopped").next().is_some(), LIMIT);
    }
}

/// The client's own stack speaks no AV1: it takes what the server calls AV1 for VP8, and sends RTP of its own.
fn av1_bombs(server: &Server, long: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < long {
        let client = Client::builder()
            .with_offer_map(|sdp| sdp.replace("VP8/90000", "AV1/90000"))
            .with_answer_map(|sdp| sdp.replace("AV1/90000", "VP8/90000"))
            .media(Media::Withheld)
            .connect(server.url())
            .expect("the flooder is let in");
        client.expect("a channel", |stats| stats.channel_open, LIMIT);
        let ended = |stats: &Stats| stats.messages_of("stream_stopped").next().is_some();
        while !client.wait_for(ended, Duration::from_millis(100)) && begun.elapsed() < long + LIMIT {
            client.send_rtp(vec![frame_bomb::av1()]);
        }
    }
}

fn channels(server: &Server, long: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < long {
        let client = peer(server);
        client.open_channels(1000);
        client.expect("the end", |stats| stats.messages_of("stream_stopped").next().is_some(), LIMIT);
    }
}

fn sources(server: &Server, long: Duration) {
    const SSRCS: u32 = 50_000;
    const BURST: u32 = 100;
    let client = peer(server);
    let pause = long / (SSRCS / BURST);
    for from in (0..SSRCS).step_by(BURST as usize) {
        client.send_datagrams((from..from + BURST).map(|ssrc| rtp(from % (2 * BURST) == 0, ssrc)).collect());
        thread::park_timeout(pause);
    }
}

/// What looks like SRTP or SRTCP of that SSRC until it is decrypted.
fn rtp(rtcp: bool, ssrc: u32) -> Vec<u8> {
    let ssrc = (0x5c00_0000 | ssrc).to_be_bytes();
    let head = if rtcp { [[0x80, 200, 0, 6], ssrc, [0; 4]] } else { [[0x80, 96, 0, 1], [0; 4], ssrc] };
    [head.concat(), vec![0x55; 28]].concat()
}

fn switches(server: &Server, long: Duration) {
    let client = peer(server);
    for number in 0..1500 {
        let id = if number % 2 == 0 { "soft" } else { "neon" };
        client.send(&json!({ "pipeline_id": id }));
    }
    thread::park_timeout(long);
}

fn address_of(server: &Server) -> SocketAddr {
    server
        .url()
        .rsplit('/')
        .next()
        .and_then(|text| text.parse().ok())
        .expect("a test server's URL is an address")
}

fn connect(server: &Server, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect_timeout(&address_of(server), LIMIT).expect("the server accepts");
    stream.write_all(bytes).expect("a socket's buffer takes as much");
    stream
}

fn silence(server: &Server, long: Duration) {
    let _silent: Vec<_> = (0..380).map(|_| connect(server, b"")).collect();
    thread::park_timeout(long);
}

fn drips(server: &Server, long: Duration) {
    let head = b"POST /api/v1/webrtc/offer HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
        content-length: 100000\r\n\r\n{";
    let mut dripping: Vec<_> = (0..64).map(|_| connect(server, head)).collect();
    let begun = Instant::now();
    while begun.elapsed() < long + Duration::from_secs(2) {
        for stream in &mut dripping {
            stream.write_all(b" ").ok(); // one that has got its answer is closed
        }
        thread::park_timeout(Duration::from_millis(100));
    }
}

/// Viewers that read, of a headless session; those beyond the limit get an answer of their own.
fn viewers(server: &Server, long: Duration) {
    let source = json!({"source_type": "video_file", "source_name": FILM, "loop": true});
    let body = json!({"pipeline_id": "echo", "input_source": source});
    let started = http::post_json(&format!("{}/api/v1/session/start", server.url()), &body)
        .expect("the server answers");
    assert_eq!(started.status, 200, "{}", started.text());
    let request = b"GET /api/v1/session/output.ts HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let mut watching: Vec<_> = (0..300).map(|_| connect(server, request)).collect();
    let begun = Instant::now();
    let mut bytes = vec![0; 1 << 16];
    while begun.elapsed() < long {
        for stream in &mut watching {
            stream.set_nonblocking(true).expect("a socket of one's own");
            stream.read(&mut bytes).ok(); // nothing there yet, or over
        }
        thread::park_timeout(Duration::from_millis(20));
    }
    drop(watching);
    http::send(http::Method::POST, &format!("{}/api/v1/session/stop", server.url()), &[], Vec::new())
        .expect("the server answers");
}

/// Prompts over HTTP, since a data channel takes none as long, to a session that records.
fn prompts(server: &Server, long: Duration) {
    const PROMPTS: u32 = 670;
    let client = peer(server);
    client.send(&json!({"pipeline_id": NOTES, "recording": true}));
    client.expect("the start", |stats| stats.messages_of("recording").next().is_some(), LIMIT);
    client.expect("the switch", |stats| stats.messages_of("pipeline_changed").next().is_some(), LIMIT);
    let prompt = |number: u32, length: usize| json!({"note": format!("{number} {}", "x".repeat(length))});
    for number in 0..PROMPTS {
        let url = format!("{}/parameters", client.detail_url());
        let refused = http::patch_json(&url, &prompt(number, 110_000)).expect("the server answers");
        assert!((400..500).contains(&refused.status), "{}: {}", refused.status, refused.text());
        let kept = http::patch_json(&url, &prompt(number, 9_000)).expect("the server answers");
        assert_eq!(kept.status, 200, "{}", kept.text());
        thread::park_timeout(long / PROMPTS / 4);
    }
}

fn candidates(server: &Server, long: Duration) {
    let client = peer(server);
    let own = address::own_address();
    let sockets: Vec<_> = (0..100).map(|_| UdpSocket::bind((own, 0)).expect("a UDP port is free")).collect();
    for socket in &sockets {
        let port = socket.local_addr().expect("a bound socket has an address").port();
        let line = format!("candidate:{port} 1 udp 2122260223 {own} {port} typ host");
        let body = json!({"candidates": [{"candidate": line, "sdpMid": "0", "sdpMLineIndex": 0}]});
        let added = http::patch_json(&client.session_url(), &body).expect("the server answers");
        assert_eq!(added.status, 204, "{}", added.text());
        thread::park_timeout(long / 200);
    }
    thread::park_timeout(long / 2);
}
