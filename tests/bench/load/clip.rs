//! The clip that every session sends: 10 s, encoded once and kept as an IVF file, so that sending costs nothing.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

use crate::paint::Painter;
use crate::support::chain::Chain;
use crate::support::codec::Codec;

pub const FPS: u32 = 30;
/// Frames in the loop.
pub const FRAMES: u32 = 10 * FPS;
/// Counts up when the painter or the encoder's settings change, so that no old file is taken.
const EDITION: u32 = 1;
const IVF_HEADER: usize = 32;
const IVF_FRAME_HEADER: usize = 12;

/// A picture's height stands for the size: 480 is 640x480, 720 is 1280x720.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    pub width: u32,
    pub height: u32,
    pub bps: u32,
}

impl Size {
    pub const VGA: Size = Size { width: 640, height: 480, bps: 1_000_000 };
    pub const HD: Size = Size { width: 1280, height: 720, bps: 2_000_000 };
}

/// One encoded picture; the index in the clip is the number stamped on it.
pub struct Unit {
    pub data: Vec<u8>,
    pub is_key: bool,
}

pub struct Clip {
    pub codec: Codec,
    pub size: Size,
    pub units: Vec<Unit>,
}

impl Clip {
    /// Reads the clip from its file in `folder`, and makes that first where it is missing.
    pub fn open(folder: &Path, codec: Codec, size: Size) -> anyhow::Result<Clip> {
        let path = path(folder, codec, size);
        if !path.exists() {
            eprintln!("load: encoding {}", path.display());
            fs::create_dir_all(folder).with_context(|| format!("no folder {}", folder.display()))?;
            // Whole or not at all: a run that was cut off leaves no half clip.
            let part = path.with_extension("part");
            fs::write(&part, ivf(codec, size, &encode(codec, size)))
                .and_then(|()| fs::rename(&part, &path))
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let units = units(codec, &bytes);
        ensure!(
            units.len() == FRAMES as usize && units[0].is_key,
            "{} holds {} frames, {FRAMES} from a key frame on are wanted; delete it",
            path.display(),
            units.len()
        );
        Ok(Clip { codec, size, units })
    }

    /// The next key frame at or after `index`, which may be the first of the next loop.
    pub fn key_frame_from(&self, index: usize) -> usize {
        (index..self.units.len()).find(|index| self.units[*index].is_key).unwrap_or(0)
    }
}

pub fn path(folder: &Path, codec: Codec, size: Size) -> PathBuf {
    let codec = format!("{codec:?}").to_lowercase();
    folder.join(format!("clip{EDITION}-{codec}-{}.ivf", size.height))
}

/// A key frame a second and no frame that waits for a later one, as good as the bit rate allows.
fn encoder(codec: Codec, size: Size) -> String {
    let (bps, kbps) = (size.bps, size.bps / 1000);
    match codec {
        Codec::Vp8 => format!(
            "vp8enc deadline=1000000 cpu-used=1 threads=1 end-usage=cbr lag-in-frames=0 target-bitrate={bps} \
             keyframe-max-dist={FPS} buffer-size=1000 buffer-initial-size=500 buffer-optimal-size=600 \
             min-quantizer=4 max-quantizer=56"
        ),
        Codec::H264 => format!(
            "x264enc speed-preset=medium threads=1 bframes=0 key-int-max={FPS} bitrate={kbps} vbv-buf-capacity=1000 \
             ! capsfilter caps=video/x-h264,profile=constrained-baseline,stream-format=byte-stream,alignment=au"
        ),
        Codec::Vp9 => unreachable!("no peer has VP9 by default, so there is no clip of it"),
    }
}

fn encode(codec: Codec, size: Size) -> Vec<Vec<u8>> {
    let painter = Painter::new(size.width as usize, size.height as usize);
    let fps = gst::Fraction::new(i32::try_from(FPS).expect("small"), 1);
    let info = gst_video::VideoInfo::builder(gst_video::VideoFormat::I420, size.width, size.height).fps(fps);
    let caps = info.build().and_then(|info| info.to_caps()).expect("I420 of these sizes is valid");
    let mut chain = Chain::new(&encoder(codec, size), &caps);
    let mut samples = Vec::new();
    for number in 0..FRAMES {
        let mut buffer = gst::Buffer::from_mut_slice(painter.i420(number));
        let fresh = buffer.get_mut().expect("a new buffer has one owner");
        fresh.set_pts(gst::ClockTime::SECOND * u64::from(number) / u64::from(FPS));
        fresh.set_duration(gst::ClockTime::SECOND / u64::from(FPS));
        samples.extend(chain.push(buffer).expect("an encoder takes raw frames"));
    }
    samples.extend(chain.finish());
    samples.iter().map(|(_, buffer)| buffer.map_readable().expect("a buffer is readable").to_vec()).collect()
}

/// The container of libvpx: a header of 32 bytes, then for each frame its length, its time and its bytes.
fn ivf(codec: Codec, size: Size, frames: &[Vec<u8>]) -> Vec<u8> {
    let short = |value: u32| u16::try_from(value).expect("a side fits in 16 bits").to_le_bytes();
    let mut file = Vec::new();
    file.extend(b"DKIF\0\0\x20\0");
    file.extend(if codec == Codec::H264 { b"H264" } else { b"VP80" });
    file.extend([short(size.width), short(size.height)].concat());
    file.extend([FPS, 1, FRAMES, 0].map(u32::to_le_bytes).concat());
    for (number, frame) in (0_u64..).zip(frames) {
        file.extend(u32::try_from(frame.len()).expect("a frame is small").to_le_bytes());
        file.extend(number.to_le_bytes());
        file.extend(frame);
    }
    file
}

fn units(codec: Codec, file: &[u8]) -> Vec<Unit> {
    let mut rest = file.get(IVF_HEADER..).unwrap_or_default();
    let mut units = Vec::new();
    while let Some((header, frames)) = rest.split_first_chunk::<IVF_FRAME_HEADER>() {
        let len = u32::from_le_bytes([header[0], header[1], header[2], header[3]]) as usize;
        let Some((data, after)) = frames.split_at_checked(len) else { break };
        units.push(Unit { data: data.to_vec(), is_key: is_key(codec, data) });
        rest = after;
    }
    units
}

fn is_key(codec: Codec, data: &[u8]) -> bool {
    match codec {
        // RFC 6386, 9.1: the lowest bit of the first byte is 0 in a key frame.
        Codec::Vp8 => data.first().is_some_and(|byte| byte & 1 == 0),
        // Byte stream; NAL unit type 5 is a slice of an IDR picture.
        _ => data.windows(4).any(|bytes| bytes[..3] == [0, 0, 1] && bytes[3] & 0x1f == 5),
    }
}

/// The whole source as YUV4MPEG2, for tools that compare with it.
pub fn write_source(size: Size, out: &mut impl std::io::Write) -> std::io::Result<()> {
    let painter = Painter::new(size.width as usize, size.height as usize);
    writeln!(out, "YUV4MPEG2 W{} H{} F{FPS}:1 Ip A1:1 C420jpeg", size.width, size.height)?;
    for number in 0..FRAMES {
        writeln!(out, "FRAME")?;
        out.write_all(&painter.i420(number))?;
    }
    Ok(())
}
