//! `avdec_h264` with a fault, under the name of a hardware decoder's factory.

use std::sync::{
    LazyLock, OnceLock,
    atomic::{AtomicU32, Ordering::Relaxed},
};

use gst::{glib, prelude::*, subclass::prelude::*};

use super::{in_session, lose_device, metadata, templates, wrap};

/// What a made-up decoder does wrong, in a session alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Loses its device at the access unit of this number.
    Device(u32),
    /// Produces this many frames and then none, silently.
    Silent(u32),
}

static FAULT: OnceLock<Fault> = OnceLock::new();

pub fn register(name: &str, fault: Fault) {
    super::register(name, &FAULT, fault, HardwareDecoder::static_type());
}

// A GstBin around avdec_h264 with the properties that the fragment of NVDEC sets.
// The wrapper macro makes this type.
glib::wrapper! {
    pub struct HardwareDecoder(ObjectSubclass<Inner>) @extends gst::Bin, gst::Element, gst::Object,
        @implements gst::ChildProxy;
}

#[derive(Default)]
pub struct Inner;

#[glib::object_subclass]
impl ObjectSubclass for Inner {
    const NAME: &'static str = "ScopeTestHardwareDecoder";
    type Type = HardwareDecoder;
    type ParentType = gst::Bin;
}

impl ObjectImpl for Inner {
    fn properties() -> &'static [glib::ParamSpec] {
        static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
            let names = ["automatic-request-sync-points", "discard-corrupted-frames"];
            names.map(|name| glib::ParamSpecBoolean::builder(name).build()).to_vec()
        });
        &PROPERTIES
    }

    fn set_property(&self, _id: usize, value: &glib::Value, spec: &glib::ParamSpec) {
        if let Some(software) = self.obj().by_name("software") {
            software.set_property_from_value(spec.name(), value);
        }
    }

    fn property(&self, _id: usize, spec: &glib::ParamSpec) -> glib::Value {
        spec.default_value().clone()
    }

    fn constructed(&self) {
        self.parent_constructed();
        let software = gst::ElementFactory::make("avdec_h264")
            .name("software")
            .property("max-threads", 1_i32)
            .build()
            .expect("the tests' packages bring avdec_h264");
        for pad in wrap(self.obj().upcast_ref(), &software) {
            plant(&pad, *FAULT.get().expect("register() sets it"));
        }
    }
}

/// The fault that shows on a pad of the decoder inside.
fn plant(pad: &gst::Pad, fault: Fault) {
    match (fault, pad.direction()) {
        (Fault::Device(number), gst::PadDirection::Sink) => lose_device(pad, number),
        (Fault::Silent(number), gst::PadDirection::Src) => {
            let seen = AtomicU32::new(0);
            pad.add_probe(gst::PadProbeType::BUFFER, move |pad, _| {
                if in_session(pad) && seen.fetch_add(1, Relaxed) >= number {
                    gst::PadProbeReturn::Drop
                } else {
                    gst::PadProbeReturn::Ok
                }
            });
        }
        _ => {}
    }
}

impl GstObjectImpl for Inner {}

impl ElementImpl for Inner {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> =
            LazyLock::new(|| metadata("Codec/Decoder/Video/Hardware", "avdec_h264"));
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> =
            LazyLock::new(|| templates("video/x-h264", "video/x-raw"));
        &TEMPLATES
    }
}

impl BinImpl for Inner {}
