//! A frame number in the frame itself, so that order and delay are read from what was decoded. Pure.
//!
//! The geometry is shared with the page: 2 rows of 24 cells over the whole width, each row 1/30 of the height.
//! Row 0 is the number, most significant bit first; row 1 is its complement, so that a frame without a stamp, a damaged one
//! or another pipeline's drawing reads as none rather than as a wrong number.

const COLUMNS: usize = 24;
const ROWS_PER_FRAME: usize = 30;
const ONE: u8 = 235;
const ZERO: u8 = 16;
const THRESHOLD: usize = 128;

/// The numbers that a stamp can hold.
pub const MODULUS: u32 = 1 << COLUMNS;

/// The number of luma rows that the stamp covers.
pub fn height(frame_height: usize) -> usize {
    2 * frame_height / ROWS_PER_FRAME
}

/// Draws `number` into a luma plane of `width` x `height` bytes in rows of `stride`.
pub fn write(luma: &mut [u8], stride: usize, width: usize, height: usize, number: u32) {
    for (row, bits) in [(0, number), (1, !number)] {
        for column in 0..COLUMNS {
            let value = if bits >> (COLUMNS - 1 - column) & 1 == 1 { ONE } else { ZERO };
            let (x, y) = cell(row, column, width, height);
            for line in y {
                luma[line * stride..][x.clone()].fill(value);
            }
        }
    }
}

/// Reads the number from a luma plane, or `None` where the second row is not the complement of the first.
pub fn read(luma: &[u8], stride: usize, width: usize, height: usize) -> Option<u32> {
    let row = |row| {
        (0..COLUMNS).try_fold(0, |bits: u32, column| {
            let (x, y) = cell(row, column, width, height);
            let mean = mean(luma, stride, &centre(&x), &centre(&y))?;
            Some(bits << 1 | u32::from(mean >= THRESHOLD))
        })
    };
    let (number, complement) = (row(0)?, row(1)?);
    (number ^ complement == MODULUS - 1).then_some(number)
}

type Span = std::ops::Range<usize>;

fn cell(row: usize, column: usize, width: usize, height: usize) -> (Span, Span) {
    let x = column * width / COLUMNS..(column + 1) * width / COLUMNS;
    let y = row * height / ROWS_PER_FRAME..(row + 1) * height / ROWS_PER_FRAME;
    (x, y)
}

/// The middle half, away from what the encoder smears over the cell's edges.
fn centre(span: &Span) -> Span {
    let quarter = span.len() / 4;
    span.start + quarter..span.end - quarter
}

/// `None` for an empty area: a frame too small for the stamp.
fn mean(luma: &[u8], stride: usize, x: &Span, y: &Span) -> Option<usize> {
    let sum: usize =
        y.clone().flat_map(|line| &luma[line * stride..][x.clone()]).map(|&value| usize::from(value)).sum();
    sum.checked_div(x.len() * y.len())
}
