//! The codec table as data, best row first: hardware, then software.
//!
//! Names and properties are those of GStreamer 1.22 to 1.26. A row whose element this release or this host lacks
//! costs nothing. `svtav1enc` has no row: in CBR it disables key frame requests (`force_key_frames = FALSE`).
//! Neither has `openh264dec`: in 1.22 it outputs nothing for frames with several slices (0 of 30, even from
//! openh264enc), which browsers may send.

use super::{
    Bitrate::{self, Bit, Kilobit, V4l2Control},
    BitrateChange::{self, Smooth},
    Decoder, Encoder,
    Family::{self, Amf, Msdk, Nvidia, Qsv, Software, V4l2, V4l2Stateless, Va},
    Fragment,
    KeyRequest::{self, VaH264},
};
use crate::signalling::CodecName::{self, Av1, H264, Vp8, Vp9};

/// Path and text of a fragment.
type Text = (&'static str, &'static str);

macro_rules! text {
    ($path:literal) => {
        (concat!($path, ".launch"), include_str!(concat!("../../../pipelines/codecs/", $path, ".launch")))
    };
}

const H264_PAY: &[&str] = &["rtph264pay"];
const VP8_PAY: &[&str] = &["rtpvp8pay"];
const VP9_PAY: &[&str] = &["rtpvp9pay"];
const AV1_PAY: &[&str] = &["av1parse", "rtpav1pay"];

const H264_DEPAY: &[&str] = &["rtph264depay", "h264parse"];
const VP8_DEPAY: &[&str] = &["rtpvp8depay"];
const VP9_DEPAY: &[&str] = &["rtpvp9depay"];
/// Hardware takes VP9 one frame at a time (`alignment=frame`); `vp9parse` splits superframes.
const VP9_HARDWARE: &[&str] = &["rtpvp9depay", "vp9parse"];
const AV1_DEPAY: &[&str] = &["rtpav1depay", "av1parse"];

pub(super) const ENCODERS: &[Encoder] = &[
    encoder(H264, Nvidia, "nvh264enc", H264_PAY, text!("encode/h264.nvenc"), Kilobit("bitrate")).restarts(),
    encoder(H264, Va, "vah264enc", H264_PAY, text!("encode/h264.va"), Kilobit("bitrate"))
        .restarts()
        .requested(VaH264),
    encoder(H264, Va, "vah264lpenc", H264_PAY, text!("encode/h264.valp"), Kilobit("bitrate"))
        .restarts()
        .requested(VaH264),
    encoder(H264, V4l2, "v4l2h264enc", H264_PAY, text!("encode/h264.v4l2"), V4l2Control),
    encoder(H264, Qsv, "qsvh264enc", H264_PAY, text!("encode/h264.qsv"), Kilobit("bitrate")),
    encoder(H264, Msdk, "msdkh264enc", H264_PAY, text!("encode/h264.msdk"), Kilobit("bitrate")),
    encoder(H264, Amf, "amfh264enc", H264_PAY, text!("encode/h264.amf"), Kilobit("bitrate")),
    encoder(H264, Software, "x264enc", H264_PAY, text!("encode/h264.x264"), Kilobit("bitrate")),
    encoder(H264, Software, "openh264enc", H264_PAY, text!("encode/h264.openh264"), Bit("bitrate")),
    encoder(Vp8, Va, "vavp8enc", VP8_PAY, text!("encode/vp8.va"), Kilobit("bitrate")).restarts(),
    encoder(Vp8, V4l2, "v4l2vp8enc", VP8_PAY, text!("encode/vp8.v4l2"), V4l2Control),
    encoder(Vp8, Software, "vp8enc", VP8_PAY, text!("encode/vp8"), Bit("target-bitrate")),
    encoder(Vp9, Va, "vavp9enc", VP9_PAY, text!("encode/vp9.va"), Kilobit("bitrate")).restarts(),
    encoder(Vp9, Va, "vavp9lpenc", VP9_PAY, text!("encode/vp9.valp"), Kilobit("bitrate")).restarts(),
    encoder(Vp9, Qsv, "qsvvp9enc", VP9_PAY, text!("encode/vp9.qsv"), Kilobit("bitrate")),
    encoder(Vp9, Msdk, "msdkvp9enc", VP9_PAY, text!("encode/vp9.msdk"), Kilobit("bitrate")),
    encoder(Vp9, Software, "vp9enc", VP9_PAY, text!("encode/vp9"), Bit("target-bitrate")),
    encoder(Av1, Nvidia, "nvav1enc", AV1_PAY, text!("encode/av1.nvenc"), Kilobit("bitrate")),
    encoder(Av1, Va, "vaav1enc", AV1_PAY, text!("encode/av1.va"), Kilobit("bitrate")).restarts(),
    encoder(Av1, Qsv, "qsvav1enc", AV1_PAY, text!("encode/av1.qsv"), Kilobit("bitrate")),
    encoder(Av1, Msdk, "msdkav1enc", AV1_PAY, text!("encode/av1.msdk"), Kilobit("bitrate")),
    encoder(Av1, Amf, "amfav1enc", AV1_PAY, text!("encode/av1.amf"), Kilobit("bitrate")),
    encoder(Av1, Software, "av1enc", AV1_PAY, text!("encode/av1"), Kilobit("target-bitrate"))
        .requested(KeyRequest::Av1),
];

