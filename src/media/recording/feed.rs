//! Where a recording hears of what passes: behind the encoder, before the decoder, where the sound goes back.
//!
//! Runs on GStreamer's streaming threads, once an access unit: one flag where nothing is recorded; else a copy of the
//! encoded bytes (a few kB; the buffers themselves belong to pools that an encoder may wait for) into a bounded queue.
//! Must never wait.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::{SyncSender, TrySendError},
    },
    time::{Duration, Instant},
};

use gst::prelude::*;

use super::super::timing;
use crate::recordings::{Change, EndCode};

/// Numbers of pictures that are remembered: seconds, more than any encoder or decoder holds.
const NUMBERS: usize = 256;
/// Codecs keep time in units of their own, down to 90 kHz; pictures are some milliseconds apart.
const SAME: Duration = Duration::from_millis(1);

/// Which stream a piece is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Track {
    /// The picture that is sent.
    Output,
    /// The picture that comes.
    Input,
    /// The sound, which goes back as it comes.
    Sound,
}

/// An access unit or a packet of sound.
#[derive(Debug)]
pub struct Piece {
    /// The graph that it is of.
    pub source: u32,
    /// Its stream.
    pub track: Track,
    /// Its bytes.
    pub data: Vec<u8>,
    /// What they are.
    pub caps: Option<gst::Caps>,
    /// Its running time.
    pub at: Duration,
    /// Whether a decoder can begin with it.
    pub key: bool,
}

/// A graph whose streams are recorded.
pub struct Source {
    /// Its number in the recording.
    pub number: u32,
    /// The session that it is of.
    pub session: String,
    /// When its running time was zero.
    pub zero: Instant,
    /// Whether sound has come.
    pub sound: bool,
    /// Numbers of its pictures.
    pub numbers: Arc<Numbers>,
}

/// What the recording's thread is told.
pub enum Letter {
    /// Another graph goes on.
    Source(Source),
    /// Something of a stream.
    Piece(Piece),
    /// Something changed.
    Note(Change),
    /// It is to end.
    End(EndCode, String),
}

/// The way to a recording.
#[derive(Clone)]
pub struct Line {
    /// Where letters go.
    pub letters: SyncSender<Letter>,
    /// Set when there was no room for one.
    pub overflow: Arc<AtomicBool>,
}

/// The places of one graph where a recording hears.
#[derive(Default)]
pub struct Feeds {
    on: AtomicBool,
    input: AtomicBool,
    sound: AtomicBool,
    line: Mutex<Option<(u32, Line)>>,
    numbers: Arc<Numbers>,
}

impl Feeds {
    /// Lets `line` hear from here on, as the graph of that number.
    pub fn connect(&self, number: u32, line: Line, input: bool) {
        self.input.store(input, Relaxed);
        *self.lock() = Some((number, line));
        self.on.store(true, Relaxed);
    }

    /// Lets nobody hear any more.
    pub fn disconnect(&self) {
        self.on.store(false, Relaxed);
        self.lock().take();
    }

    /// Whether sound has come: a place for it in the session says nothing, for pages keep one for later.
    pub fn has_sound(&self) -> bool {
        self.sound.load(Relaxed)
    }

    /// Numbers of the pictures that pass.
    pub fn numbers(&self) -> &Arc<Numbers> {
        &self.numbers
    }

    /// Notes the number of a picture that goes into the encoder or comes from the decoder at that running time.
    pub fn number(&self, track: Track, at: Duration, number: u64) {
        if self.on.load(Relaxed) {
            self.numbers.add(track, at, number);
        }
    }

