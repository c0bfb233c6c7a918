//! The order of sound and picture in a file, and silence where no sound came. Pure.
//!
//! Sound is ahead of the picture that belongs to it by the time that the stage takes: it waits here for that picture, so
//! that a muxer never waits for either and a new file gets the sound of its first picture.

use std::{collections::VecDeque, time::Duration};

/// A packet of nothing: 20 ms, coded as CELT, full band, mono, without a byte of sound (RFC 6716 section 3.1).
pub const SILENCE: &[u8] = &[0xf8, 0xff, 0xfe];
/// Its length.
const TICK: Duration = Duration::from_millis(20);
/// Sound that is late by so much does not come: the jitter buffer waits for 600 ms at most by default.
const LATE: Duration = Duration::from_secs(1);
/// A hole that is worth filling; smaller ones are jitter.
const HOLE: Duration = Duration::from_millis(60);
/// Packets that wait: ten seconds, for a picture that pauses.
const WAITING: usize = 500;

/// What goes into a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sound {
    /// When.
    pub at: Duration,
    /// An Opus packet.
    pub data: Vec<u8>,
}

/// Sound that waits for its picture.
#[derive(Debug, Default)]
pub struct Mixer {
    waiting: VecDeque<Sound>,
    /// Up to where a file has sound.
    until: Duration,
}

impl Mixer {
    /// A file begins at that time.
    pub fn begin(&mut self, at: Duration) {
        self.until = at;
        while self.waiting.pop_front_if(|sound| sound.at < at).is_some() {}
    }

    /// Forgets what waits: another graph has another time.
    pub fn clear(&mut self) {
        self.waiting.clear();
    }

    /// A packet came. Where too many wait, the oldest goes.
    pub fn hold(&mut self, sound: Sound) {
        if self.waiting.len() >= WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back(sound);
    }

    /// What belongs before a picture of that time.
    pub fn before(&mut self, at: Duration) -> Vec<Sound> {
        let mut ready = Vec::new();
        while let Some(sound) = self.waiting.pop_front_if(|sound| sound.at < at) {
            if sound.at + TICK / 2 < self.until {
                continue; // silence stands in its place already
            }
            self.fill(sound.at, &mut ready);
            self.until = sound.at + duration(&sound.data);
            ready.push(sound);
        }
        self.fill(at.saturating_sub(LATE), &mut ready);
        ready
    }

    fn fill(&mut self, to: Duration, ready: &mut Vec<Sound>) {
        if to < self.until + HOLE {
            return;
        }
        while self.until + TICK <= to {
            ready.push(Sound { at: self.until, data: SILENCE.to_vec() });
            self.until += TICK;
        }
    }
}

/// How long a packet sounds (RFC 6716 section 3.1).
fn duration(packet: &[u8]) -> Duration {
    let Some(&toc) = packet.first() else { return TICK };
    let frame_us = match toc >> 3 {
        config @ 0..=11 => [10_000, 20_000, 40_000, 60_000][usize::from(config % 4)],
        config @ 12..=15 => [10_000, 20_000][usize::from(config % 2)],
        config => [2_500, 5_000, 10_000, 20_000][usize::from(config % 4)],
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u64::from(packet.get(1).map_or(1, |count| count & 0x3f)),
    };
    Duration::from_micros(frame_us * frames)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn sound(at_ms: u32) -> Sound {
        Sound { at: MS * at_ms, data: vec![0xfc, 1] }
    }

    fn times(sounds: &[Sound]) -> Vec<u128> {
        sounds.iter().map(|sound| sound.at.as_millis()).collect()
    }

    #[test]
    fn sound_waits_for_its_picture_and_what_a_file_begins_after_is_left_out() {
        let mut mixer = Mixer::default();
        for at in (0..200).step_by(20) {
            mixer.hold(sound(at));
        }

        mixer.begin(MS * 50);

        assert_eq!(times(&mixer.before(MS * 100)), [60, 80]);
        assert_eq!(times(&mixer.before(MS * 101)), [100]);
        assert_eq!(times(&mixer.before(MS * 200)), [120, 140, 160, 180]);
    }

    #[test]
    fn holes_are_filled_with_silence_so_that_no_player_and_no_muxer_waits() {
        let mut mixer = Mixer::default();
        mixer.begin(Duration::ZERO);
        mixer.hold(sound(0));
        mixer.hold(sound(200));

        let filled = mixer.before(MS * 201);
        assert_eq!(times(&filled), (0..=200).step_by(20).collect::<Vec<_>>());
        assert_eq!(filled[1].data, SILENCE);
        assert_eq!(times(&mixer.before(MS * 1200)), [], "sound may still come");
        let silent = mixer.before(MS * 1300);
        assert_eq!(silent.len(), 4);
        mixer.hold(sound(240));
        mixer.hold(sound(300));
        assert_eq!(times(&mixer.before(MS * 1310)), [300], "what comes too late is left out");
    }

    #[test]
    fn a_picture_that_pauses_does_not_fill_the_memory() {
        let mut mixer = Mixer::default();
        for packet in 0..2000 {
            mixer.hold(sound(packet * 20));
        }

        assert_eq!(mixer.waiting.len(), WAITING);
    }

    #[test]
    fn packets_say_how_long_they_are() {
        for (packet, ms) in [(&[0xf8_u8][..], 20), (&[0xf9], 40), (&[0xfb, 3], 60), (&[0x08], 20), (&[], 20)]
        {
            assert_eq!(duration(packet), MS * ms, "{packet:?}");
        }
        assert_eq!(duration(SILENCE), TICK);
    }
}
