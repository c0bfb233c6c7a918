//! The frames that media and stage exchange, and the hand-over between them.
//!
//! Owns: [`Frame`], [`Layout`], [`Slot`], [`MaxFrame`], and the vocabulary of [`bins`]. Runs on the caller's thread. Must never copy a pixel.

pub mod bins;
mod max;

use std::{
    any::Any,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

pub use max::MaxFrame;

/// The arrangement of a frame's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Layout {
    /// Three planes: Y at full size, U and V at half width and half height.
    I420,
    /// Two planes: Y at full size, interleaved UV at half width and half height.
    Nv12,
    /// One plane, three bytes a pixel.
    Rgb,
    /// One plane, four bytes a pixel.
    Rgba,
}

impl Layout {
    /// The strides and offsets of the planes of a frame of this size, without padding.
    pub fn packed(self, width: usize, height: usize) -> (Vec<usize>, Vec<usize>) {
        // Chroma rounds up for odd sizes.
        let (half, luma) = (width.div_ceil(2), width * height);
        let chroma = half * height.div_ceil(2);
        match self {
            Self::I420 => (vec![width, half, half], vec![0, luma, luma + chroma]),
            Self::Nv12 => (vec![width, half * 2], vec![0, luma]),
            Self::Rgb => (vec![width * 3], vec![0]),
            Self::Rgba => (vec![width * 4], vec![0]),
        }
    }
}

/// The owner of a frame's bytes: a mapped `GstBuffer`, a shared-memory slot, a `Vec`.
pub trait Pixels: Send + Sync + Any {
    /// The bytes of plane `index`, rows `stride` bytes apart; empty where the layout has no such plane.
    fn plane(&self, index: usize) -> &[u8];
    /// Lets the owner's own module downcast it and pass the bytes on by reference.
    fn as_any(&self) -> &dyn Any;
}

/// A frame's bytes in one allocation, plane after plane.
pub struct Packed {
    bytes: Vec<u8>,
    offsets: Vec<usize>,
}

impl Packed {
    /// `offsets` are the starts of the planes in `bytes`, ascending.
    pub fn new(bytes: Vec<u8>, offsets: Vec<usize>) -> Self {
        Self { bytes, offsets }
    }
}

impl Pixels for Packed {
    fn plane(&self, index: usize) -> &[u8] {
        let Some(&start) = self.offsets.get(index) else { return &[] };
        let end = self.offsets.get(index + 1).copied().unwrap_or(self.bytes.len());
        self.bytes.get(start..end).unwrap_or_default()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// One raw frame.
#[derive(Clone)]
pub struct Frame {
    /// Counted after the decoder, from 0, without gaps; a stage keeps it.
    pub seq: u64,
    /// Presentation time on the session's clock; a stage keeps it.
    pub pts: Duration,
    /// When it left the previous step: the decoder, then the stage.
    pub since: Instant,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Arrangement of the bytes.
    pub layout: Layout,
    /// Bytes from one row to the next, for each plane.
    pub strides: Vec<usize>,
    /// The bytes, shared: a stage that changes them makes a copy.
    pub data: Arc<dyn Pixels>,
}

impl Frame {
    /// Frame 0 at time 0, in memory of its own, without padding.
    pub fn packed(layout: Layout, (width, height): (u32, u32), bytes: Vec<u8>) -> Self {
        let (strides, offsets) = layout.packed(width as usize, height as usize);
        let data = Arc::new(Packed::new(bytes, offsets));
        Self { seq: 0, pts: Duration::ZERO, since: Instant::now(), width, height, layout, strides, data }
    }
}

/// The outcome of [`Slot::put`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// The slot was empty.
    Stored,
    /// An older value was replaced and counted as dropped.
    Replaced,
    /// The slot is closed; the value is dropped.
    Closed,
}

/// The outcome of a bounded wait on a [`Slot`].
#[derive(Debug, PartialEq, Eq)]
pub enum Take<T> {
    /// The newest value.
    Item(T),
    /// No value within the limit.
    Empty,
    /// The slot is closed.
    Closed,
}

/// A hand-over of length one between two threads: the newest value wins, a replaced one is counted.
pub struct Slot<T> {
    state: Mutex<SlotState<T>>,
    changed: Condvar,
    dropped: AtomicU64,
}

struct SlotState<T> {
    item: Option<T>,
    closed: bool,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self {
            state: Mutex::new(SlotState { item: None, closed: false }),
            changed: Condvar::new(),
            dropped: AtomicU64::new(0),
        }
    }
}

