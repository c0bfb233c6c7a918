//! A worker that goes wrong takes nobody along: its sessions are told, another takes its place, nothing is left.

use super::*;

/// Each fault that ends a worker.
const DEADLY: [&str; 7] = ["kill", "exit", "hang", "garbage", "lie", "eat", "child"];
const HANGS: &str = "keep_s = 0\nframe_limit_ms = 1500";
/// The worker has to get so far as to take the memory first.
const EATS: &str = "keep_s = 0\nmemory_limit_mb = 400";

#[test]
fn a_worker_that_ends_is_told_of_and_another_takes_its_place() {
    let before = held();
    for fault in DEADLY {
        let bench = Bench::new(if fault == "eat" { EATS } else { HANGS }, "");
        let mut stage = bench.stage().unwrap();
        stage.set(&with_fault(fault)).unwrap();

        let crash = crash(stage.process(&frame(0, 64, 48)));
        assert!(is_of(fault, &crash.cause), "{fault}: {crash:?}");
        assert!(matches!(crash.restart, Some(Restart::At(_))), "the pool decides: {crash:?}");
        assert!(matches!(stage.process(&frame(1, 64, 48)), Err(Error::Died(_))), "{fault}");
        drop(stage);

        let mut stage = bench.stage().unwrap();
        stage.set(&with_fault(fault)).unwrap();
        let input = frame(2, 64, 48);
        assert!(is_inverted(&input, &output_frame(stage.process(&input))), "{fault}");
        drop(stage);
        eventually("both processes are reaped", || bench.count() == [2, 2]);
        eventually("descriptors and mappings are gone", || held() == before);
        eventually("no child is left", || !runs_in(bench.folder.path()));
    }
}

fn is_of(fault: &str, cause: &Cause) -> bool {
    match cause {
        Cause::Killed { signal: 9, .. } => matches!(fault, "kill" | "child"),
        Cause::Exited { code: 3, ready: true, last_line } => {
            fault == "exit" && last_line.as_deref() == Some("out of ideas")
        }
        Cause::TimedOut { during: Activity::Frame, seconds } => fault == "hang" && *seconds >= 1.5,
        Cause::ProtocolFault { message } => match fault {
            "garbage" => message.contains("not a message"),
            "lie" => message.contains("slot"),
            _ => false,
        },
        Cause::OverMemoryLimit { used_mb, limit_mb: 400 } => fault == "eat" && *used_mb > 400,
        _ => false,
    }
}

#[test]
fn a_frame_that_fails_is_one_frame() {
    let bench = Bench::new("", "");
    let mut stage = bench.stage().unwrap();
    stage.set(&with_fault("raise")).unwrap();

    let Err(Error::Process(why)) = stage.process(&frame(0, 64, 48)) else {
        panic!("expected a failed frame")
    };

    assert_eq!(why, "ValueError: this frame is not to my taste");
    output_frame(stage.process(&frame(1, 64, 48)));
    assert_eq!(bench.count(), [1, 0]);
}

#[test]
fn new_values_reach_the_worker_under_the_version_that_it_knows() {
    let bench = Bench::new("", "");
    let mut stage = bench.stage().unwrap();
    stage.set(&with_fault("")).unwrap();
    output_frame(stage.process(&frame(0, 64, 48)));

    // As each step of a transition comes.
    stage.set(&with_fault("raise")).unwrap();

    assert!(matches!(stage.process(&frame(1, 64, 48)), Err(Error::Process(_))));
}

#[test]
fn every_session_of_a_worker_that_dies_is_told() {
    let bench = Bench::new(HANGS, "");
    let stages: Vec<_> = (0..4).map(|_| bench.stage().unwrap()).collect();

    let threads = stages.into_iter().enumerate().map(|(index, mut stage)| {
        std::thread::spawn(move || {
            stage.set(&with_fault(if index == 0 { "hang" } else { "" })).unwrap();
            (0..).find_map(|seq| stage.process(&frame(seq, 64, 48)).err())
        })
    });
    let told: Vec<_> = threads.collect::<Vec<_>>().into_iter().map(|thread| thread.join().unwrap()).collect();

    let crashes: Vec<_> = told.into_iter().map(|error| crash(error.map_or(Ok(()), Err))).collect();
    assert!(matches!(crashes[0].cause, Cause::TimedOut { during: Activity::Frame, .. }), "{crashes:?}");
    assert!(crashes.iter().all(|crash| *crash == crashes[0]), "one crash, decided once: {crashes:?}");
}

#[test]
fn a_flood_of_output_stops_no_frame() {
    let bench = Bench::new("", "");
    let mut stage = bench.stage().unwrap();
    stage.set(&with_fault("flood")).unwrap();

    output_frame(stage.process(&frame(0, 64, 48)));
}

#[test]
fn a_spare_takes_over_without_a_load() {
    let bench = Bench::new("hot_spare = true\nkeep_s = 0", "");
    let mut stage = bench.stage().unwrap();
    eventually("the spare is started", || bench.count()[0] == 2);
    stage.set(&with_fault("kill")).unwrap();
    assert!(matches!(stage.process(&frame(0, 64, 48)), Err(Error::Died(_))));

    let mut again = bench.stage().unwrap();
    output_frame(again.process(&frame(1, 64, 48)));

    eventually("there is a spare again", || bench.count()[0] == 3);
    drop((stage, again));
    eventually("all processes are reaped", || bench.count() == [3, 3]);
}

/// Whether a process works in `folder`.
fn runs_in(folder: &Path) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|process| std::fs::read_link(process.path().join("cwd")).ok())
        .any(|cwd| cwd == folder)
}
