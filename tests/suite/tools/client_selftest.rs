//! The detector works: the test client finds a moving picture where there is one and none where there is not, against
//! peers that need no server.

use std::time::Duration;

use serde_json::json;

use crate::support::LIMIT;
use crate::support::answerer::{Answerer, VideoMode};
use crate::support::client::{Candidates, Client, Error, Media};
use crate::support::codec::{Codec, Decoder, Encoder};
use crate::support::stamp;
use crate::support::stats::End;

#[test]
fn a_stamp_reads_back_at_every_size() {
    for (width, height) in [(48, 60), (160, 120), (322, 242), (640, 480), (1280, 720)] {
        for number in [0, 1, 0x00aa_aaaa, 0x0012_3456, stamp::MODULUS - 1] {
            let stride = width + 5;
            let mut luma = vec![90; stride * height];

            stamp::write(&mut luma, stride, width, height, number);

            assert_eq!(stamp::read(&luma, stride, width, height), Some(number), "{width}x{height}");
        }
    }
}

#[test]
fn a_picture_without_a_whole_stamp_reads_as_none() {
    let (width, height) = (320, 240);
    let mut luma = vec![90; width * height];
    assert_eq!(stamp::read(&luma, width, width, height), None, "plain grey");

    stamp::write(&mut luma, width, width, height, 77);
    // One cell of the complement row, over 13 x 8 pixels.
    for line in luma.chunks_mut(width).skip(8).take(8) {
        line[0..13].iter_mut().for_each(|value| *value = 255 - *value);
    }
    assert_eq!(stamp::read(&luma, width, width, height), None, "one cell wrong");
    assert_eq!(stamp::read(&[90; 12], 4, 4, 3), None, "too small");
}

#[test]
fn stamps_survive_each_codec_and_a_change_of_size() {
    for codec in Codec::ALL {
        let mut encoder = Encoder::new(codec, 160, 120, 10, 150);
        let mut decoder = Decoder::new(codec);
        let mut decode = |units: Vec<crate::support::codec::AccessUnit>| {
            let pictures = units.into_iter().flat_map(|unit| decoder.push(unit.data).unwrap());
            pictures.map(|picture| (picture.stamp, picture.width, picture.height)).collect::<Vec<_>>()
        };

        let small: Vec<_> = (1..=10).flat_map(|number| decode(encoder.push(number))).collect();
        encoder.set_size(320, 240);
        let large: Vec<_> = (11..=20).flat_map(|number| decode(encoder.push(number))).collect();

        assert_eq!(small, (1..=10).map(|number| (Some(number), 160, 120)).collect::<Vec<_>>(), "{codec:?}");
        assert_eq!(large, (11..=20).map(|number| (Some(number), 320, 240)).collect::<Vec<_>>(), "{codec:?}");
    }
}

#[test]
fn key_frames_come_first_and_on_request_alone() {
    for codec in Codec::ALL {
        let mut encoder = Encoder::new(codec, 160, 120, 10, 150);

        let mut key = |number| encoder.push(number).iter().map(|unit| unit.key).collect::<Vec<_>>();
        let before: Vec<_> = (1..=5).flat_map(&mut key).collect();
        encoder.force_key_frame();
        let after: Vec<_> = (6..=8).flat_map(|number| encoder.push(number)).map(|unit| unit.key).collect();

        assert_eq!(before, [true, false, false, false, false], "{codec:?}");
        assert_eq!(after, [true, false, false], "{codec:?}");
    }
}

#[test]
fn a_decoder_without_a_key_frame_gives_no_picture() {
    for codec in Codec::ALL {
        let mut encoder = Encoder::new(codec, 160, 120, 10, 150);
        let mut decoder = Decoder::new(codec);
        encoder.push(1);

        let pictures =
            encoder.push(2).into_iter().flat_map(|unit| decoder.push(unit.data).unwrap_or_default());

        assert_eq!(pictures.count(), 0, "{codec:?}");
    }
}

#[test]
fn the_beep_is_opus_and_garbage_is_not() {
    let beep = crate::support::opus::beep();
    let mut listener = crate::support::opus::Listener::new();

    let levels: Vec<_> = beep.iter().map(|packet| listener.level(packet.clone())).collect();

    assert_eq!(beep.len(), 50);
    assert!(beep.iter().all(|packet| crate::support::opus::is_valid(packet)));
    assert!(levels[2..24].iter().all(|level| *level > 0.15), "{levels:?}");
    assert!(levels[28..].iter().all(|level| *level < 0.01), "{levels:?}");
    assert!(!crate::support::opus::is_valid(&[]));
    assert!(!crate::support::opus::is_valid(&[0xff, 0xff]));
}

#[test]
fn frame_numbers_rise_for_each_codec_with_and_without_trickle() {
    let answerer = Answerer::spawn(VideoMode::Echoed);
    for codec in Codec::ALL {
        for candidates in [Candidates::InOffer, Candidates::Trickled] {
            let client =
                Client::builder().codec(codec).candidates(candidates).connect(answerer.url()).unwrap();

            client.expect(&format!("{codec:?} {candidates:?}"), |stats| stats.rises() >= 10, LIMIT);

            let stats = client.stats();
            assert_eq!(stats.falls(), 0);
            assert_eq!(stats.sizes, [(160, 120)]);
            assert!(stats.frames.iter().all(|frame| frame.delay > Duration::ZERO), "{}", stats.summary());
            assert_eq!(client.offer().contains("a=candidate"), candidates == Candidates::InOffer);
        }
    }
}

