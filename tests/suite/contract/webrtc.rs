//! End to end with a foreign WebRTC stack (str0m): what comes back is decoded, and its stamped numbers rise.

use std::time::Duration;

use crate::support::{
    LIMIT,
    client::{self, Candidates, Client, Media},
    codec::Codec,
    http,
    server::Server,
    stats::Stats,
};
use serde_json::json;
use str0m::media::Direction;

/// A server without STUN, so that no answer waits for the outside.
fn server() -> Server {
    Server::spawn(&[], &[("SCOPE_OFFLINE", "1"), ("SCOPE_MAX_SESSIONS", "64")])
}

#[test]
fn every_codec_comes_back_with_rising_frame_numbers_trickled_or_not() {
    let server = server();

    for codec in Codec::ALL {
        for candidates in [Candidates::InOffer, Candidates::Trickled] {
            let client = Client::builder()
                .codec(codec)
                .size(640, 480)
                .fps(30)
                .candidates(candidates)
                .connect(server.url())
                .unwrap();

            client.expect(
                &format!("{codec:?} {candidates:?} gives 60 rising numbers"),
                |stats| stats.rises() >= 60,
                LIMIT,
            );

            client.read(|stats| {
                assert_eq!(stats.falls(), 0, "{}", stats.summary());
                // Where the client reads late, congestion control may send a smaller one later.
                assert_eq!(stats.sizes.first(), Some(&(640, 480)));
            });
            let session = http::get(&client.detail_url()).unwrap().json();
            assert_eq!(session["video_codec"], format!("{codec:?}").to_uppercase());
            client.delete().unwrap();
        }
    }
}

#[test]
fn sound_comes_back_in_sync_with_the_picture() {
    let server = server();
    let client = Client::builder().size(320, 240).fps(30).with_audio().connect(server.url()).unwrap();

    client.expect("beeps and pictures", |stats| stats.beeps.len() >= 2 && stats.rises() >= 60, LIMIT);

    client.read(|stats| {
        assert!(stats.audio.iter().all(|packet| packet.valid), "every Opus packet is whole");
        let skew = stats.video_after_audio().expect("both have sender reports");
        println!("picture after sound: {skew:?}");
        assert!(skew.is_none(30), "picture after sound: {skew:?}");
    });
}

#[test]
fn the_answer_says_what_browsers_and_strict_stacks_need() {
    let server = server();
    let client = Client::builder().codec(Codec::H264).connect(server.url()).unwrap();

    let answer = client.answer();

    assert!(answer.contains("a=msid:scope "), "a stream for ontrack\n{answer}");
    assert!(answer.contains("profile-level-id=42e0"), "the whole fmtp of H.264\n{answer}");
    assert!(answer.contains("transport-wide-cc"), "congestion control\n{answer}");
    assert!(answer.contains("a=end-of-candidates"), "gathering is over\n{answer}");
    assert!(!answer.contains(" TCP "), "no TCP candidates unless asked for\n{answer}");
}

#[test]
fn a_change_of_size_goes_through_without_a_break() {
    let server = server();
    for codec in [Codec::Vp8, Codec::H264] {
        let client = Client::builder().codec(codec).size(640, 480).fps(30).connect(server.url()).unwrap();
        client.expect("the first size", |stats| stats.sizes.contains(&(640, 480)), LIMIT);

        client.set_size(320, 240);
        client.expect("the smaller size", |stats| stats.sizes.last() == Some(&(320, 240)), LIMIT);
        client.set_size(640, 480);

        client.expect("the first size again", |stats| stats.sizes.last() == Some(&(640, 480)), LIMIT);
        client.read(|stats| assert_eq!(stats.falls(), 0));
    }
}

#[test]
fn a_request_for_a_key_frame_reaches_the_encoder() {
    let server = server();
    for codec in Codec::ALL {
        let client = Client::builder().codec(codec).size(320, 240).fps(30).connect(server.url()).unwrap();
        client.expect("a picture", |stats| stats.rises() >= 10, LIMIT);
        let before = client.read(|stats| stats.key_frames);

        // Asked again as browsers do: GStreamer 1.22 takes some of str0m's reduced-size compounds for invalid.
        let came = (0..LIMIT.as_secs()).any(|_| {
            client.request_key_frame();
            client.wait_for(|stats| stats.key_frames > before, Duration::from_secs(1))
        });

        assert!(came, "{codec:?}: no key frame on request");
    }
}

