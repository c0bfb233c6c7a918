//! Figures that programs read: Prometheus' own tool accepts them, and they add up to what a client sees.

use std::{
    io::Write,
    process::{Command, Stdio},
    time::Duration,
};

use crate::support::{LIMIT, client::Client, codec::Codec, http, server::Server, stats::Frame};
use serde_json::json;

const STEPS: [&str; 7] =
    ["jitter_buffer", "decode", "wait_for_stage", "stage", "wait_for_encoder", "encode", "send"];
/// What the stage waits for each frame, so that most of the delay is the server's.
const WORK_MS: u32 = 15;
/// Part of a delay that may be in no step: threads hand over between two of them.
const MISSED: f64 = 0.25;
const OFFLINE: &[(&str, &str)] = &[("SCOPE_OFFLINE", "1")];

fn metrics(server: &Server) -> String {
    let response = http::get(&format!("{}/metrics", server.url())).unwrap();
    assert_eq!(response.status, 200);
    response.text()
}

fn value(text: &str, sample: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{sample} is not in\n{text}")).parse().unwrap()
}

#[test]
fn promtool_accepts_the_metrics_of_a_server_that_was_used() {
    let server = Server::spawn(&[], OFFLINE);
    let client = Client::builder().fps(30).connect(server.url()).unwrap();
    client.expect("a picture", |stats| stats.rises() >= 30, LIMIT);
    client.send(&json!({"client_delay_ms": 42.5}));
    let told = format!("{}/metrics", server.url());
    assert!(crate::support::wait_until(
        || http::get(&told).unwrap().text().contains("scope_client_delay_seconds_count 1"),
        LIMIT
    ));
    client.delete().unwrap();

    let text = metrics(&server);

    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    assert!(output.status.success(), "{}\n{text}", String::from_utf8_lossy(&output.stderr));
    assert!(value(&text, "scope_frames_total{place=\"encoded\"}") >= 30.0);
    assert!((value(&text, "scope_sessions_ended_total{reason=\"closed_by_client\"}") - 1.0).abs() < 0.1);
    assert!(value(&text, "scope_sessions").abs() < 0.1);
    assert!((value(&text, "scope_client_delay_seconds_sum") - 0.0425).abs() < 1e-6);
}

#[test]
fn the_steps_add_up_to_the_delay_that_the_client_sees() {
    for codec in [Codec::Vp8, Codec::H264] {
        let server = Server::spawn(&[], OFFLINE);
        let client = Client::builder()
            .codec(codec)
            .size(640, 480)
            .fps(30)
            .parameters(json!({"work_ms": WORK_MS}))
            .connect(server.url())
            .unwrap();
        client.expect("pictures", |stats| stats.rises() >= 60, LIMIT);
        let (before, first) = (metrics(&server), client.read(|stats| stats.frames.len()));
        client.expect("more pictures", |stats| stats.rises() >= 210, LIMIT);
        let (after, last) = (metrics(&server), client.read(|stats| stats.frames.len()));

        let grown = |name: &str, part: &str, labels: &str| {
            let sample = format!("{name}_{part}{labels}");
            value(&after, &sample) - value(&before, &sample)
        };
        let mean_ms =
            |name: &str, labels: &str| grown(name, "sum", labels) / grown(name, "count", labels) * 1000.0;
        let steps = STEPS.map(|step| mean_ms("scope_frame_step_seconds", &format!("{{step=\"{step}\"}}")));
        let sum: f64 = steps.iter().sum();
        let delay = mean_ms("scope_frame_delay_seconds", "");
        let seen = |part: fn(&Frame) -> Duration| {
            client.read(|stats| {
                let frames = &stats.frames[first..last];
                let sum: Duration = frames.iter().map(part).sum();
                sum.as_secs_f64() * 1000.0 / frames.len() as f64
            })
        };
        let (whole, own) = (seen(|frame| frame.late + frame.delay), seen(|frame| frame.late + frame.own));
        println!(
            "{codec:?}: {whole:.1} ms at the client, {own:.1} of them its own; {STEPS:?} = {steps:.1?} ms, together \
             {sum:.1} of {delay:.1}"
        );
        assert!(steps[3] >= f64::from(WORK_MS), "{steps:?}");
        // The first steps count frames as well that newer ones replaced later: the oldest, which waited longest.
        let decoded = grown("scope_frame_step_seconds", "count", "{step=\"decode\"}");
        let replaced = decoded / grown("scope_frame_delay_seconds", "count", "");
        let possible = delay * (1.0 - MISSED)..=delay * (1.0 + MISSED) * replaced.max(1.0).powi(2);
        assert!(
            possible.contains(&sum),
            "the steps are {sum} ms of {delay} ms, {replaced} frames in for one out"
        );
        // The server's part lies inside the client's, and is nearly all that the client has no share in.
        assert!(delay <= whole, "the server counts {delay} ms of the client's {whole} ms");
        // A thread of either end wakes for it besides, as late as the client wakes for its camera.
        let others = whole - own - 2.0 * seen(|frame| frame.late);
        assert!(delay >= others * (1.0 - MISSED), "the server counts {delay} ms of {others} ms");
    }
}
