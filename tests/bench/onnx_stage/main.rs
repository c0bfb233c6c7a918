//! The Rust half of tests/bench/onnx: runs a stage of kind `onnx` when it is told to, and says how long each frame took.
//!
//! `onnx_stage FOLDER WIDTH HEIGHT THREADS IMAGE`; each line on standard input is a number of frames, each line on
//! standard output their times in microseconds. The frame's bytes are those of the file IMAGE, RGB.

use std::{io::BufRead, path::Path, time::Instant};

use anyhow::{Context, bail};
use scope::{
    app,
    frame::{Frame, Layout},
    stage::{
        Entry, Parameters, Settings,
        onnx::{self, Provider},
    },
};

fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [folder, width, height, threads, image] = &words[..] else {
        bail!("FOLDER WIDTH HEIGHT THREADS IMAGE are wanted, {words:?} came");
    };
    let (width, height): (u32, u32) = (width.parse()?, height.parse()?);
    let (threads, providers) = (Some(threads.parse()?), vec![Provider::Cpu]);
    let onnx = onnx::Settings { threads, providers, ..onnx::Settings::default() };
    let pipelines = Settings { onnx, ..Settings::default() };
    let entry = Entry::read(Path::new(folder), &app::kinds(&pipelines))?;
    let mut stage = (entry.factory)()?;
    stage.set(&Parameters { values: entry.schema.defaults(), version: 1 })?;
    let bytes = std::fs::read(image).context("the picture")?;
    let frame = Frame::packed(Layout::Rgb, (width, height), bytes);
    for line in std::io::stdin().lock().lines() {
        let mut times = Vec::new();
        for _ in 0..line?.parse()? {
            let started = Instant::now();
            let Some(picture) = stage.process(&frame)? else { bail!("the stage gave no picture") };
            times.push(started.elapsed().as_micros().to_string());
            anyhow::ensure!(
                picture.data.plane(0).len() == frame.data.plane(0).len(),
                "a picture of another size"
            );
        }
        println!("{}", times.join(" "));
    }
    Ok(())
}
