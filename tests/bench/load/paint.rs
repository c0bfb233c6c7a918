//! The clip's source: a noisy texture that moves, with the frame's number stamped on it. Pure; the same in every run.

use crate::support::stamp;

/// The texture repeats after this many pixels in both directions.
const PERIOD: usize = 1024;
/// Size and strength of the texture's layers of noise, coarse to fine.
const LAYERS: [(usize, i32); 4] = [(128, 48), (32, 24), (16, 12), (4, 8)];
/// Twice the largest change that the grain of a frame makes to a pixel; no encoder can predict it.
const GRAIN: u32 = 10;

/// Draws any frame of the clip.
pub struct Painter {
    width: usize,
    height: usize,
    texture: Vec<u8>,
    grain: Vec<u8>,
}

impl Painter {
    pub fn new(width: usize, height: usize) -> Painter {
        let mut random = Random(0x2545_f491);
        let texture = texture(&mut random);
        let grain = (0..PERIOD * PERIOD).map(|_| low_byte(random.next() % (GRAIN + 1))).collect();
        Painter { width, height, texture, grain }
    }

    /// One picture as I420 without padding: 3/2 x width x height bytes.
    pub fn i420(&self, number: u32) -> Vec<u8> {
        let mut picture = self.luma(number);
        let (width, height) = (self.width / 2, self.height / 2);
        for plane in 0..2 {
            let moved = number as usize / 2 + plane * 300;
            for y in 0..height {
                let row = &self.texture[(y * 2 + moved) % PERIOD * PERIOD..][..PERIOD];
                picture.extend((0..width).map(|x| 96 + row[(x + moved) % PERIOD] / 4));
            }
        }
        picture
    }

    /// The luma plane of one picture, in rows of `width`.
    pub fn luma(&self, number: u32) -> Vec<u8> {
        let (width, height, number) = (self.width, self.height, number as usize);
        let mut luma = Vec::with_capacity(width * height * 3 / 2);
        // A new piece of the grain for every frame.
        let (grain_x, grain_y) = (number * 397 % PERIOD, number * 631 % PERIOD);
        for y in 0..height {
            // Bands that move against each other, as a scene with depth does.
            let speed = 1 + y * 4 / height;
            let texture = &self.texture[(y + number) % PERIOD * PERIOD..][..PERIOD];
            let grain = &self.grain[(y + grain_y) % PERIOD * PERIOD..][..PERIOD];
            luma.extend(
                (0..width).map(|x| texture[(x + number * speed) % PERIOD] + grain[(x + grain_x) % PERIOD]),
            );
        }
        let stamped = u32::try_from(number).expect("it was a u32");
        stamp::write(&mut luma, width, width, height, stamped % stamp::MODULUS);
        luma
    }
}

/// Grey with layers of noise, each a grid of random values with straight lines between them.
fn texture(random: &mut Random) -> Vec<u8> {
    let mut sum = vec![128_i32; PERIOD * PERIOD];
    for (cell, strength) in LAYERS {
        let grid = PERIOD / cell;
        let range = u32::try_from(2 * strength + 1).expect("a strength is positive");
        let values: Vec<i32> =
            (0..grid * grid).map(|_| i32::from(low_byte(random.next() % range)) - strength).collect();
        for (y, line) in sum.chunks_exact_mut(PERIOD).enumerate() {
            let (top, bottom) = (y / cell * grid, (y / cell + 1) % grid * grid);
            for (x, pixel) in line.iter_mut().enumerate() {
                let (left, right) = (x / cell, (x / cell + 1) % grid);
                let upper = blend(values[top + left], values[top + right], x % cell, cell);
                let lower = blend(values[bottom + left], values[bottom + right], x % cell, cell);
                *pixel += blend(upper, lower, y % cell, cell);
            }
        }
    }
    sum.iter().map(|&value| u8::try_from(value.clamp(20, 230)).expect("it is clamped")).collect()
}

fn blend(from: i32, to: i32, step: usize, steps: usize) -> i32 {
    let (step, steps) = (i32::try_from(step).expect("small"), i32::try_from(steps).expect("small"));
    (from * (steps - step) + to * step) / steps
}

fn low_byte(value: u32) -> u8 {
    u8::try_from(value & 0xff).expect("eight bits")
}

/// Xorshift (Marsaglia 2003).
struct Random(u32);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_picture_has_its_stamp_and_differs_from_the_one_before() {
        let (width, height) = (640, 480);
        let painter = Painter::new(width, height);
        let pictures: Vec<_> = (0..3).map(|number| painter.luma(number)).collect();

        for (number, picture) in (0..).zip(&pictures) {
            assert_eq!(stamp::read(picture, width, width, height), Some(number));
        }
        let below = stamp::height(height) * width;
        assert_ne!(pictures[0][below..], pictures[1][below..]);
        assert_eq!(painter.i420(2)[..width * height], pictures[2]);
    }
}
