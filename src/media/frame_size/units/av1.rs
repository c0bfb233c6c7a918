//! Reads the sizes from AV1 sequence headers (AV1 bitstream specification, section 5.5): no frame may exceed them
//! (section 6.8.4).

use super::{Size, Unreadable, bits::Bits};

/// `obu_type` of a sequence header (section 6.2.2).
const SEQUENCE_HEADER: u8 = 1;

/// The sizes that a temporal unit in the low-overhead format (section 5.2) announces.
///
/// # Errors
/// A sequence header cannot be read.
pub fn sizes(mut unit: &[u8]) -> Result<Vec<Size>, Unreadable> {
    let mut sizes = Vec::new();
    while let Some((kind, body, rest)) = obu(unit) {
        if kind == SEQUENCE_HEADER {
            sizes.push(sequence(&mut Bits::new(body)).ok_or(Unreadable)?);
        }
        unit = rest;
    }
    Ok(sizes)
}

/// The type and the body of the first OBU, and what follows it (section 5.3).
fn obu(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (header, mut rest) = bytes.split_first()?;
    if header >> 2 & 1 == 1 {
        rest = rest.get(1..)?; // extension
    }
    let mut length = rest.len();
    if header >> 1 & 1 == 1 {
        let (value, bytes) = leb128(rest)?;
        (length, rest) = (value, rest.get(bytes..)?);
    }
    let (body, rest) = rest.split_at_checked(length)?;
    Some((header >> 3 & 15, body, rest))
}

/// A number of up to eight bytes (section 4.10.5), and how many it has.
fn leb128(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0_u64;
    for (at, byte) in bytes.iter().take(8).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((usize::try_from(value).ok()?, at + 1));
        }
    }
    None
}

/// The largest frame of a `sequence_header_obu` (section 5.5.1).
fn sequence(bits: &mut Bits<'_>) -> Option<Size> {
    bits.take(3 + 1)?; // profile, still image
    if bits.flag()? {
        bits.take(5)?; // a reduced header has one level and no operating points
    } else {
        operating_points(bits)?;
    }
    let (width, height) = (bits.take(4)? + 1, bits.take(4)? + 1);
    Some((bits.take(width)? + 1, bits.take(height)? + 1))
}

fn operating_points(bits: &mut Bits<'_>) -> Option<()> {
    let mut delay_bits = None;
    if bits.flag()? {
        timing(bits)?;
        if bits.flag()? {
            delay_bits = Some(bits.take(5)? + 1);
            bits.take(32)?;
            bits.take(5 + 5)?;
        }
    }
    let display_delays = bits.flag()?;
    for _ in 0..=bits.take(5)? {
        bits.take(12)?;
        if bits.take(5)? > 7 {
            bits.take(1)?; // tier
        }
        if let Some(count) = delay_bits
            && bits.flag()?
        {
            bits.take(count)?;
            bits.take(count)?;
            bits.take(1)?;
        }
        if display_delays && bits.flag()? {
            bits.take(4)?;
        }
    }
    Some(())
}

/// `timing_info` (section 5.5.3).
fn timing(bits: &mut Bits<'_>) -> Option<()> {
    bits.take(32)?;
    bits.take(32)?;
    if bits.flag()? {
        bits.exp_golomb()?; // uvlc (section 4.10.3) is coded alike
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::{super::bits::tests::packed, *};

    fn with_length(kind: u8, body: &[u8]) -> Vec<u8> {
        [&[kind << 3 | 2, u8::try_from(body.len()).unwrap()][..], body].concat()
    }

    /// Width and height in 16 bits each.
    fn sequence_of(points: &[(u32, u32)], (width, height): Size) -> Vec<u8> {
        packed(&[points, &[(15, 4), (15, 4), (width - 1, 16), (height - 1, 16), (0, 9)]].concat())
    }

    #[test]
    fn every_sequence_header_of_a_unit_is_read() {
        let plain = [(0, 4), (0, 1), (0, 1), (0, 1), (0, 5), (0, 12), (5, 5)];
        let reduced = [(1, 4), (1, 1), (5, 5)];
        let full =
            [
                &[
                    (0, 4),
                    (0, 1),
                    (1, 1),
                    (1, 32),
                    (30, 32),
                    (1, 1),
                    (1, 1),
                    (1, 1),
                    (9, 5),
                    (1, 32),
                    (0, 10),
                ][..],
                &[(1, 1), (1, 5)],
                &[(0, 12), (8, 5), (1, 1), (1, 1), (7, 10), (7, 10), (0, 1), (1, 1), (9, 4)],
                &[(1, 12), (7, 5), (0, 1), (0, 1)],
            ]
            .concat();
        let unit = [
            with_length(2, &[]),
            with_length(1, &sequence_of(&plain, (640, 480))),
            with_length(6, &[0x55; 9]),
            with_length(1, &sequence_of(&reduced, (65_536, 1))),
            with_length(1, &sequence_of(&full, (7, 65_536))),
        ];

        assert_eq!(sizes(&unit.concat()), Ok(vec![(640, 480), (65_536, 1), (7, 65_536)]));
    }

    #[test]
    fn an_obu_without_a_length_reaches_to_the_end() {
        let body = sequence_of(&[(1, 4), (1, 1), (5, 5)], (99, 88));

        assert_eq!(sizes(&[&[1 << 3][..], &body].concat()), Ok(vec![(99, 88)]));
        assert_eq!(sizes(&[&[1 << 3 | 4, 0][..], &body].concat()), Ok(vec![(99, 88)]), "with an extension");
        assert_eq!(sizes(&[1 << 3 | 2, 1, 0]), Err(Unreadable));
        assert_eq!(sizes(&[]), Ok(vec![]));
    }
}
