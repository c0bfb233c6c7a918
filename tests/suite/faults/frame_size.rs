//! Frames that are too large cost the server no memory, whoever sends them.

use std::path::Path;

use gst::prelude::*;
use serde_json::json;

use crate::support::{
    LIMIT,
    client::{Client, Media},
    codec::Codec,
    frame_bomb, http,
    server::{Server, end_reason},
    stage,
    stats::Stats,
    wait_until,
};

/// Memory that a refused frame may take, in kB.
const REFUSED_KB: usize = 100 * 1024;
/// A file of one frame, which is over before anybody can look.
const STILL: &str = "still.jpg";

#[test]
fn a_frame_that_only_says_that_it_is_huge_ends_its_session_and_takes_no_memory() {
    let server = Server::spawn(&[], &[("SCOPE_OFFLINE", "1")]);
    let neighbour = Client::builder().fps(30).connect(server.url()).unwrap();
    neighbour.expect("frames", |stats| stats.rises() >= 30, LIMIT);
    for codec in Codec::ALL {
        let client = Client::builder().codec(codec).fps(30).connect(server.url()).unwrap();
        client.expect("frames", |stats| stats.rises() >= 10, LIMIT);
        let before = server.resources().rss_kb;

        client.damage(move |unit| frame_bomb::enlarged(codec, unit));
        client.set_size(192, 144); // a key frame

        let mut most = 0;
        let url = client.detail_url();
        let ended = wait_until(
            || {
                most = most.max(server.resources().rss_kb);
                http::get(&url).unwrap().status == 410
            },
            LIMIT,
        );
        assert!(ended, "{codec:?}: {}", http::get(&url).unwrap().text());
        assert!(most <= before + REFUSED_KB, "{codec:?}: {before} kB before, up to {most} kB");
        assert_eq!(end_reason(&url, LIMIT), "frame_too_large", "{codec:?}");
        client.expect("the last word", |stats| stats.messages_of("stream_stopped").count() == 1, LIMIT);
        client.read(|stats| {
            let last = stats.messages_of("stream_stopped").next().unwrap();
            assert!(last["error_message"].as_str().unwrap().contains("--max-frame"), "{last}");
        });
    }
    let seen = neighbour.read(|stats| stats.frames.len());
    neighbour.expect("more frames", |stats| stats.frames.len() >= seen + 30, LIMIT);
    assert!(server.refusals("frame_size") >= 3);
}

/// A film of a few frames of 320x240.
fn film(path: &Path, encode: &str) {
    gst::init().unwrap();
    let line = format!(
        "videotestsrc num-buffers=10 ! video/x-raw,format=I420,width=320,height=240,framerate=30/1 ! {encode} \
         ! filesink location={}",
        path.display()
    );
    let pipeline = gst::parse::launch(&line).unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let end = pipeline.bus().unwrap().timed_pop_filtered(
        gst::ClockTime::from_seconds(60),
        &[gst::MessageType::Eos, gst::MessageType::Error],
    );
    assert!(
        matches!(end.as_ref().map(|end| end.type_()), Some(gst::MessageType::Eos)),
        "{}: {end:?}",
        path.display()
    );
    pipeline.set_state(gst::State::Null).unwrap();
}

