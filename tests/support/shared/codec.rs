//! Encoder of moving, stamped video and decoder that reads the stamp back. Synchronous on the caller's thread.

use gst_video::prelude::*;

use super::chain::Chain;
use super::random::Random;
use super::stamp;

/// The video codecs that the client supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    Vp8,
    Vp9,
    H264,
}

impl Codec {
    pub const ALL: [Codec; 3] = [Codec::Vp8, Codec::Vp9, Codec::H264];

    // Key frames are sent on request alone, so that a test fails if the server's requests do not arrive.
    fn encoder(self, kbps: u32) -> String {
        let vpx = format!(
            "deadline=1 cpu-used=8 threads=1 lag-in-frames=0 end-usage=cbr keyframe-max-dist=9999 target-bitrate={}",
            kbps * 1000
        );
        match self {
            Codec::Vp8 => format!("vp8enc {vpx}"),
            Codec::Vp9 => format!("vp9enc {vpx}"),
            Codec::H264 => format!(
                "x264enc tune=zerolatency speed-preset=ultrafast threads=1 key-int-max=9999 bitrate={kbps} \
                 ! capsfilter caps=video/x-h264,profile=constrained-baseline,stream-format=byte-stream,alignment=au"
            ),
        }
    }

    /// The launch line that decodes to I420.
    pub fn decoder(self) -> String {
        let decoder = match self {
            Codec::Vp8 => "vp8dec threads=1",
            Codec::Vp9 => "vp9dec threads=1",
            Codec::H264 => "h264parse ! avdec_h264 max-threads=1 output-corrupt=false",
        };
        format!("{decoder} ! videoconvert ! capsfilter caps=video/x-raw,format=I420")
    }

    /// What an access unit is to `GStreamer`.
    pub fn caps(self) -> gst::Caps {
        match self {
            Codec::Vp8 => gst::Caps::new_empty_simple("video/x-vp8"),
            Codec::Vp9 => gst::Caps::new_empty_simple("video/x-vp9"),
            Codec::H264 => gst::Caps::builder("video/x-h264")
                .field("stream-format", "byte-stream")
                .field("alignment", "au")
                .build(),
        }
    }
}

/// One encoded frame.
#[derive(Debug, Clone)]
pub struct AccessUnit {
    pub data: Vec<u8>,
    pub key: bool,
}

/// Draws frame after frame and encodes them.
pub struct Encoder {
    chain: Chain,
    painter: Painter,
    fps: u32,
    pushed: u64,
}

impl Encoder {
    pub fn new(codec: Codec, width: u32, height: u32, fps: u32, kbps: u32) -> Encoder {
        gst::init().expect("GStreamer starts");
        let painter = Painter::new(width, height, fps);
        let caps = painter.info.to_caps().expect("raw video has caps");
        Encoder { chain: Chain::new(&codec.encoder(kbps), &caps), painter, fps, pushed: 0 }
    }

    /// Encodes the frame with the stamp `number`.
    pub fn push(&mut self, number: u32) -> Vec<AccessUnit> {
        let mut buffer = self.painter.paint(number);
        let fps = u64::from(self.fps);
        let buffer_mut = buffer.get_mut().expect("a new buffer has one owner");
        buffer_mut.set_pts(gst::ClockTime::from_nseconds(self.pushed * 1_000_000_000 / fps));
        buffer_mut.set_duration(gst::ClockTime::from_nseconds(1_000_000_000 / fps));
        self.pushed += 1;
        let samples = self.chain.push(buffer).expect("an encoder takes raw frames");
        samples.into_iter().map(|(_, buffer)| access_unit(&buffer)).collect()
    }

    /// Makes the next frame a key frame.
    pub fn force_key_frame(&mut self) {
        let event = gst_video::UpstreamForceKeyUnitEvent::builder().all_headers(true).build();
        self.chain.send_upstream(event);
    }

    /// Changes the size of the frames from the next one on.
    pub fn set_size(&mut self, width: u32, height: u32) {
        self.painter = Painter::new(width, height, self.fps);
        let caps = self.painter.info.to_caps().expect("raw video has caps");
        self.chain.set_caps(&caps);
    }
}

fn access_unit(buffer: &gst::Buffer) -> AccessUnit {
    let data = buffer.map_readable().expect("an encoder's buffer is readable").to_vec();
    AccessUnit { data, key: !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT) }
}

/// Paints a noisy texture that moves, under the stamp.
struct Painter {
    info: gst_video::VideoInfo,
    texture: Vec<u8>,
}

