//! Rows of RGB pixels for tensors and back: by reference where they are tight, else one pass over them. Pure.

use crate::frame::Frame;

/// Bytes of a pixel.
const RGB: usize = 3;

/// The frame's pixels without gaps between rows: its own bytes, or a copy in `buffer` where its stride forces one.
///
/// # Errors
/// The frame has fewer bytes than its size and stride require.
pub fn tight<'a>(frame: &'a Frame, buffer: &'a mut Vec<u8>) -> Result<&'a [u8], String> {
    let (width, height) = (frame.width as usize, frame.height as usize);
    let row = width * RGB;
    let stride = frame.strides.first().copied().unwrap_or(0);
    let plane = frame.data.plane(0);
    if width == 0 || height == 0 || stride < row || plane.len() < stride * (height - 1) + row {
        return Err(format!(
            "expected a frame of {width}x{height} in rows of {stride} bytes, got {} bytes",
            plane.len()
        ));
    }
    if stride == row {
        return Ok(&plane[..row * height]);
    }
    buffer.clear();
    plane.chunks(stride).take(height).for_each(|line| buffer.extend_from_slice(&line[..row]));
    Ok(buffer)
}

/// The frame at another size, bilinear, into `buffer`.
pub fn scale(pixels: &[u8], from: (usize, usize), to: (usize, usize), buffer: &mut Vec<u8>) {
    let columns = steps(from.0, to.0);
    buffer.clear();
    buffer.reserve(to.0 * to.1 * RGB);
    for (above, below, down) in steps(from.1, to.1) {
        let row = |index: usize| &pixels[index * from.0 * RGB..][..from.0 * RGB];
        let (above, below) = (row(above), row(below));
        for &(left, right, across) in &columns {
            for channel in 0..RGB {
                let mix = |row: &[u8]| {
                    let (a, b) = (row[left * RGB + channel], row[right * RGB + channel]);
                    u32::from(a) * (256 - across) + u32::from(b) * across
                };
                let value = mix(above) * (256 - down) + mix(below) * down;
                buffer.push(u8::try_from((value + (1 << 15)) >> 16).unwrap_or(u8::MAX));
            }
        }
    }
}

/// For each position on a side: the two before it that it lies between, and how near it is to the second, of 256.
fn steps(from: usize, to: usize) -> Vec<(usize, usize, u32)> {
    let step = |index: usize| {
        // Centres of pixels lie on each other; in 256ths.
        let place = ((2 * index + 1) * from * 128 / to).saturating_sub(128);
        let first = (place / 256).min(from - 1);
        (first, (first + 1).min(from - 1), u32::try_from(place % 256).unwrap_or(0))
    };
    (0..to).map(step).collect()
}

/// Pixels as three planes of floats from 0 to 1.
pub fn to_planes(pixels: &[u8], planes: &mut Vec<f32>) {
    planes.clear();
    planes.reserve(pixels.len());
    for channel in 0..RGB {
        planes.extend(pixels.iter().skip(channel).step_by(RGB).map(|&byte| f32::from(byte) / 255.0));
    }
}

/// Three planes of floats as pixels, rounded and clipped; NaN becomes black.
pub fn from_planes(planes: &[f32]) -> Vec<u8> {
    let (size, mut pixels) = (planes.len() / RGB, vec![0; planes.len()]);
    for (channel, plane) in planes.chunks_exact(size.max(1)).enumerate() {
        for (byte, &value) in pixels.iter_mut().skip(channel).step_by(RGB).zip(plane) {
            *byte = to_byte(value);
        }
    }
    pixels
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates and makes NaN 0")]
fn to_byte(value: f32) -> u8 {
    (value * 255.0 + 0.5) as u8
}
