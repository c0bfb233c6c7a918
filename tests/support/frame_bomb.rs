//! Frames that only say that they are huge: a header that announces 16,000 pixels a side or more, and nothing behind it.

use super::codec::Codec;

/// Macroblocks of each side of the large H.264 frame: 16,000 pixels.
const MACROBLOCKS: u32 = 1000;

/// A key frame whose header announces 16,000 pixels a side or more.
pub fn enlarged(codec: Codec, mut unit: Vec<u8>) -> Vec<u8> {
    match codec {
        // RFC 6386, section 9.1.
        Codec::Vp8 if unit[0] & 1 == 0 => unit[6..10].copy_from_slice(&[0xff, 0x3f, 0xff, 0x3f]),
        // Profile 0: the sides less one, 16 bits each, stand from the middle of byte 4 on.
        Codec::Vp9 if unit[0] & 0xfc == 0x80 => {
            unit[4] = unit[4] & 0xf0 | 0x3;
            unit[5..8].copy_from_slice(&[0xff, 0xf3, 0xff]);
            unit[8] |= 0xf0;
        }
        Codec::H264 => return with_sets(&unit),
        Codec::Vp8 | Codec::Vp9 => {}
    }
    unit
}

/// The access unit with a parameter set of large sides in the place of its own.
fn with_sets(unit: &[u8]) -> Vec<u8> {
    let starts: Vec<_> = (0..unit.len()).filter(|at| unit[*at..].starts_with(&[0, 0, 1])).collect();
    let mut made = Vec::new();
    for (index, start) in starts.iter().enumerate() {
        let end = starts.get(index + 1).copied().unwrap_or(unit.len());
        match unit[start + 3] & 31 {
            7 => made.extend([&[0, 0, 0, 1][..], &parameter_set()].concat()),
            _ => made.extend([&[0], &unit[*start..end]].concat()),
        }
    }
    made
}

/// Baseline, level 6.2, frame numbers of 4 bits, picture order as decoded (H.264, section 7.3.2.1.1).
fn parameter_set() -> Vec<u8> {
    let code = |value: u32| {
        let bits = format!("{:b}", value + 1);
        format!("{}{bits}", "0".repeat(bits.len() - 1))
    };
    let sides = code(MACROBLOCKS - 1).repeat(2);
    let mut bits = format!("{}{}{}{}0{sides}110001", code(0), code(0), code(2), code(1));
    bits.extend(std::iter::repeat_n('0', bits.len().next_multiple_of(8) - bits.len()));
    [&[0x67, 66, 0xc0, 62], bytes_of(&bits).as_slice()].concat()
}

/// The payload of an RTP packet with an AV1 key frame of 65,536 pixels a side (AV1, sections 5.5 and 5.9; the RTP payload
/// format for AV1, section 4.4).
pub fn av1() -> Vec<u8> {
    // Two OBUs without sizes of their own, the first of them of a coded video sequence.
    const AGGREGATION: u8 = 2 << 4 | 1 << 3;
    const SEQUENCE_HEADER: u8 = 1 << 3;
    const FRAME: u8 = 6 << 3;
    let side = format!("{:016b}", u16::MAX);
    // Profile 0, a still picture with a reduced header, level 5; 16 bits for each side; no tools; a trailing bit.
    let bits = format!("000110010111111111{side}{side}{}1", "0".repeat(14));
    let padded = format!("{bits:0<width$}", width = bits.len().next_multiple_of(8));
    let sequence = [&[SEQUENCE_HEADER], bytes_of(&padded).as_slice()].concat();
    // The size as in the sequence header, tiles of one size, no quantisation.
    let frame = [&[FRAME, 1 << 4], [0; 64].as_slice()].concat();
    let length = u8::try_from(sequence.len()).expect("one byte of LEB128 holds it");
    [&[AGGREGATION, length], sequence.as_slice(), &frame].concat()
}

/// The bytes of a text of zeros and ones, eight to each.
fn bytes_of(bits: &str) -> Vec<u8> {
    let bytes = bits.as_bytes().chunks(8);
    bytes.map(|bits| u8::from_str_radix(std::str::from_utf8(bits).unwrap(), 2).unwrap()).collect()
}
