//! What floods of one peer cost a good session beside them: `make floods`.
//!
//! Each flood gets a server of its own and one session of 640x480 at 30 frames/s from another stack. After ten seconds of
//! that session alone come ten with the flood; both are measured alike. Prints a row for each flood and ends with 1 where
//! a bound does not hold: the delay's p95 grows by under 20 ms, under 2 % of the frames are lost, the
//! server's memory grows by under 100 MB, `/health` answers within 100 ms, and nothing is left afterwards.

#[path = "../support/mod.rs"]
mod support;

mod flood;
mod watch;

use std::{process::ExitCode, thread, time::Duration};

use self::{
    flood::FLOODS,
    support::{LIMIT, client::Client, film, server::Server, stage, wait_until},
    watch::{Watch, Window},
};

/// How long the session is measured, without and with the flood.
const WINDOW: Duration = Duration::from_secs(10);
/// From the first frames to a session that has settled: bit rate, jitter buffer.
const SETTLE: Duration = Duration::from_secs(4);

const DELAY_GROWS: Duration = Duration::from_millis(20);
const LOST_PERCENT: f64 = 2.0;
const MEMORY_MB: usize = 100;
const HEALTH: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    let only: Vec<_> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    println!(
        "| flood | p95 alone | p95 with it | lost alone | lost with it | memory | /health at most | refusals | left |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let chosen = FLOODS
        .iter()
        .filter(|flood| only.is_empty() || only.iter().any(|name| flood.name.contains(name.as_str())));
    let held = chosen.map(run).fold(true, |all, held| all && held);
    if held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Measures one flood and prints its row. Gives whether each bound holds.
fn run(flood: &flood::Flood) -> bool {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = |name: &str| folder.path().join(name).to_str().expect("its name is text").to_owned();
    let (pipelines, files, recordings) = (path("pipelines"), path("files"), path("recordings"));
    std::fs::create_dir(&files).expect("a folder can be made");
    film::film(&folder.path().join("files").join(flood::FILM));
    stage::put(
        &folder.path().join("pipelines"),
        flood::NOTES,
        "[parameters.note]\ntype = \"string\"\ndefault = \"\"\n",
    );
    let folders = ["--pipelines", &pipelines, "--video-files", &files, "--recordings", &recordings];
    let args = [&folders, flood.flags].concat();
    let server = Server::spawn_under(flood.under, &args, &[("SCOPE_OFFLINE", "1")]);
    let good =
        Client::builder().size(640, 480).fps(30).connect(server.url()).expect("the good session is let in");
    good.expect("frames", |stats| stats.rises() >= 30, LIMIT);
    thread::park_timeout(SETTLE);

    let alone = Window::of(&good, WINDOW);
    let before = server.resources();
    let watch = Watch::start(&server);
    let (with, refusals) = thread::scope(|scope| {
        let flooding = scope.spawn(|| (flood.send)(&server, WINDOW));
        let with = Window::of(&good, WINDOW);
        flooding.join().expect("the flood is sent");
        (with, flood.limits.iter().map(|limit| server.refusals(limit)).sum::<u64>())
    });
    let seen = watch.stop();
    let left = !wait_until(|| server.resources().is_back_at(&before), LIMIT);
    let after = server.resources();

    let grown = seen.rss_kb.saturating_sub(before.rss_kb) / 1024;
    let bounds = [
        with.p95 < alone.p95 + DELAY_GROWS,
        with.lost < LOST_PERCENT,
        grown < MEMORY_MB,
        seen.health < HEALTH,
        refusals > 0,
        !left,
    ];
    let held = bounds.iter().all(|bound| *bound);
    println!(
        "| {} | {:.1} ms | {:.1} ms | {:.1} % | {:.1} % | +{grown} MB | {:.0} ms of {} | {refusals} | {} |{}",
        flood.name,
        alone.p95.as_secs_f64() * 1e3,
        with.p95.as_secs_f64() * 1e3,
        alone.lost,
        with.lost,
        seen.health.as_secs_f64() * 1e3,
        seen.answers,
        if left { format!("{before:?} before, {after:?} after") } else { "nothing".to_owned() },
        if held { "" } else { " does not hold" },
    );
    held
}
