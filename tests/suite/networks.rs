//! What a person sees over links that lose, delay, narrow and reorder: read from the stamps of the returned picture.
//!
//! Server and client run in two network namespaces, the client in a process of its own: this test binary again, as
//! [`client_at_its_end`], or Chromium. `--no-capture` prints each call's figures.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use crate::support::{
    call::Call, client::Client, codec::Codec, http, link::Link, server::Server, stats::Stats,
};
use serde_json::{Value, json};

/// Settings of a client's process.
const CALL: &str = "SCOPE_TEST_CALL";
/// A cold start, a connection over a bad link, on two busy cores.
const START_LIMIT: Duration = Duration::from_mins(1);
const SECONDS: u32 = 20;
/// The client's first key frames and the first estimate of the link's rate.
const SETTLED_S: u32 = 4;
/// 25 of 30 frames.
const SMOOTH: f64 = 25.0 / 30.0;
const LOW_DELAY_MS: f64 = 300.0;

#[test]
fn loss_and_delay_cost_vp8_no_freeze() {
    loss_and_delay_cost_no_freeze("VP8", SECONDS, client);
}

#[test]
fn loss_and_delay_cost_h264_no_freeze() {
    loss_and_delay_cost_no_freeze("H264", SECONDS, client);
}

#[test]
fn loss_and_delay_cost_chromium_no_freeze() {
    loss_and_delay_cost_no_freeze("VP8", SECONDS, chromium);
}

#[test]
fn a_narrow_link_keeps_the_delay_low() {
    a_narrow_link_keeps_delay_low("VP8", client);
}

#[test]
fn a_narrow_link_keeps_the_delay_low_in_h264() {
    a_narrow_link_keeps_delay_low("H264", client);
}

#[test]
fn a_narrow_link_keeps_the_delay_low_in_chromium() {
    a_narrow_link_keeps_delay_low("VP8", chromium);
}

#[test]
fn a_link_that_narrows_and_widens_gets_its_picture_and_its_rate_back() {
    const NARROW_S: u32 = 7;
    const WIDE_S: u32 = 15;
    const END_S: u32 = 25;
    let down = |kbps: u32| json!({"down": {"rate_kbps": kbps, "queue_ms": 300, "delay_ms": 10}});
    let Some(mut link) = Link::spawn(&down(2000)) else { return };
    let server = server(&link);

    let mut call = client(&link, &server, "VP8", END_S);
    call.wait_until_second(NARROW_S - 2);
    let wide = delivered(&mut link, &mut call, NARROW_S);
    link.set(&down(400));
    call.wait_until_second(WIDE_S - 2);
    let narrow = delivered(&mut link, &mut call, WIDE_S);
    link.set(&down(2000));
    call.wait_until_second(END_S - 2);
    let wide_again = delivered(&mut link, &mut call, END_S);

    let figures = call.figures();
    figures.print("2000 -> 400 -> 2000 kbit/s");
    println!("  bytes down in 2 s: wide {wide}, narrow {narrow}, wide again {wide_again}; {}", link.stats());
    let after_drop = figures.between(NARROW_S + 4, WIDE_S);
    assert!(after_drop.share() >= 0.5 && after_drop.freezes() == 0, "narrow: {}", after_drop.summary());
    let recovered = figures.between(END_S - 4, END_S);
    assert!(recovered.share() >= SMOOTH && recovered.freezes() == 0, "wide again: {}", recovered.summary());
    assert!(wide_again * 10 >= wide * 6, "the rate stays low: {wide} bytes, {narrow}, then {wide_again}");
}

#[test]
fn jitter_and_reordering_cost_no_frame() {
    let jitter = json!({"delay_ms": 10, "jitter_ms": 20, "reorder": 1});
    let Some(link) = Link::spawn(&json!({"up": jitter, "down": jitter})) else { return };
    let server = server(&link);

    let figures = client(&link, &server, "VP8", SECONDS / 2).figures();

    figures.print("jitter of 20 ms and reordering");
    let seen = figures.between(1, SECONDS / 2);
    assert!(seen.share() >= 0.99 && seen.rises(), "{}", seen.summary());
    assert_eq!(seen.freezes(), 0, "{}", seen.summary());
}

/// 5 % loss and 50 ms each way.
fn loss_and_delay_cost_no_freeze(codec: &str, seconds: u32, client: StartClient) {
    let way = |seed: u32| json!({"delay_ms": 50, "loss": 0.05, "seed": seed});
    let Some(mut link) = Link::spawn(&json!({"up": way(1), "down": way(2)})) else { return };
    let server = server(&link);

    let figures = client(&link, &server, codec, seconds).figures();

    figures.print(&format!("{codec}, 5 % loss both ways, round trip 100 ms; {}", link.stats()));
    let seen = figures.between(1, seconds);
    assert!(seen.share() >= SMOOTH, "{}", seen.summary());
    assert_eq!(seen.freezes(), 0, "{}", seen.summary());
    assert!(seen.rises(), "an older picture came after a newer one");
}

