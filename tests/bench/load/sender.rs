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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clip::{Size, Unit};
    use crate::support::codec::Codec;

    /// Four frames in the loop, the first and the third are key frames.
    fn started(now: Instant) -> Sender {
        let units = (0..4).map(|index| Unit { data: vec![index], is_key: index % 2 == 0 }).collect();
        let mut sender = Sender::new(Arc::new(Clip { codec: Codec::Vp8, size: Size::VGA, units }));
        sender.start(now);
        sender
    }

    fn frame_times(start: Instant) -> impl Iterator<Item = Instant> {
        (0..).map(move |count| start + Duration::from_secs(1) * count / FPS)
    }

    #[test]
    fn a_late_frame_does_not_move_the_next_one() {
        let start = Instant::now();
        let mut sender = started(start);
        let late = start + Duration::from_secs(1) / 60;

        let first = sender.take(late).expect("it is due");

        assert_eq!(first.due, start);
        assert_eq!(sender.next_due(), frame_times(start).nth(1));
        assert!(sender.take(late).is_none());
    }

    #[test]
    fn a_picture_older_than_the_loop_keeps_its_own_due_time() {
        let start = Instant::now();
        let mut sender = started(start);
        for now in frame_times(start).take(9) {
            sender.take(now).expect("it is due");
        }

        let due: Vec<_> = [0, 1, 3, 0].map(|stamp| sender.due_of(stamp).expect("it was sent")).into();

        let sent: Vec<_> = frame_times(start).take(5).collect();
        assert_eq!(due, [sent[0], sent[1], sent[3], sent[4]]);
    }

    #[test]
    fn a_repeated_picture_and_one_never_sent_have_no_due_time() {
        let start = Instant::now();
        let mut sender = started(start);
        sender.take(start).expect("it is due");

        assert_eq!(sender.due_of(2), None);
        assert_eq!(sender.due_of(0), Some(start));
        assert_eq!(sender.due_of(0), None);
    }

    #[test]
    fn a_request_brings_the_next_key_frame() {
        let start = Instant::now();
        let mut sender = started(start);
        let mut sent = Vec::new();
        for (count, now) in frame_times(start).take(4).enumerate() {
            if count == 1 || count == 3 {
                sender.jump_to_key_frame();
            }
            let frame = sender.take(now).expect("it is due");
            sent.extend_from_slice(sender.data(&frame));
        }

        assert_eq!(sent, [0, 2, 3, 0]);
    }
}
