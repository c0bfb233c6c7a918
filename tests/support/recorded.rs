//! A recorded file as other programs read it: stamps through GStreamer, packets through ffprobe, audio through ffmpeg.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use scope::{
    frame::{Frame, Layout, MaxFrame},
    media::Reader,
};

use super::stamp;
use super::stats::{Skew, median};

/// What a file holds.
#[derive(Debug)]
pub struct File {
    /// Time in seconds and stamp of each frame that has a readable one.
    pub stamps: Vec<(f64, u32)>,
    /// Frames.
    pub frames: usize,
    /// Audio packets, by ffprobe.
    pub audio_packets: usize,
    /// Loudness of each 20 ms of its audio, 1 being full scale.
    pub levels: Vec<f64>,
}

impl File {
    /// Reads a file to its end.
    #[track_caller]
    pub fn read(path: &Path) -> File {
        let mut reader =
            Reader::open(path, &[Layout::I420], MaxFrame::default()).expect("GStreamer reads the file");
        let (mut stamps, mut frames) = (Vec::new(), 0);
        while let Some(frame) = reader.frame().unwrap_or_else(|error| panic!("{}: {error}", path.display())) {
            frames += 1;
            let (width, height) = (frame.width as usize, frame.height as usize);
            if let Some(number) = stamp::read(frame.data.plane(0), frame.strides[0], width, height) {
                stamps.push((frame.pts.as_secs_f64(), number));
            }
        }
        File { stamps, frames, audio_packets: packets(path, "a:0"), levels: levels(path) }
    }

    /// Whether each stamp is above the one before.
    pub fn rises(&self) -> bool {
        self.stamps.windows(2).all(|pair| pair[0].1 < pair[1].1)
    }

    /// How much later than its audio the video is, if both began at once, the beep starts each second and frame N of the
    /// camera was due `drawn[N - 1]` after that.
    pub fn video_after_audio(&self, drawn: &[Duration]) -> Skew {
        let starts: Vec<_> =
            self.stamps.iter().map(|(at, number)| at - drawn[*number as usize - 1].as_secs_f64()).collect();
        let start = median(starts.clone()).expect("a stamped frame");
        let loud = |level: f64| level > 0.05;
        let onsets = self.levels.windows(3).enumerate();
        let onsets = onsets.filter(|(_, w)| !loud(w[0]) && !loud(w[1]) && loud(w[2]));
        // The first one may be cut. Which second it is does not show, so that only what is left of one counts.
        let beeps = onsets.skip(1).map(|(index, _)| {
            let after = ((index + 2) as f64 * 0.02 - start).rem_euclid(1.0);
            if after > 0.5 { after - 1.0 } else { after }
        });
        let beep = median(beeps.collect()).expect("two beeps at least");
        let (least, most) =
            starts.iter().fold((start, start), |(least, most), at| (at.min(least), at.max(most)));
        Skew { late: -beep, scatter: most - least }
    }
}

/// Packets of a stream that ffprobe finds; it must find nothing wrong.
#[track_caller]
pub fn packets(path: &Path, stream: &str) -> usize {
    let probe = ["-v", "error", "-count_packets", "-select_streams", stream];
    let output = Command::new("ffprobe")
        .args(probe)
        .args(["-show_entries", "stream=nb_read_packets", "-of", "csv=p=0"])
        .arg(path)
        .output()
        .expect("ffprobe is installed");
    let text = String::from_utf8_lossy(&output.stdout).trim().trim_end_matches(',').to_owned();
    assert!(output.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&output.stderr));
    text.parse().unwrap_or(0)
}

/// What gst-discoverer-1.0 prints; it must find video.
#[track_caller]
pub fn discover(path: &Path) -> String {
    let output =
        Command::new("gst-discoverer-1.0").arg(path).output().expect("gst-discoverer-1.0 is installed");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && text.contains("video"), "{}: {text}", path.display());
    text
}

fn levels(path: &Path) -> Vec<f64> {
    let decode = ["-f", "f32le", "-ac", "1", "-ar", "48000", "-"];
    let output =
        Command::new("ffmpeg").args(["-v", "error", "-i"]).arg(path).arg("-vn").args(decode).output();
    let audio = output.expect("ffmpeg is installed").stdout;
    let level = |samples: &[u8]| {
        let squares =
            samples.chunks_exact(4).map(|one| f64::from(f32::from_le_bytes(one.try_into().unwrap())).powi(2));
        (squares.sum::<f64>() / 960.0).sqrt()
    };
    audio.chunks(960 * 4).map(level).collect()
}

/// SSIM of each pair of frames of one time, chroma included; those of the second file are `shift` seconds later.
#[track_caller]
pub fn ssim(one: &Path, other: &Path, shift: f64) -> Vec<f64> {
    let frames = |path: &Path| {
        let mut reader =
            Reader::open(path, &[Layout::I420], MaxFrame::default()).expect("GStreamer reads the file");
        std::iter::from_fn(move || reader.frame().expect("the file is whole")).collect::<Vec<_>>()
    };
    let (ones, others) = (frames(one), frames(other));
    let same = |at: f64| others.iter().find(|frame| (frame.pts.as_secs_f64() + shift - at).abs() < 0.002);
    let pairs = ones.iter().filter_map(|frame| Some((frame, same(frame.pts.as_secs_f64())?)));
    pairs.map(|(one, other)| plane_ssim(one, other)).collect()
}

/// Mean over the planes, in blocks of 8 by 8 (Wang et al., 2004).
fn plane_ssim(one: &Frame, other: &Frame) -> f64 {
    assert_eq!((one.width, one.height), (other.width, other.height));
    let (mut sum, mut blocks) = (0.0, 0.0);
    for plane in 0..3 {
        let half = usize::from(plane > 0);
        let (width, height) = ((one.width as usize) >> half, (one.height as usize) >> half);
        for (x, y) in (0..height / 8).flat_map(|y| (0..width / 8).map(move |x| (x * 8, y * 8))) {
            let read = |frame: &Frame| -> Vec<f64> {
                let (bytes, stride) = (frame.data.plane(plane), frame.strides[plane]);
                (y..y + 8)
                    .flat_map(|line| bytes[line * stride + x..][..8].iter().map(|&v| f64::from(v)))
                    .collect()
            };
            sum += block_ssim(&read(one), &read(other));
            blocks += 1.0;
        }
    }
    sum / blocks
}

fn block_ssim(one: &[f64], other: &[f64]) -> f64 {
    let count = one.len() as f64;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / count;
    let (a, b) = (mean(one), mean(other));
    let spread = |values: &[f64], mean: f64| values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
    let both = one.iter().zip(other).map(|(x, y)| (x - a) * (y - b)).sum::<f64>() / count;
    let (c1, c2) = ((0.01_f64 * 255.0).powi(2), (0.03_f64 * 255.0).powi(2));
    (2.0 * a * b + c1) * (2.0 * both + c2) / ((a * a + b * b + c1) * (spread(one, a) + spread(other, b) + c2))
}
