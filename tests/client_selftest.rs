//! The detector works: the test client finds a moving picture where there is one and none where there is not, against
//! peers that need no server.

mod support;

use std::time::Duration;

use support::codec::{Codec, Decoder, Encoder};
use support::stamp;

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
        let mut decode = |units: Vec<support::codec::AccessUnit>| {
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

        let pictures = encoder.push(2).into_iter().flat_map(|unit| decoder.push(unit.data).unwrap_or_default());

        assert_eq!(pictures.count(), 0, "{codec:?}");
    }
}

#[test]
fn the_tone_is_opus_and_garbage_is_not() {
    let tone = support::opus::tone();

    assert_eq!(tone.len(), 50);
    assert!(tone.iter().all(|packet| support::opus::is_valid(packet)));
    assert!(!support::opus::is_valid(&[]));
    assert!(!support::opus::is_valid(&[0xff, 0xff]));
}

const _: Duration = Duration::from_secs(10);
