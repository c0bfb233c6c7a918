//! What one valid peer sends too much of costs the server little, and its neighbours nothing.

use std::{
    net::{TcpListener, UdpSocket},
    time::Duration,
};

use serde_json::json;

use crate::support::{
    LIMIT, address,
    client::{self, Client},
    http,
    server::{Server, end_reason},
    stats::Stats,
    wait_until,
};

/// Memory that a flood may take: what the allocator keeps of it.
const FLOOD_KB: usize = 5 * 1024;
/// Threads that the four channels of a session that is ending still have.
const CHANNEL_THREADS: usize = 8;

fn server() -> Server {
    Server::spawn(&[], &[("SCOPE_OFFLINE", "1")])
}

#[track_caller]
fn live(server: &Server) -> Client {
    let client = Client::builder().fps(30).connect(server.url()).unwrap();
    client.expect("frames and a channel", |stats| stats.rises() >= 30 && stats.channel_open, LIMIT);
    client
}

/// Frames go on coming, in order.
#[track_caller]
fn goes_on(client: &Client) {
    let before = client.read(|stats| stats.frames.len());
    client.expect("more frames", |stats| stats.frames.len() >= before + 30, LIMIT);
    client.read(|stats| {
        let new = &stats.frames[before..];
        assert!(new.windows(2).all(|pair| pair[0].stamp < pair[1].stamp), "{}", stats.summary());
    });
}

#[test]
fn a_peer_that_opens_fifty_channels_is_ended_and_gets_no_threads_for_them() {
    let server = server();
    let neighbour = live(&server);
    drop(live(&server)); // what a first session of its kind starts for good
    let before = server.resources();
    let flooder = live(&server);
    let with_it = server.resources().threads;

    flooder.open_channels(50);

    let mut most = 0;
    let told = |stats: &Stats| stats.messages_of("stream_stopped").count() == 1;
    let ended = wait_until(
        || {
            most = most.max(server.resources().threads);
            flooder.read(told)
        },
        LIMIT,
    );
    assert!(ended, "{}", flooder.read(Stats::summary));
    assert!(most <= with_it + CHANNEL_THREADS, "{with_it} threads before, up to {most}");
    flooder.read(|stats| {
        let last = stats.messages_of("stream_stopped").next().unwrap();
        assert_eq!(last["reason"], "too_many_channels");
        assert!(last["error_message"].as_str().unwrap().contains("more than 4 data channels"), "{last}");
    });
    assert_eq!(end_reason(&flooder.detail_url(), LIMIT), "too_many_channels");
    assert_eq!(server.refusals("channels"), 1);
    goes_on(&neighbour);
    assert!(server.returns_to(&before), "{before:?} before, {:?} after", server.resources());
}

#[test]
fn a_few_channels_more_than_the_page_opens_are_fine() {
    let server = server();
    let client = live(&server);

    client.open_channels(3);

    goes_on(&client);
    assert_eq!(server.refusals("channels"), 0);
}

#[test]
fn fifty_thousand_made_up_ssrcs_cost_no_memory_and_no_frames() {
    const SSRCS: u32 = 50_000;
    /// Fits into a socket's receive buffer.
    const BURST: u32 = 100;
    let server = server();
    let client = live(&server);
    let packets = |rtcp: bool, from: u32| (from..from + BURST).map(move |ssrc| packet(rtcp, ssrc)).collect();
    // What libsrtp keeps of the first ones, and what the allocator keeps of a burst.
    client.send_datagrams(packets(false, SSRCS));
    goes_on(&client);
    let before = server.resources().rss_kb;

    let mut refused = server.refusals("sources");
    for from in (0..SSRCS).step_by(BURST.try_into().unwrap()) {
        client.send_datagrams(packets(from % (2 * BURST) == 0, from));
        let most = refused + u64::from(BURST);
        let _some_may_be_lost = wait_until(|| server.refusals("sources") >= most, Duration::from_millis(200));
        refused = server.refusals("sources");
    }

    assert!(refused >= u64::from(SSRCS) * 9 / 10, "{refused} packets were refused");
    goes_on(&client);
    let after = server.resources().rss_kb;
    assert!(after <= before + FLOOD_KB, "{before} kB before, {after} kB after");
}

/// What looks like SRTP or SRTCP of that SSRC until it is decrypted.
fn packet(rtcp: bool, ssrc: u32) -> Vec<u8> {
    let ssrc = (0x5c00_0000 | ssrc).to_be_bytes();
    let head = if rtcp { [[0x80, 200, 0, 6], ssrc, [0; 4]] } else { [[0x80, 96, 0, 1], [0; 4], ssrc] };
    [head.concat(), vec![0x55; 28]].concat()
}

