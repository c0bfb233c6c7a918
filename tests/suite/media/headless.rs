//! The session without a client: a file in; a recording, stills and viewers out.

use std::{
    path::{Path, PathBuf},
    thread,
};

use serde_json::{Value, json};

use crate::support::{
    LIMIT,
    film::{FIRST, FRAMES, film},
    http::{self, Response},
    recorded::File,
    server::{self, Server},
    wait_until,
};

/// A server with its files and its recordings.
struct Host {
    server: Server,
    dir: tempfile::TempDir,
}

impl Host {
    fn start() -> Self {
        Self::with(&[])
    }

    fn with(env: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        std::fs::create_dir(path("films")).unwrap();
        film(&path("films/film.mp4"));
        std::fs::write(path("films/broken.mp4"), "no film").unwrap();
        let (films, recordings) = (path("films"), path("recordings"));
        let folders =
            ["--video-files", films.to_str().unwrap(), "--recordings", recordings.to_str().unwrap()];
        let env: Vec<_> = [("SCOPE_OFFLINE", "1")].into_iter().chain(env.iter().copied()).collect();
        let server = Server::spawn(&folders, &env);
        Self { server, dir }
    }

    fn url(&self, path: &str) -> String {
        format!("{}/api/v1/{path}", self.server.url())
    }

    fn get(&self, path: &str) -> Response {
        http::get(&self.url(path)).unwrap()
    }

    /// Frames that the server has dropped, of all sessions.
    fn dropped(&self) -> f64 {
        let metrics = http::get(&format!("{}/metrics", self.server.url())).unwrap().text();
        let samples = metrics.lines().filter(|line| line.starts_with("scope_frames_dropped_total{"));
        samples.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
    }

    fn post(&self, path: &str, body: &Value) -> Response {
        http::post_json(&self.url(path), body).unwrap()
    }

    #[track_caller]
    fn begin(&self, body: &Value) -> Value {
        let begun = self.post("session/start", body);
        assert_eq!(begun.status, 200, "{}", begun.text());
        begun.json()
    }

    #[track_caller]
    fn expect(&self, what: &str, seen: impl Fn(&Value) -> bool) {
        let is_there = || seen(&self.get("sessions/headless").json());
        assert!(wait_until(is_there, LIMIT), "{what} did not come: {}", self.get("sessions/headless").text());
    }

    /// The only file of the only recording, and what the server says of it.
    fn recording(&self) -> (PathBuf, Value) {
        let all = self.get("recordings").json();
        let one = all["recordings"][0].clone();
        assert_eq!(
            (all["recordings"].as_array().unwrap().len(), one["files"].as_array().unwrap().len()),
            (1, 1)
        );
        let folder = self.dir.path().join("recordings").join(one["id"].as_str().unwrap());
        (folder.join(one["files"][0]["name"].as_str().unwrap()), one)
    }

    /// Writes what came to a file that other tests' readers take.
    fn keep(&self, name: &str, body: &[u8]) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, body).unwrap();
        path
    }
}

fn source(name: &str, repeat: bool) -> Value {
    json!({"source_type": "video_file", "source_name": name, "loop": repeat})
}

fn plays(repeat: bool) -> Value {
    json!({"pipeline_id": "echo", "input_source": source("film.mp4", repeat)})
}

fn numbers(path: &Path) -> Vec<u32> {
    File::read(path).stamps.iter().map(|(_, number)| *number).collect()
}

#[test]
fn a_file_goes_in_and_a_file_comes_out_whole() {
    let host = Host::start();
    let mut body = plays(false);
    body["recording"] = true.into();

    let begun = host.begin(&body);

    assert_eq!(
        begun,
        json!({"status": "ok", "session_id": "headless", "input_mode": "video", "cloud_mode": false,
               "pipeline_id": "echo"})
    );
    assert_eq!(server::end_reason(&host.url("sessions/headless"), LIMIT), "source_ended");
    let (file, recording) = host.recording();
    assert_eq!(recording["state"], "finished", "{recording}");
    assert!(recording["sentence"].as_str().unwrap().contains("file ended"), "{recording}");
    let read = File::read(&file);
    let ends = (read.stamps.first().unwrap().1, read.stamps.last().unwrap().1);
    assert!(read.rises(), "{:?}", read.stamps);
    // A busy host encodes the newest frame and counts those that it replaced, the first one like any other.
    let first = ends.0 - FIRST;
    assert!(f64::from(first) <= host.dropped(), "the start is lost: {:?}", read.stamps);
    assert_eq!(ends.1, FIRST + FRAMES - 1, "the end is lost: {:?}", read.stamps);
    assert_eq!(host.get("system").json()["sessions"]["live"], 0, "its place is free");
    host.begin(&plays(false));
}

