//! Recordings: what was sent is in a file, with its sound, and goes on over switches, sizes and reconnects.

use std::path::Path;

use crate::support::{
    LIMIT,
    client::Client,
    codec::Codec,
    http,
    recorded::{self, File},
    server::{Server, scope},
    wait_until,
};
use serde_json::{Value, json};

const FPS: u32 = 30;

fn server(folder: &Path) -> Server {
    let folder = folder.to_str().unwrap();
    Server::spawn(&[], &[("SCOPE_OFFLINE", "1"), ("SCOPE_RECORDINGS", folder)])
}

fn client(server: &Server, codec: Codec) -> Client {
    let client =
        Client::builder().codec(codec).size(320, 240).fps(FPS).with_audio().connect(server.url()).unwrap();
    client.expect("a picture", |stats| stats.rises() >= 10, LIMIT);
    client
}

fn ask(client: &Client, server: &Server, verb: &str, body: &Value) -> Value {
    let url = format!("{}/api/v1/recordings/{}/{verb}", server.url(), client.session_id());
    let response = http::post_json(&url, body).unwrap();
    assert_eq!(response.status, 200, "{}", response.text());
    response.json()
}

/// Waits until the client has seen so many pictures more.
fn pass(client: &Client, pictures: usize) {
    let before = client.read(|stats| stats.frames_decoded as usize);
    client.expect("the picture goes on", |stats| stats.frames_decoded as usize >= before + pictures, LIMIT);
}

fn recording(server: &Server, id: &str) -> Value {
    let response = http::get(&format!("{}/api/v1/recordings/{id}", server.url())).unwrap();
    assert_eq!(response.status, 200, "{}", response.text());
    response.json()
}

/// `recording.json` as the API gives it, with its timeline.
fn document(server: &Server, id: &str) -> Value {
    let response = http::get(&format!("{}/api/v1/recordings/{id}/recording.json", server.url())).unwrap();
    assert_eq!((response.status, response.header("content-type")), (200, Some("application/json")));
    response.json()
}

fn sidecar(folder: &Path, id: &str) -> Value {
    serde_json::from_slice(&std::fs::read(folder.join(id).join("recording.json")).unwrap()).unwrap()
}

#[test]
fn h264_and_its_sound_are_recorded_both_ways() {
    record_both_ways(Codec::H264, "mp4");
}

#[test]
fn vp8_and_its_sound_are_recorded_both_ways() {
    record_both_ways(Codec::Vp8, "webm");
}

#[test]
fn vp9_and_its_sound_are_recorded_both_ways() {
    record_both_ways(Codec::Vp9, "webm");
}

fn record_both_ways(codec: Codec, extension: &str) {
    let dir = tempfile::tempdir().unwrap();
    let server = server(dir.path());
    let client = client(&server, codec);

    let started = ask(&client, &server, "start", &json!({"input": true}));
    assert_eq!(ask(&client, &server, "start", &json!({}))["status"], "already_recording");
    pass(&client, 120);
    let stopped = ask(&client, &server, "stop", &json!({}));

    assert_eq!((&started["status"], &stopped["status"]), (&json!("started"), &json!("stopped")));
    assert_eq!(ask(&client, &server, "stop", &json!({}))["status"], "not_recording");
    let id = started["id"].as_str().unwrap();
    let shown = recording(&server, id);
    assert_eq!(shown["state"], "finished", "{shown}");
    println!("{shown:#}");
    for kind in ["output", "input"] {
        let name = format!("{kind}-000.{extension}");
        assert!(shown["files"].as_array().unwrap().iter().any(|file| file["name"] == name), "{shown}");
        let path = dir.path().join(id).join(name);
        let file = File::read(&path);
        let skew = client.read(|stats| file.video_after_audio(&stats.drawn));
        println!(
            "{codec:?} {kind}: {} frames, {} stamped, first {:?}, last {:?}, {} sound packets, picture after sound {skew:?}",
            file.frames,
            file.stamps.len(),
            file.stamps.first(),
            file.stamps.last(),
            file.audio_packets
        );
        assert!(file.rises() && file.stamps.len() >= 60, "{:?}", file.stamps);
        assert!(file.stamps[0].0 < 0.001, "a file begins with its first picture");
        let seconds = file.stamps.last().unwrap().0;
        assert!(file.audio_packets as f64 >= seconds * 50.0 * 0.7, "{} packets", file.audio_packets);
        assert!(skew.is_none(FPS), "picture after sound: {skew:?}");
        recorded::discover(&path);
    }
    client.expect(
        "the client is told",
        |stats| {
            ["started", "stopped"]
                .iter()
                .all(|state| stats.messages_of("recording").any(|m| m["state"] == *state))
        },
        LIMIT,
    );
}

