//! The planes of a frame in a slot: in `GStreamer`'s own layout, so that nothing downstream converts. Pure.

use super::protocol::Plane;
use crate::frame::{Frame, Layout};

/// Slots begin on a page, so that two never share one.
const PAGE: usize = 4096;
/// Beyond every codec here: the product of all lengths stays far below what a `usize` holds.
const LENGTH_LIMIT: u32 = 16_384;

/// Size and layout of the frames of one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Geometry {
    pub layout: Layout,
    pub width: u32,
    pub height: u32,
    pub planes: Vec<Plane>,
    pub slot_bytes: usize,
}

impl Geometry {
    /// The geometry of `frame`.
    ///
    /// # Errors
    /// A frame of an impossible size.
    pub fn of(frame: &Frame) -> Result<Self, String> {
        let (width, height) = (frame.width, frame.height);
        if !(1..=LENGTH_LIMIT).contains(&width) || !(1..=LENGTH_LIMIT).contains(&height) {
            return Err(format!(
                "expected a frame of 1 to {LENGTH_LIMIT} pixels each way, got {width}x{height}"
            ));
        }
        let (columns, rows) = (width as usize, height as usize);
        let (half_columns, half_rows) = (columns.div_ceil(2), rows.div_ceil(2));
        let shapes = match frame.layout {
            Layout::I420 => {
                vec![(columns, rows, 1), (half_columns, half_rows, 1), (half_columns, half_rows, 1)]
            }
            Layout::Nv12 => vec![(columns, rows, 1), (half_columns, half_rows, 2)],
            Layout::Rgb => vec![(columns, rows, 3)],
            Layout::Rgba => vec![(columns, rows, 4)],
        };
        let mut end = 0;
        let mut planes = Vec::with_capacity(shapes.len());
        for (width, height, channels) in shapes {
            let stride = (width * channels).next_multiple_of(4);
            planes.push(Plane { offset: end, stride, width, height, channels });
            // A plane of an odd height has room for one row more, as GStreamer's have.
            end += stride
                * height.next_multiple_of(if planes.len() == 1 && frame.layout.is_subsampled() {
                    2
                } else {
                    1
                });
        }
        Ok(Self { layout: frame.layout, width, height, planes, slot_bytes: end.next_multiple_of(PAGE) })
    }

    /// Whether `frame` has these planes, apart from its strides.
    pub fn fits(&self, frame: &Frame) -> bool {
        (self.layout, self.width, self.height) == (frame.layout, frame.width, frame.height)
    }
}

impl Plane {
    /// Bytes of a row that are frame.
    pub fn row_bytes(&self) -> usize {
        self.width * self.channels
    }

    /// Bytes from the first to behind the last row.
    pub fn bytes(&self) -> usize {
        self.stride * self.height
    }
}

impl Layout {
    fn is_subsampled(self) -> bool {
        matches!(self, Self::I420 | Self::Nv12)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(layout: Layout, width: u32, height: u32) -> Frame {
        Frame::packed(layout, (width, height), Vec::new())
    }

    #[test]
    fn planes_lie_as_gstreamer_lays_them() {
        let rgb = Geometry::of(&frame(Layout::Rgb, 5, 3)).unwrap();
        let i420 = Geometry::of(&frame(Layout::I420, 5, 3)).unwrap();

        assert_eq!((rgb.planes[0].stride, rgb.slot_bytes), (16, PAGE));
        let offsets: Vec<_> = i420.planes.iter().map(|plane| (plane.offset, plane.stride)).collect();
        assert_eq!(offsets, [(0, 8), (32, 4), (40, 4)]);
    }

    #[test]
    fn planes_never_overlap_and_end_in_the_slot() {
        for layout in [Layout::I420, Layout::Nv12, Layout::Rgb, Layout::Rgba] {
            for (width, height) in
                [(1, 1), (2, 2), (17, 33), (512, 512), (1280, 720), (LENGTH_LIMIT, LENGTH_LIMIT)]
            {
                let geometry = Geometry::of(&frame(layout, width, height)).unwrap();

                let mut end = 0;
                for plane in &geometry.planes {
                    assert!(plane.offset >= end && plane.row_bytes() <= plane.stride, "{geometry:?}");
                    end = plane.offset + plane.bytes();
                }
                assert!(end <= geometry.slot_bytes, "{geometry:?}");
            }
        }
    }

    #[test]
    fn an_impossible_size_is_refused() {
        assert!(Geometry::of(&frame(Layout::Rgb, 0, 4)).is_err());
        assert!(Geometry::of(&frame(Layout::Rgb, 4, LENGTH_LIMIT + 1)).is_err());
    }
}
