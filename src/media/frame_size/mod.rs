//! Refuses video whose frames are too large, before a decoder takes memory for them: a key frame of a kilobyte can
//! announce 16,383 x 16,383 pixels.
//!
//! Runs on streaming threads, once per access unit: reads headers, and copies nothing but H.264's parameter sets.
//! What a decoder reads and a parser here does not is dropped as unreadable; should a decoder yield a larger frame all
//! the same, its caps end the stream.

mod av1;
mod bits;
mod h264;
mod vp8;
pub mod vp9;

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use gst::prelude::*;

use crate::{
    frame::MaxFrame,
    limits,
    media::graph::probes::{DECODED_SIZE, FRAME_INDEX, FRAME_SIZE, Probe, STREAM_SIZE},
};

/// Width and height in pixels.
pub type Size = (u32, u32);

/// A header that no encoder writes.
#[derive(Debug, PartialEq, Eq)]
struct Unreadable;

/// What the access units of a stream are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    H264(h264::Framing),
    Vp8,
    Vp9,
    Av1,
    /// Only the caps tell its size.
    Other,
}

impl Format {
    fn sizes(self, unit: &[u8]) -> Result<Vec<Size>, Unreadable> {
        match self {
            Self::H264(framing) => h264::sizes(unit, framing),
            Self::Vp8 => Ok(vp8::size(unit).into_iter().collect()),
            Self::Vp9 => vp9::sizes(unit),
            Self::Av1 => av1::sizes(unit),
            Self::Other => Ok(Vec::new()),
        }
    }
}

/// Keeps `decoder` from frames over `max`: it gets nothing from the first of them on, and `refuse` gets its size.
pub fn limit(decoder: &gst::Element, max: MaxFrame, refuse: impl Fn(Size) + Send + Sync + 'static) {
    let (Some(input), Some(output)) = (decoder.static_pad("sink"), decoder.static_pad("src")) else { return };
    let refuse = Box::new(refuse);
    let format = Mutex::new(Format::Other);
    let gate = Arc::new(Gate { max, format, shut: AtomicBool::new(false), refuse });
    let stream = gate.clone();
    STREAM_SIZE.downstream(&input, move |_, event| Probe::pass_if(stream.passes_stream(event)));
    let units = gate.clone();
    FRAME_SIZE.keep(&input, move |unit| units.passes_unit(unit));
    DECODED_SIZE.downstream(&output, move |_, event| Probe::pass_if(gate.passes_decoded(event)));
}

/// Makes libvpx decode no more of a VP9 access unit than the frames whose headers [`limit`] reads.
pub fn seal(decoder: &gst::Element) {
    let is_libvpx = decoder.factory().is_some_and(|factory| factory.name() == "vp9dec");
    let Some(input) = decoder.static_pad("sink").filter(|_| is_libvpx) else { return };
    FRAME_INDEX.keep(&input, |unit| {
        let Ok(index) = unit.map_readable().map(|unit| vp9::index_of_one(&unit)) else { return false };
        if let Some(index) = index {
            unit.make_mut().append_memory(gst::Memory::from_slice(index));
        }
        true
    });
}

/// The gate of one decoder.
struct Gate {
    max: MaxFrame,
    format: Mutex<Format>,
    /// A frame was too large.
    shut: AtomicBool,
    refuse: Box<dyn Fn(Size) + Send + Sync>,
}

impl Gate {
    /// The stream's caps: their size, and for H.264 with lengths the parameter sets.
    fn passes_stream(&self, event: &gst::EventRef) -> bool {
        let gst::EventView::Caps(event) = event.view() else { return true };
        let Some(structure) = event.caps().structure(0) else { return true };
        let (format, sizes) = match read(structure) {
            Ok(read) => read,
            Err(Unreadable) => return unreadable(),
        };
        *self.format.lock().unwrap_or_else(PoisonError::into_inner) = format;
        size_of(structure).into_iter().chain(sizes).all(|size| self.admits(size))
    }

