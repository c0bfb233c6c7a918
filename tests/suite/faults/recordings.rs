//! What goes wrong with a recording: a sentence to whoever records, and the live picture untouched.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    time::{Duration, Instant},
};

use crate::support::{LIMIT, client::Client, codec::Codec, http, server::Server, small_disk::SmallDisk};
use serde_json::{Value, json};

fn server(folder: &Path, quota: &str) -> Server {
    let folder = folder.to_str().unwrap();
    let settings = [("SCOPE_OFFLINE", "1"), ("SCOPE_RECORDINGS", folder), ("SCOPE_RECORDINGS_QUOTA", quota)];
    Server::spawn(&[], &settings)
}

fn client(server: &Server) -> Client {
    let client = Client::builder().codec(Codec::H264).size(320, 240).fps(30).connect(server.url()).unwrap();
    client.expect("a picture", |stats| stats.rises() >= 10, LIMIT);
    client
}

fn start(client: &Client, server: &Server) -> (u16, Value) {
    let url = format!("{}/api/v1/recordings/{}/start", server.url(), client.session_id());
    let response = http::send(http::Method::POST, &url, &[], Vec::new()).unwrap();
    (response.status, response.json())
}

/// Waits for the end by itself, gives its sentence, and proves that the picture has not noticed.
#[track_caller]
fn failure(client: &Client) -> String {
    let mut sentence = String::new();
    client.expect(
        "the end of the recording",
        |stats| {
            let mut failed = stats.messages_of("recording").filter(|message| message["state"] == "failed");
            failed
                .next()
                .inspect(|message| message["sentence"].as_str().unwrap().clone_into(&mut sentence))
                .is_some()
        },
        LIMIT,
    );
    goes_on(client);
    let shown = http::get(&client.detail_url()).unwrap().json();
    assert_eq!(
        (&shown["recording"]["state"], &shown["state"]),
        (&json!("failed"), &json!("live")),
        "{shown}"
    );
    println!("{sentence}");
    sentence
}

#[track_caller]
fn goes_on(client: &Client) {
    let before = client.read(crate::support::stats::Stats::rises);
    client.expect("the picture goes on", |stats| stats.rises() >= before + 30, LIMIT);
    client.read(|stats| {
        let gaps = stats.frames.windows(2).map(|pair| pair[1].stamp - pair[0].stamp);
        assert_eq!((stats.falls(), stats.video_gaps), (0, 0), "{}", stats.summary());
        println!("{} pictures between two at most", gaps.max().unwrap());
    });
}

/// How often that limit has refused.
fn refusals(server: &Server, limit: &str) -> u64 {
    let metrics = http::get(&format!("{}/metrics", server.url())).unwrap().text();
    let row = format!("scope_limit_refusals_total{{limit=\"{limit}\"}} ");
    let count = metrics.lines().find_map(|line| line.strip_prefix(&row));
    count.and_then(|count| count.parse().ok()).unwrap_or_default()
}

#[test]
fn a_quota_ends_a_recording_and_refuses_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let server = server(dir.path(), "150000");
    let client = client(&server);
    let (status, started) = start(&client, &server);
    assert_eq!(status, 200, "{started}");

    let sentence = failure(&client);

    assert!(sentence.contains("of 150000 bytes"), "{sentence}");
    let (status, refused) = start(&client, &server);
    assert_eq!((status, &refused["code"]), (507, &json!("recordings_quota")), "{refused}");
    let id = started["id"].as_str().unwrap();
    let shown = http::get(&format!("{}/api/v1/recordings/{id}", server.url())).unwrap().json();
    assert_eq!(shown["state"], "failed");
    assert_eq!(shown["sentence"], sentence);
    let metrics = http::get(&format!("{}/metrics", server.url())).unwrap().text();
    assert!(metrics.contains("scope_recordings_total{end=\"failed\"} 2"), "{metrics}");
}

#[test]
fn a_folder_that_goes_away_ends_a_recording() {
    let dir = tempfile::tempdir().unwrap();
    let server = server(&dir.path().join("recordings"), "0");
    let client = client(&server);
    assert_eq!(start(&client, &server).0, 200);
    goes_on(&client);

    fs::remove_dir_all(dir.path().join("recordings")).unwrap();

    let sentence = failure(&client);
    assert!(sentence.contains("it is gone"), "{sentence}");
    assert_eq!(start(&client, &server).0, 200, "the folder is made anew");
}

