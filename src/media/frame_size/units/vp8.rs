//! Reads the size from a VP8 frame's header.

use super::Size;

/// The start code of a key frame (RFC 6386, section 9.1).
const START: [u8; 3] = [0x9d, 0x01, 0x2a];
/// The upper two bits of each side ask the player to scale (same section).
const SIDE: u16 = 0x3fff;

/// Width and height of a key frame; `None` for any other frame.
pub fn size(frame: &[u8]) -> Option<Size> {
    let header = frame.first_chunk::<10>()?;
    let is_key = header[0] & 1 == 0 && header[3..6] == START;
    let side = |at: usize| u32::from(u16::from_le_bytes([header[at], header[at + 1]]) & SIDE);
    is_key.then(|| (side(6), side(8)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_frame_has_a_size_without_its_scale() {
        let key = [0x50, 0x31, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x42, 0xe0, 0x81];

        assert_eq!(size(&key), Some((640, 480)));
        assert_eq!(size(&[&[0x51], &key[1..]].concat()), None, "an inter frame");
        assert_eq!(size(&key[..9]), None);
    }
}
