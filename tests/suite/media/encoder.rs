//! An encoder that fails in a session: the next row of the table goes on, and the client is told.

use crate::support::{
    LIMIT,
    client::Client,
    codec::Codec,
    hardware::encoder::{Fault, register},
    http, own_server,
    server::end_reason,
};
use scope::{config::Config, signalling::CodecName, stage::Catalog};

const FPS: u32 = 30;

#[test]
fn after_a_hundred_frames_the_next_encoder_goes_on_and_at_most_a_second_is_lost() {
    register("nvh264enc", Fault::Frame(100));
    own_server::run(Catalog::default(), |url| {
        let client = Client::builder().codec(Codec::H264).fps(FPS).size(320, 240).connect(url).unwrap();
        client.expect("a picture", |stats| stats.rises() >= 20, LIMIT);
        assert_eq!(http::get(&client.detail_url()).unwrap().json()["encoder"], "nvh264enc");

        client.expect(
            "the change",
            |stats| stats.messages_of("encoder_changed").any(|message| message["encoder"] == "x264enc"),
            LIMIT,
        );
        let before = client.read(crate::support::stats::Stats::rises);
        client.expect("the picture goes on", |stats| stats.rises() >= before + 60, LIMIT);

        let detail = http::get(&client.detail_url()).unwrap().json();
        assert_eq!(detail["encoder"], "x264enc");
        assert_eq!(detail["state"], "live");
        client.read(|stats| {
            assert_eq!(stats.falls(), 0, "{}", stats.summary());
            let lost = stats.frames.windows(2).map(|pair| pair[1].stamp - pair[0].stamp).max().unwrap();
            println!("{lost} frames between two pictures at most");
            // Counted in frames of the client's camera, which stands still while the client does.
            assert!(lost <= FPS, "{lost} frames, over a second, were lost");
        });
    });
}

#[test]
fn an_encoder_that_fails_again_and_again_ends_the_session_and_says_so() {
    register("nvh264enc", Fault::Frame(30));
    let mut config = Config::default();
    config.media.forced_encoders.insert(CodecName::H264, "nvh264enc".into());
    own_server::run_with(config, Catalog::default(), |url| {
        let client = Client::builder().codec(Codec::H264).fps(30).connect(url).unwrap();
        client.expect(
            "the last word",
            |stats| stats.messages_of("stream_stopped").any(|message| message["reason"] == "element_error"),
            LIMIT,
        );
        assert_eq!(end_reason(&client.detail_url(), LIMIT), "element_error");
    });
}

#[test]
fn hardware_without_a_slot_left_gives_way_to_the_next_encoder() {
    register("nvh264enc", Fault::SecondStart);
    own_server::run(Catalog::default(), |url| {
        let client = Client::builder().codec(Codec::H264).fps(30).connect(url).unwrap();
        client.expect("a picture", |stats| stats.rises() >= 20, LIMIT);

        assert_eq!(http::get(&client.detail_url()).unwrap().json()["encoder"], "x264enc");
    });
}