#[test]
fn a_folder_that_cannot_be_written_refuses_with_a_sentence() {
    // A read-only one that root cannot write to either, and one below a file.
    for folder in ["/proc/sys/recordings", "/dev/null/recordings"] {
        let server = server(Path::new(folder), "0");
        let client = client(&server);

        let (status, refused) = start(&client, &server);

        assert_eq!((status, &refused["code"]), (500, &json!("recordings_folder")), "{refused}");
        let sentence = refused["detail"].as_str().unwrap();
        assert!(sentence.contains(folder) && sentence.contains("can write"), "{sentence}");
        assert_eq!(failure(&client), sentence);
    }
}

#[test]
fn a_foreign_recording_leads_to_no_file_but_its_own() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("secret.txt"), "TOP-SECRET").unwrap();
    let (root, id) = (dir.path().join("recordings"), "20260101-000000-abcdef");
    fs::create_dir_all(root.join(id)).unwrap();
    let segment = json!({"file": "../../secret.txt", "kind": "output", "codec": "h264", "width": 64,
        "height": 48, "sound": false, "at_s": 0.0, "frame": null, "session": "s"});
    let sidecar = json!({"version": 1, "id": id, "started": "2026-01-01T00:00:00Z", "session": "s",
        "pipeline_id": "echo", "parameters": {}, "input": true, "segments": [segment], "timeline": [],
        "end": {"code": "stopped", "sentence": "x", "seconds": 1.0, "bytes": 10}});
    fs::write(root.join(id).join("recording.json"), sidecar.to_string()).unwrap();
    let server = server(&root, "0");
    let base = format!("{}/api/v1/recordings", server.url());

    for path in [format!("{id}/..%2F..%2Fsecret.txt"), id.to_owned(), format!("{id}/recording.json")] {
        let reply = http::get(&format!("{base}/{path}")).unwrap();
        assert_eq!((reply.status, &reply.json()["code"]), (404, &json!("recording_not_found")), "{path}");
        assert!(!reply.text().contains("TOP-SECRET"), "{path}");
    }
    assert_eq!(http::get(&base).unwrap().json(), json!({"recordings": []}));
    let sources = format!("{}/api/v1/input-sources/recording/sources", server.url());
    assert_eq!(http::get(&sources).unwrap().json()["sources"], json!([]));
    let source = json!({"source_type": "recording", "source_name": format!("{id}/../../secret.txt")});
    let parameters = json!({"pipeline_id": "echo", "input_source": source});
    let refused = http::post_json(&format!("{}/api/v1/session/start", server.url()), &parameters).unwrap();
    assert_eq!(refused.status, 422, "{}", refused.text());
    let replay = crate::support::server::scope()
        .args(["pipelines", "run", "echo", "--replay"])
        .arg(root.join(id))
        .arg("--output")
        .arg(dir.path().join("again.mkv"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&replay.stderr).into_owned();
    assert!(!replay.status.success() && said.contains("expected a file's name"), "{said}");
}

#[test]
fn recordings_are_for_the_servers_user_alone_under_any_umask() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("recordings");
    let settings = [("SCOPE_OFFLINE", "1"), ("SCOPE_RECORDINGS", root.to_str().unwrap())];
    let server = Server::spawn_under(&["sh", "-c", "umask 0; exec \"$@\"", "sh"], &[], &settings);
    let client = client(&server);
    let id = start(&client, &server).1["id"].as_str().unwrap().to_owned();
    goes_on(&client);

    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&root), mode(&root.join(&id))), (0o700, 0o700));
    let files: Vec<_> = fs::read_dir(root.join(&id)).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 2, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    drop(client);
    drop(server);
    fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).unwrap();
    let next = Server::spawn(&[], &settings);
    let warned = || next.log_text().contains("other users may look into the recordings");
    assert!(crate::support::wait_until(warned, LIMIT), "{}", next.log_text());
}

