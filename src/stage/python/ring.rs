//! Shared memory of one session: equal slots in a memfd, each with one owner at a time.
//!
//! A frame that a worker made is passed on in its slot, which returns when the last holder drops it. The memory is freed
//! with the last slot.

use std::{
    any::Any,
    collections::BTreeMap,
    os::fd::OwnedFd,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering::Relaxed},
};

use super::{
    counters::Counters,
    ffi::{Region, Sealed},
    geometry::Geometry,
};
use crate::frame::{Frame, Pixels};

/// One for the input, one for the output in work, and those downstream: the frame in the output slot, one or two at the
/// encoder, the last good one. The others are used when an encoder looks ahead, and cost nothing until then.
pub const SLOTS: usize = 12;

/// The free slots.
pub struct Ring {
    pub geometry: Geometry,
    free: Mutex<BTreeMap<u32, Region>>,
}

impl Ring {
    /// A new ring, and the file for the worker.
    ///
    /// # Errors
    /// The system refused memory or a descriptor.
    pub fn new(geometry: Geometry) -> std::io::Result<(Arc<Self>, OwnedFd)> {
        let file = Sealed::new("scope-ring", geometry.slot_bytes * SLOTS)?;
        let regions = file.map(SLOTS, geometry.slot_bytes)?;
        let free = Mutex::new((0..).zip(regions).collect());
        Ok((Arc::new(Self { geometry, free }), file.into_file()))
    }

    /// The first free slot: a ring that is little used touches little memory.
    pub fn take(self: &Arc<Self>) -> Option<Slot> {
        let (index, region) = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop_first()?;
        Some(Slot { index, region: Some(region), ring: self.clone() })
    }
}

/// One slot and its bytes; returns to the ring when dropped.
pub struct Slot {
    pub index: u32,
    /// `Some` until the drop.
    region: Option<Region>,
    ring: Arc<Ring>,
}

impl Slot {
    /// Copies the frame in, once.
    ///
    /// # Errors
    /// The frame has fewer bytes than its size requires.
    pub fn fill(&mut self, frame: &Frame, counters: &Counters) -> Result<(), String> {
        let mut by_row = false;
        let Some(region) = self.region.as_mut() else { return Ok(()) };
        for (index, plane) in self.ring.geometry.planes.iter().enumerate() {
            let (from, stride) = (frame.data.plane(index), frame.strides.get(index).copied().unwrap_or(0));
            let needed = stride * (plane.height - 1) + plane.row_bytes();
            if stride < plane.row_bytes() || from.len() < needed {
                let got = from.len();
                return Err(format!(
                    "plane {index}: expected {needed} bytes, got {got} with rows of {stride}"
                ));
            }
            if stride == plane.stride {
                region.write(plane.offset, &from[..plane.bytes().min(from.len())]);
            } else {
                by_row = true;
                for (row, from) in from.chunks(stride).take(plane.height).enumerate() {
                    region.write(plane.offset + row * plane.stride, &from[..plane.row_bytes()]);
                }
            }
            counters.bytes_in.fetch_add((plane.row_bytes() * plane.height) as u64, Relaxed);
        }
        Counters::count(&counters.copied_in);
        if by_row {
            Counters::count(&counters.copied_by_row);
        }
        Ok(())
    }

    /// The frame in it, with the number and time of `input`.
    pub fn into_frame(self, input: &Frame) -> Frame {
        let geometry = &self.ring.geometry;
        let strides = geometry.planes.iter().map(|plane| plane.stride).collect();
        let (width, height, layout) = (geometry.width, geometry.height, geometry.layout);
        Frame { width, height, layout, strides, data: Arc::new(self), ..input.clone() }
    }
}

impl Pixels for Slot {
    fn plane(&self, index: usize) -> &[u8] {
        let plane = self.ring.geometry.planes.get(index).zip(self.region.as_ref());
        plane.map_or(&[], |(plane, region)| &region.bytes()[plane.offset..plane.offset + plane.bytes()])
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(region) = self.region.take() {
            self.ring.free.lock().unwrap_or_else(PoisonError::into_inner).insert(self.index, region);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::frame::{Layout, Packed};

    fn frame(width: u32, height: u32, stride: usize) -> Frame {
        let bytes = (0..stride * height as usize).map(|at| u8::try_from(at % 251).unwrap()).collect();
        Frame {
            seq: 3,
            pts: Duration::from_millis(5),
            strides: vec![stride],
            ..Frame::packed(Layout::Rgb, (width, height), bytes)
        }
    }

    #[test]
    fn a_frame_is_copied_once_and_handed_on_where_it_lies() {
        let (counters, input) = (Counters::default(), frame(8, 4, 24));
        let (ring, _file) = Ring::new(Geometry::of(&input).unwrap()).unwrap();
        let mut slot = ring.take().unwrap();

        slot.fill(&input, &counters).unwrap();
        let address = slot.plane(0).as_ptr();
        let output = slot.into_frame(&input);

        assert_eq!(output.data.plane(0), input.data.plane(0));
        assert_eq!(output.data.plane(0).as_ptr(), address);
        assert_eq!((output.seq, output.pts), (3, Duration::from_millis(5)));
        let counted = [&counters.copied_in, &counters.copied_by_row, &counters.bytes_in].map(Counters::read);
        assert_eq!(counted, [1, 0, 96]);
    }

    #[test]
    fn rows_that_lie_further_apart_are_brought_together() {
        let (counters, input) = (Counters::default(), frame(8, 4, 40));
        let (ring, _file) = Ring::new(Geometry::of(&input).unwrap()).unwrap();
        let mut slot = ring.take().unwrap();

        slot.fill(&input, &counters).unwrap();

        for row in 0..4 {
            assert_eq!(slot.plane(0)[row * 24..][..24], input.data.plane(0)[row * 40..][..24]);
        }
        assert_eq!(Counters::read(&counters.copied_by_row), 1);
    }

    #[test]
    fn a_slot_comes_back_when_its_last_holder_drops_it() {
        let input = frame(8, 4, 24);
        let (ring, _file) = Ring::new(Geometry::of(&input).unwrap()).unwrap();

        let held: Vec<_> = std::iter::from_fn(|| ring.take()).collect();
        assert_eq!(held.len(), SLOTS);
        assert!(ring.take().is_none());
        drop(held);

        assert_eq!(ring.take().unwrap().index, 0);
    }

    #[test]
    fn the_memory_can_be_made_no_shorter() {
        let (_ring, file) = Ring::new(Geometry::of(&frame(8, 4, 24)).unwrap()).unwrap();

        assert_eq!(rustix::fs::ftruncate(&file, 0), Err(rustix::io::Errno::PERM));
    }

    #[test]
    fn a_frame_of_too_few_bytes_is_refused() {
        let input = frame(8, 4, 24);
        let (ring, _file) = Ring::new(Geometry::of(&input).unwrap()).unwrap();
        let short = Frame { data: Arc::new(Packed::new(vec![0; 90], vec![0])), ..input };

        assert!(ring.take().unwrap().fill(&short, &Counters::default()).is_err());
    }
}