#[test]
fn a_frozen_picture_does_not_rise() {
    let answerer = Answerer::spawn(VideoMode::Frozen);
    let client = Client::builder().connect(answerer.url()).unwrap();

    client.expect("decoded pictures", |stats| stats.frames.len() >= 10, LIMIT);

    assert_eq!(client.stats().rises(), 0);
}

#[test]
fn sound_and_messages_come_back() {
    let answerer = Answerer::spawn(VideoMode::Echoed);
    let client = Client::builder().with_audio().connect(answerer.url()).unwrap();
    let message = json!({ "paused": true });

    client.send(&message);
    client.send_raw(b"not JSON".to_vec(), false);

    client.expect("two beeps", |stats| stats.beeps.len() == 2, LIMIT);
    client.expect("two messages", |stats| stats.messages.len() + stats.other_messages.len() == 2, LIMIT);
    let stats = client.stats();
    assert!(stats.audio.iter().all(|packet| packet.valid));
    let between_s = stats.beeps[1].time.rtp_s - stats.beeps[0].time.rtp_s;
    assert!(
        (between_s - 1.0).abs() < 0.021,
        "a second of sound is between two beeps, to the packet: {between_s}"
    );
    assert_eq!(stats.messages, [message]);
    assert_eq!(stats.other_messages, [b"not JSON"]);
}

#[test]
fn a_new_size_comes_back() {
    let answerer = Answerer::spawn(VideoMode::Echoed);
    let client = Client::builder().connect(answerer.url()).unwrap();
    client.expect("the first size", |stats| !stats.sizes.is_empty(), LIMIT);

    client.set_size(320, 240);

    client.expect("the second size", |stats| stats.sizes == [(160, 120), (320, 240)], LIMIT);
}

#[test]
fn a_key_frame_request_goes_both_ways() {
    let answerer = Answerer::spawn(VideoMode::Echoed);
    let client = Client::builder().connect(answerer.url()).unwrap();
    client.expect("pictures", |stats| stats.rises() >= 1, LIMIT);

    client.request_key_frame();

    client.expect("the request's echo", |stats| stats.key_frame_requests >= 1, LIMIT);
    client.expect("a second key frame", |stats| stats.key_frames >= 2, LIMIT);
}

#[test]
fn a_falsified_fingerprint_gets_no_picture() {
    let answerer = Answerer::spawn(VideoMode::Echoed);
    let client = Client::builder().falsify_fingerprint().connect(answerer.url()).unwrap();
    let control = Client::builder().connect(answerer.url()).unwrap();

    control.expect("the control's pictures", |stats| stats.rises() >= 10, LIMIT);

    assert_eq!(client.stats().frames_decoded, 0, "{}", client.stats().summary());
}

#[test]
fn a_refused_offer_is_told_with_its_body() {
    let answerer = Answerer::spawn(VideoMode::Echoed);

    let refused = Client::builder().with_offer_map(|_| "nonsense".into()).connect(answerer.url());

    let Err(Error::Refused { status: 400, body }) = refused else { panic!("not refused") };
    assert_eq!(body["code"], "bad_offer");
}

#[test]
fn each_end_is_told_apart() {
    let answerer = Answerer::spawn(VideoMode::Echoed);
    let mut clients: Vec<_> = (0..3).map(|_| Client::builder().connect(answerer.url()).unwrap()).collect();
    for client in &clients {
        client.expect("pictures", |stats| stats.rises() >= 1, LIMIT);
    }

    clients[0].vanish();
    clients[1].close();
    answerer.close();

    clients[2].expect("the end of the connection", |stats| stats.end.is_some(), LIMIT);
    let ends: Vec<_> = clients.iter().map(|client| client.stats().end).collect();
    assert_eq!(ends, [Some(End::Vanished), Some(End::Closed), Some(End::ClosedByServer)]);
}

#[test]
fn withheld_and_paused_media_stay_away() {
    let answerer = Answerer::spawn(VideoMode::Echoed);
    let withheld = Client::builder().media(Media::Withheld).connect(answerer.url()).unwrap();
    let paused = Client::builder().connect(answerer.url()).unwrap();
    withheld.expect("a connection", |stats| stats.connected_at.is_some() && stats.channel_open, LIMIT);
    paused.expect("pictures", |stats| stats.rises() >= 2, LIMIT);

    paused.pause_media();
    paused.send(&json!({}));
    // The answer comes after the pause was obeyed.
    paused.expect("the echo", |stats| stats.messages.len() == 1, LIMIT);
    let sent = paused.stats().frames_sent;
    withheld.send(&json!({}));
    withheld.expect("the echo", |stats| stats.messages.len() == 1, LIMIT);

    assert_eq!(paused.stats().frames_sent, sent);
    assert_eq!(withheld.stats().frames_sent, 0);
    paused.resume_media();
    paused.expect("pictures again", |stats| stats.frames_sent > sent, LIMIT);
}

#[test]
fn twenty_clients_run_at_once() {
    let answerer = Answerer::spawn(VideoMode::Echoed);
    let clients: Vec<_> = (0..20).map(|_| Client::builder().connect(answerer.url()).unwrap()).collect();

    for client in &clients {
        client.expect("pictures", |stats| stats.rises() >= 10, LIMIT);
    }
}
