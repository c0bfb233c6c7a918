//! x264enc with a fault, under the name of a hardware encoder's factory.

use std::sync::{
    LazyLock, OnceLock,
    atomic::{AtomicU32, Ordering::Relaxed},
};

use gst::{glib, prelude::*, subclass::prelude::*};

use super::{lose_device, metadata, templates, wrap};

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
    /// Fails at the frame of this number.
    Frame(u32),
}

static FAULT: OnceLock<Fault> = OnceLock::new();
/// How often such an element has been started.
static STARTS: AtomicU32 = AtomicU32::new(0);

pub fn register(name: &str, fault: Fault) {
    super::register(name, &FAULT, fault, Hardware::static_type());
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
        (Fault::Frame(number), gst::PadDirection::Sink) => lose_device(pad, number),
        _ => {}
    }
}

impl GstObjectImpl for Inner {}

impl ElementImpl for Inner {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> =
            LazyLock::new(|| metadata("Codec/Encoder/Video/Hardware", "x264enc"));
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