#[test]
fn nothing_of_a_message_that_is_too_long_is_executed() {
    let server = server();
    let longer = |sdp: String| sdp.replace("a=max-message-size:65535", "a=max-message-size:262144");
    let client = Client::builder().fps(30).with_answer_map(longer).connect(server.url()).unwrap();
    client.expect("frames and a channel", |stats| stats.rises() >= 30 && stats.channel_open, LIMIT);

    // SCTP passes it on in two parts: blanks, and what looks like a message.
    client.send_raw([vec![b' '; 66_120], br#"{"paused":true}"#.to_vec()].concat(), false);

    client.expect("the channel closes", |stats| stats.channel_closed, LIMIT);
    client.read(|stats| {
        let said: Vec<_> = stats.messages_of("parameters_rejected").collect();
        assert_eq!(said.len(), 1, "{said:?}");
        let sentence = said[0]["errors"][0]["message"].as_str().unwrap();
        assert!(sentence.contains("under 64 KiB") && sentence.contains("open it again"), "{sentence}");
    });
    goes_on(&client);
    let session = http::get(&client.detail_url()).unwrap().json();
    assert_eq!((&session["paused"], &session["state"]), (&false.into(), &"live".into()), "{session}");
    assert_eq!(server.refusals("message_bytes"), 1);
}

#[test]
fn the_longest_message_is_read() {
    let server = server();
    let client = live(&server);

    client.send_raw([vec![b' '; 65_535 - 15], br#"{"paused":true}"#.to_vec()].concat(), false);

    let url = client.detail_url();
    let paused = || http::get(&url).unwrap().json()["paused"] == true;
    assert!(wait_until(paused, LIMIT));
}

#[test]
fn checks_go_to_thirty_of_a_peers_addresses_and_to_no_tcp_port() {
    const NAMED: usize = 60;
    let server = Server::spawn(&["--ice-tcp", "--connect-timeout", "4s"], &[("SCOPE_OFFLINE", "1")]);
    let own = address::own_address();
    let sockets: Vec<_> = (0..NAMED).map(|_| UdpSocket::bind((own, 0)).unwrap()).collect();
    let listener = TcpListener::bind((own, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let lines = sockets.iter().map(|socket| {
        let port = socket.local_addr().unwrap().port();
        format!("candidate:{port} 1 udp 2122260223 {own} {port} typ host")
    });
    let tcp = listener.local_addr().unwrap().port();
    let tcp = format!("candidate:1 1 tcp 1518280447 {own} {tcp} typ host tcptype passive");
    let lines: Vec<_> = std::iter::once(tcp).chain(lines).collect();
    let (offered, trickled) = lines.split_at(NAMED / 3);
    let plain = without_candidates();
    let offer = with_candidates(&plain, offered);
    let mid = plain.lines().find_map(|line| line.strip_prefix("a=mid:")).unwrap().to_owned();

    let (session, _) = client::post(server.url(), &offer, None).unwrap();
    let url = format!("{}/api/v1/webrtc/offer/{session}", server.url());
    for line in trickled {
        let body = json!({"candidates": [{"candidate": line, "sdpMid": mid, "sdpMLineIndex": 0}]});
        assert_eq!(http::patch_json(&url, &body).unwrap().status, 204);
    }

    let session = format!("{}/api/v1/sessions/{session}", server.url());
    assert_eq!(end_reason(&session, LIMIT), "connect_timeout");
    let checked = sockets.iter().filter(|socket| {
        socket.set_nonblocking(true).unwrap();
        socket.recv(&mut [0; 2000]).is_ok()
    });
    let checked = checked.count();
    assert!((1..=30).contains(&checked), "{checked} addresses were sent to");
    assert!(listener.accept().is_err(), "the server has opened a TCP connection");
    assert_eq!(server.refusals("candidates"), 1 + 60 - 30);
}

/// libnice checks it only where the host has no other address, which this one has: so what is dropped is counted.
#[test]
fn a_loopback_address_is_one_of_a_peer_on_this_host_alone() {
    let server = Server::spawn(&["--open"], &[("SCOPE_OFFLINE", "1")]);
    let line = "candidate:1 1 udp 2122260223 127.0.0.1 9 typ host".to_owned();
    let body = json!({"sdp": with_candidates(&without_candidates(), &[line]), "type": "offer"});
    let offered = |headers: &[(&str, &str)]| {
        let headers = [&[("content-type", "application/json")], headers].concat();
        let url = format!("{}/api/v1/webrtc/offer", server.url());
        let reply = http::send(http::Method::POST, &url, &headers, body.to_string().into_bytes()).unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
        server.refusals("candidates")
    };

    assert_eq!(offered(&[]), 0);
    assert_eq!(offered(&[("x-forwarded-for", "203.0.113.9")]), 1);
}

/// An offer of str0m that names no address.
fn without_candidates() -> String {
    let offer = include_str!("../../fixtures/offers/str0m.sdp");
    let is_plain = |line: &&str| !line.starts_with("a=candidate") && !line.starts_with("a=end-of");
    offer.split_inclusive('\n').filter(is_plain).collect()
}

fn with_candidates(offer: &str, lines: &[String]) -> String {
    let named = lines.iter().map(|line| format!("a={line}\r\n")).collect::<Vec<_>>().concat();
    offer.replacen("a=mid:", &format!("{named}a=mid:"), 1)
}
