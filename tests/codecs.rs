//! Which row of the codec table is chosen, and why, with hardware elements that this file makes up.
//!
//! The elements are registered under the names of hardware factories and stay for the life of the process, and
//! [`FAULT`] is one for the process: every test needs a process of its own, as nextest gives it.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::{collections::HashMap, sync::OnceLock, time::Duration};

use gst::{glib, prelude::*};
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

    assert_eq!(encoder(&trials, "nvh264enc").reason, "no key frame came on request");
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
    assert_eq!(other.reason, "the configuration asks for qsvh264enc");
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
    let settings = Settings {
        codecs: vec![codec],
        forced_encoders: forced.clone(),
        jitter_buffer: Duration::from_millis(200),
        start_bitrate_bps: 1_500_000,
        min_bitrate_bps: 100_000,
        max_bitrate_bps: 4_000_000,
        congestion_control: true,
        gather_limit: Duration::from_secs(1),
        udp_ports: None,
        advertised: Vec::new(),
        ice_tcp: false,
    };
    Engine::start(settings).unwrap().trials().to_vec()
}

fn encoder<'a>(trials: &'a [Trial], element: &str) -> &'a Trial {
    let mut encoders = trials.iter().filter(|trial| trial.direction == "encode");
    encoders.find(|trial| trial.element == element).unwrap()
}

/// What a made-up element does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    Start,
    Hang,
    NoKeyFrame,
    KeyFrameByBitrate,
}

static FAULT: OnceLock<Fault> = OnceLock::new();

fn register(name: &str, fault: Fault) {
    gst::init().unwrap();
    assert_eq!(*FAULT.get_or_init(|| fault), fault, "one fault a process: run this with nextest");
    gst::Element::register(None, name, gst::Rank::NONE, hardware::Hardware::static_type()).unwrap();
}

/// A `GstBin` around x264enc with the properties that the fragments of NVENC, VA and QSV set.
mod hardware {
    use std::sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering::Relaxed},
    };

    use gst::{prelude::*, subclass::prelude::*};

    use super::{FAULT, Fault, glib};

    glib::wrapper! {
        pub struct Hardware(ObjectSubclass<Inner>) @extends gst::Bin, gst::Element, gst::Object,
            @implements gst::ChildProxy;
    }

    #[derive(Default)]
    pub struct Inner {
        bitrate_kbps: AtomicU32,
    }

    impl Inner {
        fn fault() -> Fault {
            *FAULT.get().expect("register() sets it")
        }

        fn software(&self) -> Option<gst::Element> {
            self.obj().by_name("software")
        }
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Inner {
        const NAME: &'static str = "ScopeTestHardwareEncoder";
        type Type = Hardware;
        type ParentType = gst::Bin;
    }

    impl ObjectImpl for Inner {
        fn properties() -> &'static [glib::ParamSpec] {
            static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
                let texts = ["preset", "rc-mode", "rate-control"];
                let numbers =
                    ["b-frames", "ref-frames", "key-int-max", "target-usage", "cpb-size", "idr-interval"];
                let mut specs = Vec::new();
                specs.extend(texts.map(|name| glib::ParamSpecString::builder(name).build()));
                specs.extend(numbers.map(|name| glib::ParamSpecUInt::builder(name).build()));
                specs.push(glib::ParamSpecUInt::builder("bitrate").build());
                specs.push(glib::ParamSpecInt::builder("gop-size").minimum(-1).build());
                specs.push(glib::ParamSpecBoolean::builder("zerolatency").build());
                specs.push(glib::ParamSpecBoolean::builder("low-latency").build());
                specs
            });
            &PROPERTIES
        }

        fn set_property(&self, _id: usize, value: &glib::Value, spec: &glib::ParamSpec) {
            if spec.name() != "bitrate" {
                return;
            }
            let kbps = value.get().expect("its type is u32");
            self.bitrate_kbps.store(kbps, Relaxed);
            let Some(software) = self.software() else { return };
            software.set_property("bitrate", kbps);
            if Self::fault() == Fault::KeyFrameByBitrate {
                let restart = gst::Structure::builder("GstForceKeyUnit").field("all-headers", true).build();
                software.send_event(gst::event::CustomDownstream::new(restart));
            }
        }

        fn property(&self, _id: usize, spec: &glib::ParamSpec) -> glib::Value {
            match spec.name() {
                "bitrate" => self.bitrate_kbps.load(Relaxed).to_value(),
                _ => spec.default_value().clone(),
            }
        }

        fn constructed(&self) {
            self.parent_constructed();
            let software = gst::ElementFactory::make("x264enc")
                .name("software")
                .property_from_str("tune", "zerolatency")
                .property_from_str("speed-preset", "ultrafast")
                .property("key-int-max", 3000_u32)
                .build()
                .expect("the tests' packages bring x264enc");
            self.obj().add(&software).expect("the bin is new");
            for name in ["sink", "src"] {
                let pad = software.static_pad(name).expect("every encoder has both");
                let ghost = gst::GhostPad::with_target(&pad).expect("the pad has no ghost yet");
                self.obj().add_pad(&ghost).expect("the bin is new");
                plant(&pad, Self::fault());
            }
        }
    }

    /// The fault that shows on a pad of the encoder inside.
    fn plant(pad: &gst::Pad, fault: Fault) {
        match (fault, pad.direction()) {
            (Fault::Hang, gst::PadDirection::Sink) => {
                pad.add_probe(gst::PadProbeType::BUFFER, |_, _| {
                    loop {
                        std::thread::park();
                    }
                });
            }
            (Fault::NoKeyFrame | Fault::KeyFrameByBitrate, gst::PadDirection::Src) => {
                pad.add_probe(gst::PadProbeType::EVENT_UPSTREAM, |_, info| match &info.data {
                    Some(gst::PadProbeData::Event(event)) if event.has_name("GstForceKeyUnit") => {
                        gst::PadProbeReturn::Drop
                    }
                    _ => gst::PadProbeReturn::Ok,
                });
            }
            _ => {}
        }
    }

    impl GstObjectImpl for Inner {}

    impl ElementImpl for Inner {
        fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
            static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
                let class = "Codec/Encoder/Video/Hardware";
                gst::subclass::ElementMetadata::new(
                    "Made-up hardware",
                    class,
                    "x264enc with a fault",
                    "Scope",
                )
            });
            Some(&METADATA)
        }

        fn pad_templates() -> &'static [gst::PadTemplate] {
            static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
                let template = |name, direction, caps: &str| {
                    let caps = caps.parse::<gst::Caps>().expect("valid caps");
                    gst::PadTemplate::new(name, direction, gst::PadPresence::Always, &caps).expect("valid")
                };
                vec![
                    template("sink", gst::PadDirection::Sink, "video/x-raw,format=NV12"),
                    template("src", gst::PadDirection::Src, "video/x-h264"),
                ]
            });
            &TEMPLATES
        }

        fn change_state(
            &self,
            transition: gst::StateChange,
        ) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
            if Self::fault() == Fault::Start && transition == gst::StateChange::NullToReady {
                gst::element_imp_error!(self, gst::LibraryError::Init, ["no such device"]);
                return Err(gst::StateChangeError);
            }
            self.parent_change_state(transition)
        }
    }

    impl BinImpl for Inner {}
}
