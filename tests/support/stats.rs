//! What a client has seen so far. Written by the client's thread, read under its lock by the test.

use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;
use str0m::IceConnectionState;

use super::codec::Decoded;

/// The client's counters and lists; lists are in the order of arrival and only grow.
#[derive(Debug, Clone, Default)]
pub struct Stats {
    /// `None` until the first change of state.
    pub ice: Option<IceConnectionState>,
    /// When the offer was sent.
    pub offered_at: Option<Instant>,
    /// When ICE and DTLS stood.
    pub connected_at: Option<Instant>,
    pub frames_sent: u32,
    /// When each frame of the camera was due, from the start of the media on: frame 1 first.
    pub drawn: Vec<Duration>,
    /// Every decoded frame, with a readable stamp or without.
    pub frames_decoded: u32,
    /// The decoded frames with a readable stamp.
    pub frames: Vec<Frame>,
    /// Each size of decoded frames that differs from the previous one.
    pub sizes: Vec<(u32, u32)>,
    pub last_frame: Option<Decoded>,
    /// Encoded frames that were returned, whether they decoded or not.
    pub video_units: u32,
    /// Gaps in the RTP of the returned video.
    pub video_gaps: u32,
    /// Key frames among the returned video.
    pub key_frames: u32,
    /// PLI and FIR from the server.
    pub key_frame_requests: u32,
    /// PLI to the server.
    pub key_frame_requests_sent: u32,
    /// NACK to the server, for the returned video.
    pub nacks_sent: u64,
    /// NACK from the server, for the video that was sent.
    pub nacks_received: u64,
    /// Bytes of the returned video, retransmissions included.
    pub video_bytes: u64,
    pub audio_sent: u32,
    pub audio: Vec<AudioPacket>,
    /// The starts of the beep in the returned audio.
    pub beeps: Vec<Beep>,
    pub channel_open: bool,
    pub channel_closed: bool,
    /// Messages on the data channel that are JSON.
    pub messages: Vec<Value>,
    /// Messages on the data channel that are not JSON.
    pub other_messages: Vec<Vec<u8>>,
    pub end: Option<End>,
}

/// A decoded frame with a readable stamp.
#[derive(Debug, Clone, Copy)]
pub struct Frame {
    pub stamp: u32,
    pub width: u32,
    pub height: u32,
    /// Mean luma of its lower half, where there is no stamp.
    pub light: u8,
    /// When it was decoded.
    pub received: Instant,
    /// From before its encoding here to after its decoding here; zero for a stamp that was never sent.
    pub delay: Duration,
    /// The client's share of that: from drawing to the last datagram, and from when the thread last waited for one to here.
    pub own: Duration,
    /// How much later than its camera's rate wants the client drew it; before the delay.
    pub late: Duration,
    /// Nothing that it is built on was lost: a browser would show it.
    pub whole: bool,
    pub time: Time,
}

/// A returned Opus packet.
#[derive(Debug, Clone, Copy)]
pub struct AudioPacket {
    pub len: usize,
    /// The payload is a well-formed Opus packet.
    pub valid: bool,
    /// Root mean square of the decoded audio, 1 being full scale; the beep has 0.18.
    pub level: f64,
    pub received: Instant,
    pub time: Time,
}

/// The decoded audio went from silence to the beep; exact to the 20 ms of a packet.
#[derive(Debug, Clone, Copy)]
pub struct Beep {
    pub received: Instant,
    /// From when it was due; right where it is under a second, the beep's period.
    pub delay: Duration,
    pub time: Time,
}

/// The server's time of a returned frame or packet.
#[derive(Debug, Clone, Copy)]
pub struct Time {
    /// The RTP timestamp in seconds, from a start of the stream's own.
    pub rtp_s: f64,
    /// The same on the server's wall clock, by its last RTCP sender report: comparable between audio and video.
    pub wall: Option<SystemTime>,
}

/// How the connection ended, as the client saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The server closed DTLS or SCTP.
    ClosedByServer,
    /// `Client::close`, or the client was dropped.
    Closed,
    /// `Client::vanish`.
    Vanished,
    /// The stack gave up, e.g. because of a wrong DTLS fingerprint.
    Failed(String),
}