    fn passes_unit(&self, unit: &gst::BufferRef) -> bool {
        let format = *self.format.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(unit) = unit.map_readable() else { return false };
        match format.sizes(&unit) {
            Ok(sizes) => !self.shut.load(Relaxed) && sizes.into_iter().all(|size| self.admits(size)),
            Err(Unreadable) => unreadable(),
        }
    }

    fn passes_decoded(&self, event: &gst::EventRef) -> bool {
        let gst::EventView::Caps(event) = event.view() else { return true };
        event.caps().structure(0).and_then(size_of).is_none_or(|size| self.admits(size))
    }

    fn admits(&self, (width, height): Size) -> bool {
        if self.max.allows(width, height) {
            return true;
        }
        if !self.shut.swap(true, Relaxed) {
            limits::FRAME_SIZE.refused();
            (self.refuse)((width, height));
        }
        false
    }
}

/// Only this unit is lost: it may be damaged.
fn unreadable() -> bool {
    limits::FRAME_SIZE.refused();
    tracing::debug!("unreadable header, unit dropped");
    false
}

/// The format of a stream, and the sizes in its codec data.
fn read(caps: &gst::StructureRef) -> Result<(Format, Vec<Size>), Unreadable> {
    let other = |format| Ok((format, Vec::new()));
    match caps.name().as_str() {
        "video/x-h264" => match caps.get::<gst::Buffer>("codec_data") {
            Ok(data) => {
                let data = data.map_readable().map_err(|_| Unreadable)?;
                let (framing, sizes) = h264::configuration(&data)?;
                Ok((Format::H264(framing), sizes))
            }
            Err(_) => other(Format::H264(h264::Framing::ByteStream)),
        },
        "video/x-vp8" => other(Format::Vp8),
        "video/x-vp9" => other(Format::Vp9),
        "video/x-av1" => other(Format::Av1),
        _ => other(Format::Other),
    }
}

