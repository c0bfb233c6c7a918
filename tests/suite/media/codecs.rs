//! Which row of the codec table is chosen, and why, with hardware elements that this file makes up.
//!
//! Every test needs a process of its own, as nextest gives it: see tests/support/hardware.

use std::collections::HashMap;

use crate::support::hardware::encoder::{Fault, register};
use scope::{
    media::{Engine, Settings, Trial},
    signalling::CodecName,
};

#[test]
fn hardware_that_works_comes_before_software_which_stands_by() {
    register("nvh264enc", Fault::None);

    let trials = trials(&HashMap::new());

    let hardware = encoder(&trials, "nvh264enc");
    assert!(hardware.chosen && hardware.works && hardware.hardware, "{hardware:?}");
    assert_eq!(hardware.reason, "first that works");
    let software = encoder(&trials, "x264enc");
    assert!(!software.chosen && software.works && !software.hardware, "{software:?}");
    assert_eq!(software.reason, "works; nvh264enc comes first");
    assert!(hardware.milliseconds.is_some() && software.milliseconds.is_some());
    assert!(trials.iter().any(|trial| trial.direction == "decode" && trial.chosen), "{trials:?}");
}

#[test]
fn hardware_that_does_not_start_is_refused() {
    register("nvh264enc", Fault::Start);

    let trials = trials(&HashMap::new());

    let refused = encoder(&trials, "nvh264enc");
    assert!(!refused.works && !refused.chosen, "{refused:?}");
    assert_eq!(refused.reason, "Could not initialize supporting library. (no such device)");
    assert!(encoder(&trials, "x264enc").chosen, "{trials:?}");
}

#[test]
fn hardware_that_hangs_is_refused_at_the_limit() {
    register("nvh264enc", Fault::Hang);

    let trials = trials(&HashMap::new());

    let refused = encoder(&trials, "nvh264enc");
    assert!(!refused.works, "{refused:?}");
    assert_eq!(refused.reason, "10 frames took over 5s");
    assert!(encoder(&trials, "x264enc").chosen, "{trials:?}");
}

#[test]
fn hardware_that_gives_no_key_frame_on_request_is_refused() {
    register("nvh264enc", Fault::NoKeyFrame);

    let trials = trials(&HashMap::new());

    assert_eq!(encoder(&trials, "nvh264enc").reason, "no key frame after a request");
    assert!(encoder(&trials, "x264enc").chosen, "{trials:?}");
}

/// `vah264enc` before 1.24.4: a request gives no IDR, setting the bitrate does. The row knows, where it is so old.
#[test]
fn an_old_vah264enc_gives_its_key_frame_by_its_bitrate() {
    register("vah264enc", Fault::KeyFrameByBitrate);

    let trials = trials(&HashMap::new());

    let old = encoder(&trials, "vah264enc");
    assert_eq!(old.chosen, gst::version() < (1, 24, 4, 0), "{old:?}");
}

#[test]
fn the_first_hardware_that_works_is_chosen_and_a_forced_one_is_alone() {
    register("vah264enc", Fault::None);
    register("qsvh264enc", Fault::None);

    let free = trials(&HashMap::new());
    let forced = trials(&HashMap::from([(CodecName::H264, "qsvh264enc".to_owned())]));

    assert!(encoder(&free, "vah264enc").chosen, "{free:?}");
    assert_eq!(encoder(&free, "qsvh264enc").reason, "works; vah264enc comes first");
    assert!(encoder(&forced, "qsvh264enc").chosen, "{forced:?}");
    let other = encoder(&forced, "x264enc");
    assert_eq!(other.reason, "the configuration forces qsvh264enc");
    assert!(!other.works && other.milliseconds.is_none());
}

#[test]
fn what_is_not_there_costs_nothing_and_is_named_with_its_package() {
    let trials = trials(&HashMap::new());

    let absent: Vec<_> =
        trials.iter().filter(|trial| gst::ElementFactory::find(trial.element).is_none()).collect();
    assert!(!absent.is_empty(), "no machine has the encoders of Windows");
    for trial in absent {
        assert_eq!(trial.milliseconds, None, "{trial:?}");
        assert!(trial.reason.contains(trial.element) && trial.reason.contains("gstreamer1.0-"), "{trial:?}");
    }
    let h264 = trials.iter().filter(|trial| trial.direction == "encode").map(|trial| trial.element);
    assert!(h264.clone().all(|element| element.contains("264")), "{:?}", h264.collect::<Vec<_>>());
}

#[test]
fn every_codec_works_in_software() {
    for codec in [CodecName::Vp8, CodecName::Vp9, CodecName::H264, CodecName::Av1] {
        let trials = trials_of(codec, &HashMap::new());

        for direction in ["encode", "decode"] {
            let works = |trial: &&Trial| trial.direction == direction && trial.works && !trial.hardware;
            assert!(trials.iter().any(|trial| works(&trial)), "{direction}: {trials:#?}");
        }
    }
}

fn trials(forced: &HashMap<CodecName, String>) -> Vec<Trial> {
    trials_of(CodecName::H264, forced)
}

fn trials_of(codec: CodecName, forced: &HashMap<CodecName, String>) -> Vec<Trial> {
    let settings = Settings { codecs: vec![codec], forced_encoders: forced.clone(), ..Settings::default() };
    Engine::start(settings).unwrap().trials().to_vec()
}

fn encoder<'a>(trials: &'a [Trial], element: &str) -> &'a Trial {
    let mut encoders = trials.iter().filter(|trial| trial.direction == "encode");
    encoders.find(|trial| trial.element == element).unwrap()
}
