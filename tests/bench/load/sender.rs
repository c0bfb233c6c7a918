//! The clip's way out: which frame is due when, and which due time a returned stamp belongs to. Pure.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::clip::{Clip, FPS};

/// Due times are absolute: a frame that went late does not move the next one.
pub struct Sender {
    clip: Arc<Clip>,
    started_at: Option<Instant>,
    index: usize,
    /// What was sent: the index in the clip and the due time.
    sent: Vec<(u32, Instant)>,
    /// The place in `sent` of the picture that came back last.
    returned: Option<usize>,
}

/// A frame to send.
pub struct Frame {
    pub due: Instant,
    /// Frames before it in this session.
    pub count: u64,
    index: usize,
}

impl Sender {
    pub fn new(clip: Arc<Clip>) -> Sender {
        Sender { clip, started_at: None, index: 0, sent: Vec::new(), returned: None }
    }

    pub fn start(&mut self, now: Instant) {
        self.started_at.get_or_insert(now);
    }

    /// When the next frame is due; `None` before the start.
    pub fn next_due(&self) -> Option<Instant> {
        let count = u32::try_from(self.sent.len()).expect("a run is shorter than a year");
        self.started_at.map(|started_at| started_at + Duration::from_secs(1) * count / FPS)
    }

    /// The frame that is due at `now`. It counts as sent.
    pub fn take(&mut self, now: Instant) -> Option<Frame> {
        let due = self.next_due().filter(|due| *due <= now)?;
        let frame = Frame { due, count: self.sent.len() as u64, index: self.index };
        self.sent.push((u32::try_from(self.index).expect("the clip is short"), due));
        self.index = (self.index + 1) % self.clip.units.len();
        Some(frame)
    }

    pub fn data(&self, frame: &Frame) -> &[u8] {
        &self.clip.units[frame.index].data
    }

    /// Goes on with the next key frame.
    pub fn jump_to_key_frame(&mut self) {
        self.index = self.clip.key_frame_from(self.index);
    }

    /// The due time of a returned picture that is newer than those before it. Stamps repeat with the clip, so that the
    /// one meant is the first with this number after the picture before.
    pub fn due_of(&mut self, stamp: u32) -> Option<Instant> {
        if self.returned.is_some_and(|place| self.sent[place].0 == stamp) {
            return None;
        }
        let from = self.returned.map_or(0, |place| place + 1);
        let place = from + self.sent[from..].iter().position(|(sent, _)| *sent == stamp)?;
        self.returned = Some(place);
        Some(self.sent[place].1)
    }
}
