//! A file of the server's in the place of a camera.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{
    LIMIT,
    client::{self, Client, Media},
    film::{FIRST, FRAMES, film},
    http,
    server::Server,
    stats::Stats,
};

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    film(&folder.path().join("film.mp4"));
    std::fs::write(folder.path().join("broken.mp4"), "no film").unwrap();
    folder
}

fn server(folder: &Path) -> Server {
    Server::spawn(&["--video-files", folder.to_str().unwrap()], &[("SCOPE_OFFLINE", "1")])
}

fn clip(name: &str) -> Value {
    json!({"input_source": {"enabled": true, "source_type": "video_file", "source_name": name}})
}

fn of_film(stats: &Stats) -> usize {
    stats.frames.iter().filter(|frame| (FIRST..FIRST + FRAMES).contains(&frame.stamp)).count()
}

#[test]
fn a_client_without_a_camera_gets_a_file_again_and_again() {
    let folder = folder();
    let server = server(folder.path());
    let client = Client::builder().media(Media::Withheld).parameters(clip("film.mp4")).connect(server.url());
    let client = client.unwrap();

    // Twice through.
    client.expect("the film", |stats| of_film(stats) >= 2 * FRAMES as usize, LIMIT);

    client.read(|stats| {
        let numbers: Vec<_> = stats.frames.iter().map(|frame| frame.stamp).collect();
        let falls = numbers.windows(2).filter(|pair| pair[1] < pair[0]).count();
        assert!((1..=3).contains(&falls), "{falls} times back to the start: {numbers:?}");
        assert!(stats.messages_of("stage_state").all(|said| said["state"] != "degraded"));
    });
    let session = http::get(&client.detail_url()).unwrap().json();
    assert_eq!(
        session["input_source"],
        json!({"source_type": "video_file", "source_name": "film.mp4", "loop": true})
    );
    let found =
        http::get(&format!("{}/api/v1/input-sources/video_file/sources", server.url())).unwrap().json();
    let names: Vec<_> =
        found["sources"].as_array().unwrap().iter().map(|one| one["identifier"].clone()).collect();
    assert_eq!(names, ["broken.mp4", "film.mp4"]);
}

#[test]
fn a_camera_gives_way_to_a_file_and_comes_back() {
    let folder = folder();
    let server = server(folder.path());
    let client = Client::builder().size(320, 240).fps(30).connect(server.url()).unwrap();
    client.expect("the camera and a channel", |stats| stats.rises() >= 10 && stats.channel_open, LIMIT);

    client.send(&clip("film.mp4"));
    client.expect("the film", |stats| of_film(stats) >= 20, LIMIT);

    // One that cannot be played, and one that is not there.
    client.send(&clip("broken.mp4"));
    let told = |stats: &Stats| stats.messages_of("input_source").any(|said| said["error"].is_string());
    client.expect("a sentence", told, LIMIT);
    let shown = client.read(|stats| stats.frames.len());
    let camera = move |stats: &Stats| stats.frames[shown..].iter().any(|frame| frame.stamp < FIRST);
    client.expect("the camera again", camera, LIMIT);
    let refused = http::patch_json(&format!("{}/parameters", client.detail_url()), &clip("../film.mp4"));
    let refused = refused.unwrap();
    assert_eq!(refused.status, 422, "{}", refused.text());

    client.send(&clip("film.mp4"));
    let before = client.read(of_film);
    client.expect("the film again", |stats| of_film(stats) >= before + 20, LIMIT);
    client.send(&json!({"input_source": {"enabled": false}}));
    client.expect(
        "no source",
        |stats| stats.messages_of("input_source").last().is_some_and(|said| said["source"].is_null()),
        LIMIT,
    );
    let shown = client.read(|stats| stats.frames.len());
    let camera =
        move |stats: &Stats| stats.frames[shown..].iter().filter(|frame| frame.stamp < FIRST).count() >= 20;
    client.expect("the camera for good", camera, LIMIT);
    client.delete().unwrap();
}

#[test]
fn an_offer_with_a_file_that_is_not_there_is_refused() {
    let server = Server::spawn(&[], &[("SCOPE_OFFLINE", "1")]);

    let Err(client::Error::Refused { status, body }) =
        Client::builder().parameters(clip("film.mp4")).connect(server.url())
    else {
        panic!("a server without a folder plays a file");
    };

    assert_eq!(status, 422, "{body}");
    assert!(body.to_string().contains("--video-files"), "{body}");
    let kinds = http::get(&format!("{}/api/v1/input-sources", server.url())).unwrap().json();
    assert_eq!(kinds["input_sources"][0]["available"], false);
    let unknown = http::get(&format!("{}/api/v1/input-sources/ndi/sources", server.url())).unwrap();
    assert_eq!(unknown.status, 404);
}