#[test]
fn viewers_and_stills_show_what_is_sent_and_end_with_it() {
    let host = Host::start();
    host.begin(&plays(true));
    host.expect("the film", |session| session["frames_out"].as_u64() > Some(10));

    let (url, late) = (host.url("session/output.ts"), host.url("session/output.ts"));
    let viewers = [url, late].map(|url| thread::spawn(move || http::get(&url).unwrap()));
    let still = host.get("session/frame?quality=95");
    let seen = host.get("sessions/headless").json()["frames_out"].as_u64().unwrap();
    host.expect("more of the film", |session| {
        session["frames_out"].as_u64().unwrap() > seen + 2 * u64::from(FRAMES)
    });
    let metrics = host.get("session/metrics").json();
    assert_eq!(host.post("session/stop", &json!({})).json(), json!({"status": "ok"}));

    for (index, viewer) in viewers.into_iter().enumerate() {
        let viewed = viewer.join().unwrap();
        assert_eq!((viewed.status, viewed.header("content-type")), (200, Some("video/mp2t")));
        let numbers = numbers(&host.keep(&format!("{index}.ts"), &viewed.body));
        let falls = numbers.windows(2).filter(|pair| pair[1] < pair[0]).count();
        assert!(numbers.len() > FRAMES as usize && falls <= 4, "{numbers:?}");
        assert!(numbers.iter().all(|number| (FIRST..FIRST + FRAMES).contains(number)), "{numbers:?}");
    }
    assert_eq!((still.status, still.header("content-type")), (200, Some("image/jpeg")));
    let number = numbers(&host.keep("still.jpg", &still.body));
    assert!((FIRST..FIRST + FRAMES).contains(&number[0]), "{number:?}");
    let figures = &metrics["sessions"]["headless"];
    assert!(figures["fps_in"].is_f64() && figures["frames_out"].as_u64() > Some(seen), "{metrics}");
    assert_eq!((&figures["headless"], &figures["input_source_type"]), (&json!(true), &json!("video_file")));
}

#[test]
fn it_is_steered_and_looked_at_like_any_other() {
    let host = Host::start();
    let chain = json!({
        "nodes": [
            {"id": "in", "type": "source", "source_mode": "video_file", "source_name": "film.mp4"},
            {"id": "mid", "type": "pipeline", "pipeline_id": "passthrough"},
            {"id": "out", "type": "sink"}],
        "edges": [
            {"from": "in", "from_port": "video", "to_node": "mid", "to_port": "video"},
            {"from": "mid", "from_port": "video", "to_node": "out", "to_port": "video"}]});

    let begun = host.begin(&json!({"graph": chain, "node_parameters": {"mid": {"work_ms": 1}}}));

    assert_eq!(begun["pipeline_ids"], json!(["echo"]), "{begun}");
    assert_eq!((&begun["source_node_ids"], &begun["sink_node_ids"]), (&json!(["in"]), &json!(["out"])));
    assert_eq!(host.get("session/parameters").json(), json!({"parameters": {"work_ms": 1}}));
    let steered = host.post("session/parameters", &json!({"work_ms": 2})).json();
    assert_eq!(steered, json!({"status": "ok", "applied_parameters": {"work_ms": 2}}));
    host.expect("the value", |session| session["parameters"]["work_ms"] == 2);
    host.expect("the film", |session| session["state"] == "live" && session["frames_out"].as_u64() > Some(5));
    let listed = host.get("sessions").json();
    assert_eq!(listed["sessions"][0]["id"], "headless");
    assert!(host.get("sessions/headless/graph.dot").text().contains("fakesink"));
    assert!(host.get("sessions/headless/launch").text().contains("gst-launch-1.0"));
    let recorded = host.post("recordings/headless/start", &json!({"input": false})).json();
    assert_eq!(recorded["status"], "started", "{recorded}");
    host.expect("a recording", |session| session["recording"]["bytes"].as_u64() > Some(0));

    // Its own file is all that it has.
    let refused = host.post("session/parameters", &json!({"input_source": null}));
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert_eq!(http::delete(&host.url("sessions/headless")).unwrap().status, 204);
    assert!(numbers(&host.recording().0).len() > 1);
}

