//! A video file whose pictures carry numbers.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use scope::{
    frame::{Frame, Layout, Packed},
    media::{Keep, Writer},
};

use super::stamp;

const WIDTH: usize = 320;
const HEIGHT: usize = 240;
/// Numbers of the file's pictures: no camera of the tests gets so far.
pub const FIRST: u32 = 5_000;
/// A second and a half of them.
pub const PICTURES: u32 = 45;

/// A file of numbered pictures, 30 a second.
pub fn film(path: &Path) {
    let mut writer = Writer::create(path, Keep::Enough, 30.0).unwrap();
    for number in 0..PICTURES {
        let area = WIDTH * HEIGHT;
        let mut bytes = vec![128; area * 3 / 2];
        stamp::write(&mut bytes[..area], WIDTH, WIDTH, HEIGHT, FIRST + number);
        let frame = Frame {
            seq: u64::from(number),
            pts: Duration::from_secs(1) * number / 30,
            since: Instant::now(),
            width: u32::try_from(WIDTH).unwrap(),
            height: u32::try_from(HEIGHT).unwrap(),
            layout: Layout::I420,
            strides: vec![WIDTH, WIDTH / 2, WIDTH / 2],
            data: Arc::new(Packed::new(bytes, vec![0, area, area * 5 / 4])),
        };
        writer.write(&frame).unwrap();
    }
    writer.finish().unwrap();
}