    /// Hears every buffer that passes `pad`.
    pub fn watch(self: &Arc<Self>, track: Track, pad: &gst::Pad) {
        let feeds = self.clone();
        pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
            if feeds.wants(track)
                && let Some(gst::PadProbeData::Buffer(buffer)) = &info.data
                && let Some(at) = timing::running_time(pad, buffer)
            {
                feeds.give(track, buffer, pad.current_caps(), at.into());
            }
            gst::PadProbeReturn::Ok
        });
    }

    /// Hears a packet of sound.
    pub fn hear(&self, sample: &gst::Sample) {
        self.sound.store(true, Relaxed);
        if !self.wants(Track::Sound) {
            return;
        }
        let segment = sample.segment().and_then(|segment| segment.downcast_ref::<gst::ClockTime>());
        if let Some(buffer) = sample.buffer()
            && let Some(at) =
                segment.zip(buffer.pts()).and_then(|(segment, pts)| segment.to_running_time(pts))
        {
            self.give(Track::Sound, buffer, None, at.into());
        }
    }

    fn wants(&self, track: Track) -> bool {
        self.on.load(Relaxed) && (track != Track::Input || self.input.load(Relaxed))
    }

    fn give(&self, track: Track, buffer: &gst::BufferRef, caps: Option<gst::Caps>, at: Duration) {
        let Ok(map) = buffer.map_readable() else { return };
        let key = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
        let mut line = self.lock();
        let Some((source, open)) = &*line else { return };
        let piece = Piece { source: *source, track, data: map.to_vec(), caps, at, key };
        match open.letters.try_send(Letter::Piece(piece)) {
            Ok(()) => return,
            Err(TrySendError::Full(_)) => open.overflow.store(true, Relaxed),
            Err(TrySendError::Disconnected(_)) => {}
        }
        self.on.store(false, Relaxed);
        line.take();
    }

    fn lock(&self) -> MutexGuard<'_, Option<(u32, Line)>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The numbers of the newest pictures, by their time.
#[derive(Default)]
pub struct Numbers(Mutex<[VecDeque<(Duration, u64)>; 2]>);

impl Numbers {
    fn add(&self, track: Track, at: Duration, number: u64) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ring = &mut all[usize::from(track == Track::Input)];
        if ring.len() >= NUMBERS {
            ring.pop_front();
        }
        ring.push_back((at, number));
    }

    /// The number of the picture of that time, once it is known.
    pub fn of(&self, track: Track, at: Duration) -> Option<u64> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ring = &all[usize::from(track == Track::Input)];
        ring.iter().find(|(time, _)| time.abs_diff(at) < SAME).map(|(_, number)| *number)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_full_queue_ends_the_hearing_and_not_the_stream() {
        gst::init().unwrap();
        let (letters, heard) = mpsc::sync_channel(2);
        let line = Line { letters, overflow: Arc::default() };
        let feeds = Feeds::default();
        feeds.connect(3, line.clone(), false);
        let buffer = gst::Buffer::from_slice([7_u8; 4]);

        for second in 0..4 {
            feeds.give(Track::Output, &buffer, None, Duration::from_secs(second));
        }

        assert!(line.overflow.load(Relaxed) && !feeds.wants(Track::Output));
        let pieces: Vec<_> = heard.try_iter().collect();
        assert!(matches!(&pieces[..], [Letter::Piece(one), Letter::Piece(_)] if one.source == 3 && one.key));
    }

    #[test]
    fn the_input_is_heard_where_it_is_wanted_alone() {
        let (letters, _heard) = mpsc::sync_channel(2);
        let line = Line { letters, overflow: Arc::default() };
        let feeds = Feeds::default();
        assert!(!feeds.wants(Track::Output));

        feeds.connect(0, line.clone(), false);
        assert!(feeds.wants(Track::Sound) && !feeds.wants(Track::Input));
        feeds.connect(0, line, true);
        assert!(feeds.wants(Track::Input));
        feeds.disconnect();
        assert!(!feeds.wants(Track::Input));
    }

    #[test]
    fn a_picture_is_known_by_its_time_though_a_codec_rounds_it() {
        let numbers = Numbers::default();
        for number in 0..300 {
            numbers.add(Track::Output, Duration::from_millis(33) * u32::try_from(number).unwrap(), number);
        }

        let rounded = Duration::from_millis(33) * 290 + Duration::from_micros(11);
        assert_eq!(numbers.of(Track::Output, rounded), Some(290));
        assert_eq!(numbers.of(Track::Input, rounded), None);
        assert_eq!(numbers.of(Track::Output, Duration::ZERO), None, "long forgotten");
    }
}
