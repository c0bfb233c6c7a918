//! Interleaves audio with video in a file, and fills gaps with silence. Pure.
//!
//! Audio is ahead of its video by the stage's processing time. It waits here for its frame, so that a muxer never waits
//! for either, and a new file starts with the audio of its first frame.

use std::{collections::VecDeque, time::Duration};

/// A packet of silence: 20 ms of CELT, full band, mono, one silent frame (RFC 6716 section 3.1).
pub const SILENCE: &[u8] = &[0xf8, 0xff, 0xfe];
/// Its duration, and that of the packets that browsers send.
const PACKET_DURATION: Duration = Duration::from_millis(20);
/// Audio this late never comes: by default the jitter buffer waits for at most 600 ms.
const LATE: Duration = Duration::from_secs(1);
/// The shortest gap to fill; shorter ones are jitter.
const GAP: Duration = Duration::from_millis(60);
/// Capacity in packets: ten seconds, for video that pauses.
const CAPACITY: usize = 500;

/// One Opus packet of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudioPacket {
    /// Its running time.
    pub at: Duration,
    /// Its bytes.
    pub data: Vec<u8>,
}

/// Audio that waits for its video.
#[derive(Debug, Default)]
pub struct AudioQueue {
    waiting: VecDeque<AudioPacket>,
    /// The time up to which the file has audio.
    until: Duration,
}

impl AudioQueue {
    /// Starts a file at that time.
    pub fn begin(&mut self, at: Duration) {
        self.until = at;
        while self.waiting.pop_front_if(|packet| packet.at < at).is_some() {}
    }

    /// Drops waiting packets: the next graph has another clock.
    pub fn clear(&mut self) {
        self.waiting.clear();
    }

    /// Adds a packet; a full queue drops the oldest.
    pub fn push(&mut self, packet: AudioPacket) {
        if self.waiting.len() >= CAPACITY {
            self.waiting.pop_front();
        }
        self.waiting.push_back(packet);
    }

    /// Takes the packets that belong before a frame of that time, with gaps filled.
    pub fn take_before(&mut self, at: Duration) -> Vec<AudioPacket> {
        let mut ready = Vec::new();
        while let Some(packet) = self.waiting.pop_front_if(|packet| packet.at < at) {
            if packet.at + PACKET_DURATION / 2 < self.until {
                continue; // silence was written in its place
            }
            self.fill(packet.at, &mut ready);
            self.until = packet.at + duration(&packet.data);
            ready.push(packet);
        }
        self.fill(at.saturating_sub(LATE), &mut ready);
        ready
    }

    fn fill(&mut self, to: Duration, ready: &mut Vec<AudioPacket>) {
        if to < self.until + GAP {
            return;
        }
        while self.until + PACKET_DURATION <= to {
            ready.push(AudioPacket { at: self.until, data: SILENCE.to_vec() });
            self.until += PACKET_DURATION;
        }
    }
}

/// The duration of a packet (RFC 6716 section 3.1).
fn duration(packet: &[u8]) -> Duration {
    let Some(&toc) = packet.first() else { return PACKET_DURATION };
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

    fn packet(at_ms: u32) -> AudioPacket {
        AudioPacket { at: MS * at_ms, data: vec![0xfc, 1] }
    }

    fn times(packets: &[AudioPacket]) -> Vec<u128> {
        packets.iter().map(|packet| packet.at.as_millis()).collect()
    }

    #[test]
    fn audio_waits_for_its_frame_and_a_file_drops_what_precedes_it() {
        let mut queue = AudioQueue::default();
        for at in (0..200).step_by(20) {
            queue.push(packet(at));
        }

        queue.begin(MS * 50);

        assert_eq!(times(&queue.take_before(MS * 100)), [60, 80]);
        assert_eq!(times(&queue.take_before(MS * 101)), [100]);
        assert_eq!(times(&queue.take_before(MS * 200)), [120, 140, 160, 180]);
    }

    #[test]
    fn gaps_are_filled_with_silence_so_that_no_player_and_no_muxer_waits() {
        let mut queue = AudioQueue::default();
        queue.begin(Duration::ZERO);
        queue.push(packet(0));
        queue.push(packet(200));

        let filled = queue.take_before(MS * 201);
        assert_eq!(times(&filled), (0..=200).step_by(20).collect::<Vec<_>>());
        assert_eq!(filled[1].data, SILENCE);
        assert_eq!(times(&queue.take_before(MS * 1200)), [], "audio may still come");
        let silent = queue.take_before(MS * 1300);
        assert_eq!(silent.len(), 4);
        queue.push(packet(240));
        queue.push(packet(300));
        assert_eq!(times(&queue.take_before(MS * 1310)), [300], "late audio is dropped");
    }

    #[test]
    fn video_that_pauses_does_not_fill_the_memory() {
        let mut queue = AudioQueue::default();
        for number in 0..2000 {
            queue.push(packet(number * 20));
        }

        assert_eq!(queue.waiting.len(), CAPACITY);
    }

    #[test]
    fn a_packet_tells_its_duration() {
        for (packet, ms) in [(&[0xf8_u8][..], 20), (&[0xf9], 40), (&[0xfb, 3], 60), (&[0x08], 20), (&[], 20)]
        {
            assert_eq!(duration(packet), MS * ms, "{packet:?}");
        }
        assert_eq!(duration(SILENCE), PACKET_DURATION);
    }
}