#[test]
fn parameters_are_steered_live_and_the_reply_names_the_first_frame() {
    let server = server();
    let client = Client::builder()
        .fps(30)
        .parameters(json!({"pipeline_ids": ["passthrough"], "prompts": ["a panda"], "work_ms": 1}))
        .connect(server.url())
        .unwrap();
    client.expect("a picture and a channel", |stats| stats.rises() >= 10 && stats.channel_open, LIMIT);

    client.send(&json!({"work_ms": 40, "noise_scale": 0.5, "id": "mine"}));

    client.expect("the reply", |stats| stats.messages_of("parameters_updated").count() > 0, LIMIT);
    client.read(|stats| {
        let reply = stats.messages_of("parameters_updated").next().unwrap();
        assert_eq!(reply["id"], "mine");
        assert_eq!(reply["parameters"]["work_ms"], 40);
        assert_eq!(reply["ignored"], json!(["noise_scale"]));
        assert!(reply["frame"].as_u64().unwrap() >= 10, "{reply}");
    });
    assert_eq!(http::get(&client.detail_url()).unwrap().json()["parameters"]["work_ms"], 40);
    client.expect("figures", |stats| stats.messages_of("stats").count() > 0, LIMIT);
}

#[test]
fn a_slow_stage_drops_frames_and_keeps_delay() {
    let server = server();
    let client = Client::builder().fps(30).parameters(json!({"work_ms": 150})).connect(server.url()).unwrap();

    client.expect("forty pictures", |stats| stats.frames.len() >= 40, LIMIT);

    client.read(|stats| {
        let half = |part: &[crate::support::stats::Frame]| {
            let mut delays: Vec<_> = part.iter().map(|frame| frame.delay).collect();
            delays.sort_unstable();
            delays[delays.len() / 2]
        };
        let (first, second) = stats.frames.split_at(stats.frames.len() / 2);
        assert!(half(second) < half(first) * 2, "the delay grows: {:?} then {:?}", half(first), half(second));
        assert!(stats.frames_sent > 2 * stats.frames_decoded, "frames were dropped: {}", stats.summary());
    });
    let session = http::get(&client.detail_url()).unwrap().json();
    assert!(session["drops"]["before_stage"].as_u64().unwrap() > 20, "{session}");
}

#[test]
fn a_paused_picture_stands_and_comes_back() {
    let server = server();
    let client = Client::builder().fps(30).connect(server.url()).unwrap();
    client.expect("a picture and a channel", |stats| stats.rises() >= 10 && stats.channel_open, LIMIT);

    client.send(&json!({"paused": true}));
    client.expect("the reply", |stats| stats.messages_of("parameters_updated").count() == 1, LIMIT);
    // What the client draws after the reply is paused, whatever is still on its way back.
    let sent = client.read(|stats| stats.frames_sent);
    let url = client.detail_url();
    let paused = || http::get(&url).unwrap().json()["drops"]["paused"].as_u64() >= Some(60);
    assert!(crate::support::wait_until(paused, LIMIT), "frames are counted as paused");
    let standing = client.read(|stats| stats.frames.last().unwrap().stamp);
    assert!(standing <= sent, "picture {standing} came back, {sent} were sent when the pause was in force");
    client.send(&json!({"paused": false}));

    client.expect("the picture moves", |stats| stats.frames.last().unwrap().stamp > sent + 60, LIMIT);
}

#[test]
fn garbage_on_the_channel_is_rejected_and_the_session_lives() {
    let server = server();
    let client = Client::builder().fps(30).connect(server.url()).unwrap();
    client.expect("a picture and a channel", |stats| stats.rises() >= 10 && stats.channel_open, LIMIT);
    // As long as the answer's max-message-size allows.
    let long = vec![b'x'; 65_535];
    let garbage: [&[u8]; 7] = [
        b"{",
        b"[1, 2]",
        b"\"text\"",
        b"{\"nonsense\": 1}",
        b"{\"work_ms\": \"much\"}",
        b"{\"pipeline_id\": \"../../etc\"}",
        &long,
    ];

    for message in garbage {
        client.send_raw(message.to_vec(), false);
    }
    client.send_raw(vec![0, 159, 146], true);

    client.expect(
        "one rejection each",
        |stats| stats.messages_of("parameters_rejected").count() == garbage.len() + 1,
        LIMIT,
    );
    client.read(|stats| {
        for reply in stats.messages_of("parameters_rejected") {
            assert!(!reply["errors"][0]["message"].as_str().unwrap().is_empty(), "{reply}");
        }
    });
    let before = client.read(crate::support::stats::Stats::rises);
    client.expect("the picture goes on", |stats| stats.rises() > before + 20, LIMIT);
}