#[test]
fn a_full_disk_ends_a_recording_with_its_files_closed() {
    let Some(disk) = SmallDisk::mount("2300k") else { return };
    let server = server(disk.path(), "0");
    let client = client(&server);
    let (status, started) = start(&client, &server);
    assert_eq!(status, 200, "{started}");

    let sentence = failure(&client);

    let refused = start(&client, &server);
    let id = started["id"].as_str().unwrap();
    let shown = http::get(&format!("{}/api/v1/recordings/{id}", server.url())).unwrap().json();
    // Filled to the last byte: what the system itself says.
    fs::write(disk.path().join("ballast"), vec![0; 4 << 20]).unwrap_err();
    let full = start(&client, &server);
    assert!(sentence.contains("recordings disk is full"), "{sentence}");
    assert_eq!((refused.0, &refused.1["code"]), (507, &json!("disk_full")), "{refused:?}");
    assert_eq!(
        (shown["state"].as_str(), shown["sentence"].as_str()),
        (Some("failed"), Some(sentence.as_str()))
    );
    assert_eq!(full.0, 507, "{full:?}");
}

#[test]
fn without_a_quota_of_its_own_a_disk_keeps_nine_tenths_for_others() {
    let Some(disk) = SmallDisk::mount("3m") else { return };
    let server = server(disk.path(), "auto");
    let client = client(&server);
    assert_eq!(start(&client, &server).0, 200);

    let sentence = failure(&client);

    assert!(sentence.contains("of 314572 bytes"), "{sentence}");
    let (status, refused) = start(&client, &server);
    assert_eq!((status, &refused["code"]), (507, &json!("recordings_quota")), "{refused}");
    assert_eq!(refusals(&server, "recordings_quota"), 2);
}

#[test]
fn a_disk_that_others_fill_ends_a_recording_at_the_reserve() {
    let Some(disk) = SmallDisk::mount("16m") else { return };
    let folder = disk.path().to_str().unwrap();
    let reserve = ("SCOPE_RECORDINGS_RESERVE", "8000000");
    let settings =
        [("SCOPE_OFFLINE", "1"), ("SCOPE_RECORDINGS", folder), ("SCOPE_RECORDINGS_QUOTA", "0"), reserve];
    let server = Server::spawn(&[], &settings);
    let client = client(&server);
    assert_eq!(start(&client, &server).0, 200);
    goes_on(&client);

    fs::write(disk.path().join("ballast"), vec![0; 10 << 20]).unwrap();

    let sentence = failure(&client);
    assert!(sentence.contains("expected at least 8000000 bytes free"), "{sentence}");
    let (status, refused) = start(&client, &server);
    assert_eq!((status, &refused["code"]), (507, &json!("disk_full")), "{refused}");
    assert_eq!(refusals(&server, "recordings_reserve"), 2);
    fs::remove_file(disk.path().join("ballast")).unwrap();
    assert_eq!(start(&client, &server).0, 200, "there is room again");
}

#[test]
fn a_size_that_changes_all_the_time_makes_one_file_a_second() {
    let dir = tempfile::tempdir().unwrap();
    let server = server(dir.path(), "0");
    let client = client(&server);
    let url = format!("{}/api/v1/recordings/{}/start", server.url(), client.session_id());
    let started = http::post_json(&url, &json!({"input": true})).unwrap().json();
    let begun = Instant::now();

    let mut changes = 0;
    while begun.elapsed() < Duration::from_secs(8) {
        let (width, height) = [(160, 120), (320, 240)][changes % 2];
        let seen = client.read(|stats| stats.sizes.len());
        client.set_size(width, height);
        client.expect("the other size", |stats| stats.sizes.len() > seen, LIMIT);
        changes += 1;
    }

    let seconds = usize::try_from(begun.elapsed().as_secs()).unwrap() + 1;
    goes_on(&client);
    let stop = format!("{}/api/v1/recordings/{}/stop", server.url(), client.session_id());
    assert_eq!(http::post_json(&stop, &json!({})).unwrap().json()["status"], "stopped");
    let id = started["id"].as_str().unwrap();
    let shown = http::get(&format!("{}/api/v1/recordings/{id}", server.url())).unwrap().json();
    let files = shown["files"].as_array().unwrap();
    println!("{changes} changes in {seconds} s: {} files", files.len());
    assert!(changes > 2 * seconds, "{changes} changes in {seconds} s say nothing");
    for kind in ["output", "input"] {
        let of_kind = files.iter().filter(|file| file["kind"] == kind).count();
        assert!((2..=seconds + 4).contains(&of_kind), "{of_kind} files in {seconds} s");
    }
    assert!(refusals(&server, "recording_files") > 0);
}

/// A pipeline that takes long texts.
fn put_notes(dir: &Path) {
    let text = "[parameters.note]\ntype = \"string\"\nmaxLength = 200000\ndefault = \"\"\n";
    crate::support::stage::put(dir, "notes", text);
}

