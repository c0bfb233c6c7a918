//! What each session has used: a line of the usage log at its end, which no disk delays, and totals in the metrics.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use serde_json::{Value, json};

use crate::support::{
    LIMIT,
    client::{Client, post},
    http,
    server::{Server, end_reason},
    small_disk::SmallDisk,
    wait_until,
};

const CHROMIUM: &str = include_str!("../../fixtures/offers/chromium.sdp");

fn server(log: &Path) -> Server {
    let recordings = tempfile::tempdir().unwrap().keep();
    let settings = [
        ("SCOPE_OFFLINE", "1"),
        ("SCOPE_RECORDINGS", recordings.to_str().unwrap()),
        ("SCOPE_USAGE_LOG", log.to_str().unwrap()),
    ];
    Server::spawn(&[], &settings)
}

fn records(log: &Path) -> Vec<Value> {
    let text = fs::read_to_string(log).unwrap_or_default();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// The value of a sample in the metrics.
fn metric(server: &Server, sample: &str) -> Option<f64> {
    let text = http::get(&format!("{}/metrics", server.url())).unwrap().text();
    text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' ')?.parse().ok())
}

/// Whether so many records were written, or lost.
fn has(server: &Server, records: u32, outcome: &str) -> bool {
    let count = metric(server, &format!("scope_usage_records_total{{outcome=\"{outcome}\"}}"));
    count.is_some_and(|count| (count - f64::from(records)).abs() < 0.5)
}

/// A session that nobody connects to, and its end.
fn short_session(server: &Server) {
    let (session, _) = post(server.url(), CHROMIUM, None).unwrap();
    let url = format!("{}/api/v1/sessions/{session}", server.url());
    assert_eq!(http::delete(&url).unwrap().status, 204);
}

#[test]
fn a_session_that_ends_leaves_a_line_of_what_it_used() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("usage.jsonl");
    let server = server(&log);
    let client =
        Client::builder().fps(30).parameters(json!({"recording": true})).connect(server.url()).unwrap();
    client.expect("a frame", |stats| stats.rises() >= 30, LIMIT);
    client.send(&json!({"pipeline_id": "kaleidoscope"}));
    let switched =
        |stats: &crate::support::stats::Stats| stats.messages_of("pipeline_changed").next().is_some();
    client.expect("another pipeline", switched, LIMIT);
    let before = client.read(|stats| stats.frames_decoded);
    client.expect("its frames", |stats| stats.frames_decoded >= before + 30, LIMIT);
    let shown = http::get(&client.detail_url()).unwrap().json();
    assert!(records(&log).is_empty(), "it has not ended");

    client.delete().unwrap();
    assert_eq!(end_reason(&client.detail_url(), LIMIT), "closed_by_client");

    assert!(wait_until(|| has(&server, 1, "written"), LIMIT), "{}", server.log_text());
    let [record] = &records(&log)[..] else { panic!("{:?}", records(&log)) };
    assert_eq!((&record["session"], &record["subject"]), (&json!(client.session_id()), &json!("local")));
    assert_eq!(record["reason"], "closed_by_client");
    assert_eq!(record["pipelines"], json!(["echo", "kaleidoscope"]));
    let number = |field: &str| record[field].as_f64().unwrap_or_else(|| panic!("{field} in {record}"));
    assert!(number("frames_in") >= 60.0 && number("frames_out") >= 60.0, "{record}");
    assert!(number("frames_out") >= shown["frames_out"].as_f64().unwrap(), "{record} after {shown}");
    for used in ["bytes_in", "bytes_out", "recording_bytes", "decode_s", "stage_s", "encode_s"] {
        assert!(number(used) > 0.0, "{used} in {record}");
    }
    for (field, total) in
        [("seconds", "scope_session_seconds_total"), ("recording_bytes", "scope_recording_bytes_total")]
    {
        let total = metric(&server, total).unwrap();
        assert!((total - number(field)).abs() < 0.01, "{field} of {record}, {total} in all");
    }
    assert_eq!(fs::metadata(&log).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn the_records_of_a_stopping_server_are_written_before_it_exits() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("usage.jsonl");
    let mut server = server(&log);
    for _ in 0..3 {
        post(server.url(), CHROMIUM, None).unwrap();
    }

    assert_eq!(server.terminate(LIMIT).and_then(|status| status.code()), Some(0));

    let reasons: Vec<_> = records(&log).iter().map(|record| record["reason"].clone()).collect();
    assert_eq!(reasons, ["server_shutdown"; 3]);
}

#[test]
fn a_full_disk_loses_records_counts_them_says_so_once_and_leaves_no_half_line() {
    let Some(disk) = SmallDisk::mount("64k") else { return };
    let log = disk.path().join("usage.jsonl");
    // A hundred bytes of its page are free and no page besides: the first bytes of a record find room.
    let first = json!({"filler": "x".repeat(4096 - 100 - 14)}).to_string();
    fs::write(&log, format!("{first}\n")).unwrap();
    fs::set_permissions(&log, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(disk.path().join("ballast"), vec![0; 1 << 20]).unwrap_err();
    let server = server(&log);

    (0..3).for_each(|_| short_session(&server));

    assert!(wait_until(|| has(&server, 3, "lost"), LIMIT), "{}", server.log_text());
    assert_eq!(fs::read_to_string(&log).unwrap(), format!("{first}\n"));
    assert_eq!(server.log_text().matches("cannot write the usage log").count(), 1);
    fs::remove_file(disk.path().join("ballast")).unwrap();
    short_session(&server);
    assert!(wait_until(|| has(&server, 1, "written"), LIMIT), "{}", server.log_text());
    assert_eq!(records(&log).len(), 2);
}

#[test]
fn a_usage_log_that_cannot_be_is_a_fault_of_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink("/dev/null", &link).unwrap();

    for path in [link.as_path(), Path::new("/dev/null"), folder.path(), Path::new("/nowhere/usage.jsonl")] {
        let mut server = Server::start(&["--usage-log", path.to_str().unwrap()], &[("SCOPE_OFFLINE", "1")]);

        let code = server.wait(LIMIT).and_then(|status| status.code());

        assert_eq!(code, Some(64), "{}", path.display());
        assert!(server.log_text().contains("name a regular file"), "{}", server.log_text());
    }
}