impl<T> Slot<T> {
    /// Puts the newest value; never waits longer than the other side's swap.
    pub fn put(&self, item: T) -> Put {
        let mut state = self.lock();
        if state.closed {
            return Put::Closed;
        }
        let replaced = state.item.replace(item);
        drop(state);
        self.changed.notify_one();
        if replaced.is_some() {
            self.dropped.fetch_add(1, Relaxed);
            Put::Replaced
        } else {
            Put::Stored
        }
    }

    /// Waits for a value; `None` once the slot is closed.
    pub fn take(&self) -> Option<T> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(item) = state.item.take() {
                return Some(item);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits at most `limit` for a value, without taking it; `None` once the slot is closed.
    pub fn ready_within(&self, limit: Duration) -> Option<bool> {
        let (state, _) = self
            .changed
            .wait_timeout_while(self.lock(), limit, |state| state.item.is_none() && !state.closed)
            .unwrap_or_else(PoisonError::into_inner);
        (!state.closed).then_some(state.item.is_some())
    }

    /// Waits at most `limit` for a value.
    pub fn take_within(&self, limit: Duration) -> Take<T> {
        let (mut state, _) = self
            .changed
            .wait_timeout_while(self.lock(), limit, |state| state.item.is_none() && !state.closed)
            .unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return Take::Closed;
        }
        state.item.take().map_or(Take::Empty, Take::Item)
    }

    /// Wakes every waiter for good and drops the value.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let left = state.item.take();
        drop(state);
        self.changed.notify_all();
        drop(left);
    }

    /// How many values were replaced before they were taken.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, SlotState<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_value_wins_and_the_dropped_one_is_counted() {
        let slot = Slot::default();

        assert_eq!(slot.put(1), Put::Stored);
        assert_eq!(slot.put(2), Put::Replaced);

        assert_eq!(slot.take(), Some(2));
        assert_eq!(slot.dropped(), 1);
    }

    #[test]
    fn closing_wakes_a_waiter_and_refuses_what_comes_after() {
        let slot = Arc::new(Slot::<u8>::default());
        let waiter = std::thread::spawn({
            let slot = slot.clone();
            move || slot.take()
        });

        slot.close();

        assert_eq!(waiter.join().unwrap(), None);
        assert_eq!(slot.put(1), Put::Closed);
        assert_eq!(slot.take_within(Duration::ZERO), Take::Closed);
    }

    #[test]
    fn a_value_that_is_waited_for_stays_until_it_is_taken() {
        let slot = Slot::default();
        assert_eq!(slot.ready_within(Duration::from_millis(1)), Some(false));

        slot.put(1);

        assert_eq!(slot.ready_within(Duration::ZERO), Some(true));
        slot.put(2);
        assert_eq!(slot.take(), Some(2));
        slot.close();
        assert_eq!(slot.ready_within(Duration::ZERO), None);
    }

    #[test]
    fn a_bounded_wait_ends_empty() {
        assert_eq!(Slot::<u8>::default().take_within(Duration::from_millis(1)), Take::Empty);
    }

    #[test]
    fn planes_of_a_packed_frame_are_distinguished() {
        let packed = Packed::new(vec![1, 2, 3, 4, 5, 6], vec![0, 4, 5]);

        assert_eq!(packed.plane(0), [1, 2, 3, 4]);
        assert_eq!(packed.plane(2), [6]);
        assert!(packed.plane(3).is_empty());
    }
}
