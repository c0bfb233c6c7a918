//! What the hand-over of a picture to Python and back costs: `cargo run --release --example handover`.
//!
//! The worker of the tests copies the picture or does nothing, on a paced 30 fps input in RGB; then eight sessions run as
//! fast as they can on one worker, batched and not. Prints Markdown. Under a minute.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Barrier, atomic::AtomicU64},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use scope::{
    frame::{Frame, Layout},
    stage::{
        Description, Parameters, Stage, Values,
        python::{Counters, Options, prepare},
    },
};
use serde_json::json;

const WORKER: &str = include_str!("../../support/python_worker.py");
const SIZES: [(u32, u32); 2] = [(512, 512), (1280, 720)];
/// At 30 frames a second.
const PACE: Duration = Duration::from_nanos(33_333_333);
const FRAMES: u64 = 180;
const WARM_UP: u64 = 30;
const SESSIONS: usize = 8;
const BATCH_FRAMES: u64 = 60;
/// What a call of the worker takes, however many frames it makes: what a model on a GPU comes near to.
const CALL_MS: u64 = 20;

fn main() -> anyhow::Result<()> {
    println!(
        "| hand-over at 30 fps | p50 ms | p99 ms | copies a frame | of them row by row |\n| --- | --- | --- | --- | --- |"
    );
    for (width, height) in SIZES {
        for nothing in [true, false] {
            paced(width, height, nothing)?;
        }
    }
    println!(
        "\n| {SESSIONS} sessions, one worker, {CALL_MS} ms a call | frames/s | largest batch |\n| --- | --- | --- |"
    );
    for max_batch in [SESSIONS as u64, 1] {
        together(max_batch)?;
    }
    Ok(())
}

fn paced(width: u32, height: u32, nothing: bool) -> anyhow::Result<()> {
    let bench = Bench::new(1)?;
    let mut stage = bench.stage(&json!({ "nothing": nothing }))?;
    let mut took = Vec::new();
    let mut due = Instant::now();
    for seq in 0..FRAMES {
        due += PACE;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let frame = frame(seq, width, height);
        let started = Instant::now();
        let output = stage.process(&frame)?;
        took.push(started.elapsed());
        ensure!(
            output.is_some_and(|output| !Arc::ptr_eq(&output.data, &frame.data)),
            "a new frame is wanted"
        );
    }
    let mut took = took.split_off(usize::try_from(WARM_UP)?);
    took.sort_unstable();
    let at = |percent: usize| took[(took.len() * percent / 100).min(took.len() - 1)].as_secs_f64() * 1e3;
    let share = |counter: &AtomicU64| Counters::read(counter) as f64 / FRAMES as f64;
    let what = if nothing { "nothing" } else { "a numpy operation" };
    let (copied, by_row) = (share(&bench.counters.copied_in), share(&bench.counters.copied_by_row));
    println!("| {what}, {width}x{height} | {:.2} | {:.2} | {copied:.2} | {by_row:.2} |", at(50), at(99));
    Ok(())
}

fn together(max_batch: u64) -> anyhow::Result<()> {
    let bench = Bench::new(max_batch)?;
    let barrier = Arc::new(Barrier::new(SESSIONS + 1));
    let mut threads = Vec::new();
    for _ in 0..SESSIONS {
        let (mut stage, barrier) = (bench.stage(&json!({ "work_ms": CALL_MS }))?, barrier.clone());
        threads.push(std::thread::spawn(move || {
            barrier.wait();
            (0..BATCH_FRAMES).try_for_each(|seq| stage.process(&frame(seq, 512, 512)).map(drop))
        }));
    }
    barrier.wait();
    let started = Instant::now();
    for thread in threads {
        thread.join().ok().context("a session panicked")??;
    }
    let rate = (SESSIONS as u64 * BATCH_FRAMES) as f64 / started.elapsed().as_secs_f64();
    let name = if max_batch > 1 { "batched" } else { "one by one" };
    println!("| {name} | {rate:.0} | {} |", Counters::read(&bench.counters.largest_batch));
    Ok(())
}

struct Bench {
    folder: PathBuf,
    counters: Arc<Counters>,
    factory: scope::stage::Factory,
}

impl Bench {
    fn new(max_batch: u64) -> anyhow::Result<Self> {
        let folder = std::env::temp_dir().join(format!("scope-handover-{}-{max_batch}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("pipeline.py"), WORKER)?;
        let text = format!(
            "id = \"test\"\nname = \"Test\"\nkind = \"python\"\nlayouts = [\"RGB\"]\n[python]\nmax_batch = {max_batch}"
        );
        let counters = Arc::new(Counters::default());
        let python = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin/python");
        let options = Options { interpreter: Some(python), ..Options::default() };
        let factory = prepare(&options, &counters, &folder, &Description::parse(&text)?)?;
        Ok(Self { folder, counters, factory })
    }

    fn stage(&self, values: &serde_json::Value) -> anyhow::Result<Box<dyn Stage>> {
        let mut stage = (self.factory)()?;
        let values = values.as_object().cloned().unwrap_or_default();
        stage.set(&Parameters { values: Values::from_iter(values), version: 1 })?;
        Ok(stage)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).ok(); // it lies in the system's temporary folder
    }
}

fn frame(seq: u64, width: u32, height: u32) -> Frame {
    let bytes = vec![u8::try_from(seq % 251).unwrap_or(0); width as usize * height as usize * 3];
    Frame {
        seq,
        pts: PACE * u32::try_from(seq).unwrap_or(0),
        ..Frame::packed(Layout::Rgb, (width, height), bytes)
    }
}