/// How far the texture moves before it repeats, in pixels.
const PERIOD: usize = 512;

impl Painter {
    fn new(width: u32, height: u32, fps: u32) -> Painter {
        let info = gst_video::VideoInfo::builder(gst_video::VideoFormat::I420, width, height)
            .fps(gst::Fraction::new(i32::try_from(fps).expect("a frame rate is small"), 1))
            .build()
            .expect("I420 of any size is valid");
        Painter { info, texture: texture(width as usize + PERIOD) }
    }

    fn paint(&self, number: u32) -> gst::Buffer {
        let mut buffer = gst::Buffer::with_size(self.info.size()).expect("memory for a frame");
        let buffer_mut = buffer.get_mut().expect("a new buffer has one owner");
        let mut frame = gst_video::VideoFrameRef::from_buffer_ref_writable(buffer_mut, &self.info)
            .expect("a buffer of the frame's size maps");
        let (width, height) = (self.info.width() as usize, self.info.height() as usize);
        let stamp_rows = stamp::height(height);
        for plane in 0..3 {
            let stride = stride(frame.plane_stride()[plane as usize]);
            let data = frame.plane_data_mut(plane).expect("I420 has three planes");
            let moved = number as usize * (3 - plane as usize);
            for (y, line) in data.chunks_exact_mut(stride).enumerate() {
                if plane > 0 && y <= stamp_rows / 2 {
                    line.fill(128);
                } else {
                    let start = (y * 7 + moved) % PERIOD;
                    line.copy_from_slice(&self.texture[start..start + stride]);
                }
            }
            if plane == 0 {
                stamp::write(data, stride, width, height, number % stamp::MODULUS);
            }
        }
        drop(frame);
        buffer
    }
}

/// A gradient with a little noise on it, the same in every run.
fn texture(width: usize) -> Vec<u8> {
    let mut random = Random::new(0);
    // Strides are rounded up to four bytes.
    (0..width + 4)
        .map(|x| {
            let ramp = x % PERIOD / 2;
            u8::try_from((ramp.min(PERIOD / 2 - 1 - ramp) + 64).min(200)).expect("at most 200")
                + u8::try_from(random.below(16)).expect("below 16")
        })
        .collect()
}

/// One decoded frame: its stamp, if it has one, and its luma without padding.
#[derive(Debug, Clone)]
pub struct Decoded {
    pub stamp: Option<u32>,
    pub width: u32,
    pub height: u32,
    pub luma: Vec<u8>,
}

impl Decoded {
    /// Mean luma of the lower half.
    pub fn light(&self) -> u8 {
        let half = &self.luma[self.luma.len() / 2..];
        let sum: usize = half.iter().map(|&value| usize::from(value)).sum();
        u8::try_from(sum / half.len().max(1)).expect("a mean of bytes is a byte")
    }
}

/// The decoder refused an access unit; a key frame helps.
#[derive(Debug)]
pub struct Broken;

/// Decodes access units and reads their stamps.
pub struct Decoder {
    chain: Chain,
}

impl Decoder {
    pub fn new(codec: Codec) -> Decoder {
        gst::init().expect("GStreamer starts");
        Decoder { chain: Chain::new(&codec.decoder(), &codec.caps()) }
    }

    /// Decodes one access unit into the frames that it completes, which may be none before a key frame.
    pub fn push(&mut self, access_unit: Vec<u8>) -> Result<Vec<Decoded>, Broken> {
        let samples = self.chain.push(gst::Buffer::from_mut_slice(access_unit)).map_err(|_| Broken)?;
        Ok(samples.iter().map(|(caps, buffer)| decoded(caps, buffer)).collect())
    }
}

fn decoded(caps: &gst::Caps, buffer: &gst::Buffer) -> Decoded {
    let info = gst_video::VideoInfo::from_caps(caps).expect("a decoder's caps are raw video");
    let frame =
        gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, &info).expect("a decoded frame maps");
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    let stride = stride(frame.plane_stride()[0]);
    let luma: Vec<u8> = frame
        .plane_data(0)
        .expect("I420 has a luma plane")
        .chunks(stride)
        .take(height)
        .flat_map(|line| &line[..width])
        .copied()
        .collect();
    Decoded {
        stamp: stamp::read(&luma, width, width, height),
        width: frame.width(),
        height: frame.height(),
        luma,
    }
}

fn stride(bytes: i32) -> usize {
    usize::try_from(bytes).expect("the strides of I420 are positive")
}
