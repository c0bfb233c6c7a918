//! The largest frame that the server decodes, plays or sends. Pure.

use std::fmt;

/// Longest side: no camera or screen has more, and many decoders and encoders end there.
const LONGEST_SIDE: u32 = 8192;
/// Codecs code whole blocks: 1080 lines of H.264 are 1088.
const BLOCK: u32 = 16;

/// The largest frame, by its number of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxFrame {
    width: u32,
    height: u32,
}

impl Default for MaxFrame {
    fn default() -> Self {
        Self { width: 4096, height: 2304 }
    }
}

impl MaxFrame {
    /// As many pixels as a frame of this size has; `None` if a side is 0 or over 8192.
    pub fn new(width: u32, height: u32) -> Option<Self> {
        let side = 1..=LONGEST_SIDE;
        (side.contains(&width) && side.contains(&height)).then_some(Self { width, height })
    }

    /// Whether a frame of this size is small enough. Its shape is free, up to the longest side.
    pub fn allows(self, width: u32, height: u32) -> bool {
        let pixels = |width: u32, height: u32| u64::from(width) * u64::from(height);
        let most = pixels(self.width.next_multiple_of(BLOCK), self.height.next_multiple_of(BLOCK));
        width.max(height) <= LONGEST_SIDE && pixels(width, height) <= most
    }
}

impl fmt::Display for MaxFrame {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}x{}", self.width, self.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_may_have_any_shape_within_its_pixels() {
        let max = MaxFrame::default();

        for (width, height) in [(4096, 2304), (2304, 4096), (8192, 1152), (1, 8192), (640, 480)] {
            assert!(max.allows(width, height), "{width}x{height}");
        }
        for (width, height) in [(4096, 2305), (8193, 1), (16_383, 16_383), (u32::MAX, u32::MAX)] {
            assert!(!max.allows(width, height), "{width}x{height}");
        }
    }

    #[test]
    fn the_padding_of_a_codec_counts_for_nothing() {
        assert!(MaxFrame::new(1920, 1080).unwrap().allows(1920, 1088));
        assert!(MaxFrame::new(0, 9).is_none() && MaxFrame::new(9, 8193).is_none());
    }
}