pub(super) const DECODERS: &[Decoder] = &[
    decoder(H264, Nvidia, "nvh264dec", H264_DEPAY, text!("decode/h264.nvdec")),
    decoder(H264, Va, "vah264dec", H264_DEPAY, text!("decode/h264.va")),
    decoder(H264, V4l2Stateless, "v4l2slh264dec", H264_DEPAY, text!("decode/h264.v4l2sl")),
    decoder(H264, V4l2, "v4l2h264dec", H264_DEPAY, text!("decode/h264.v4l2")),
    decoder(H264, Qsv, "qsvh264dec", H264_DEPAY, text!("decode/h264.qsv")),
    decoder(H264, Msdk, "msdkh264dec", H264_DEPAY, text!("decode/h264.msdk")),
    decoder(H264, Software, "avdec_h264", H264_DEPAY, text!("decode/h264")),
    decoder(Vp8, Nvidia, "nvvp8dec", VP8_DEPAY, text!("decode/vp8.nvdec")),
    decoder(Vp8, Va, "vavp8dec", VP8_DEPAY, text!("decode/vp8.va")),
    decoder(Vp8, V4l2Stateless, "v4l2slvp8dec", VP8_DEPAY, text!("decode/vp8.v4l2sl")),
    decoder(Vp8, V4l2, "v4l2vp8dec", VP8_DEPAY, text!("decode/vp8.v4l2")),
    decoder(Vp8, Msdk, "msdkvp8dec", VP8_DEPAY, text!("decode/vp8.msdk")),
    decoder(Vp8, Software, "vp8dec", VP8_DEPAY, text!("decode/vp8")),
    decoder(Vp9, Nvidia, "nvvp9dec", VP9_HARDWARE, text!("decode/vp9.nvdec")),
    decoder(Vp9, Va, "vavp9dec", VP9_HARDWARE, text!("decode/vp9.va")),
    decoder(Vp9, V4l2Stateless, "v4l2slvp9dec", VP9_HARDWARE, text!("decode/vp9.v4l2sl")),
    decoder(Vp9, V4l2, "v4l2vp9dec", VP9_HARDWARE, text!("decode/vp9.v4l2")),
    decoder(Vp9, Qsv, "qsvvp9dec", VP9_HARDWARE, text!("decode/vp9.qsv")),
    decoder(Vp9, Msdk, "msdkvp9dec", VP9_HARDWARE, text!("decode/vp9.msdk")),
    decoder(Vp9, Software, "vp9dec", VP9_DEPAY, text!("decode/vp9")),
    decoder(Av1, Nvidia, "nvav1dec", AV1_DEPAY, text!("decode/av1.nvdec")),
    decoder(Av1, Va, "vaav1dec", AV1_DEPAY, text!("decode/av1.va")),
    decoder(Av1, V4l2Stateless, "v4l2slav1dec", AV1_DEPAY, text!("decode/av1.v4l2sl")),
    decoder(Av1, Msdk, "msdkav1dec", AV1_DEPAY, text!("decode/av1.msdk")),
    decoder(Av1, Software, "dav1ddec", AV1_DEPAY, text!("decode/av1.dav1d")),
    decoder(Av1, Software, "av1dec", AV1_DEPAY, text!("decode/av1")),
];

/// The fragments of all rows.
pub fn fragments() -> Vec<Fragment> {
    let encode = ENCODERS.iter().map(|row| (row.path, row.fragment, row.element, row.needs));
    let decode = DECODERS.iter().map(|row| (row.path, row.fragment, row.element, row.needs));
    let all = encode.chain(decode);
    all.map(|(path, text, element, needs)| Fragment {
        path,
        text,
        elements: std::iter::once(element).chain(needs.iter().copied()).collect(),
    })
    .collect()
}

const fn encoder(
    codec: CodecName,
    family: Family,
    element: &'static str,
    needs: &'static [&'static str],
    (path, fragment): Text,
    bitrate: Bitrate,
) -> Encoder {
    let (bitrate_change, key_request) = (Smooth, KeyRequest::Event);
    Encoder { codec, family, element, needs, path, fragment, bitrate, bitrate_change, key_request }
}

impl Encoder {
    /// A bitrate change forces a key frame.
    const fn restarts(self) -> Self {
        Self { bitrate_change: BitrateChange::KeyFrame, ..self }
    }

    const fn requested(self, key_request: KeyRequest) -> Self {
        Self { key_request, ..self }
    }
}

const fn decoder(
    codec: CodecName,
    family: Family,
    element: &'static str,
    needs: &'static [&'static str],
    (path, fragment): Text,
) -> Decoder {
    Decoder { codec, family, element, needs, path, fragment }
}