#[test]
fn a_killed_server_leaves_what_plays_up_to_the_last_second_but_one() {
    for codec in [Codec::H264, Codec::Vp8] {
        let dir = tempfile::tempdir().unwrap();
        let killed = server(dir.path());
        let client = client(&killed, codec);
        let id = ask(&client, &killed, "start", &json!({}))["id"].as_str().unwrap().to_owned();
        pass(&client, 150);

        killed.signal("KILL");
        let last = client.read(|stats| stats.frames.last().unwrap().stamp);

        let file = sidecar(dir.path(), &id)["segments"][0]["file"].as_str().unwrap().to_owned();
        let path = dir.path().join(&id).join(file);
        let read = File::read(&path);
        let end = read.stamps.last().unwrap().1;
        println!(
            "{codec:?}: {} frames, the last is {} before what the client saw",
            read.frames,
            last.saturating_sub(end)
        );
        println!(
            "ffprobe: {} of the picture, {} of the sound",
            recorded::packets(&path, "v:0"),
            read.audio_packets
        );
        assert!(read.rises() && end + 2 * FPS >= last, "{end} of {last}");
        assert!(recorded::packets(&path, "v:0") >= 60);
        println!("{}", recorded::discover(&path));
        drop(killed);
        let next = server(dir.path());
        let cut = || recording(&next, &id)["state"] == "cut";
        assert!(wait_until(cut, LIMIT), "{}", recording(&next, &id));
        let url = format!("{}/api/v1/recordings/{id}", next.url());
        assert_eq!(http::delete(&url).unwrap().status, 204);
        assert_eq!(http::get(&url).unwrap().json()["code"], "recording_not_found");
        assert!(!dir.path().join(&id).exists());
    }
}

#[test]
fn a_recording_goes_on_over_changes_a_switch_and_a_reconnect_and_ends_with_its_session() {
    let dir = tempfile::tempdir().unwrap();
    let server = server(dir.path());
    let mut first = client(&server, Codec::H264);
    first.send(&json!({"recording": true}));
    let mut id = String::new();
    first.expect(
        "the start",
        |stats| {
            let mut started = stats.messages_of("recording").filter(|message| message["state"] == "started");
            started.next().inspect(|message| message["id"].as_str().unwrap().clone_into(&mut id)).is_some()
        },
        LIMIT,
    );
    pass(&first, 30);
    first.send(&json!({"work_ms": 3, "id": "steers"}));
    first.expect(
        "a parameter",
        |stats| stats.messages_of("parameters_updated").any(|m| m["id"] == "steers"),
        LIMIT,
    );
    first.send(&json!({"pipeline_id": "soft"}));
    first.expect("a switch", |stats| stats.messages_of("pipeline_changed").next().is_some(), LIMIT);
    pass(&first, 20);
    first.vanish();
    let second = Client::builder()
        .codec(Codec::H264)
        .size(320, 240)
        .fps(FPS)
        .with_audio()
        .resume(first.resume_token())
        .connect(server.url())
        .unwrap();
    second.expect("a picture", |stats| stats.frames_decoded >= 60, LIMIT);
    assert_eq!(http::get(&second.detail_url()).unwrap().json()["recording"]["state"], "running");
    second.set_size(160, 120);
    second.expect("the other size", |stats| stats.sizes.last() == Some(&(160, 120)), LIMIT);
    let decoded = second.read(|stats| stats.frames_decoded);
    second.expect("it goes on", |stats| stats.frames_decoded >= decoded + 30, LIMIT);

    second.delete().unwrap();

    let shown = recording(&server, &id);
    assert_eq!(shown["state"], "finished", "{shown}");
    assert!(shown["sentence"].as_str().unwrap().contains("the session ended"), "{shown}");
    let sidecar = document(&server, &id);
    println!("{sidecar:#}");
    let segments = sidecar["segments"].as_array().unwrap();
    let sizes: Vec<_> = segments.iter().map(|segment| segment["width"].as_u64().unwrap()).collect();
    assert!(sizes.starts_with(&[320, 320]) && sizes.ends_with(&[160]), "{sizes:?}");
    assert_eq!(segments[0]["session"], first.session_id());
    assert_eq!(segments[1]["session"], second.session_id());
    for segment in segments {
        assert!(segment["frame"].is_u64(), "{segment}");
        let file = File::read(&dir.path().join(&id).join(segment["file"].as_str().unwrap()));
        assert!(file.frames >= 20 && file.audio_packets > 10, "{segment}: {} frames", file.frames);
    }
    let changes: Vec<_> =
        sidecar["timeline"].as_array().unwrap().iter().map(|one| one["change"].as_str().unwrap()).collect();
    assert!(changes.starts_with(&["parameters", "pipeline"]) && changes.contains(&"session"), "{changes:?}");
    assert_eq!(sidecar["timeline"][0]["parameters"], json!({"work_ms": 3}));
    assert!(sidecar["timeline"][0]["frame"].as_u64() > segments[0]["frame"].as_u64());
    let lines = std::fs::read_to_string(dir.path().join(&id).join("changes.jsonl")).unwrap();
    assert_eq!(lines.lines().count(), changes.len(), "a line for each change");
    let of_second = format!("{}/api/v1/recordings/{}", server.url(), second.session_id());
    let newest = http::get(&of_second).unwrap();
    assert_eq!(
        newest.header("content-type"),
        Some("video/mp4"),
        "Scope's clients get a file by the session's id"
    );
    assert!(newest.header("content-disposition").unwrap().starts_with("attachment"));
}

