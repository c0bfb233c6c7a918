//! Connections that say nothing, bodies that trickle, more of both than there is room for: nobody else is kept out.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::support::{
    LIMIT,
    address::own_address,
    http,
    server::{Server, free_port},
    wait_until,
};

const OFFLINE: &[(&str, &str)] = &[("SCOPE_OFFLINE", "1")];
/// A connection preface and an empty SETTINGS frame (RFC 9113, section 3.4).
const HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
/// HEADERS of stream 1 with `END_STREAM` and `END_HEADERS`: GET, /, http from HPACK's static table, and `localhost`.
const GET: &[u8] = b"\0\0\x0e\x01\x05\0\0\0\x01\x82\x84\x86\x41\x09localhost";
const PING: u8 = 6;
const ACK: u8 = 1;

fn address(server: &Server) -> SocketAddr {
    server.url().rsplit('/').next().unwrap().parse().unwrap()
}

/// A connection to `server` that has sent `bytes`.
fn connect(server: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect_timeout(&server, LIMIT).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.write_all(bytes).unwrap();
    stream
}

/// Whether the server has ended it; what it sent before is thrown away.
fn is_over(stream: &mut TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    loop {
        match stream.read(&mut [0; 4096]) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
            Err(_) => return true,
        }
    }
}

fn refusals(server: &Server, limit: &str) -> u64 {
    let metrics = http::get(&format!("{}/metrics", server.url())).unwrap().text();
    let start = format!("scope_limit_refusals_total{{limit=\"{limit}\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&start)?.parse().ok()).unwrap()
}

/// Answers of `/health` until `done`, and the longest time that one took.
#[track_caller]
fn healthy_until(server: &Server, mut done: impl FnMut() -> bool) -> (usize, Duration) {
    let (mut answers, mut longest, begun) = (0, Duration::ZERO, Instant::now());
    while !done() {
        let asked = Instant::now();
        let health = http::get(&format!("{}/health", server.url()));
        assert_eq!(health.map(|health| health.status).ok(), Some(200), "after {answers} answers");
        longest = longest.max(asked.elapsed());
        answers += 1;
        assert!(begun.elapsed() < LIMIT, "not done after {answers} answers");
    }
    (answers, longest)
}

#[test]
fn silent_connections_keep_nobody_out_and_end() {
    let server = Server::spawn_under(&["prlimit", "--nofile=400"], &[], OFFLINE);
    let address = address(&server);

    let mut silent: Vec<_> = (0..380).map(|_| connect(address, b"")).collect();
    let all_over = || silent.iter_mut().filter_map(|stream| (!is_over(stream)).then_some(())).count() == 0;
    let (answers, longest) = healthy_until(&server, all_over);

    println!("{answers} answers of /health beside 380 silent connections, the longest after {longest:?}");
    // 400 descriptors are room for 100 connections: the others gave way, and these ended by themselves.
    assert!(refusals(&server, "connections") >= 280);
    assert!(refusals(&server, "first_request") > 0);
}

#[test]
fn every_kind_of_silence_ends() {
    let server = Server::spawn(&[], OFFLINE);
    let begun = Instant::now();
    let kinds: [(&str, &[u8]); 6] = [
        ("nothing", b""),
        ("half of a line", b"GET /hea"),
        ("half of a head", b"GET /health HTTP/1.1\r\nhost: localhost\r\n"),
        ("the start of a preface", b"PRI * HTTP/2.0\r\n"),
        ("a preface", HTTP2),
        ("a preface and half of a request", &[HTTP2, &GET[..12]].concat()),
    ];

    let mut silent = kinds.map(|(kind, bytes)| (kind, connect(address(&server), bytes)));
    for (kind, stream) in &mut silent {
        assert!(wait_until(|| is_over(stream), Duration::from_secs(20)), "{kind} stays");
        println!("{kind}: over after {:?}", begun.elapsed());
    }

    // Far from the limit of 10 s, it is a request in time.
    let mut slow = connect(address(&server), b"GET /health HTTP/1.1\r\n");
    thread::park_timeout(Duration::from_secs(1));
    slow.write_all(b"host: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn silence_after_a_tls_handshake_ends() {
    let (port, state) = (free_port().to_string(), tempfile::tempdir().unwrap());
    let args = ["--tls", "self-signed", "--port", &port, "--state-dir", state.path().to_str().unwrap()];
    let server = Server::start(&args, OFFLINE);
    assert!(wait_until(|| server.log_text().contains("serving"), LIMIT), "{}", server.log_text());

    for protocols in ["http/1.1", "h2"] {
        let mut silent = Command::new("openssl")
            .args(["s_client", "-quiet", "-alpn", protocols, "-connect", &format!("127.0.0.1:{port}")])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let over = wait_until(|| silent.try_wait().unwrap().is_some(), Duration::from_secs(20));
        silent.kill().ok(); // it has ended where all is well
        assert!(over, "{protocols}: the connection stays");
    }
}

/// Reads frames until the end of the connection and answers every ping; gives their number.
fn answer_pings(stream: &mut TcpStream) -> usize {
    let mut pings = 0;
    loop {
        let mut head = [0; 9];
        if stream.read_exact(&mut head).is_err() {
            return pings;
        }
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let mut body = vec![0; length];
        if stream.read_exact(&mut body).is_err() {
            return pings;
        }
        if head[3] == PING && head[4] & ACK == 0 {
            pings += 1;
            head[4] = ACK;
            stream.write_all(&[head.as_slice(), &body].concat()).ok(); // it ends now
        }
    }
}

#[test]
fn an_idle_http2_connection_ends_even_if_its_client_lives() {
    let server = Server::spawn(&[], OFFLINE);
    let begun = Instant::now();
    let mut living = connect(address(&server), &[HTTP2, GET].concat());
    let mut dead = connect(address(&server), &[HTTP2, GET].concat());

    let pings = answer_pings(&mut living);
    let lived = begun.elapsed();

    println!("ended after {lived:?} and {pings} pings");
    assert!(pings >= 1 && lived >= Duration::from_secs(20), "{pings} pings in {lived:?}");
    assert!(wait_until(|| is_over(&mut dead), LIMIT), "a dead client's connection stays");
}

#[test]
fn bodies_that_trickle_hold_up_nobody_else() {
    let server = Server::spawn(&[], OFFLINE);
    let head = b"POST /api/v1/webrtc/offer HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
        content-length: 100000\r\n\r\n{";
    let begun = Instant::now();

    let mut dripping: Vec<_> = (0..64).map(|_| connect(address(&server), head)).collect();
    let (answers, longest) = healthy_until(&server, || {
        for stream in &mut dripping {
            stream.write_all(b" ").ok(); // one may have got its answer
        }
        let api = http::get(&format!("{}/api/v1/sessions", server.url())).unwrap();
        assert_eq!(api.status, 200, "{}", api.text());
        begun.elapsed() > Duration::from_secs(5)
    });

    println!("{answers} answers of /health beside 64 bodies that trickle, the longest after {longest:?}");
    let mut answer = [0; 64];
    dripping[0].set_nonblocking(false).unwrap();
    let read = dripping[0].read(&mut answer).unwrap();
    assert!(answer[..read].starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&answer[..read]));
    assert!(refusals(&server, "slow_body") > 0);
}

#[test]
fn an_address_has_a_share_of_the_connections_and_of_the_bodies() {
    let own = own_address();
    assert_ne!(own, IpAddr::from(Ipv4Addr::LOCALHOST), "this machine has an address besides loopback");
    let flags = ["--host", "0.0.0.0", "--open", "--max-connections-per-address", "20"];
    let server = Server::spawn(&flags, OFFLINE);
    let outside = SocketAddr::new(own, address(&server).port());

    let mut silent: Vec<_> = (0..30).map(|_| connect(outside, b"")).collect();

    let mut over = || silent.iter_mut().filter_map(|stream| is_over(stream).then_some(())).count();
    let gone = wait_until(|| over() >= 10, LIMIT);
    assert!(
        gone && over() == 10,
        "{} over, {} refusals",
        over(),
        refusals(&server, "connections_per_address")
    );
    // Loopback is another address, and has no limit of its own.
    let mut own: Vec<_> = (0..30).map(|_| connect(address(&server), b"")).collect();
    assert_eq!(http::get(&format!("{}/health", server.url())).unwrap().status, 200);
    assert_eq!(own.iter_mut().filter_map(|stream| is_over(stream).then_some(())).count(), 0);
    let offer = format!("http://{outside}/api/v1/webrtc/offer");
    let head = b"POST /api/v1/webrtc/offer HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 9\r\n\r\n{";
    let _dripping: Vec<_> = (0..16).map(|_| connect(outside, head)).collect();
    let full = || http::post_json(&offer, &json!({})).unwrap().status == 503;
    assert!(wait_until(full, Duration::from_secs(8)), "{} refusals", refusals(&server, "bodies"));
    let answered = http::post_json(&format!("{}/api/v1/webrtc/offer", server.url()), &json!({})).unwrap();
    assert_eq!(answered.status, 422, "another client is answered: {}", answered.text());
}