#[test]
fn a_file_of_frames_over_the_limit_is_not_played() {
    let dir = tempfile::tempdir().unwrap();
    let files = [
        ("h264.mp4", "x264enc speed-preset=ultrafast ! h264parse ! mp4mux"),
        ("h264.ts", "x264enc speed-preset=ultrafast ! h264parse ! mpegtsmux"),
        ("vp8.webm", "vp8enc deadline=1 ! webmmux"),
        ("vp9.webm", "vp9enc deadline=1 cpu-used=8 ! webmmux"),
        ("av1.mkv", "av1enc cpu-used=10 usage-profile=realtime ! av1parse ! matroskamux"),
        (STILL, "jpegenc snapshot=true"),
        ("raw.y4m", "y4menc"),
    ];
    for (name, encode) in files {
        film(&dir.path().join(name), encode);
    }
    let folder = dir.path().to_str().unwrap();
    let begin = |server: &Server, name: &str| {
        let source = json!({"source_type": "video_file", "source_name": name, "loop": true});
        let body = json!({"pipeline_id": "echo", "input_source": source});
        let begun = http::post_json(&format!("{}/api/v1/session/start", server.url()), &body).unwrap();
        assert_eq!(begun.status, 200, "{name}: {}", begun.text());
        format!("{}/api/v1/sessions/headless", server.url())
    };

    let small =
        Server::spawn(&["--video-files", folder, "--max-frame", "160x120"], &[("SCOPE_OFFLINE", "1")]);
    for (name, _) in files {
        let url = begin(&small, name);
        assert_eq!(end_reason(&url, LIMIT), "frame_too_large", "{name}");
    }

    // The same files play where they are within the limit.
    let fitting =
        Server::spawn(&["--video-files", folder, "--max-frame", "320x240"], &[("SCOPE_OFFLINE", "1")]);
    for (name, _) in files.into_iter().filter(|(name, _)| *name != STILL) {
        let url = begin(&fitting, name);
        let plays = || http::get(&url).unwrap().json()["frames_in"].as_u64() >= Some(1);
        assert!(wait_until(plays, LIMIT), "{name}: {}", http::get(&url).unwrap().text());
        http::send(http::Method::POST, &format!("{}/api/v1/session/stop", fitting.url()), &[], Vec::new())
            .unwrap();
    }
}

#[test]
fn a_client_whose_file_is_too_large_is_told_and_stays() {
    let dir = tempfile::tempdir().unwrap();
    film(&dir.path().join("film.mp4"), "x264enc speed-preset=ultrafast ! h264parse ! mp4mux");
    let folder = dir.path().to_str().unwrap();
    let server =
        Server::spawn(&["--video-files", folder, "--max-frame", "160x120"], &[("SCOPE_OFFLINE", "1")]);
    let client = Client::builder().media(Media::Sent).fps(30).connect(server.url()).unwrap();
    client.expect("frames and a channel", |stats| stats.rises() >= 10 && stats.channel_open, LIMIT);

    client.send(
        &json!({"input_source": {"enabled": true, "source_type": "video_file", "source_name": "film.mp4"}}),
    );

    let told = |stats: &Stats| {
        stats.messages_of("input_source").any(|said| {
            said["error"].as_str().is_some_and(|error| error.contains("at most 160x120, got 320x240"))
        })
    };
    client.expect("a sentence", told, LIMIT);
    let seen = client.read(|stats| stats.frames.len());
    client.expect("the camera again", |stats| stats.frames.len() >= seen + 10, LIMIT);
}

#[test]
fn a_pipeline_that_returns_frames_over_the_limit_fails_and_nothing_else_does() {
    let dir = tempfile::tempdir().unwrap();
    let description = "videoscale ! capsfilter caps=video/x-raw,width=640,height=480";
    stage::read(dir.path(), "layouts = [\"I420\"]\n", description).unwrap();
    let pipelines = dir.path().to_str().unwrap();
    let server =
        Server::spawn(&["--pipelines", pipelines, "--max-frame", "320x240"], &[("SCOPE_OFFLINE", "1")]);
    let start = json!({"pipeline_id": "mine"});

    let client = Client::builder().fps(30).parameters(start).connect(server.url()).unwrap();

    let told = |stats: &Stats| {
        stats.messages_of("stage_state").any(|said| {
            said["state"] == "degraded" && said.to_string().contains("at most 320x240, got 640x480")
        })
    };
    client.expect("a sentence", told, LIMIT);
    client.expect("the camera's frames", |stats| stats.rises() >= 10, LIMIT);
}
