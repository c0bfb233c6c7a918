//! Where a recording reads along: behind the encoder, before the decoder, where the audio goes back.
//!
//! Runs on GStreamer's streaming threads, once an access unit: one flag where nothing is recorded; else a copy of the
//! encoded bytes (a few kB; the buffers themselves belong to pools that an encoder may wait for) for the listener, which
//! must never wait.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use gst::prelude::*;

use super::probes::Probe;
use crate::media::gst::time;

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

/// Takes a piece; `false` once it takes no more.
pub type Listener = Box<dyn Fn(Piece) -> bool + Send>;

/// The places of one graph where a recording reads along.
#[derive(Default)]
pub struct Feeds {
    on: AtomicBool,
    input: AtomicBool,
    sound: AtomicBool,
    /// With the number of the graph.
    listener: Mutex<Option<(u32, Listener)>>,
    numbers: Arc<Numbers>,
}

impl Feeds {
    /// Gives `listener` what passes from here on, as pieces of the graph of that number.
    pub fn connect(&self, number: u32, input: bool, listener: Listener) {
        self.input.store(input, Relaxed);
        *self.lock() = Some((number, listener));
        self.on.store(true, Relaxed);
    }

    /// Gives nobody any more.
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

    /// Reads every buffer that passes `pad`.
    pub fn watch(self: &Arc<Self>, track: Track, probe: &Probe, pad: &gst::Pad) {
        let feeds = self.clone();
        probe.each(pad, move |pad, buffer| {
            if feeds.wants(track)
                && let Some(at) = time::of_buffer(pad, buffer)
            {
                feeds.give(track, buffer, pad.current_caps(), at.into());
            }
        });
    }

    /// Reads a packet of audio.
    pub fn hear(&self, sample: &gst::Sample) {
        self.sound.store(true, Relaxed);
        if self.wants(Track::Sound)
            && let Some(buffer) = sample.buffer()
            && let Some(at) = time::of_sample(sample)
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
        let mut listener = self.lock();
        let Some((source, take)) = &*listener else { return };
        if !take(Piece { source: *source, track, data: map.to_vec(), caps, at, key }) {
            self.on.store(false, Relaxed);
            listener.take();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<(u32, Listener)>> {
        self.listener.lock().unwrap_or_else(PoisonError::into_inner)
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
    fn a_listener_that_takes_no_more_ends_the_feed_and_not_the_stream() {
        gst::init().unwrap();
        let (pieces, heard) = mpsc::sync_channel(2);
        let feeds = Feeds::default();
        feeds.connect(3, false, Box::new(move |piece| pieces.try_send(piece).is_ok()));
        let buffer = gst::Buffer::from_slice([7_u8; 4]);

        for second in 0..4 {
            feeds.give(Track::Output, &buffer, None, Duration::from_secs(second));
        }

        assert!(!feeds.wants(Track::Output));
        let pieces: Vec<_> = heard.iter().collect();
        assert!(matches!(&pieces[..], [one, _] if one.source == 3 && one.key));
    }

    #[test]
    fn the_input_is_heard_where_it_is_wanted_alone() {
        let feeds = Feeds::default();
        assert!(!feeds.wants(Track::Output));

        feeds.connect(0, false, Box::new(|_| true));
        assert!(feeds.wants(Track::Sound) && !feeds.wants(Track::Input));
        feeds.connect(0, true, Box::new(|_| true));
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
