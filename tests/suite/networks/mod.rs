//! What a person sees over links that lose, delay, narrow and reorder: read from the stamps of the returned picture.
//!
//! Server and client run in two network namespaces, the client in a process of its own: this test binary again, as
//! [`client_at_its_end`], or Chromium. `--no-capture` prints each call's figures.

mod loss;
mod rate;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use crate::support::{
    LIMIT, call::Call, client::Client, codec::Codec, http, link::Link, server::Server, stats::Stats,
};
use serde_json::{Value, json};

/// Settings of a client's process.
const CALL: &str = "SCOPE_TEST_CALL";
const SECONDS: u32 = 20;
/// 25 of 30 frames.
const SMOOTH: f64 = 25.0 / 30.0;

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
    assert!(crate::support::wait_until(ready, LIMIT), "the server is not ready");

    let client = Client::builder().codec(codec).size(640, 480).fps(30).connect(url).unwrap();
    client.expect("a picture", |stats| !stats.frames.is_empty(), LIMIT);
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
