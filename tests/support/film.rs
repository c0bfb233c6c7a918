//! A video file whose frames carry numbers.

use std::path::Path;
use std::time::Duration;

use scope::{
    frame::{Frame, Layout},
    media::{Keep, Writer},
};

use super::stamp;

const WIDTH: u32 = 320;
const HEIGHT: u32 = 240;
/// Numbers of the file's frames: no camera of the tests gets this far.
pub const FIRST: u32 = 5_000;
/// A second and a half of them.
pub const FRAMES: u32 = 45;

/// A file of numbered frames, 30 per second.
pub fn film(path: &Path) {
    let mut writer = Writer::create(path, Keep::Enough, 30.0).unwrap();
    for number in 0..FRAMES {
        let (width, height) = (WIDTH as usize, HEIGHT as usize);
        let mut bytes = vec![128; width * height * 3 / 2];
        stamp::write(&mut bytes[..width * height], width, width, height, FIRST + number);
        let frame = Frame {
            seq: u64::from(number),
            pts: Duration::from_secs(1) * number / 30,
            ..Frame::packed(Layout::I420, (WIDTH, HEIGHT), bytes)
        };
        writer.write(&frame).unwrap();
    }
    writer.finish().unwrap();
}
