//! Copies encoded media for a recording: after the encoder, before the decoder, and where audio goes back.
//!
//! Runs on GStreamer's streaming threads, once per access unit. Without a recording it reads one flag. With one it
//! copies the encoded bytes (a few kB; the buffers themselves belong to pools that an encoder may wait for) and hands
//! them to the listener, which must never block.

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

/// Frame numbers that are remembered: seconds' worth, more than any encoder or decoder holds.
const NUMBERS: usize = 256;
/// Tolerance for matching times: codecs round them, to 90 kHz at the coarsest; frames are milliseconds apart.
const SAME: Duration = Duration::from_millis(1);

/// The stream that a piece belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Track {
    /// The video that is sent.
    Output,
    /// The video that is received.
    Input,
    /// The audio, which goes back unchanged.
    Audio,
}

/// An access unit or an audio packet.
#[derive(Debug)]
pub struct Piece {
    /// Number of its graph.
    pub source: u32,
    /// Its stream.
    pub track: Track,
    /// Its bytes.
    pub data: Vec<u8>,
    /// Their format, for video.
    pub caps: Option<gst::Caps>,
    /// Its running time.
    pub at: Duration,
    /// Whether it is a key frame.
    pub key: bool,
}

/// Takes a piece; returns `false` to get no more.
pub type Listener = Box<dyn Fn(Piece) -> bool + Send>;

/// The points of one graph where a recording copies media.
#[derive(Default)]
pub struct Feeds {
    on: AtomicBool,
    input: AtomicBool,
    audio: AtomicBool,
    /// The graph's number and the listener.
    listener: Mutex<Option<(u32, Listener)>>,
    numbers: Arc<Numbers>,
}

impl Feeds {
    /// Starts passing pieces, labelled with the graph's `number`, to `listener`; those of the input only if `input`.
    pub fn connect(&self, number: u32, input: bool, listener: Listener) {
        self.input.store(input, Relaxed);
        *self.lock() = Some((number, listener));
        self.on.store(true, Relaxed);
    }

    /// Stops passing pieces.
    pub fn disconnect(&self) {
        self.on.store(false, Relaxed);
        self.lock().take();
    }

    /// Whether audio has arrived. An audio m-line alone proves nothing: pages keep one for later.
    pub fn has_audio(&self) -> bool {
        self.audio.load(Relaxed)
    }

    /// The numbers of recent frames.
    pub fn numbers(&self) -> &Arc<Numbers> {
        &self.numbers
    }

    /// Notes the number and running time of a frame that enters the encoder or leaves the decoder.
    pub fn number(&self, track: Track, at: Duration, number: u64) {
        if self.on.load(Relaxed) {
            self.numbers.add(track, at, number);
        }
    }

    /// Copies every buffer that passes `pad`, while a recording wants `track`.
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

    /// Copies an audio packet, while a recording runs.
    pub fn audio(&self, sample: &gst::Sample) {
        self.audio.store(true, Relaxed);
        if self.wants(Track::Audio)
            && let Some(buffer) = sample.buffer()
            && let Some(at) = time::of_sample(sample)
        {
            self.give(Track::Audio, buffer, None, at.into());
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

/// The numbers of the newest frames, by their time.
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

    /// The number of the frame of that time, once it is known.
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
    fn the_input_is_copied_only_if_wanted() {
        let feeds = Feeds::default();
        assert!(!feeds.wants(Track::Output));

        feeds.connect(0, false, Box::new(|_| true));
        assert!(feeds.wants(Track::Audio) && !feeds.wants(Track::Input));
        feeds.connect(0, true, Box::new(|_| true));
        assert!(feeds.wants(Track::Input));
        feeds.disconnect();
        assert!(!feeds.wants(Track::Input));
    }

    #[test]
    fn a_frame_is_found_by_its_time_although_a_codec_rounds_it() {
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