/// Bytes that the server has written, to files and else.
fn written(server: &Server) -> u64 {
    let io = fs::read_to_string(format!("/proc/{}/io", server.pid())).unwrap();
    let bytes = io.lines().find_map(|line| line.strip_prefix("wchar: ")).unwrap();
    bytes.parse().unwrap()
}

#[test]
fn changes_beyond_their_limits_end_a_recording_and_are_written_once() {
    let dir = tempfile::tempdir().unwrap();
    let (root, pipelines) = (dir.path().join("recordings"), dir.path().join("pipelines"));
    put_notes(&pipelines);
    let settings = [
        ("SCOPE_OFFLINE", "1"),
        ("SCOPE_RECORDINGS", root.to_str().unwrap()),
        ("SCOPE_PIPELINES", pipelines.to_str().unwrap()),
    ];
    let server = Server::spawn(&[], &settings);
    let client = Client::builder()
        .codec(Codec::Vp8)
        .size(320, 240)
        .fps(30)
        .parameters(json!({"pipeline_id": "notes"}))
        .connect(server.url())
        .unwrap();
    client.expect("a picture", |stats| stats.rises() >= 10, LIMIT);
    let parameters = format!("{}/api/v1/sessions/{}/parameters", server.url(), client.session_id());
    let note = |text: String| http::patch_json(&parameters, &json!({"note": text})).unwrap().status;
    let (status, started) = start(&client, &server);
    assert_eq!(status, 200, "{started}");
    let (before, mut sent) = (written(&server), 0);
    let ended = || {
        let shown = http::get(&client.detail_url()).unwrap().json();
        shown["recording"]["state"] == "failed"
    };

    while !ended() {
        assert!(sent < 1000, "a thousand long changes are kept");
        assert_eq!(note(format!("{sent:060000}")), 200);
        sent += 1;
    }

    let bytes = written(&server) - before;
    let shown = http::get(&client.detail_url()).unwrap().json();
    let sentence = shown["recording"]["sentence"].as_str().unwrap().to_owned();
    assert_eq!(shown["state"], "live", "{shown}");
    assert!(sentence.contains("at most 16777216 bytes of changes"), "{sentence}");
    println!("{sent} changes of 60 kB, {bytes} bytes written");
    // Once to the file and once in each answer, to HTTP and on the data channel.
    assert!(bytes < 4 * sent * 60_000, "{bytes} bytes written for {sent} changes of 60 kB");
    let folder = root.join(started["id"].as_str().unwrap());
    assert!(fs::metadata(folder.join("changes.jsonl")).unwrap().len() <= 16 << 20);
    assert!(fs::metadata(folder.join("recording.json")).unwrap().len() < 100_000);

    assert_eq!(note("short".to_owned()), 200);
    assert_eq!(start(&client, &server).0, 200, "the next one starts");
    assert_eq!(note("x".repeat(110_000)), 200, "the session takes what a recording does not");
    let long = || {
        let shown = http::get(&client.detail_url()).unwrap().json();
        shown["recording"]["sentence"]
            .as_str()
            .is_some_and(|text| text.contains("at most 65536 bytes of parameters"))
    };
    assert!(crate::support::wait_until(long, LIMIT), "{}", http::get(&client.detail_url()).unwrap().text());
    let before = client.read(crate::support::stats::Stats::rises);
    client.expect("the picture goes on", |stats| stats.rises() >= before + 30, LIMIT);
    assert_eq!(refusals(&server, "recording_changes"), 2);
    let (status, refused) = start(&client, &server);
    assert_eq!((status, &refused["code"]), (507, &json!("recording_limit")), "{refused}");
}

#[test]
fn a_disk_that_fills_while_parameters_change_ends_a_recording() {
    let Some(disk) = SmallDisk::mount("8m") else { return };
    let (root, pipelines) = (disk.path().join("recordings"), tempfile::tempdir().unwrap());
    put_notes(pipelines.path());
    let settings = [
        ("SCOPE_OFFLINE", "1"),
        ("SCOPE_RECORDINGS", root.to_str().unwrap()),
        ("SCOPE_RECORDINGS_QUOTA", "0"),
        ("SCOPE_PIPELINES", pipelines.path().to_str().unwrap()),
        ("PIPELINE", "notes"),
    ];
    let server = Server::spawn(&[], &settings);
    let client = client(&server);
    let (status, started) = start(&client, &server);
    assert_eq!(status, 200, "{started}");
    goes_on(&client);

    fs::write(disk.path().join("ballast"), vec![0; 16 << 20]).unwrap_err();
    client.send(&json!({"note": "x".repeat(50_000)}));

    let sentence = failure(&client);
    assert!(sentence.contains("recordings disk is full"), "{sentence}");
    let id = started["id"].as_str().unwrap();
    fs::remove_file(disk.path().join("ballast")).unwrap();
    let document = http::get(&format!("{}/api/v1/recordings/{id}/recording.json", server.url())).unwrap();
    assert!(document.json()["timeline"].is_array(), "{}", document.text());
}

