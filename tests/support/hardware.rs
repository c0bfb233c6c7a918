//! Hardware encoders that this file makes up: x264enc with a fault, under the name of a hardware factory.
//!
//! An element stays registered for the life of the process and [`FAULT`] is one for the process: every test needs a
//! process of its own, as nextest gives it.

use std::sync::{
    LazyLock, OnceLock,
    atomic::{AtomicU32, Ordering::Relaxed},
};

use gst::{glib, prelude::*, subclass::prelude::*};

/// What a made-up element does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    Start,
    Hang,
    NoKeyFrame,
    KeyFrameByBitrate,
    /// Starts once, as a device with one slot does while it is taken.
    SecondStart,
    /// Gives an error at the picture of this number.
    Picture(u32),
}

static FAULT: OnceLock<Fault> = OnceLock::new();
/// How often such an element has been started.
static STARTS: AtomicU32 = AtomicU32::new(0);

pub fn register(name: &str, fault: Fault) {
    gst::init().expect("GStreamer starts");
    assert_eq!(*FAULT.get_or_init(|| fault), fault, "one fault a process: run this with nextest");
    gst::Element::register(None, name, gst::Rank::NONE, Hardware::static_type())
        .expect("an element of that name can be registered");
}

// A GstBin around x264enc with the properties that the fragments of NVENC, VA and QSV set.
// The wrapper macro makes this type.
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
            .property("threads", 1_u32)
            .build()
            .expect("the tests' packages bring x264enc");
        for pad in wrap(self.obj().upcast_ref(), &software) {
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
        (Fault::Picture(number), gst::PadDirection::Sink) => lose_device(pad, number),
        _ => {}
    }
}

/// Loses the device at the buffer of that number, in a session alone: the trials at the start push more than they need.
pub fn lose_device(pad: &gst::Pad, number: u32) {
    let seen = AtomicU32::new(0);
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        if !in_session(pad) || seen.fetch_add(1, Relaxed) + 1 < number {
            return gst::PadProbeReturn::Ok;
        }
        if let Some(element) = pad.parent_element() {
            gst::element_error!(element, gst::ResourceError::Failed, ["the device is lost"]);
        }
        info.flow_res = Err(gst::FlowError::Error);
        gst::PadProbeReturn::Handled
    });
}

/// Puts `software` into the made-up element, and gives the pads that are shown outside.
pub fn wrap(bin: &gst::Bin, software: &gst::Element) -> [gst::Pad; 2] {
    bin.add(software).expect("the bin is new");
    ["sink", "src"].map(|name| {
        let pad = software.static_pad(name).expect("every codec has both");
        let ghost = gst::GhostPad::with_target(&pad).expect("the pad has no ghost yet");
        bin.add_pad(&ghost).expect("the bin is new");
        pad
    })
}

/// Templates of the two pads, by their caps.
pub fn templates(sink: &str, src: &str) -> Vec<gst::PadTemplate> {
    let template = |name, direction, caps: &str| {
        let caps = caps.parse::<gst::Caps>().expect("valid caps");
        gst::PadTemplate::new(name, direction, gst::PadPresence::Always, &caps).expect("valid")
    };
    vec![template("sink", gst::PadDirection::Sink, sink), template("src", gst::PadDirection::Src, src)]
}

/// Whether the pad is in a graph of a session, which is named so.
pub fn in_session(pad: &gst::Pad) -> bool {
    let parents = std::iter::successors(pad.parent(), gst::prelude::GstObjectExt::parent);
    parents.last().is_some_and(|graph| graph.name().starts_with("session-"))
}

impl GstObjectImpl for Inner {}

impl ElementImpl for Inner {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            let class = "Codec/Encoder/Video/Hardware";
            gst::subclass::ElementMetadata::new("Made-up hardware", class, "x264enc with a fault", "Scope")
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> =
            LazyLock::new(|| templates("video/x-raw,format=NV12", "video/x-h264"));
        &TEMPLATES
    }

    fn change_state(
        &self,
        transition: gst::StateChange,
    ) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        let start = transition == gst::StateChange::NullToReady;
        let taken = Self::fault() == Fault::SecondStart && start && STARTS.fetch_add(1, Relaxed) > 0;
        if taken || Self::fault() == Fault::Start && start {
            gst::element_imp_error!(self, gst::LibraryError::Init, ["no such device"]);
            return Err(gst::StateChangeError);
        }
        self.parent_change_state(transition)
    }
}

impl BinImpl for Inner {}
