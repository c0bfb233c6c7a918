//! Links that lose, delay and reorder.

use serde_json::json;

use super::{SECONDS, SMOOTH, StartClient, chromium, client, server};
use crate::support::link::Link;

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
