//! The load generator of `make bench`: sessions that send a clip encoded before, take back what a server makes of it,
//! and one JSON object with what that cost and how it looked. `tests/bench/run` starts it beside each server.
//!
//! A thread a session; the first session is the probe of delay and quality. The main thread opens the sessions,
//! sleeps through the window and samples /proc at its ends.

mod clip;
mod ffi;
mod options;
mod paint;
mod picture;
mod process;
mod report;
mod sender;
mod session;
mod signalling;
mod support;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, ensure};

use clip::Clip;
use options::{ClipOptions, Command, RunOptions};
use process::Usage;
use report::Window;
use session::{Order, Record};

/// Sessions start this far apart, so that a server's work at the start of one does not pile up.
const START_INTERVAL: Duration = Duration::from_millis(250);

fn main() -> anyhow::Result<()> {
    let command = options::read()?;
    gst::init().context("GStreamer does not start")?;
    match command {
        Command::Clip(options) => make_clip(&options),
        Command::Run(options) => run(&options),
    }
}

/// Prints the clip's path, and writes its source where that is asked for.
fn make_clip(options: &ClipOptions) -> anyhow::Result<()> {
    let ClipOptions { folder, codec, size, source } = options;
    Clip::open(folder, *codec, *size)?;
    if let Some(path) = source {
        let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        let mut file = BufWriter::new(file);
        clip::write_source(*size, &mut file).and_then(|()| file.flush())?;
    }
    println!("{}", clip::path(folder, *codec, *size).display());
    Ok(())
}

fn run(options: &RunOptions) -> anyhow::Result<()> {
    let clip = Arc::new(Clip::open(&options.clip.folder, options.clip.codec, options.clip.size)?);
    ensure!(Usage::of(options.pid).threads > 0, "no process {} to measure", options.pid);
    let stop = Arc::new(AtomicBool::new(false));
    let start = Instant::now();
    let threads: Vec<_> = (0..options.sessions)
        .map(|number| {
            let order = Order {
                api: options.api,
                base_url: options.url.clone(),
                number,
                clip: Arc::clone(&clip),
                decodes: number < options.decoded,
                stop: Arc::clone(&stop),
            };
            let due = start + START_INTERVAL * u32::try_from(number).expect("few sessions");
            thread::sleep(due.saturating_duration_since(Instant::now()));
            thread::spawn(move || session::run(&order))
        })
        .collect();

    thread::sleep(options.warm_up);
    let began = SystemTime::now();
    let (begins, server, own) = (Instant::now(), Usage::of(options.pid), Usage::own());
    thread::sleep(options.window);
    let (ends, server_after, own_after) = (Instant::now(), Usage::of(options.pid), Usage::own());
    stop.store(true, Ordering::Relaxed);
    let sessions: Vec<Record> =
        threads.into_iter().map(|thread| thread.join().expect("a session's thread does not panic")).collect();

    let window = Window { begins, ends, server: [server, server_after], own: [own, own_after] };
    let mut report = report::report(&clip, &sessions, &window);
    if options.each {
        report["each_delay_ms"] = report::each_delay(&sessions[0], &window, began);
    }
    println!("{report}");
    Ok(())
}