/// The size in caps, if they have one.
fn size_of(caps: &gst::StructureRef) -> Option<Size> {
    let side = |name: &str| u32::try_from(caps.get::<i32>(name).ok()?).ok();
    side("width").zip(side("height"))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const SIDES: Size = (322, 242);
    /// Encoders, decoders, and caps without a size.
    const CODECS: [(&str, &str, &str); 5] = [
        ("vp8enc deadline=1", "vp8dec", "video/x-vp8"),
        ("vp9enc deadline=1 cpu-used=8", "vp9dec", "video/x-vp9"),
        (
            "av1enc cpu-used=10 usage-profile=realtime ! av1parse",
            "av1dec",
            "video/x-av1,stream-format=obu-stream,alignment=tu",
        ),
        (
            "x264enc speed-preset=ultrafast tune=zerolatency",
            "avdec_h264",
            "video/x-h264,stream-format=byte-stream,alignment=au",
        ),
        (
            "x264enc speed-preset=veryfast tune=zerolatency ! capsfilter caps=video/x-h264,profile=high",
            "avdec_h264",
            "video/x-h264,stream-format=byte-stream,alignment=au",
        ),
    ];

    /// Runs a line to its end; gives what the decoder was refused, and how many frames it yielded.
    fn decode(encoder: &str, caps: &str, decoder: &str, max: MaxFrame) -> (Vec<Size>, usize) {
        gst::init().unwrap();
        let (width, height) = SIDES;
        let line = format!(
            "videotestsrc num-buffers=4 ! video/x-raw,format=I420,width={width},height={height} ! {encoder} ! {caps} \
             ! {decoder} name=dec ! appsink name=out sync=false"
        );
        let pipeline = gst::parse::launch(&line).unwrap().downcast::<gst::Pipeline>().unwrap();
        let (tell, refused) = mpsc::channel();
        let decoder = pipeline.by_name("dec").unwrap();
        limit(&decoder, max, move |size| tell.send(size).unwrap());
        seal(&decoder);
        let out = pipeline.by_name("out").unwrap().downcast::<gst_app::AppSink>().unwrap();
        pipeline.set_state(gst::State::Playing).unwrap();
        let frames = std::iter::from_fn(|| out.pull_sample().ok()).count();
        pipeline.set_state(gst::State::Null).unwrap();
        (refused.try_iter().collect(), frames)
    }

    #[test]
    fn a_decoder_gets_no_frame_over_the_limit_and_all_within_it() {
        let (fits, small) = (MaxFrame::new(322, 242).unwrap(), MaxFrame::new(320, 224).unwrap());
        for (encoder, decoder, caps) in CODECS {
            let unsized_caps = format!("capssetter replace=true caps=\"{caps}\"");
            for caps in [caps, &unsized_caps] {
                assert_eq!(decode(encoder, caps, decoder, fits), (vec![], 4), "{encoder} ! {caps}");
                let (refused, frames) = decode(encoder, caps, decoder, small);
                let [(width, height)] = refused[..] else { panic!("{encoder} ! {caps}: {refused:?}") };
                assert!((322..=336).contains(&width) && (242..=256).contains(&height), "{width}x{height}");
                assert_eq!(frames, 0, "{encoder} ! {caps}");
            }
        }
    }

    #[test]
    fn libvpx_decodes_nothing_behind_a_frame() {
        gst::init().unwrap();
        let encode = |width: u32| {
            let line = format!(
                "videotestsrc num-buffers=1 ! video/x-raw,format=I420,width={width},height=64 \
                 ! vp9enc deadline=1 cpu-used=8 ! appsink name=out"
            );
            let pipeline = gst::parse::launch(&line).unwrap().downcast::<gst::Pipeline>().unwrap();
            let out = pipeline.by_name("out").unwrap().downcast::<gst_app::AppSink>().unwrap();
            pipeline.set_state(gst::State::Playing).unwrap();
            let unit = out.pull_sample().unwrap().buffer().unwrap().map_readable().unwrap().to_vec();
            pipeline.set_state(gst::State::Null).unwrap();
            unit
        };
        let line =
            "appsrc name=in caps=video/x-vp9 format=time ! vp9dec name=dec ! appsink name=out sync=false";
        let pipeline = gst::parse::launch(line).unwrap().downcast::<gst::Pipeline>().unwrap();
        let source = pipeline.by_name("in").unwrap().downcast::<gst_app::AppSrc>().unwrap();
        let out = pipeline.by_name("out").unwrap().downcast::<gst_app::AppSink>().unwrap();
        let decoder = pipeline.by_name("dec").unwrap();
        limit(&decoder, MaxFrame::default(), |_| {});
        seal(&decoder);
        pipeline.set_state(gst::State::Playing).unwrap();

        source.push_buffer(gst::Buffer::from_slice([encode(64), encode(640)].concat())).unwrap();
        source.end_of_stream().unwrap();

        let widths: Vec<_> = std::iter::from_fn(|| out.pull_sample().ok())
            .map(|sample| size_of(sample.caps().unwrap().structure(0).unwrap()).unwrap().0)
            .collect();
        pipeline.set_state(gst::State::Null).unwrap();
        assert_eq!(widths, [64]);
    }

    #[test]
    fn parameter_sets_in_the_caps_count_as_well() {
        let caps = "video/x-h264,stream-format=avc,alignment=au";
        let encoder = "x264enc speed-preset=ultrafast tune=zerolatency ! h264parse";

        assert_eq!(decode(encoder, caps, "avdec_h264", MaxFrame::new(322, 242).unwrap()).1, 4);
        let (refused, frames) = decode(encoder, caps, "avdec_h264", MaxFrame::new(320, 224).unwrap());
        assert_eq!((refused.len(), frames), (1, 0));
    }
}
