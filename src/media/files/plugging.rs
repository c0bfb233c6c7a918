//! Bounds what decodebin plugs into the graph that reads a file.
//!
//! By itself it plugs whatever is installed: a playlist's demuxer fetches the URLs in it, and a stranger chooses the file.
//! Runs on decodebin's threads, once per element.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use gst::{glib, prelude::*};

use crate::{
    frame::MaxFrame,
    limits,
    media::{
        Error,
        frame_size::{self, Size},
        graph::probes,
        gst::launch::Graph,
    },
};

/// What reads containers. None of them opens anything.
const DEMUXERS: &[&str] = &["avidemux", "ivfparse", "matroskademux", "qtdemux", "tsdemux", "y4mdec"];
/// What splits a stream into frames.
const PARSERS: &[&str] = &[
    "av1parse",
    "h264parse",
    "h265parse",
    "jpegparse",
    "mpeg4videoparse",
    "mpegvideoparse",
    "pngparse",
    "vp9parse",
];
/// What decodes video, in software: nothing here is live, and a file's bytes reach no driver.
const DECODERS: &[&str] = &[
    "av1dec",
    "avdec_ffv1",
    "avdec_h264",
    "avdec_h265",
    "avdec_mjpeg",
    "avdec_mpeg2video",
    "avdec_mpeg4",
    "avdec_prores",
    "dav1ddec",
    "jpegdec",
    "libde265dec",
    "mpeg2dec",
    "openh264dec",
    "pngdec",
    "vp8dec",
    "vp9dec",
];
/// What a person may put into the folder.
const KINDS: &str = "MP4, MOV, WebM, Matroska, MPEG-TS, AVI, IVF, Y4M, JPEG or PNG";

/// `GstAutoplugSelectResult`, which has no binding: use this element, or look for the next one.
const TRY: i32 = 0;
const SKIP: i32 = 2;

/// What was refused in one file.
#[derive(Clone, Default)]
pub struct Refusals(Arc<Mutex<Refused>>);

#[derive(Default)]
struct Refused {
    /// The first format that nothing on the lists reads.
    format: Option<String>,
    size: Option<Size>,
}

impl Refusals {
    /// Bounds the decodebin that is named `plugger`, and the frames that its decoders take.
    ///
    /// # Errors
    /// This decodebin is of an unknown kind.
    pub fn watch(graph: &Graph, plugger: &str, max: MaxFrame) -> Result<Self, Error> {
        let refusals = Self::default();
        let plugger = graph.part::<gst::Element>(plugger)?;
        let unknown = || Error::Graph("decodebin has no GstAutoplugSelectResult".into());
        let results = glib::Type::from_name("GstAutoplugSelectResult").and_then(glib::EnumClass::with_type);
        let results = results.ok_or_else(unknown)?;
        plugger.connect("autoplug-select", false, move |values| {
            let factory = values.get(3)?.get::<gst::ElementFactory>();
            let known = factory.is_ok_and(|factory| is_listed(&factory.name()));
            results.to_value(if known { TRY } else { SKIP })
        });
        let refused = refusals.clone();
        plugger.connect("unknown-type", false, move |values| {
            let caps = values.get(2)?.get::<gst::Caps>().ok()?;
            // A film's audio is not read, and not missed.
            let name = caps.structure(0).map(|structure| structure.name().to_string());
            let name = name.filter(|name| !name.starts_with("audio/"));
            let mut refused = refused.lock();
            refused.format = refused.format.take().or(name);
            None
        });
        let refused = refusals.clone();
        probes::FILE_ELEMENTS.elements(graph.0.upcast_ref(), move |element| {
            let decodes = |factory: gst::ElementFactory| factory.has_type(gst::ElementFactoryType::DECODER);
            if element.factory().is_some_and(decodes) {
                let refused = refused.clone();
                frame_size::limit(element, max, Duration::ZERO, move |size| refused.lock().size = Some(size));
                frame_size::seal(element);
            }
        });
        Ok(refusals)
    }

    /// Whether every frame so far was small enough.
    ///
    /// # Errors
    /// [`Error::FrameTooLarge`]
    pub fn check(&self, max: MaxFrame) -> Result<(), Error> {
        match self.lock().size {
            Some((width, height)) => Err(Error::FrameTooLarge { width, height, max }),
            None => Ok(()),
        }
    }

    /// Says what is wrong with the file, where the graph's error only says that an element is missing.
    pub fn explain(&self, error: Error) -> Error {
        let Some(format) = self.lock().format.clone() else { return error };
        limits::FILE_KIND.refused();
        Error::Graph(format!("expected a video as {KINDS}, got {format}; convert the file"))
    }

    fn lock(&self) -> MutexGuard<'_, Refused> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_listed(factory: &str) -> bool {
    [DEMUXERS, PARSERS, DECODERS].iter().any(|list| list.contains(&factory))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_on_the_lists_opens_a_connection_or_another_file() {
        gst::init().unwrap();
        for name in [DEMUXERS, PARSERS, DECODERS].concat() {
            let Some(factory) = gst::ElementFactory::find(name) else { continue };
            let class = factory.metadata(gst::ELEMENT_METADATA_KLASS).unwrap();
            assert!(
                ["Network", "Adaptive", "Source", "Playlist"].iter().all(|word| !class.contains(word)),
                "{name}: {class}"
            );
        }
    }
}
