//! The black input frame of a stage that generates frames, in the pipeline's first layout and at its size.

use std::{
    any::Any,
    sync::Arc,
    time::{Duration, Instant},
};

use super::Info;
use crate::frame::{Frame, Layout, Packed, Pixels};

/// Luma and chroma of black in limited range (BT.601).
const BLACK: (u8, u8) = (16, 128);

/// Bytes of such a frame.
struct Blank(Packed);

impl Pixels for Blank {
    fn plane(&self, index: usize) -> &[u8] {
        self.0.plane(index)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Whether the frame comes from [`frame`], not from the client.
pub fn is(frame: &Frame) -> bool {
    frame.data.as_any().is::<Blank>()
}

/// A black frame at time 0, of `size` or the pipeline's own.
pub fn frame(info: &Info, size: Option<(u32, u32)>) -> Frame {
    let layout = info.layouts.first().copied().unwrap_or(Layout::I420);
    let (width, height) = size.unwrap_or(info.size);
    let (columns, rows) = (width as usize, height as usize);
    let (strides, offsets) = layout.packed(columns, rows);
    let pixels = columns * rows;
    let bytes = match layout {
        Layout::I420 | Layout::Nv12 => {
            let chroma = columns.div_ceil(2) * rows.div_ceil(2) * 2;
            [vec![BLACK.0; pixels], vec![BLACK.1; chroma]].concat()
        }
        Layout::Rgb => vec![0; pixels * 3],
        Layout::Rgba => [0, 0, 0, u8::MAX].repeat(pixels),
    };
    Frame {
        seq: 0,
        pts: Duration::ZERO,
        since: Instant::now(),
        width,
        height,
        layout,
        strides,
        data: Arc::new(Blank(Packed::new(bytes, offsets))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::Catalog;

    #[test]
    fn every_layout_has_planes_of_its_size() {
        let mut info = Catalog::default().get("echo").unwrap().info;
        info.size = (64, 32);
        for (layout, sizes) in [
            (Layout::I420, vec![2048, 512, 512]),
            (Layout::Nv12, vec![2048, 1024]),
            (Layout::Rgb, vec![6144]),
            (Layout::Rgba, vec![8192]),
        ] {
            info.layouts = vec![layout];

            let frame = frame(&info, None);

            let planes: Vec<_> = (0..sizes.len()).map(|plane| frame.data.plane(plane).len()).collect();
            assert_eq!(planes, sizes, "{layout:?}");
            assert!(is(&frame));
        }
    }
}
