//! What a graph has done and when, written by its threads and read by its session: an atomic each.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    time::Instant,
};

/// Counts of one graph, written where things happen and read by the session.
#[derive(Debug, Default)]
pub struct Counters {
    /// Decoded pictures.
    pub frames_in: AtomicU64,
    /// Pictures handed to the encoder.
    pub frames_out: AtomicU64,
    /// Access units that the encoder gave.
    pub encoded: AtomicU64,
    /// Opus packets sent back.
    pub sound_packets: AtomicU64,
    /// Packets with a piece of the picture, as they come in.
    pub video_packets: AtomicU64,
    /// Errors and warnings of the decoder.
    pub decoder_faults: AtomicU64,
    /// Key frames that we asked the peer for.
    pub key_requests_sent: AtomicU64,
    /// Key frames that the peer asked us for.
    pub key_requests_received: AtomicU64,
    /// Bytes received, after ICE, before decryption.
    pub bytes_in: AtomicU64,
    /// Bytes sent, after encryption.
    pub bytes_out: AtomicU64,
    /// Those of them that are the data channel's.
    pub channel_bytes_out: AtomicU64,
    /// Bitrate that the encoder is set to, in bit/s.
    pub target_bps: AtomicU64,
    /// Width and height of the picture that comes in, 32 bits each.
    pub size: AtomicU64,
    /// Milliseconds from the graph's start to the last packet; 0 before the first.
    pub last_packet_ms: AtomicU64,
    /// Milliseconds from the graph's start to the last request for a packet again; 0 before the first.
    pub asked_ms: AtomicU64,
    /// Round trip to the peer in milliseconds; 0 before it is known.
    pub round_trip_ms: AtomicU64,
    /// Packets to the peer get lost though nothing queues.
    pub lossy: AtomicBool,
    /// Milliseconds from the graph's start to when a key frame took the place of all that got lost; 0 before the first.
    pub anew_ms: AtomicU64,
    /// Video files that are played in the place of what the peer sends, which goes no further meanwhile.
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

    /// Width and height of the picture that comes in; zeros before the first.
    pub fn input_size(&self) -> (u32, u32) {
        let size = self.size.load(Relaxed);
        let half = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).unwrap_or(0);
        (half(size >> 32), half(size))
    }
}
