//! A decoder that fails or falls silent in a session: another one goes on, or the session ends and says so.

use crate::support::{
    LIMIT,
    client::Client,
    codec::Codec,
    hardware::decoder::{Fault, register},
    http, own_server,
    server::{Server, end_reason},
    stats::Stats,
};
use scope::stage::Catalog;

/// The client is told that `decoder` goes on, and its picture rises again.
#[track_caller]
fn goes_on_with(client: &Client, decoder: &'static str, said: &'static str) {
    let told = move |stats: &Stats| {
        stats.messages_of("decoder_changed").any(|message| {
            message["decoder"] == decoder && message["detail"].as_str().unwrap().contains(said)
        })
    };
    client.expect("the change", told, LIMIT);
    let before = client.read(Stats::rises);
    client.expect("the picture goes on", |stats| stats.rises() >= before + 20, LIMIT);
    assert_eq!(http::get(&client.detail_url()).unwrap().json()["decoder"], decoder);
}

#[test]
fn a_decoder_that_loses_its_device_gives_way_to_the_next_one() {
    register("nvh264dec", Fault::Device(60));
    own_server::run(Catalog::default(), |url| {
        let client = Client::builder().codec(Codec::H264).fps(30).size(320, 240).connect(url).unwrap();
        client.expect("a picture", |stats| stats.rises() >= 20, LIMIT);
        assert_eq!(http::get(&client.detail_url()).unwrap().json()["decoder"], "nvh264dec");

        goes_on_with(&client, "avdec_h264", "nvh264dec failed");

        assert_eq!(http::get(&client.detail_url()).unwrap().json()["state"], "live");
        client.read(|stats| {
            assert_eq!(stats.falls(), 0, "{}", stats.summary());
            assert_eq!(stats.messages_of("decoder_changed").count(), 1);
        });
    });
}

#[test]
fn a_decoder_that_falls_silent_is_restarted_and_then_replaced() {
    register("nvh264dec", Fault::Silent(60));
    own_server::run(Catalog::default(), |url| {
        let client = Client::builder().codec(Codec::H264).fps(30).size(320, 240).connect(url).unwrap();
        client.expect("a picture", |stats| stats.rises() >= 20, LIMIT);

        goes_on_with(&client, "nvh264dec", "was restarted");
        goes_on_with(&client, "avdec_h264", "nvh264dec produced no frames");

        assert_eq!(http::get(&client.detail_url()).unwrap().json()["state"], "live");
        client.read(|stats| assert_eq!(stats.falls(), 0, "{}", stats.summary()));
    });
}

#[test]
fn packets_that_no_decoder_makes_a_picture_of_end_the_session_and_say_so() {
    let server = Server::spawn(&[], &[("SCOPE_OFFLINE", "1")]);
    let client = Client::builder().codec(Codec::H264).fps(30).connect(server.url()).unwrap();
    client.expect("a picture", |stats| stats.rises() >= 10, LIMIT);

    // Supplemental information (SEI) without a picture: nothing about it is wrong.
    client.damage(|_| vec![0, 0, 0, 1, 6, 5, 1, 0, 0x80]);

    client.expect("the last word", |stats| stats.messages_of("stream_stopped").count() == 1, LIMIT);
    client.read(|stats| {
        let last = stats.messages_of("stream_stopped").next().unwrap();
        assert_eq!(last["reason"], "picture_stalled");
        assert!(last["error_message"].as_str().unwrap().contains("could not be decoded"), "{last}");
        assert_eq!(stats.messages_of("decoder_changed").count(), 2, "{}", stats.summary());
    });
    assert_eq!(end_reason(&client.detail_url(), LIMIT), "picture_stalled");
}
