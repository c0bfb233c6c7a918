//! The format of a file's video, constant over the file: a change starts a new file. Pure.

use gst::prelude::*;

use crate::media::frame_size::vp9;

/// The format of encoded video.
#[derive(Clone, Debug)]
pub struct Format {
    /// Caps for the file's graph.
    pub caps: gst::Caps,
    /// The name of the caps, e.g. `video/x-h264`.
    pub media: String,
    /// Width and height.
    pub size: (u32, u32),
    /// Caps fields that a muxer refuses to change within a file.
    fixed: Vec<(&'static str, Option<String>)>,
    /// The SPS and PPS of an H.264 byte stream.
    sets: Vec<u8>,
}

impl PartialEq for Format {
    fn eq(&self, other: &Self) -> bool {
        self.media == other.media
            && self.size == other.size
            && self.fixed == other.fixed
            && self.sets == other.sets
    }
}

impl Format {
    /// The format of a key frame; `None` if its size is unknown.
    pub fn of(caps: &gst::CapsRef, key: &[u8]) -> Option<Self> {
        let structure = caps.structure(0)?;
        let length = |name| u32::try_from(structure.get::<i32>(name).ok()?).ok();
        let own = || (structure.name() == "video/x-vp9").then(|| vp9::size(key)).flatten();
        let size = length("width").zip(length("height")).or_else(own)?;
        let text = |name: &str| {
            structure.value(name).ok().and_then(|value| value.serialize().ok()).map(String::from)
        };
        let fixed = ["stream-format", "alignment", "codec_data", "profile", "level"];
        let media = structure.name().to_string();
        let sets = if media == "video/x-h264" && structure.get::<&str>("stream-format") == Ok("byte-stream") {
            parameter_sets(key)
        } else {
            Vec::new()
        };
        let mut caps = caps.to_owned();
        // The encoder was given a nominal rate; players would trust it, but the camera need not keep to it.
        let made = caps.make_mut();
        made.set("framerate", gst::Fraction::new(0, 1));
        let dimension = |length| i32::try_from(length).unwrap_or(i32::MAX);
        made.set("width", dimension(size.0));
        made.set("height", dimension(size.1));
        Some(Self { caps, media, size, fixed: fixed.map(|name| (name, text(name))).to_vec(), sets })
    }

    /// The codec's name, as in a session's snapshot.
    pub fn codec(&self) -> &str {
        self.media.strip_prefix("video/x-").unwrap_or(&self.media)
    }

    /// The extension of its files.
    pub fn extension(&self) -> &'static str {
        if self.media == "video/x-h264" { "mp4" } else { "webm" }
    }
}

/// SPS and PPS among the NAL units of a byte stream (H.264 annex B; types 7 and 8 of table 7-1).
fn parameter_sets(unit: &[u8]) -> Vec<u8> {
    let starts: Vec<_> =
        unit.windows(3).enumerate().filter(|(_, code)| code == b"\0\0\x01").map(|(at, _)| at + 3).collect();
    let ends = starts.iter().skip(1).map(|next| next - 3).chain([unit.len()]);
    let nals = starts.iter().zip(ends).map(|(&start, end)| &unit[start..end]);
    let sets = nals.filter(|nal| nal.first().is_some_and(|head| matches!(head & 0x1f, 7 | 8)));
    // The zero byte of a four-byte start code is not part of the unit before it (`trailing_zero_8bits`).
    sets.flat_map(|nal| nal.strip_suffix(b"\0").unwrap_or(nal)).copied().collect()
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;

    const KEY: &[u8] = b"\0\0\0\x01\x09\x10\0\0\0\x01\x67\x42\x0a\0\0\0\x01\x68\xce\0\0\x01\x65\x88\x84";

    fn format(caps: &str, key: &[u8]) -> Option<Format> {
        gst::init().unwrap();
        Format::of(&gst::Caps::from_str(caps).unwrap(), key)
    }

    #[test]
    fn parameter_sets_are_found_between_start_codes() {
        assert_eq!(parameter_sets(KEY), b"\x67\x42\x0a\x68\xce");
        assert_eq!(parameter_sets(b""), b"");
    }

    #[test]
    fn a_new_size_or_parameter_set_needs_a_new_file_and_a_new_frame_rate_does_not() {
        let h264 = "video/x-h264,stream-format=byte-stream,alignment=au,width=64,height=48";
        let one = format(h264, KEY).unwrap();

        assert!(one == format(&format!("{h264},framerate=30/1"), KEY).unwrap());
        assert!(one != format(&h264.replace("64,", "32,"), KEY).unwrap());
        assert!(one != format(h264, &[KEY, b"\0\0\x01\x67\x43"].concat()).unwrap());
        assert_eq!((one.codec(), one.extension(), one.size), ("h264", "mp4", (64, 48)));
        assert!(format("video/x-vp8", b"").is_none());
        assert_eq!(format("video/x-vp8,width=64,height=48", b"").unwrap().extension(), "webm");
    }
}
