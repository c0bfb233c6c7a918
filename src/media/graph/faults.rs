//! Turns errors on the bus of a session's graph into events.
//!
//! Runs on the thread that posts the message and must not block it.

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

/// After this many decoder errors without a decoded frame, the decoder is broken, not the stream.
const DECODER_FAULTS: u64 = 50;

/// Passes what elements report to `tell`, which runs on the posting thread and must not block.
pub fn watch(
    pipeline: &gst::Pipeline,
    counters: &Arc<Counters>,
    tell: impl Fn(Event) + Send + Sync + 'static,
) {
    let Some(bus) = pipeline.bus() else { return };
    let decoder =
        Decoder { counters: counters.clone(), frames: AtomicU64::new(0), faults: AtomicU64::new(0) };
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
                    Some(bin) if is_own(message.src(), &error.error()) || !decoder.tolerates() => {
                        tell(Event::DecoderFault { bin, detail });
                    }
                    Some(_) => tracing::debug!(element, detail, "decoder error, frame lost"),
                    _ => tell(classify(message.src(), element, detail)),
                }
            }
            gst::MessageView::Warning(warning) => {
                if message.src().and_then(bin_of).is_some_and(|bin| bin.starts_with(RECEIVE_VIDEO)) {
                    decoder.counters.decoder_faults.fetch_add(1, Relaxed);
                }
                tracing::debug!(warning = %warning.error(), "element warning");
            }
            _ => {}
        }
        gst::BusSyncReply::Drop
    });
}

/// A browser that closes aborts SCTP and then DTLS; their elements post that as errors.
fn classify(source: Option<&gst::Object>, element: String, detail: String) -> Event {
    let factory = source
        .and_then(|source| source.downcast_ref::<gst::Element>())
        .and_then(gst::Element::factory)
        .map(|factory| factory.name().to_string());
    match factory.as_deref() {
        Some("sctpenc" | "sctpdec") => {
            tracing::debug!(element, detail, "data channel aborted");
            Event::ChannelClosed
        }
        Some("dtlsenc" | "dtlsdec" | "dtlssrtpenc" | "dtlssrtpdec") => {
            tracing::debug!(element, detail, "DTLS closed");
            Event::Closed
        }
        _ => Event::Fault { element, detail },
    }
}

/// The name of the video encoder or decoder bin that contains `source`, if any.
fn bin_of(source: &gst::Object) -> Option<String> {
    names(source).find(|name| name.starts_with(SEND_VIDEO) || name.starts_with(RECEIVE_VIDEO))
}

/// Whether the decoder itself failed (its device or its library). A damaged frame is a stream error instead; libvpx
/// reports it as `LibraryError::Encode`.
fn is_own(source: Option<&gst::Object>, error: &glib::Error) -> bool {
    let library = error.kind::<gst::LibraryError>().is_some_and(|kind| kind != gst::LibraryError::Encode);
    source.is_some_and(|source| names(source).any(|name| name == "dec"))
        && (library || error.is::<gst::ResourceError>())
}

/// The names of an object and of its parents.
fn names(source: &gst::Object) -> impl Iterator<Item = String> {
    let parents = std::iter::successors(Some(source.clone()), gst::prelude::GstObjectExt::parent);
    parents.map(|object| object.name().to_string())
}

/// Damaged packets make depayloaders and decoders post errors; the next decoded frame shows that they recovered.
struct Decoder {
    counters: Arc<Counters>,
    frames: AtomicU64,
    faults: AtomicU64,
}

impl Decoder {
    /// Counts an error; `true` if only a frame was lost, `false` if the decoder is broken.
    fn tolerates(&self) -> bool {
        self.counters.decoder_faults.fetch_add(1, Relaxed);
        let frames = self.counters.frames_in.load(Relaxed);
        if self.frames.swap(frames, Relaxed) != frames {
            self.faults.store(0, Relaxed);
        }
        let broken = self.faults.fetch_add(1, Relaxed) >= DECODER_FAULTS;
        if broken {
            self.faults.store(0, Relaxed); // its replacement starts from zero
        }
        !broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_device_is_the_decoders_own_fault_and_a_damaged_frame_is_not() {
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
    fn faults_without_a_frame_break_the_decoder_and_its_replacement_starts_from_zero() {
        let decoder =
            Decoder { counters: Arc::default(), frames: AtomicU64::new(0), faults: AtomicU64::new(0) };
        let first_final = |decoder: &Decoder| (0..=DECODER_FAULTS).find(|_| !decoder.tolerates());

        assert_eq!(first_final(&decoder), Some(DECODER_FAULTS));
        assert_eq!(first_final(&decoder), Some(DECODER_FAULTS));

        decoder.tolerates();
        decoder.counters.frames_in.fetch_add(1, Relaxed);
        assert_eq!(first_final(&decoder), Some(DECODER_FAULTS), "a decoded frame resets the count");
    }
}
