//! Reads the sizes from VP9 frame headers (VP9 bitstream specification, section 6.2): RTP need not carry them (RFC 9628
//! section 4.2, the SS data), and any frame may change them.

use super::{Size, Unreadable, bits::Bits};

/// The sync code of key frames and intra-only frames (section 6.2.1).
const SYNC: u32 = 0x0049_8342;
/// The colour space without subsampling (table 2).
const RGB: u32 = 7;
/// The upper bits of the first and last byte of an index (annex B).
const MARKER: u8 = 0xc0;
/// References of an inter frame.
const REFERENCES: u32 = 3;

/// The sizes that an access unit announces.
///
/// # Errors
/// It has an index of frames that does not fit, or data that no header describes.
pub(super) fn sizes(unit: &[u8]) -> Result<Vec<Size>, Unreadable> {
    let mut sizes = Vec::new();
    for frame in frames(unit)? {
        match Header::read(frame) {
            Some(Header::Sized(size)) => sizes.push(size),
            // libvpx takes what follows for another frame.
            Some(Header::Repeat { length }) if frame.iter().skip(length).any(|byte| *byte != 0) => {
                return Err(Unreadable);
            }
            Some(Header::Repeat { .. } | Header::SameSize) | None => {}
        }
    }
    Ok(sizes)
}

/// Width and height of a frame; `None` for one that has its references' size.
pub fn size(frame: &[u8]) -> Option<Size> {
    match Header::read(frame)? {
        Header::Sized(size) => Some(size),
        Header::SameSize | Header::Repeat { .. } => None,
    }
}

/// The index that says that a unit is one frame; `None` for one that has an index.
///
/// Without it libvpx looks for another frame behind the first, where nobody can tell it from the first one's data.
pub fn index_of_one(unit: &[u8]) -> Option<[u8; 6]> {
    if index(unit).is_some() {
        return None;
    }
    let marker = MARKER | 3 << 3; // four bytes a length, one frame
    let [a, b, c, d] = u32::try_from(unit.len()).ok()?.to_le_bytes();
    Some([marker, a, b, c, d, marker])
}

/// The frames of a superframe, or the one frame that the unit is.
fn frames(unit: &[u8]) -> Result<Vec<&[u8]>, Unreadable> {
    let Some(Index { mut data, lengths, bytes }) = index(unit) else { return Ok(vec![unit]) };
    let mut frames = Vec::new();
    for length in lengths.chunks(bytes) {
        let length = length.iter().rev().fold(0, |length, byte| length << 8 | usize::from(*byte));
        let (frame, rest) = data.split_at_checked(length).ok_or(Unreadable)?;
        frames.push(frame);
        data = rest;
    }
    Ok(frames)
}

/// The index at the end of a superframe (annex B), and what it is of.
struct Index<'a> {
    data: &'a [u8],
    lengths: &'a [u8],
    /// Of each length.
    bytes: usize,
}

fn index(unit: &[u8]) -> Option<Index<'_>> {
    let (marker, before) = unit.split_last()?;
    let (count, bytes) = (usize::from(marker & 7) + 1, usize::from(marker >> 3 & 3) + 1);
    let (before, lengths) = before.split_at(before.len().checked_sub(count * bytes)?);
    let (first, data) = before.split_last()?;
    (marker & 0xe0 == MARKER && first == marker).then_some(Index { data, lengths, bytes })
}

/// What the uncompressed header says about the size.
enum Header {
    /// A key frame, an intra-only frame or an inter frame with a size of its own.
    Sized(Size),
    /// The size of a reference.
    SameSize,
    /// An earlier frame is shown again; the header is all of it.
    Repeat { length: usize },
}

impl Header {
    /// `None`: no header of a frame.
    fn read(frame: &[u8]) -> Option<Self> {
        let mut bits = Bits::new(frame);
        if bits.take(2)? != 2 {
            return None;
        }
        let profile = bits.take(1)? | bits.take(1)? << 1;
        if profile == 3 {
            bits.take(1)?;
        }
        if bits.flag()? {
            return Some(Self::Repeat { length: if profile == 3 { 2 } else { 1 } });
        }
        let (inter, shown, resilient) = (bits.flag()?, bits.flag()?, bits.flag()?);
        if !inter {
            sync(&mut bits)?;
            color(&mut bits, profile)?;
            return frame_size(&mut bits).map(Self::Sized);
        }
        let intra_only = !shown && bits.flag()?;
        if !resilient {
            bits.take(2)?; // reset_frame_context
        }
        if intra_only {
            sync(&mut bits)?;
            if profile > 0 {
                color(&mut bits, profile)?;
            }
            bits.take(8)?; // refresh_frame_flags
            return frame_size(&mut bits).map(Self::Sized);
        }
        bits.take(8 + REFERENCES * 4)?; // refresh_frame_flags, each reference's index and sign
        for _ in 0..REFERENCES {
            if bits.flag()? {
                return Some(Self::SameSize);
            }
        }
        frame_size(&mut bits).map(Self::Sized)
    }
}

