//! A session's graph as `gst-launch-1.0` lines to paste into a shell. Pure.
//!
//! A test source and a fakesink replace the network; our own encoder of the same codec replaces the browser's.

use crate::{
    media::{
        codec::{Decoder, Encoder, Table},
        graph::line::Line,
        gst::launch,
    },
    signalling::{CodecName, Kind},
};

/// Ten seconds, long enough to see that it works.
const FRAMES: u32 = 300;
const SOURCE: &str = "is-live=true ! video/x-raw,format=I420,width=640,height=480,framerate=30/1";
const AUDIO: &str = "audiotestsrc num-buffers=500 is-live=true samplesperbuffer=960 ! \
                     audio/x-raw,rate=48000,channels=2 ! opusenc ! rtpopuspay ! rtpopusdepay ! rtpopuspay mtu=1200 ! \
                     fakesink";
/// The frame rate that the outlet sets; without it x264 holds one frame back.
const RATE: &str = "capssetter caps=video/x-raw,framerate=30/1";

/// A session's rows of the codec table.
#[derive(Debug)]
pub struct LaunchLine {
    codec: CodecName,
    encoder: &'static Encoder,
    decoder: &'static Decoder,
    audio: bool,
}

impl LaunchLine {
    /// The lines of a session with these m-lines, video first.
    pub fn of(lines: &[Line], table: &Table) -> Option<Self> {
        let codec = lines.first()?.codec.name;
        let (encoder, decoder) = table.rows(codec)?;
        let audio = lines.iter().any(|line| line.kind == Kind::Audio);
        Some(Self { codec, encoder, decoder, audio })
    }

    /// The lines, with comments. `encoder` and `decoder` are those in use, if not the table's first; `wanted` are the
    /// caps that the pipeline accepts.
    pub fn text(
        &self,
        (encoder, decoder): (Option<&'static Encoder>, Option<&'static Decoder>),
        bitrate_bps: u64,
        wanted: &gst::Caps,
    ) -> String {
        let (encoder, decoder) = (encoder.unwrap_or(self.encoder), decoder.unwrap_or(self.decoder));
        let encode = words(&launch::strip(encoder.fragment));
        let encode = encoder.at_bitrate(&encode, u32::try_from(bitrate_bps).unwrap_or(u32::MAX));
        let decode = words(&launch::strip(decoder.fragment));
        // gst-launch-1.0 escapes spaces inside an argument, and its own parser then refuses the caps.
        let wanted = wanted.to_string().replace(' ', "");
        let source = format!("videotestsrc num-buffers={FRAMES} {SOURCE}");
        let through = format!("{decode} ! videoconvert n-threads=1 ! '{wanted}' ! {RATE} ! {encode}");
        let mut text = format!(
            "# {} at {} kbit/s: test source, encoder in place of the browser's, decoder, (the pipeline), encoder\n\
             gst-launch-1.0 {source} ! {encode} ! {through} ! fakesink sync=false\n\
             # the same, decoded again as a browser would, in a window\n\
             gst-launch-1.0 {source} ! {encode} ! {through} ! {decode} ! videoconvert ! autovideosink\n",
            self.codec,
            bitrate_bps / 1000,
        );
        if self.codec == CodecName::Av1 {
            text.insert_str(
                0,
                "# rtpav1pay and rtpav1depay come from gst-plugin-rtp, which is built into scope\n",
            );
        }
        if self.audio {
            text += "# audio goes back unchanged\ngst-launch-1.0 ";
            text += AUDIO;
            text += "\n";
        }
        text
    }
}

/// A fragment for a shell: single spaces, no element names (a line would repeat them), quotes where needed.
fn words(fragment: &str) -> String {
    let shell =
        |word: &str| word.contains(['(', ')', '{', '}', ';', '"', '\'', '$', '&', '*', '<', '>', '|']);
    let words = fragment.split_whitespace().filter(|word| !word.starts_with("name="));
    let words = words.map(|word| if shell(word) { format!("'{word}'") } else { word.to_owned() });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Layout;

    #[test]
    fn a_fragment_is_made_fit_for_a_shell() {
        let line = words("a name=enc  x=1\n! video/x-raw(memory:VAMemory),format=NV12 !  b name=pay");

        assert_eq!(line, "a x=1 ! 'video/x-raw(memory:VAMemory),format=NV12' ! b");
    }

    #[test]
    fn the_line_has_the_session_s_bitrate() {
        gst::init().unwrap();
        let settings = std::collections::HashMap::new();
        let wanted = crate::media::gst::convert::caps(&[Layout::I420, Layout::Rgba]);
        let table = Table::tried(&[CodecName::Vp8, CodecName::H264], &settings);

        for (codec, expected) in
            [(CodecName::Vp8, "target-bitrate=750000 "), (CodecName::H264, " bitrate=750 ")]
        {
            let (encoder, decoder) = table.rows(codec).unwrap();
            let text =
                LaunchLine { codec, encoder, decoder, audio: true }.text((None, None), 750_000, &wanted);

            assert!(text.contains(expected), "{text}");
            assert!(
                text.contains("'video/x-raw,format=") && text.contains("RGBA") && text.contains("opusenc"),
                "{text}"
            );
            assert!(!text.contains("name="), "{text}");
        }
    }
}
