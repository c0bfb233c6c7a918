//! Links that are narrow, or become so.

use serde_json::json;

use super::{SECONDS, SMOOTH, StartClient, chromium, client, delivered, server};
use crate::support::link::Link;

/// The client's first key frames and the first estimate of the link's rate.
const SETTLED_S: u32 = 4;
/// What the queue of the narrow link holds, in frames of the camera: 300 ms at 30 frames/s.
const LOW_DELAY_FRAMES: f64 = 9.0;

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

/// 700 kbit/s to the client, with a queue of 300 ms.
fn a_narrow_link_keeps_delay_low(codec: &str, client: StartClient) {
    let narrow = json!({"rate_kbps": 700, "queue_ms": 300, "delay_ms": 10});
    let Some(mut link) = Link::spawn(&json!({"up": {"delay_ms": 10}, "down": narrow})) else { return };
    let server = server(&link);

    let figures = client(&link, &server, codec, SECONDS).figures();

    figures.print(&format!("{codec}, 700 kbit/s to the client; {}", link.stats()));
    let seen = figures.between(SETTLED_S, SECONDS);
    assert!(seen.delay_frames(95) < LOW_DELAY_FRAMES, "{}", seen.summary());
    assert_eq!(seen.freezes(), 0, "{}", seen.summary());
}
