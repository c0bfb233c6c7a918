//! Reads the sizes from H.264 sequence parameter sets.
//!
//! h264parse writes a size into the caps, but of the last parameter set before a frame and as cropped for display. A
//! decoder allocates what is coded, by the set that a slice names, so every set counts, as it is coded.

use super::{Size, Unreadable, bits::Bits};

/// `nal_unit_type` of a sequence parameter set and of its scalable brother (table 7-1).
const PARAMETER_SETS: [u8; 2] = [7, 15];
/// Profiles without the chroma fields, and those with them (section 7.3.2.1.1). Parsers differ about the others, which
/// nobody sends.
const PLAIN_PROFILES: [u32; 3] = [66, 77, 88];
const HIGH_PROFILES: [u32; 9] = [44, 83, 86, 100, 110, 118, 122, 128, 244];
/// A macroblock's side.
const MACROBLOCK: u32 = 16;
/// Longest parameter set that is read: one with all scaling lists and a full VUI stays below it.
const SET_BYTES: usize = 4096;

/// How NAL units follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// With start codes (annex B).
    ByteStream,
    /// Each behind its length of so many bytes (ISO/IEC 14496-15, section 5.3).
    Lengths(usize),
}

/// The sizes that an access unit announces.
///
/// # Errors
/// A parameter set cannot be read.
pub fn sizes(unit: &[u8], framing: Framing) -> Result<Vec<Size>, Unreadable> {
    match framing {
        Framing::ByteStream => behind_start_codes(unit),
        Framing::Lengths(bytes) => {
            let mut sizes = Vec::new();
            for nal in by_length(unit, bytes) {
                sizes.extend(in_nal(nal)?);
            }
            Ok(sizes)
        }
    }
}

/// The framing and the sizes of a decoder configuration record (ISO/IEC 14496-15, section 5.3.3.1).
///
/// # Errors
/// It or a parameter set in it cannot be read.
pub fn configuration(record: &[u8]) -> Result<(Framing, Vec<Size>), Unreadable> {
    let [_, _, _, _, length, count, rest @ ..] = record else { return Err(Unreadable) };
    let mut sizes = Vec::new();
    for nal in by_length(rest, 2).take(usize::from(count & 31)) {
        sizes.extend(in_nal(nal)?);
    }
    Ok((Framing::Lengths(usize::from(length & 3) + 1), sizes))
}

/// A NAL unit, and those behind start codes in it, which no encoder writes and libavcodec reads.
fn in_nal(nal: &[u8]) -> Result<Vec<Size>, Unreadable> {
    let mut sizes: Vec<_> = size_of(nal)?.into_iter().collect();
    sizes.extend(behind_start_codes(nal)?);
    Ok(sizes)
}

fn behind_start_codes(mut bytes: &[u8]) -> Result<Vec<Size>, Unreadable> {
    let mut sizes = Vec::new();
    while let Some(at) = bytes.windows(3).position(|code| code == [0, 0, 1]) {
        bytes = &bytes[at + 3..];
        sizes.extend(size_of(bytes)?);
    }
    Ok(sizes)
}

fn by_length(mut bytes: &[u8], count: usize) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = bytes.split_at_checked(count)?;
        let length = length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        let (nal, rest) = rest.split_at_checked(length)?;
        bytes = rest;
        Some(nal)
    })
}

/// The size in a NAL unit that is a parameter set.
fn size_of(nal: &[u8]) -> Result<Option<Size>, Unreadable> {
    match nal.split_first() {
        Some((header, body)) if PARAMETER_SETS.contains(&(header & 31)) => {
            coded(&mut Bits::new(&unescaped(body))).map(Some).ok_or(Unreadable)
        }
        _ => Ok(None),
    }
}

/// The bytes up to the next start code, without emulation prevention (section 7.4.1).
fn unescaped(nal: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut zeros = 0;
    for byte in nal.iter().take(SET_BYTES) {
        match byte {
            1 | 2 if zeros >= 2 => break,
            3 if zeros >= 2 => zeros = 0,
            _ => {
                zeros = if *byte == 0 { zeros + 1 } else { 0 };
                bytes.push(*byte);
            }
        }
    }
    bytes
}

/// Width and height as coded (section 7.3.2.1.1). A value out of its range ends the reading: beyond it, decoders differ.
fn coded(bits: &mut Bits<'_>) -> Option<Size> {
    let profile = bits.take(8)?;
    bits.take(16)?; // constraints, level
    bits.exp_golomb_to(31)?; // seq_parameter_set_id
    if HIGH_PROFILES.contains(&profile) {
        chroma(bits)?;
    } else if !PLAIN_PROFILES.contains(&profile) {
        return None;
    }
    bits.exp_golomb_to(12)?; // log2_max_frame_num_minus4
    match bits.exp_golomb_to(2)? {
        0 => {
            bits.exp_golomb_to(12)?; // log2_max_pic_order_cnt_lsb_minus4
        }
        1 => {
            bits.take(1)?;
            bits.signed_exp_golomb()?;
            bits.signed_exp_golomb()?;
            for _ in 0..bits.exp_golomb_to(255)? {
                bits.signed_exp_golomb()?;
            }
        }
        _ => {}
    }
    bits.exp_golomb_to(16)?; // max_num_ref_frames
    bits.take(1)?; // gaps_in_frame_num_value_allowed_flag
    let (width, height) = (bits.exp_golomb()?, bits.exp_golomb()?);
    let fields = if bits.flag()? { 1 } else { 2 };
    let pixels = |blocks: u32| blocks.saturating_add(1).saturating_mul(MACROBLOCK);
    Some((pixels(width), pixels(height).saturating_mul(fields)))
}