#[test]
fn what_cannot_be_is_said_and_leaves_no_session() {
    let host = Host::with(&[("SCOPE_MAX_SESSIONS", "1")]);
    for path in ["session/parameters", "session/frame", "session/output.ts"] {
        let nobody = host.get(path);
        assert_eq!((nobody.status, &nobody.json()["code"]), (404, &json!("session_not_found")), "{path}");
    }
    assert_eq!(host.post("session/stop", &json!({})).status, 404);
    assert_eq!(host.get("session/metrics").json(), json!({"sessions": {}, "gpu": {}}));
    let chain = json!({"nodes": [], "edges": []});
    let mut strange = plays(true);
    strange["node_parameters"] = json!({"nobody": {}});
    for (body, status, code) in [
        (json!({"pipeline_id": "echo"}), 422, "invalid_body"),
        (json!({"pipeline_id": "nothing"}), 404, "unknown_pipeline"),
        (json!({"pipeline_id": 3}), 422, "invalid_body"),
        (json!({"input_source": source("none.mp4", true)}), 422, "invalid_body"),
        (json!({"graph": chain}), 400, "bad_graph"),
        (strange, 400, "bad_graph"),
    ] {
        let refused = host.post("session/start", &body);
        assert_eq!((refused.status, &refused.json()["code"]), (status, &json!(code)), "{}", refused.text());
        assert!(refused.json()["detail"].is_string() || refused.json()["detail"].is_array());
    }

    host.begin(&plays(true));
    let second = host.post("session/start", &plays(true));
    assert_eq!((second.status, &second.json()["code"]), (409, &json!("session_running")));
    assert_eq!(host.get("session/frame?quality=much").status, 422);
    host.post("session/parameters", &json!({"paused": true}));
    host.post("session/stop", &json!({}));
    for path in ["session/parameters", "session/frame", "session/output.ts"] {
        let over = host.get(path);
        assert_eq!((over.status, &over.json()["reason"]), (410, &json!("closed_by_client")), "{path}");
    }

    host.begin(&json!({"pipeline_id": "echo", "input_source": source("broken.mp4", true)}));
    assert_eq!(server::end_reason(&host.url("sessions/headless"), LIMIT), "source_failed");
    assert!(host.server.log_text().contains("broken.mp4") || host.server.log_text().contains("typefind"));
}

#[test]
fn a_session_of_another_codec_records_and_has_no_transport_stream() {
    let host = Host::with(&[("SCOPE_CODECS", "vp8")]);
    let mut body = plays(true);
    body["recording"] = true.into();
    host.begin(&body);
    host.expect("the film", |session| session["frames_out"].as_u64() > Some(10));

    let refused = host.get("session/output.ts");
    assert_eq!((refused.status, &refused.json()["code"]), (409, &json!("not_h264")), "{}", refused.text());
    host.post("session/stop", &json!({}));

    let (file, _) = host.recording();
    assert!(file.extension().is_some_and(|end| end == "webm") && numbers(&file).len() > 5);
}

#[test]
fn nothing_is_left_of_it_nor_of_viewers_that_leave() {
    let host = Host::start();
    let round = || {
        host.begin(&plays(true));
        host.expect("the film", |session| session["frames_out"].as_u64() > Some(5));
        let url = host.url("session/output.ts");
        // One that leaves in the middle: curl gives up after a second.
        let left =
            std::process::Command::new("curl").args(["-s", "-m", "1", "-o", "/dev/null", &url]).status();
        assert_eq!(left.unwrap().code(), Some(28), "curl's own time ran out");
        assert_eq!(host.get("session/frame").status, 200);
        host.post("session/stop", &json!({}));
    };
    (0..3).for_each(|_| round());
    let before = host.server.resources();

    (0..6).for_each(|_| round());

    assert!(host.server.returns_to(&before), "{before:?} before, {:?} after", host.server.resources());
}