fn sync(bits: &mut Bits<'_>) -> Option<()> {
    (bits.take(24)? == SYNC).then_some(())
}

/// Skips `color_config` (section 6.2.2).
fn color(bits: &mut Bits<'_>, profile: u32) -> Option<()> {
    if profile >= 2 {
        bits.take(1)?; // bit depth
    }
    let subsampled = profile % 2 == 1;
    if bits.take(3)? == RGB {
        bits.take(u32::from(subsampled))?;
    } else {
        bits.take(if subsampled { 4 } else { 1 })?; // range, subsampling
    }
    Some(())
}

fn frame_size(bits: &mut Bits<'_>) -> Option<Size> {
    Some((bits.take(16)? + 1, bits.take(16)? + 1))
}

#[cfg(test)]
mod tests {
    use super::{super::bits::tests::packed, *};

    /// 320x240.
    const SIZE: [(u32, u32); 2] = [(319, 16), (239, 16)];
    /// Marker, profile low and high, exists, frame type, shown, resilient, sync code, colour.
    const KEY: [(u32, u32); 10] =
        [(2, 2), (0, 1), (0, 1), (0, 1), (0, 1), (1, 1), (0, 1), (SYNC, 24), (2, 3), (0, 1)];
    /// The same without sync code and colour, with references and the flags that they have another size.
    const INTER: [(u32, u32); 10] =
        [(2, 2), (0, 1), (0, 1), (0, 1), (1, 1), (1, 1), (0, 1), (0, 2), (0, 20), (0, 3)];

    fn key() -> Vec<u8> {
        packed(&[&KEY[..], &SIZE].concat())
    }

    #[test]
    fn the_size_of_a_key_frame_of_each_profile_is_read() {
        let second = [
            &[(2, 2), (1, 1), (0, 1), (0, 1), (0, 1), (1, 1), (0, 1), (SYNC, 24), (2, 3), (0, 4)][..],
            &SIZE,
        ]
        .concat();
        let rgb = [
            &[(2, 2), (1, 1), (0, 1), (0, 1), (0, 1), (1, 1), (0, 1), (SYNC, 24), (RGB, 3), (0, 1)][..],
            &SIZE,
        ]
        .concat();
        let deep = [
            &[(2, 2), (1, 1), (1, 1), (0, 1), (0, 1), (0, 1), (1, 1), (0, 1), (SYNC, 24)][..],
            &[(1, 1), (2, 3), (0, 4)],
            &SIZE,
        ]
        .concat();
        for fields in [[&KEY[..], &SIZE].concat(), second, rgb, deep] {
            assert_eq!(size(&packed(&fields)), Some((320, 240)));
        }
    }

    #[test]
    fn a_frame_without_a_size_of_its_own_has_none() {
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

    #[test]
    fn inter_and_intra_only_frames_may_change_the_size() {
        let inter = packed(&[&INTER[..], &SIZE].concat());
        let mut same = INTER;
        same[9] = (0b010, 3);
        let intra =
            [(2, 2), (0, 1), (0, 1), (0, 1), (1, 1), (0, 1), (0, 1), (1, 1), (0, 2), (SYNC, 24), (0, 8)];

        assert_eq!(size(&inter), Some((320, 240)));
        assert_eq!(size(&packed(&[&same[..], &SIZE].concat())), None);
        assert_eq!(size(&packed(&[&intra[..], &SIZE].concat())), Some((320, 240)));
    }

    #[test]
    fn every_frame_of_a_superframe_is_read() {
        let (key, inter) = (key(), packed(&[&INTER[..], &SIZE].concat()));
        let marker = 0xc0 | 1 << 3 | 1; // two bytes a length, two frames
        let length = |frame: &[u8]| u16::try_from(frame.len()).unwrap().to_le_bytes();
        let index = [&[marker][..], &length(&key), &length(&inter), &[marker]].concat();

        assert_eq!(sizes(&[&key[..], &inter, &index].concat()), Ok(vec![(320, 240); 2]));
        assert_eq!(sizes(&key), Ok(vec![(320, 240)]));
        assert_eq!(sizes(&[&key[..4], &index].concat()), Err(Unreadable));
        assert_eq!(sizes(&[marker, marker]), Ok(vec![]));
    }

    #[test]
    fn a_unit_gets_an_index_once() {
        let key = key();
        let sealed = [&key[..], &index_of_one(&key).unwrap()].concat();

        assert_eq!(sizes(&sealed), Ok(vec![(320, 240)]));
        assert_eq!(frames(&[&sealed[..8], &key, &sealed[8..]].concat()).map(|frames| frames.len()), Ok(1));
        assert_eq!(index_of_one(&sealed), None);
    }

    #[test]
    fn nothing_may_follow_a_frame_that_is_shown_again() {
        assert_eq!(sizes(&[0x88]), Ok(vec![]));
        assert_eq!(sizes(&[0x88, 0, 0]), Ok(vec![]));
        assert_eq!(sizes(&[&[0x88][..], &key()].concat()), Err(Unreadable));
    }
}
