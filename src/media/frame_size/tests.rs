use std::sync::mpsc;

use super::*;
use crate::media::graph::probes::KEY_REQUESTS_SENT;

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
    limit(&decoder, max, Duration::ZERO, move |size| tell.send(size).unwrap());
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

/// Nine frames of VP8, each third a key frame, of which the second announces 16,383 pixels a side: how many come out,
/// how often a key frame is asked for, and what is refused.
fn decode_with_one_large(patience: Duration) -> (usize, usize, Vec<Size>) {
    gst::init().unwrap();
    let line = "videotestsrc num-buffers=9 ! video/x-raw,width=64,height=64 \
                ! vp8enc deadline=1 keyframe-max-dist=3 ! appsink name=out";
    let encoding = gst::parse::launch(line).unwrap().downcast::<gst::Pipeline>().unwrap();
    let out = encoding.by_name("out").unwrap().downcast::<gst_app::AppSink>().unwrap();
    encoding.set_state(gst::State::Playing).unwrap();
    let units = std::iter::from_fn(|| out.pull_sample().ok());
    let mut units: Vec<_> =
        units.map(|unit| unit.buffer().unwrap().map_readable().unwrap().to_vec()).collect();
    encoding.set_state(gst::State::Null).unwrap();
    let keys: Vec<_> = (0..units.len()).filter(|number| units[*number][0] & 1 == 0).collect();
    assert_eq!(keys, [0, 3, 6]);
    units[3][6..10].copy_from_slice(&[0xff, 0x3f, 0xff, 0x3f]); // RFC 6386, section 9.1

    let line = "appsrc name=in caps=video/x-vp8 format=time ! identity name=depay ! vp8dec name=dec ! appsink name=out sync=false";
    let decoding = gst::parse::launch(line).unwrap().downcast::<gst::Pipeline>().unwrap();
    let source = decoding.by_name("in").unwrap().downcast::<gst_app::AppSrc>().unwrap();
    let out = decoding.by_name("out").unwrap().downcast::<gst_app::AppSink>().unwrap();
    let (tell, refused) = mpsc::channel();
    limit(&decoding.by_name("dec").unwrap(), MaxFrame::default(), patience, move |size| {
        tell.send(size).unwrap();
    });
    let (asked, requests) = mpsc::channel();
    KEY_REQUESTS_SENT.upstream(
        &decoding.by_name("depay").unwrap().static_pad("sink").unwrap(),
        move |_, event| {
            asked.send(event.has_name(events::KEY_REQUEST)).unwrap();
            gst::PadProbeReturn::Ok
        },
    );
    decoding.set_state(gst::State::Playing).unwrap();
    for unit in units {
        source.push_buffer(gst::Buffer::from_slice(unit)).unwrap();
    }
    source.end_of_stream().unwrap();
    let frames = std::iter::from_fn(|| out.pull_sample().ok()).count();
    decoding.set_state(gst::State::Null).unwrap();
    let requests = requests.try_iter().filter(|is_request| *is_request).count();
    (frames, requests, refused.try_iter().collect())
}

#[test]
fn one_frame_that_is_too_large_costs_what_follows_it_up_to_the_next_key_frame() {
    assert_eq!(decode_with_one_large(PEERS_PATIENCE), (6, 1, vec![]));
    assert_eq!(decode_with_one_large(Duration::ZERO), (3, 0, vec![(0x3fff, 0x3fff)]));
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
    let line = "appsrc name=in caps=video/x-vp9 format=time ! vp9dec name=dec ! appsink name=out sync=false";
    let pipeline = gst::parse::launch(line).unwrap().downcast::<gst::Pipeline>().unwrap();
    let source = pipeline.by_name("in").unwrap().downcast::<gst_app::AppSrc>().unwrap();
    let out = pipeline.by_name("out").unwrap().downcast::<gst_app::AppSink>().unwrap();
    let decoder = pipeline.by_name("dec").unwrap();
    limit(&decoder, MaxFrame::default(), Duration::ZERO, |_| {});
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
