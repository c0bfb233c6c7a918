//! aiortc, a WebRTC stack that shares no code with the server or with browsers, gets its numbered pictures back.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use crate::support::{
    LIMIT, http,
    server::{Server, end_reason},
};
use serde_json::Value;

/// Numbers that a call has to bring: two seconds of video at aiortc's 30 frames/s.
const ENOUGH: u64 = 60;
/// The same for a client's command line, which ends with them.
const UNTIL_ENOUGH: [&str; 2] = ["--rises", "60"];

/// A client process; killed when dropped.
struct Client {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Client {
    #[track_caller]
    fn start(server: &Server, options: &[&str]) -> Client {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = root.join(".venv/bin/python");
        assert!(python.exists(), "{} is missing: run `make deps`", python.display());
        let mut child = Command::new(python)
            .arg(root.join("tests/support/aiortc_client.py"))
            .arg(server.url())
            .args(options)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the virtual environment's Python starts");
        let lines = BufReader::new(child.stdout.take().expect("stdout is piped"));
        Client { child, lines }
    }

    /// The next line that satisfies `wanted`; the client's own limits end the wait.
    #[track_caller]
    fn line(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut text = String::new();
        while self.lines.read_line(&mut text).is_ok_and(|length| length > 0) {
            let line: Value = serde_json::from_str(&text).expect("the client prints JSON");
            text.clear();
            if wanted(&line) {
                return line;
            }
        }
        panic!("the client ended without what was waited for: {:?}", self.child.wait());
    }

    #[track_caller]
    fn summary(mut self) -> Value {
        let summary = self.line(|line| line["summary"] == true);
        assert!(self.child.wait().is_ok_and(|status| status.success()), "the client failed after {summary}");
        summary
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.child.kill().ok(); // it may have ended
        self.child.wait().ok(); // likewise
    }
}

fn server() -> Server {
    Server::spawn(&[], &[("SCOPE_OFFLINE", "1"), ("SCOPE_VANISH_TIMEOUT", "3s")])
}

#[track_caller]
fn assert_numbers_rise(summary: &Value) {
    assert!(summary["rises"].as_u64() >= Some(ENOUGH), "too few numbers came back: {summary}");
    assert_eq!(summary["falls"], 0, "numbers fell: {summary}");
    assert_eq!(summary["unstamped"], 0, "pictures came back damaged: {summary}");
}

/// Where the server tells of a session.
fn session_url(server: &Server, session: &str) -> String {
    format!("{}/api/v1/sessions/{session}", server.url())
}

#[test]
fn aiortc_gets_rising_frame_numbers_in_each_codec_trickled_or_not() {
    let server = server();

    for codec in ["VP8", "H264"] {
        for trickle in [&[][..], &["--trickle"]] {
            let options = [&UNTIL_ENOUGH[..], &["--codec", codec], trickle].concat();

            let summary = Client::start(&server, &options).summary();

            assert_numbers_rise(&summary);
            assert_eq!(summary["codec"], codec, "{summary}");
        }
    }
}

#[test]
fn aiortc_gets_its_sound_back_with_the_picture() {
    let server = server();

    let options = [&UNTIL_ENOUGH[..], &["--audio", "--sounds", "100"]].concat();
    let summary = Client::start(&server, &options).summary();

    assert_numbers_rise(&summary);
    // Two seconds of Opus, in packets of 20 ms.
    assert!(summary["audio"].as_u64() >= Some(100), "too little sound came back: {summary}");
}

#[test]
fn aiortc_is_told_why_its_session_is_over() {
    let server = server();
    let mut client = Client::start(&server, &[]);
    let session = client.line(|line| line["session"].is_string())["session"].clone();
    client.line(|line| line["rises"].as_u64() >= Some(ENOUGH));

    let url = format!("{}/api/v1/sessions/{}", server.url(), session.as_str().expect("an id"));
    http::delete(&url).expect("the server answers");

    let summary = client.summary();
    assert!(summary["stopped"].is_string(), "no stream_stopped came: {summary}");
}

#[test]
fn a_killed_aiortc_leaves_nothing_behind() {
    let server = server();
    let first = Client::start(&server, &["--rises", "30"]).summary();
    end_reason(&session_url(&server, first["session"].as_str().expect("an id")), LIMIT);
    let warm = server.resources(); // with plugins and pools that are there for good

    let mut client = Client::start(&server, &[]);
    let session = client.line(|line| line["session"].is_string())["session"].clone();
    client.line(|line| line["rises"].as_u64() >= Some(ENOUGH));
    assert!(!server.resources().is_back_at(&warm), "a live session must show in the figures");
    drop(client); // SIGKILL: no BYE, no DTLS alert

    let reason = end_reason(&session_url(&server, session.as_str().expect("an id")), LIMIT);
    assert!(["peer_vanished", "closed_by_peer"].contains(&reason.as_str()), "ended as {reason:?}");
    assert!(server.returns_to(&warm), "{warm:?} before, {:?} after", server.resources());
}
