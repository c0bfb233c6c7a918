//! What came back: decoded, its stamp read in place, a sample of the pictures kept for their quality.

use std::time::Instant;

use gst_video::prelude::*;

use crate::clip::{Clip, Size};
use crate::paint::Painter;
use crate::support::chain::{Chain, Sample};
use crate::support::stamp;

/// One picture of so many is kept; prime to the 30 frames between key frames, so that every place between two counts.
const SAMPLED: usize = 29;
/// Rows below the stamp that an encoder's blocks may smear it into.
const SMEARED: usize = 16;

/// Decodes one session's pictures.
pub struct Screen {
    chain: Chain,
    shown: usize,
}

/// One decoded picture.
pub struct Shown {
    pub stamp: Option<u32>,
    /// Its luma, in a sampled picture.
    pub luma: Option<Vec<u8>>,
}

/// A picture kept for its quality.
pub struct Kept {
    pub at: Instant,
    pub stamp: u32,
    pub luma: Vec<u8>,
}

impl Screen {
    pub fn new(clip: &Clip) -> Screen {
        Screen { chain: Chain::new(&clip.codec.decoder(), &clip.codec.caps()), shown: 0 }
    }

    /// The pictures that the access unit completes; none where it needs a key frame.
    pub fn show(&mut self, access_unit: Vec<u8>, samples: bool) -> Vec<Shown> {
        let decoded = self.chain.push(gst::Buffer::from_mut_slice(access_unit)).unwrap_or_default();
        decoded
            .iter()
            .map(|sample| {
                self.shown += 1;
                shown(sample, samples && self.shown.is_multiple_of(SAMPLED))
            })
            .collect()
    }
}

fn shown((caps, buffer): &Sample, is_sampled: bool) -> Shown {
    let info = gst_video::VideoInfo::from_caps(caps).expect("a decoder's caps are raw video");
    let frame =
        gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, &info).expect("a decoded frame maps");
    let (width, height) = (info.width() as usize, info.height() as usize);
    let stride = usize::try_from(frame.plane_stride()[0]).expect("the strides of I420 are positive");
    let plane = frame.plane_data(0).expect("I420 has a luma plane");
    Shown {
        stamp: stamp::read(plane, stride, width, height),
        luma: is_sampled
            .then(|| plane.chunks(stride).take(height).flat_map(|row| row[..width].to_vec()).collect()),
    }
}

/// PSNR of the pictures' luma against the clip's source in dB, without the stamp; `None` without a picture of its size.
pub fn psnr(size: Size, pictures: &[&Kept]) -> Option<f64> {
    let (width, height) = (size.width as usize, size.height as usize);
    let painter = Painter::new(width, height);
    let below_stamp = (stamp::height(height) + SMEARED) * width;
    let errors: Vec<f64> = pictures
        .iter()
        .filter(|kept| kept.luma.len() == width * height)
        .map(|kept| mean_square(&painter.luma(kept.stamp)[below_stamp..], &kept.luma[below_stamp..]))
        .collect();
    let mean = errors.iter().sum::<f64>() / errors.len() as f64;
    (!errors.is_empty()).then(|| 10.0 * (255.0_f64.powi(2) / mean).log10())
}

fn mean_square(wanted: &[u8], got: &[u8]) -> f64 {
    let sum: u64 = wanted.iter().zip(got).map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2)).sum();
    sum as f64 / wanted.len() as f64
}
