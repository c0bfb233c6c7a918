//! What a session runs, as `gst-launch-1.0` lines that a person pastes into a shell. Pure.
//!
//! A test picture and a fakesink stand in for the network; the browser's encoder is our own of the same codec.

use crate::{
    media::{
        codec::{Decoder, Encoder, Table},
        graph::line::Line,
        gst::launch,
    },
    signalling::{CodecName, Kind},
};

/// As long as it takes to see that it runs: ten seconds.
const FRAMES: u32 = 300;
const SOURCE: &str = "is-live=true ! video/x-raw,format=I420,width=640,height=480,framerate=30/1";
const SOUND: &str = "audiotestsrc num-buffers=500 is-live=true samplesperbuffer=960 ! \
                     audio/x-raw,rate=48000,channels=2 ! opusenc ! rtpopuspay ! rtpopusdepay ! rtpopuspay mtu=1200 ! \
                     fakesink";
/// What the tap sets, without which x264 holds one frame back.
const RATE: &str = "capssetter caps=video/x-raw,framerate=30/1";

/// A session's rows of the codec table.
#[derive(Debug)]
pub struct LaunchLine {
    codec: CodecName,
    encoder: &'static Encoder,
    decoder: &'static Decoder,
    sound: bool,
}

impl LaunchLine {
    /// The lines of a session with these m-lines, the picture's first.
    pub fn of(lines: &[Line], table: &Table) -> Option<Self> {
        let codec = lines.first()?.codec.name;
        let (encoder, decoder) = table.rows(codec)?;
        let sound = lines.iter().any(|line| line.kind == Kind::Audio);
        Some(Self { codec, encoder, decoder, sound })
    }

    /// The lines, with what they stand for as comments; `encoder` and `decoder` are in use in place of the first that
    /// work, and `wanted` is what the pipeline takes.
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
            "# {} at {} kbit/s: test picture, encoder in the browser's place, decoder, (the pipeline), encoder\n\
             gst-launch-1.0 {source} ! {encode} ! {through} ! fakesink sync=false\n\
             # the same, decoded once more as the browser does, in a window\n\
             gst-launch-1.0 {source} ! {encode} ! {through} ! {decode} ! videoconvert ! autovideosink\n",
            self.codec,
            bitrate_bps / 1000,
        );
        if self.codec == CodecName::Av1 {
            text.insert_str(
                0,
                "# rtpav1pay and rtpav1depay come from gst-plugin-rtp, which scope has inside\n",
            );
        }
        if self.sound {
            text += "# sound goes back as it came\ngst-launch-1.0 ";
            text += SOUND;
            text += "\n";
        }
        text
    }
}

/// A fragment for a shell: single spaces, no element names (they would come twice), quotes where a word needs them.
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
    fn the_session_s_bitrate_stands_in_the_line() {
        gst::init().unwrap();
        let settings = std::collections::HashMap::new();
        let wanted = crate::media::gst::convert::caps(&[Layout::I420, Layout::Rgba]);
        let table = Table::tried(&[CodecName::Vp8, CodecName::H264], &settings);

        for (codec, expected) in
            [(CodecName::Vp8, "target-bitrate=750000 "), (CodecName::H264, " bitrate=750 ")]
        {
            let (encoder, decoder) = table.rows(codec).unwrap();
            let text =
                LaunchLine { codec, encoder, decoder, sound: true }.text((None, None), 750_000, &wanted);

            assert!(text.contains(expected), "{text}");
            assert!(
                text.contains("'video/x-raw,format=") && text.contains("RGBA") && text.contains("opusenc"),
                "{text}"
            );
            assert!(!text.contains("name="), "{text}");
        }
    }
}