/// 700 kbit/s to the client, with a queue of 300 ms.
fn a_narrow_link_keeps_delay_low(codec: &str, client: StartClient) {
    let narrow = json!({"rate_kbps": 700, "queue_ms": 300, "delay_ms": 10});
    let Some(mut link) = Link::spawn(&json!({"up": {"delay_ms": 10}, "down": narrow})) else { return };
    let server = server(&link);

    let figures = client(&link, &server, codec, SECONDS).figures();

    figures.print(&format!("{codec}, 700 kbit/s to the client; {}", link.stats()));
    let seen = figures.between(SETTLED_S, SECONDS);
    assert!(seen.delay_ms(95) < LOW_DELAY_MS, "{}", seen.summary());
    assert_eq!(seen.freezes(), 0, "{}", seen.summary());
}

type StartClient = fn(&Link, &Server, &str, u32) -> Call;

/// The str0m client, as this binary again, at its end of the link.
fn client(link: &Link, server: &Server, codec: &str, seconds: u32) -> Call {
    let program = std::env::current_exe().unwrap();
    let mut command = link.client_command(program);
    command
        .args(["--exact", "networks::client_at_its_end", "--nocapture", "--ignored", "--test-threads=1"])
        .env(CALL, json!({"url": server.url(), "codec": codec, "seconds": seconds}).to_string());
    let mut call = Call::spawn(&mut command);
    call.wait_for("second");
    call
}

/// Debian's Chromium with the server's own page, at its end of the link.
fn chromium(link: &Link, server: &Server, codec: &str, seconds: u32) -> Call {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    let mut command = link.client_command("node");
    command.arg(folder.join("call.mjs")).arg(server.url()).arg(codec).arg(seconds.to_string());
    let mut call = Call::spawn(&mut command);
    call.wait_for("second");
    call
}

fn server(link: &Link) -> Server {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("frontend/dist");
    Server::start_behind(link, &[], &[("SCOPE_OFFLINE", "1"), ("SCOPE_UI_DIR", &page.to_string_lossy())])
}

/// The bytes that reach the client until the call is `second` seconds old.
fn delivered(link: &mut Link, call: &mut Call, second: u32) -> u64 {
    let bytes = |link: &mut Link| link.stats()["down"]["bytes"].as_u64().unwrap();
    let before = bytes(link);
    call.wait_until_second(second);
    bytes(link) - before
}

#[test]
#[ignore = "the other tests start it at its end of a link"]
fn client_at_its_end() {
    let Ok(text) = std::env::var(CALL) else { return };
    let call: Value = serde_json::from_str(&text).unwrap();
    let (url, seconds) = (call["url"].as_str().unwrap(), call["seconds"].as_u64().unwrap());
    let codec = if call["codec"] == "H264" { Codec::H264 } else { Codec::Vp8 };
    let ready = || http::get(&format!("{url}/ready")).is_ok_and(|response| response.status == 200);
    assert!(crate::support::wait_until(ready, START_LIMIT), "the server is not ready");

    let client = Client::builder().codec(codec).size(640, 480).fps(30).connect(url).unwrap();
    client.expect("a picture", |stats| !stats.frames.is_empty(), START_LIMIT);
    let began = client.read(|stats| stats.frames[0].received);
    for second in 1..=seconds {
        let over = began + Duration::from_secs(second);
        // Nothing is waited for but the time itself: the call goes on however bad it is.
        let _ = client.wait_for(|_| false, over.saturating_duration_since(Instant::now()));
        println!("\n{}", json!({"second": second}));
    }

    let session = http::get(&client.detail_url()).map(|response| response.json()).unwrap_or_default();
    println!("\n{}", client.read(|stats| figures(stats, began, &session)));
}

/// What `crate::support::call` reads.
fn figures(stats: &Stats, began: Instant, session: &Value) -> Value {
    let row = |frame: &crate::support::stats::Frame| {
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        json!([ms(frame.received - began), frame.stamp, ms(frame.delay)])
    };
    let whole = stats.frames.iter().filter(|frame| frame.whole);
    json!({
        "frames": whole.map(row).collect::<Vec<_>>(),
        "notes": {
            "sent": stats.frames_sent,
            "decoded": stats.frames_decoded,
            "damaged": stats.frames.iter().filter(|frame| !frame.whole).count(),
            "gaps": stats.video_gaps,
            "key_frames": stats.key_frames,
            "pli_received": stats.key_frame_requests,
            "pli_sent": stats.key_frame_requests_sent,
            "nacks_sent": stats.nacks_sent,
            "nacks_received": stats.nacks_received,
            "session": session,
        },
    })
}
