//! What a session leaves in the log of a server with its default settings: few lines, no warning, nothing private.

use serde_json::json;

use crate::support::{
    LIMIT,
    address::own_address,
    client::Client,
    codec::Codec,
    server::{Server, end_reason},
    wait_until,
};

/// What a life has: built, connected, seen, over, and room for what is asked for in between.
const LINES: usize = 10;
const PROMPT: &str = "a panda that nobody else knows of";

#[test]
fn a_healthy_session_prints_ten_lines_at_most_and_no_warning() {
    let mut server = Server::spawn(&[], &[("SCOPE_OFFLINE", "1"), ("SCOPE_VANISH_TIMEOUT", "2s")]);
    let mut ids = Vec::new();
    let mut hidden = vec![PROMPT.to_owned(), own_address().to_string(), "v=0".into(), "a=candidate".into()];
    for codec in Codec::ALL {
        let mut client = Client::builder()
            .codec(codec)
            .fps(30)
            .with_audio()
            .parameters(json!({"prompts": [PROMPT]}))
            .connect(server.url())
            .unwrap();
        client.expect("a picture and a channel", |stats| stats.rises() >= 30 && stats.channel_open, LIMIT);
        client.send(&json!({"work_ms": 3, "prompts": [PROMPT], "id": "steers"}));
        client.expect(
            "the reply",
            |stats| stats.messages_of("parameters_updated").any(|reply| reply["id"] == "steers"),
            LIMIT,
        );
        ids.push(client.session_id().to_owned());
        hidden.push(client.resume_token().to_owned());
        hidden.extend(secrets(client.offer()).chain(secrets(client.answer())).map(str::to_owned));
        // From either end: a graph is torn down in another order then.
        if codec == Codec::H264 {
            drop(client.delete().unwrap());
        } else {
            client.close();
        }
        end_reason(&client.detail_url(), LIMIT);
    }
    server.terminate(LIMIT).expect("it exits");
    assert!(wait_until(|| server.log_text().contains("stopped"), LIMIT), "{}", server.log_text());

    let log = server.log();
    let ready = log.iter().position(|line| line.contains("serving")).expect("it says so");
    let faults: Vec<_> = log[ready..].iter().filter(|line| !is_calm(line)).collect();
    assert!(faults.is_empty(), "{faults:#?}");
    for id in &ids {
        let lines: Vec<_> = log.iter().filter(|line| line.contains(id.as_str())).collect();
        assert!((1..=LINES).contains(&lines.len()), "{lines:#?}");
    }
    for words in hidden {
        let shown: Vec<_> = log[ready..].iter().filter(|line| line.contains(&words)).collect();
        assert!(shown.is_empty(), "{words:?} is in {shown:#?}");
    }
}

#[test]
fn the_detector_catches_warnings_and_what_is_no_line_of_the_log() {
    assert!(is_calm("2026-11-30T18:42:20.385257Z  INFO session{id=1}: scope::session: connected"));
    assert!(is_calm("2026-11-30T18:42:20.385257Z DEBUG scope: WARN"));
    assert!(!is_calm("2026-11-30T18:42:20.385257Z  WARN scope: stage"));
    assert!(!is_calm("2026-11-30T18:42:20.385257Z ERROR scope: lost"));
    assert!(!is_calm("(scope:1): GLib-CRITICAL **: 18:42:20.385: printed past the log"));
    let offer = "v=0\r\na=ice-ufrag:abcd\r\na=ice-pwd:efgh\r\na=fingerprint:sha-256 00:11\r\n";
    assert_eq!(secrets(offer).collect::<Vec<_>>(), ["abcd", "efgh", "sha-256 00:11"]);
}

/// Whether it is a line of the log and below WARN.
fn is_calm(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let time = words.next().unwrap_or_default();
    time.starts_with("20") && time.ends_with('Z') && matches!(words.next(), Some("INFO" | "DEBUG" | "TRACE"))
}

/// What of a description lets somebody else into the session.
fn secrets(sdp: &str) -> impl Iterator<Item = &str> {
    let names = ["a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:"];
    sdp.lines().filter_map(move |line| names.iter().find_map(|name| line.strip_prefix(name)))
}