impl Stats {
    /// How often a decoded stamp was above all before it: the proof that moving video is returned.
    pub fn rises(&self) -> usize {
        let mut newest = None;
        self.frames
            .iter()
            .filter(|frame| newest < Some(frame.stamp) && newest.replace(frame.stamp).is_some())
            .count()
    }

    /// How often a decoded stamp was below the one before it.
    pub fn falls(&self) -> usize {
        self.frames.windows(2).filter(|pair| pair[1].stamp < pair[0].stamp).count()
    }

    /// The delay that `percent` of the stamped frames stay under.
    pub fn delay(&self, percent: usize) -> Option<Duration> {
        let mut delays: Vec<_> = self.frames.iter().map(|frame| frame.delay).collect();
        delays.sort_unstable();
        delays.get((delays.len() * percent / 100).min(delays.len().checked_sub(1)?)).copied()
    }

    /// How much later than its audio the video is, by the server's wall clock: what a player that plays both in sync
    /// by their sender reports would show. `None` before there are reports for both.
    pub fn video_after_audio(&self) -> Option<Skew> {
        // Both from when they were due: a client that is late with one of them is no fault of the server's.
        let frame = |frame: &Frame| {
            Some((frame.received, frame.time.since(frame.received, frame.delay + frame.late)?))
        };
        let frames: Vec<_> = self.frames.iter().filter_map(frame).collect();
        let skews = self.beeps.iter().filter_map(|beep| {
            let apart = |received: Instant| received.max(beep.received) - received.min(beep.received);
            let (_, frame) = frames.iter().min_by_key(|(received, _)| apart(*received))?;
            Some(frame - beep.time.since(beep.received, beep.delay)?)
        });
        // Each report may set its stream's clock again, the audio's at another time than the video's.
        let corrections = frames.windows(2).map(|pair| (pair[1].1 - pair[0].1).abs());
        let scatter = corrections.fold(0.0, f64::max);
        Some(Skew { late: median(skews.collect())?, scatter })
    }

    /// From the offer's sending to the first decoded frame.
    pub fn first_frame(&self) -> Option<Duration> {
        Some(self.frames.first()?.received - self.offered_at?)
    }

    /// Messages on the data channel whose `type` is `kind`.
    pub fn messages_of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.messages.iter().filter(move |message| message["type"] == kind)
    }

    /// The counters on one line, for a failed assertion.
    pub fn summary(&self) -> String {
        format!(
            "ice {:?}, connected {}, sent {}, units {}, decoded {}, stamped {}, rises {}, falls {}, p50 {:?}, \
             p95 {:?}, sizes {:?}, gaps {}, key frames {}, PLI in {} out {}, audio {}/{}, channel {}, messages {}, end {:?}",
            self.ice,
            self.connected_at.is_some(),
            self.frames_sent,
            self.video_units,
            self.frames_decoded,
            self.frames.len(),
            self.rises(),
            self.falls(),
            self.delay(50),
            self.delay(95),
            self.sizes,
            self.video_gaps,
            self.key_frames,
            self.key_frame_requests,
            self.key_frame_requests_sent,
            self.audio.len(),
            self.audio_sent,
            self.channel_open,
            self.messages.len(),
            self.end,
        )
    }
}

impl Time {
    /// The server's wall-clock time less the time of sending on this machine's, in seconds.
    fn since(&self, received: Instant, delay: Duration) -> Option<f64> {
        let (now, wall_now) = (Instant::now(), SystemTime::now());
        let sent = wall_now - (now - received) - delay;
        let wall = self.wall?;
        Some(match wall.duration_since(sent) {
            Ok(after) => after.as_secs_f64(),
            Err(before) => -before.duration().as_secs_f64(),
        })
    }
}

/// How much later the video is than its audio, and how exact this run is, in seconds.
#[derive(Debug, Clone, Copy)]
pub struct Skew {
    pub late: f64,
    /// How far single readings lie apart.
    pub scatter: f64,
}

impl Skew {
    /// Whether video and audio are in sync as far as can be measured: a reading is exact to a frame and a packet of audio.
    pub fn is_none(&self, fps: u32) -> bool {
        self.late.abs() <= 1.0 / f64::from(fps) + 0.02 + self.scatter
    }
}

/// The value in the middle; `None` where there is none.
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
