//! What a graph has done and when: one atomic each, written by its threads and read by its session.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    time::Instant,
};

/// Counts of one graph.
#[derive(Debug, Default)]
pub struct Counters {
    /// Decoded frames.
    pub frames_in: AtomicU64,
    /// Frames handed to the encoder.
    pub frames_out: AtomicU64,
    /// Access units that the encoder produced.
    pub encoded: AtomicU64,
    /// Opus packets sent back.
    pub audio_packets: AtomicU64,
    /// Video packets received, without padding.
    pub video_packets: AtomicU64,
    /// Errors and warnings of the decoder, and changes of the frames' shape, which a damaged parameter set makes.
    pub decoder_faults: AtomicU64,
    /// Key frame requests sent to the peer.
    pub key_requests_sent: AtomicU64,
    /// Key frame requests received from the peer.
    pub key_requests_received: AtomicU64,
    /// Bytes received, after ICE, before decryption.
    pub bytes_in: AtomicU64,
    /// Bytes sent, after encryption.
    pub bytes_out: AtomicU64,
    /// Bytes sent for the data channel, part of `bytes_out`.
    pub channel_bytes_out: AtomicU64,
    /// The encoder's target bitrate, in bit/s.
    pub target_bps: AtomicU64,
    /// Width and height of the input video, 32 bits each.
    pub size: AtomicU64,
    /// Milliseconds from the graph's start to the last packet; 0 before the first.
    pub last_packet_ms: AtomicU64,
    /// Milliseconds from the graph's start to the last NACK sent; 0 before the first.
    pub nack_sent_ms: AtomicU64,
    /// Round trip to the peer in milliseconds; 0 before it is known.
    pub round_trip_ms: AtomicU64,
    /// Whether packets to the peer get lost although no queue builds up.
    pub lossy: AtomicBool,
    /// Milliseconds from the graph's start to the last key frame sent instead of retransmissions; 0 before the first.
    pub recovery_ms: AtomicU64,
    /// Video files that are playing in place of the peer's video, which is dropped meanwhile.
    pub playbacks: AtomicU64,
    start: Start,
}

#[derive(Debug)]
struct Start(Instant);

impl Default for Start {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Counters {
    /// Milliseconds from the graph's start to now.
    pub fn now_ms(&self) -> u64 {
        u64::try_from(self.start.0.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Width and height of the input video; zeros before the first frame.
    pub fn input_size(&self) -> (u32, u32) {
        let size = self.size.load(Relaxed);
        let half = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).unwrap_or(0);
        (half(size >> 32), half(size))
    }
}