#[test]
fn no_more_recordings_run_at_once_than_may() {
    let dir = tempfile::tempdir().unwrap();
    let settings = [
        ("SCOPE_OFFLINE", "1"),
        ("SCOPE_RECORDINGS", dir.path().to_str().unwrap()),
        ("SCOPE_MAX_RECORDINGS", "1"),
    ];
    let server = Server::spawn(&[], &settings);
    let (one, other) = (client(&server), client(&server));
    assert_eq!(start(&one, &server).0, 200);

    let (status, refused) = start(&other, &server);

    assert_eq!((status, &refused["code"]), (503, &json!("too_many_recordings")), "{refused}");
    assert!(refused["detail"].as_str().unwrap().contains("--max-recordings"), "{refused}");
    assert_eq!(failure(&other), refused["detail"]);
    assert_eq!(refusals(&server, "recordings_at_once"), 1);
    one.delete().unwrap();
    assert!(crate::support::wait_until(|| start(&other, &server).0 == 200, LIMIT));
}

#[test]
fn files_come_in_ranges_or_to_be_saved_and_nothing_else_comes() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("secret"), "secret").unwrap();
    let server = server(dir.path(), "0");
    let client = client(&server);
    let id = start(&client, &server).1["id"].as_str().unwrap().to_owned();
    goes_on(&client);
    let base = format!("{}/api/v1/recordings", server.url());
    let running = http::delete(&format!("{base}/{id}")).unwrap();
    assert_eq!((running.status, &running.json()["code"]), (409, &json!("recording_running")));
    client.send(&json!({"recording": false}));
    client.expect("the end", |stats| stats.messages_of("recording").any(|m| m["state"] == "stopped"), LIMIT);

    let whole = http::get(&format!("{base}/{id}/output-000.mp4")).unwrap();
    let range = [("range", "bytes=4-11"), ("accept-encoding", "gzip")];
    let part =
        http::send(http::Method::GET, &format!("{base}/{id}/output-000.mp4"), &range, Vec::new()).unwrap();
    let saved = http::get(&format!("{base}/{id}/recording.json?download")).unwrap();

    assert_eq!((whole.status, whole.header("content-type")), (200, Some("video/mp4")));
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    assert_eq!((part.status, part.body.as_slice()), (206, &whole.body[4..12]));
    assert_eq!(part.header("content-range").unwrap(), format!("bytes 4-11/{}", whole.body.len()));
    assert_eq!(
        saved.header("content-disposition").unwrap(),
        format!("attachment; filename=\"{id}-recording.json\"")
    );
    assert_eq!(saved.json()["end"]["code"], "stopped");
    let beyond = http::send(
        http::Method::GET,
        &format!("{base}/{id}/output-000.mp4"),
        &[("range", "bytes=999999999-")],
        Vec::new(),
    );
    assert_eq!(beyond.unwrap().status, 416);
    for path in [
        "20260101-000000-abcdef",
        "nobody",
        &format!("{id}/secret"),
        &format!("{id}/..%2fsecret"),
        "..%2f/secret",
    ] {
        let reply = http::get(&format!("{base}/{path}")).unwrap();
        assert_eq!((reply.status, &reply.json()["code"]), (404, &json!("recording_not_found")), "{path}");
    }
    let unknown = http::post_json(&format!("{base}/nobody/start"), &json!({})).unwrap();
    assert_eq!((unknown.status, &unknown.json()["code"]), (404, &json!("session_not_found")));
    let wrong =
        http::post_json(&format!("{base}/{}/start", client.session_id()), &json!({"input": 3})).unwrap();
    assert_eq!((wrong.status, &wrong.json()["detail"][0]["loc"]), (422, &json!(["body", "input"])));
}