fn chroma(bits: &mut Bits<'_>) -> Option<()> {
    let format = bits.exp_golomb_to(3)?;
    if format == 3 {
        bits.take(1)?;
    }
    bits.exp_golomb_to(6)?; // bit depths
    bits.exp_golomb_to(6)?;
    bits.take(1)?;
    if bits.flag()? {
        for list in 0..if format == 3 { 12 } else { 8 } {
            if bits.flag()? {
                scaling_list(bits, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    Some(())
}

/// Section 7.3.2.1.1.1.
fn scaling_list(bits: &mut Bits<'_>, count: u32) -> Option<()> {
    let (mut last, mut next) = (8, 8);
    for _ in 0..count {
        if next != 0 {
            let delta = bits.signed_exp_golomb().filter(|delta| (-128..=127).contains(delta))?;
            next = (last + delta + 256) % 256;
        }
        if next != 0 {
            last = next;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::{
        super::bits::tests::{exp_golomb, packed},
        *,
    };

    /// A parameter set of a profile with such fields between its id and its sides, in macroblocks.
    fn set(profile: u32, between: &[(u32, u32)], (width, height): Size) -> Vec<u8> {
        let head = [(profile, 8), (0, 8), (31, 8), exp_golomb(0)];
        let tail = [
            exp_golomb(0),
            exp_golomb(2),
            exp_golomb(1),
            (0, 1),
            exp_golomb(width - 1),
            exp_golomb(height - 1),
            (1, 1),
            (0b1_0000, 5),
        ];
        [&[0x67][..], &packed(&[&head[..], between, &tail].concat())].concat()
    }

    fn baseline() -> Vec<u8> {
        set(66, &[], (40, 30))
    }

    #[test]
    fn every_parameter_set_of_a_unit_counts_as_it_is_coded() {
        let large = set(66, &[], (1000, 1000));
        let slice = [0x65, 9, 9, 9];
        let stream = [&[0, 0, 0, 1][..], &large, &[0, 0, 1], &baseline(), &[0, 0, 1], &slice].concat();
        let nal = |nal: &[u8]| [&u32::try_from(nal.len()).unwrap().to_be_bytes()[..], nal].concat();
        let lengths = [nal(&large), nal(&baseline()), nal(&slice)].concat();
        let both = Ok(vec![(16_000, 16_000), (640, 480)]);

        assert_eq!(sizes(&stream, Framing::ByteStream), both);
        assert_eq!(sizes(&lengths, Framing::Lengths(4)), both);
        let hidden = nal(&[&slice[..], &[0, 0, 1], &large].concat());
        assert_eq!(sizes(&hidden, Framing::Lengths(4)), Ok(vec![(16_000, 16_000)]));
        assert_eq!(sizes(&[0, 0, 1, 0x65, 7], Framing::ByteStream), Ok(vec![]));
    }

    #[test]
    fn the_chroma_fields_of_high_profiles_are_skipped() {
        let flat = [exp_golomb(1), exp_golomb(0), exp_golomb(0), (0, 1), (0, 1)];
        // 4:4:4 with a list that ends at once, and a whole one.
        let list: Vec<_> = std::iter::repeat_n(exp_golomb(0), 64).collect();
        let lists = [
            &[exp_golomb(3), (0, 1), exp_golomb(2), exp_golomb(2), (0, 1), (1, 1)][..],
            &[(1, 1), exp_golomb(16), (0, 10), (1, 1)],
            &list,
        ]
        .concat();

        for (profile, between) in [(100, &flat[..]), (244, &lists)] {
            let set = [&[0, 0, 1][..], &set(profile, between, (40, 30))].concat();
            assert_eq!(sizes(&set, Framing::ByteStream), Ok(vec![(640, 480)]), "{profile}");
        }
    }

    #[test]
    fn a_set_that_decoders_might_read_otherwise_is_refused() {
        for (profile, between) in [(138, &[][..]), (100, &[exp_golomb(4)]), (66, &[exp_golomb(13)])] {
            let set = [&[0, 0, 1][..], &set(profile, between, (40, 30))].concat();
            assert_eq!(sizes(&set, Framing::ByteStream), Err(Unreadable), "{profile}");
        }
        assert_eq!(sizes(&[0, 0, 1, 0x67, 66, 0], Framing::ByteStream), Err(Unreadable));
    }

    #[test]
    fn emulation_prevention_is_taken_out() {
        assert_eq!(unescaped(&[1, 0, 0, 3, 1, 0, 0, 0, 3, 2, 0, 0, 1, 9]), [1, 0, 0, 1, 0, 0, 0, 2, 0, 0]);
    }

    #[test]
    fn a_configuration_has_the_length_of_lengths_and_its_sets() {
        let set = baseline();
        let length = u16::try_from(set.len()).unwrap().to_be_bytes();
        let record = [&[1, 66, 0, 31, 0xfc | 3, 0xe0 | 1][..], &length, &set, &[0]].concat();

        assert_eq!(configuration(&record), Ok((Framing::Lengths(4), vec![(640, 480)])));
        assert_eq!(configuration(&record[..5]), Err(Unreadable));
    }
}
