//! Reads the size from a VP9 key frame's header: RTP need not carry it (RFC 9628 section 4.2, the SS data).

/// The sync code of a key frame (VP9 bitstream specification, section 6.2.1).
const SYNC: u32 = 0x0049_8342;
/// The colour space without subsampling (table 2).
const RGB: u32 = 7;

/// Width and height of a key frame (section 6.2, `uncompressed_header`); `None` for any other frame.
pub fn size(frame: &[u8]) -> Option<(u32, u32)> {
    let mut bits = Bits { bytes: frame, at: 0 };
    if bits.take(2)? != 2 {
        return None;
    }
    let profile = bits.take(1)? | bits.take(1)? << 1;
    if profile == 3 {
        bits.take(1)?;
    }
    let (exists, inter) = (bits.take(1)?, bits.take(1)?);
    bits.take(2)?; // shown, error resilient
    if exists == 1 || inter == 1 || bits.take(24)? != SYNC {
        return None;
    }
    if profile >= 2 {
        bits.take(1)?; // bit depth
    }
    let subsampled = profile % 2 == 1;
    if bits.take(3)? == RGB {
        bits.take(u32::from(subsampled))?;
    } else {
        bits.take(if subsampled { 4 } else { 1 })?; // range, subsampling
    }
    Some((bits.take(16)? + 1, bits.take(16)? + 1))
}

/// A bit reader, most significant bit first.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    /// The next `count` bits as a number; `None` past the end.
    fn take(&mut self, count: u32) -> Option<u32> {
        (0..count).try_fold(0, |value, _| {
            let byte = self.bytes.get(self.at / 8)?;
            let bit = byte >> (7 - self.at % 8) & 1;
            self.at += 1;
            Some(value << 1 | u32::from(bit))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packs fields of (value, number of bits).
    fn packed(fields: &[(u32, u32)]) -> Vec<u8> {
        let bits: Vec<u8> = fields
            .iter()
            .flat_map(|&(value, count)| (0..count).rev().map(move |bit| u8::from(value >> bit & 1 == 1)))
            .collect();
        bits.chunks(8)
            .map(|chunk| chunk.iter().enumerate().fold(0, |byte, (at, bit)| byte | bit << (7 - at)))
            .collect()
    }

    #[test]
    fn the_size_of_a_key_frame_of_each_profile_is_read() {
        let size_bits = [(319, 16), (239, 16)];
        // Marker, profile low and high, (reserved), exists, frame type, shown, resilient, sync code, colour.
        let first = [
            &[(2, 2), (0, 1), (0, 1), (0, 1), (0, 1), (1, 1), (0, 1), (SYNC, 24), (2, 3), (0, 1)][..],
            &size_bits,
        ]
        .concat();
        let second = [
            &[(2, 2), (1, 1), (0, 1), (0, 1), (0, 1), (1, 1), (0, 1), (SYNC, 24), (2, 3), (0, 4)][..],
            &size_bits,
        ]
        .concat();
        let rgb = [
            &[(2, 2), (1, 1), (0, 1), (0, 1), (0, 1), (1, 1), (0, 1), (SYNC, 24), (RGB, 3), (0, 1)][..],
            &size_bits,
        ]
        .concat();
        let deep = [
            &[
                (2, 2),
                (1, 1),
                (1, 1),
                (0, 1),
                (0, 1),
                (0, 1),
                (1, 1),
                (0, 1),
                (SYNC, 24),
                (1, 1),
                (2, 3),
                (0, 4),
            ][..],
            &size_bits,
        ]
        .concat();
        for fields in [first, second, rgb, deep] {
            assert_eq!(size(&packed(&fields)), Some((320, 240)));
        }
    }

    #[test]
    fn a_frame_that_is_not_a_key_frame_has_no_size() {
        for bytes in [
            &[][..],
            &[0x82],
            &[0x86, 0, 0, 0, 0],
            &[0x82, 0x49, 0x83],
            &[0x88, 0x49, 0x83, 0x42, 0, 0, 0],
            &[0xff; 12],
        ] {
            assert_eq!(size(bytes), None, "{bytes:?}");
        }
    }
}