#[test]
fn a_burst_of_updates_ends_with_the_newest() {
    let server = server();
    let client = Client::builder().fps(30).connect(server.url()).unwrap();
    client.expect("a picture and a channel", |stats| stats.rises() >= 10 && stats.channel_open, LIMIT);

    for value in 0..=200 {
        client.send(&json!({"work_ms": value % 10}));
    }
    client.send(&json!({"work_ms": 7, "id": "last"}));

    client.expect(
        "the newest value is in force",
        |stats| stats.messages_of("parameters_updated").any(|reply| reply["id"] == "last"),
        LIMIT,
    );
    assert_eq!(http::get(&client.detail_url()).unwrap().json()["parameters"]["work_ms"], 7);
}

#[test]
fn one_way_offers_get_an_answer_that_makes_sense() {
    let server = server();

    for (direction, answered) in [(Direction::SendOnly, "a=recvonly"), (Direction::RecvOnly, "a=sendonly")] {
        let client = Client::builder().direction(direction).connect(server.url()).unwrap();

        assert!(client.answer().contains(answered), "{direction:?}\n{}", client.answer());
        client.expect("a connection", |stats| stats.connected_at.is_some(), LIMIT);
    }
}

#[test]
fn a_client_without_a_picture_is_told_that_one_is_missing() {
    let server = server();
    let client = Client::builder().media(Media::Withheld).connect(server.url()).unwrap();

    client.expect(
        "the missing input is named",
        |stats| stats.messages_of("stage_state").any(|message| message["cause"]["kind"] == "no_input"),
        LIMIT,
    );
}

#[test]
fn a_stage_that_loads_and_runs_is_no_warning() {
    let server = server();
    let client = Client::builder().connect(server.url()).unwrap();

    client.expect(
        "the stage runs",
        |stats| stats.rises() >= 20 && stats.messages_of("stage_state").count() > 0,
        LIMIT,
    );

    let of_stage =
        |line: &&String| line.contains("stage") && (line.contains("WARN") || line.contains("ERROR"));
    let log = server.log();
    let warnings: Vec<_> = log.iter().filter(of_stage).collect();
    assert!(log.iter().any(|line| line.contains("first frame")), "the log is read: {log:#?}");
    assert!(warnings.is_empty(), "{warnings:#?}");
}

#[test]
fn an_input_that_comes_late_is_no_longer_said_to_be_missing() {
    let server = server();
    let client = Client::builder().connect(server.url()).unwrap();
    client.pause_media();
    let last = |stats: &Stats| stats.messages_of("stage_state").last().cloned().unwrap_or_default();
    client.expect("nothing came", |stats| last(stats)["cause"]["kind"] == "no_input", LIMIT);

    client.resume_media();

    client.expect("the stage runs", |stats| last(stats)["state"] == "running", LIMIT);
    client.read(|stats| assert!(last(stats).get("cause").is_none(), "{}", last(stats)));
}

#[test]
fn twenty_clients_at_once_all_get_their_own_numbers_back() {
    let server = server();

    let clients: Vec<_> = (0..20).map(|_| Client::builder().connect(server.url()).unwrap()).collect();

    for client in &clients {
        client.expect("rising numbers", |stats| stats.rises() >= 20, LIMIT);
    }
}

#[test]
fn real_offers_of_every_stack_are_answered() {
    let server = server();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/offers");

    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let offer = std::fs::read_to_string(&path).unwrap();
        let offer = offer.replace("\r\n", "\n").replace('\n', "\r\n");

        let (session, answer) = client::post(server.url(), &offer, None)
            .unwrap_or_else(|error| panic!("{}: {error:?}", path.display()));

        assert!(answer.starts_with("v=0"), "{}", path.display());
        let closed = http::delete(&format!("{}/api/v1/webrtc/offer/{session}", server.url())).unwrap();
        assert_eq!(closed.status, 204);
    }
}

#[test]
fn of_several_codecs_the_cheapest_is_answered_with_or_the_first_of_the_offer() {
    let offer = include_str!("../../fixtures/offers/chromium.sdp");
    for (policy, codec) in [("cheapest", "H264"), ("offer", "VP8")] {
        let server = Server::spawn(&[], &[("SCOPE_OFFLINE", "1"), ("SCOPE_CODEC_POLICY", policy)]);

        let (session, _) = client::post(server.url(), offer, None).unwrap();

        let url = format!("{}/api/v1/sessions/{session}", server.url());
        assert_eq!(http::get(&url).unwrap().json()["video_codec"], codec, "{policy}");
    }
}
