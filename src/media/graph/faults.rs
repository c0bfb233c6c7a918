//! The bus of a session's graph: errors become events.
//!
//! Runs on the thread that posts a message, which must not wait.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use gst::{glib, prelude::*};

use super::{
    Counters,
    bins::{RECEIVE_VIDEO, SEND_VIDEO},
};
use crate::media::Event;

/// So many errors of the decoder and not one picture: it is the decoder that is broken, not a packet.
const DECODER_FAULTS: u64 = 50;

/// Tells `tell` what elements report. Runs on the thread that posts: it must only hand over.
pub fn watch(
    pipeline: &gst::Pipeline,
    counters: &Arc<Counters>,
    tell: impl Fn(Event) + Send + Sync + 'static,
) {
    let Some(bus) = pipeline.bus() else { return };
    let decoder =
        Decoder { counters: counters.clone(), pictures: AtomicU64::new(0), faults: AtomicU64::new(0) };
    bus.set_sync_handler(move |_, message| {
        match message.view() {
            gst::MessageView::Error(error) => {
                let element =
                    message.src().map(|source| source.path_string().to_string()).unwrap_or_default();
                let detail = match error.debug() {
                    Some(debug) => format!("{} ({debug})", error.error()),
                    None => error.error().to_string(),
                };
                match message.src().and_then(bin_of) {
                    Some(bin) if bin.starts_with(SEND_VIDEO) => {
                        tell(Event::EncoderFault { bin, detail });
                    }
                    Some(bin) if is_own(message.src(), &error.error()) || !decoder.goes_on() => {
                        tell(Event::DecoderFault { bin, detail });
                    }
                    Some(_) => tracing::debug!(element, detail, "a broken picture"),
                    _ => tell(classify(message.src(), element, detail)),
                }
            }
            gst::MessageView::Warning(warning) => {
                if message.src().and_then(bin_of).is_some_and(|bin| bin.starts_with(RECEIVE_VIDEO)) {
                    decoder.counters.decoder_faults.fetch_add(1, Relaxed);
                }
                tracing::debug!(warning = %warning.error(), "an element warns");
            }
            _ => {}
        }
        gst::BusSyncReply::Drop
    });
}

/// A browser that closes aborts its SCTP association and then DTLS, which those elements post as errors.
fn classify(source: Option<&gst::Object>, element: String, detail: String) -> Event {
    let factory = source
        .and_then(|source| source.downcast_ref::<gst::Element>())
        .and_then(gst::Element::factory)
        .map(|factory| factory.name().to_string());
    match factory.as_deref() {
        Some("sctpenc" | "sctpdec") => {
            tracing::debug!(element, detail, "the data channel broke");
            Event::ChannelClosed
        }
        Some("dtlsenc" | "dtlsdec" | "dtlssrtpenc" | "dtlssrtpdec") => {
            tracing::debug!(element, detail, "DTLS broke");
            Event::Closed
        }
        _ => Event::Fault { element, detail },
    }
}

/// The name of the bin that encodes or decodes the picture, where `source` is inside one.
fn bin_of(source: &gst::Object) -> Option<String> {
    names(source).find(|name| name.starts_with(SEND_VIDEO) || name.starts_with(RECEIVE_VIDEO))
}

/// Whether a decoder says that it is itself what failed, its device or its library; what it says of a damaged picture
/// is an error of the stream, and with libvpx that the library cannot code it.
fn is_own(source: Option<&gst::Object>, error: &glib::Error) -> bool {
    let library = error.kind::<gst::LibraryError>().is_some_and(|kind| kind != gst::LibraryError::Encode);
    source.is_some_and(|source| names(source).any(|name| name == "dec"))
        && (library || error.is::<gst::ResourceError>())
}

/// The names of an object and of all that it is in.
fn names(source: &gst::Object) -> impl Iterator<Item = String> {
    let parents = std::iter::successors(Some(source.clone()), gst::prelude::GstObjectExt::parent);
    parents.map(|object| object.name().to_string())
}

/// A peer's broken packets make depayloaders and decoders post errors; the next good picture shows that they live.
struct Decoder {
    counters: Arc<Counters>,
    pictures: AtomicU64,
    faults: AtomicU64,
}

impl Decoder {
    /// Whether one more error is only a broken picture.
    fn goes_on(&self) -> bool {
        self.counters.decoder_faults.fetch_add(1, Relaxed);
        let pictures = self.counters.frames_in.load(Relaxed);
        if self.pictures.swap(pictures, Relaxed) != pictures {
            self.faults.store(0, Relaxed);
        }
        let last = self.faults.fetch_add(1, Relaxed) >= DECODER_FAULTS;
        if last {
            self.faults.store(0, Relaxed); // the next one starts afresh
        }
        !last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_device_is_the_decoders_own_fault_and_a_damaged_picture_is_not() {
        gst::init().unwrap();
        let part = |name: &str| gst::ElementFactory::make("identity").name(name).build().unwrap();
        let bin = gst::Bin::with_name("receive-video-1");
        let (depayloader, decoder) = (part("depay"), part("dec"));
        bin.add_many([&depayloader, &decoder]).unwrap();
        let own = |part: &gst::Element, error: glib::Error| is_own(Some(part.upcast_ref()), &error);

        assert!(own(&decoder, glib::Error::new(gst::ResourceError::Failed, "the device is lost")));
        assert!(own(&decoder, glib::Error::new(gst::LibraryError::Init, "no context")));
        assert!(!own(&decoder, glib::Error::new(gst::StreamError::Decode, "garbage")));
        assert!(!own(&decoder, glib::Error::new(gst::LibraryError::Encode, "libvpx and garbage")));
        assert!(!own(&depayloader, glib::Error::new(gst::ResourceError::Failed, "not the decoder")));
    }

    #[test]
    fn faults_without_a_picture_are_the_decoders_in_the_end_and_it_starts_afresh() {
        let decoder =
            Decoder { counters: Arc::default(), pictures: AtomicU64::new(0), faults: AtomicU64::new(0) };
        let first_final = |decoder: &Decoder| (0..=DECODER_FAULTS).find(|_| !decoder.goes_on());

        assert_eq!(first_final(&decoder), Some(DECODER_FAULTS));
        assert_eq!(first_final(&decoder), Some(DECODER_FAULTS));

        decoder.goes_on();
        decoder.counters.frames_in.fetch_add(1, Relaxed);
        assert_eq!(first_final(&decoder), Some(DECODER_FAULTS), "a picture makes up for it");
    }
}
