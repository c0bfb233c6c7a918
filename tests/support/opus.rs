//! A second of audio as Opus packets, half a beep and half silence, and the measurement of what is returned.

use std::sync::OnceLock;

use super::chain::Chain;

/// The duration of one packet at 48 kHz, 20 ms.
pub const SAMPLES: u32 = 960;
const RATE: u32 = 48_000;

/// Fifty packets to be sent in a circle, the first half a 440 Hz tone; encoded once a process.
pub fn beep() -> &'static [Vec<u8>] {
    static BEEP: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    BEEP.get_or_init(encode)
}

/// Decodes packets into their loudness.
pub struct Listener {
    chain: Chain,
}

impl Listener {
    pub fn new() -> Listener {
        gst::init().expect("GStreamer starts");
        let caps = gst::Caps::builder("audio/x-opus")
            .field("channel-mapping-family", 0)
            .field("rate", 48_000)
            .field("channels", 2)
            .build();
        let decoder = "opusdec ! audioconvert ! capsfilter caps=audio/x-raw,format=F32LE,channels=1";
        Listener { chain: Chain::new(decoder, &caps) }
    }

    /// The root mean square of the packet's audio, 1 being full scale; 0 if it does not decode.
    pub fn level(&mut self, packet: Vec<u8>) -> f64 {
        let samples = self.chain.push(gst::Buffer::from_mut_slice(packet)).unwrap_or_default();
        let squares: Vec<_> = samples.iter().flat_map(|(_, buffer)| squares(buffer)).collect();
        let count = u32::try_from(squares.len()).expect("120 ms of audio at most");
        (squares.iter().sum::<f64>() / f64::from(count.max(1))).sqrt()
    }
}

fn squares(buffer: &gst::Buffer) -> Vec<f64> {
    let audio = buffer.map_readable().expect("decoded audio maps");
    let (samples, _) = audio.as_chunks::<4>();
    samples.iter().map(|sample| f64::from(f32::from_le_bytes(*sample)).powi(2)).collect()
}

fn encode() -> Vec<Vec<u8>> {
    gst::init().expect("GStreamer starts");
    let caps = gst::Caps::builder("audio/x-raw")
        .field("format", "S16LE")
        .field("layout", "interleaved")
        .field("rate", 48_000)
        .field("channels", 2)
        .field("channel-mask", gst::Bitmask::new(3))
        .build();
    let mut chain = Chain::new("opusenc frame-size=20 bitrate=32000", &caps);
    let mut samples = chain.push(gst::Buffer::from_mut_slice(tone())).expect("opusenc takes raw audio");
    samples.extend(chain.finish());
    samples
        .iter()
        .map(|(_, buffer)| buffer.map_readable().expect("a packet maps").to_vec())
        .take(50)
        .collect()
}

fn tone() -> Vec<u8> {
    let mut audio = Vec::new();
    for sample in 0..RATE {
        let phase = f64::from(sample) / f64::from(RATE) * 440.0 * std::f64::consts::TAU;
        // A quarter of full scale fits in 16 bits.
        #[allow(clippy::cast_possible_truncation)]
        let value = if sample < RATE / 2 { (phase.sin() * 8192.0) as i16 } else { 0 };
        audio.extend(value.to_le_bytes());
        audio.extend(value.to_le_bytes());
    }
    // Two packets more: the encoder holds its look-ahead back.
    audio.resize(audio.len() + 2 * SAMPLES as usize * 4, 0);
    audio
}

/// Whether the payload's table of contents is one of RFC 6716, section 3: a packet of at most 120 ms whose frames fit.
pub fn is_valid(payload: &[u8]) -> bool {
    let Some((&toc, rest)) = payload.split_first() else {
        return false;
    };
    let frames = match toc & 3 {
        0 => 1,
        1 if rest.len().is_multiple_of(2) => 2,
        2 if !rest.is_empty() => 2,
        3 if !rest.is_empty() => u32::from(rest[0] & 0x3f),
        _ => return false,
    };
    let frame_us = match toc >> 3 {
        config @ 0..=11 => [10_000, 20_000, 40_000, 60_000][usize::from(config % 4)],
        config @ 12..=15 => [10_000, 20_000][usize::from(config % 2)],
        config => [2_500, 5_000, 10_000, 20_000][usize::from(config % 4)],
    };
    frames >= 1 && frames * frame_us <= 120_000
}