#[test]
fn a_recording_of_an_earlier_version_lists_plays_and_replays() {
    // Made by the server before its changes were beside the sidecar: two seconds of 64x48, greyer twice.
    let (dir, id) = (tempfile::tempdir().unwrap(), "20261130-230855-3185d9");
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/recordings").join(id);
    std::fs::create_dir(dir.path().join(id)).unwrap();
    for name in ["recording.json", "input-000.webm", "output-000.webm"] {
        std::fs::copy(from.join(name), dir.path().join(id).join(name)).unwrap();
    }
    let files = dir.path().to_str().unwrap();
    let server = Server::spawn(&[], &[("SCOPE_OFFLINE", "1"), ("SCOPE_RECORDINGS", files)]);
    let base = format!("{}/api/v1", server.url());

    let listed = http::get(&format!("{base}/recordings")).unwrap().json();
    let video = http::get(&format!("{base}/recordings/{id}/output-000.webm")).unwrap();
    let source =
        json!({"source_type": "recording", "source_name": format!("{id}/input-000.webm"), "loop": true});
    let started = http::post_json(
        &format!("{base}/session/start"),
        &json!({"pipeline_id": "grade", "input_source": source}),
    );
    let frame = http::get(&format!("{base}/session/frame")).unwrap();
    let again = dir.path().join("again.mkv");
    let run = scope()
        .args(["pipelines", "run", "grade", "--lossless", "--replay"])
        .arg(dir.path().join(id))
        .arg("--output")
        .arg(&again)
        .output()
        .unwrap();

    assert_eq!(
        (&listed["recordings"][0]["id"], &listed["recordings"][0]["state"]),
        (&json!(id), &json!("finished"))
    );
    assert_eq!(document(&server, id), sidecar(dir.path(), id));
    assert_eq!((video.status, video.header("content-type")), (200, Some("video/webm")));
    assert_eq!((started.unwrap().status, frame.status), (200, 200));
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let pairs = recorded::ssim(&from.join("output-000.webm"), &again, 0.0);
    let least = pairs.iter().copied().fold(1.0, f64::min);
    println!("{} frames compared, SSIM at least {least:.4}", pairs.len());
    assert!(pairs.len() >= 30 && least > 0.8, "SSIM {least} among {} frames", pairs.len());
}

#[test]
fn a_replay_makes_the_recorded_picture_again() {
    let dir = tempfile::tempdir().unwrap();
    let server = server(dir.path());
    let client = Client::builder()
        .codec(Codec::H264)
        .size(320, 240)
        .fps(FPS)
        .kbps(1500)
        .parameters(json!({"pipeline_id": "grade", "saturation": 1.0}))
        .connect(server.url())
        .unwrap();
    // A session's first second is sent at a low bit rate, which shows.
    client.expect("a settled picture", |stats| stats.frames_decoded >= 120, LIMIT);
    let id = ask(&client, &server, "start", &json!({"input": true}))["id"].as_str().unwrap().to_owned();
    pass(&client, 60);
    client.send(&json!({"saturation": 0.0, "id": "grey"}));
    client.expect(
        "it is grey",
        |stats| stats.messages_of("parameters_updated").any(|m| m["id"] == "grey"),
        LIMIT,
    );
    pass(&client, 60);
    ask(&client, &server, "stop", &json!({}));
    let folder = dir.path().join(&id);
    let again = dir.path().join("again.mkv");

    let run = scope()
        .args(["pipelines", "run", "grade", "--lossless", "--replay"])
        .arg(&folder)
        .arg("--output")
        .arg(&again)
        .output()
        .unwrap();

    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    println!("{}", String::from_utf8_lossy(&run.stdout));
    let sidecar = sidecar(dir.path(), &id);
    let at = |kind: &str| {
        let segments = sidecar["segments"].as_array().unwrap();
        assert_eq!(segments.iter().filter(|segment| segment["kind"] == kind).count(), 1, "{sidecar:#}");
        segments.iter().find(|segment| segment["kind"] == kind).unwrap()["at_s"].as_f64().unwrap()
    };
    let shift = at("input") - at("output");
    let pairs = recorded::ssim(&folder.join("output-000.mp4"), &again, shift);
    let mean = pairs.iter().sum::<f64>() / pairs.len() as f64;
    let least = pairs.iter().copied().fold(1.0, f64::min);
    println!("{} frames compared, SSIM {mean:.4}, at least {least:.4}", pairs.len());
    assert!(pairs.len() >= 60 && least > 0.95, "SSIM {least} among {} frames", pairs.len());
}
