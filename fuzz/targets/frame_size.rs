//! An access unit, or an H.264 decoder configuration; the first byte says of which format.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use scope_fuzz::frame_sizes::{
    Format,
    h264::{self, Framing},
    vp9,
};

/// Longest frame header of the shortest kind: what announces a size has at least so many bytes.
const HEADER_BYTES: usize = 3;

fuzz_target!(|data: &[u8]| -> Corpus {
    let [format, unit @ ..] = data else { return Corpus::Reject };
    let format = match format {
        0 => Format::Vp8,
        1 => Format::Vp9,
        2 => Format::Av1,
        3 => Format::H264(Framing::ByteStream),
        length @ 4..=7 => Format::H264(Framing::Lengths(usize::from(length - 3))),
        8 => return check_configuration(unit),
        _ => return Corpus::Reject,
    };
    if let Ok(sizes) = format.sizes(unit) {
        assert!(
            sizes.len() <= unit.len() / HEADER_BYTES + 1,
            "{} sizes in {} bytes",
            sizes.len(),
            unit.len()
        );
        if format == Format::Vp9 {
            check_index(unit);
        }
    }
    Corpus::Keep
});

fn check_configuration(record: &[u8]) -> Corpus {
    if let Ok((framing, sizes)) = h264::configuration(record) {
        assert!(matches!(framing, Framing::Lengths(1..=4)), "{framing:?}");
        assert!(sizes.len() <= record.len(), "{} sizes in {} bytes", sizes.len(), record.len());
    }
    Corpus::Keep
}

/// A unit that gets an index of its one frame reads as before, and needs no second one.
fn check_index(unit: &[u8]) {
    let Some(index) = vp9::index_of_one(unit) else { return };
    let sealed = [unit, &index].concat();
    assert_eq!(Format::Vp9.sizes(&sealed), Format::Vp9.sizes(unit));
    assert!(vp9::index_of_one(&sealed).is_none());
}
