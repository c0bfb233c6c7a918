//! Crashes and hangs: what is told, who decides, and when the stage runs again.

use super::*;

#[test]
fn a_crash_is_told_with_its_cause_until_the_stage_runs_again() {
    let dies = |seen| if seen == 5 { Err(planted().into()) } else { Ok(()) };
    let bench = Bench::new(entry("a", 10, "", dies));

    bench.until_heard(state(State::Restarting));
    bench.until(10);

    let told: Vec<_> = bench
        .heard()
        .into_iter()
        .filter_map(|event| match event {
            Event::State(status) => Some(status),
            _ => None,
        })
        .collect();
    let ill: Vec<_> = told.iter().filter(|status| status.state == State::Restarting).collect();
    assert!(ill.iter().all(|status| status.cause == Some(planted())), "{ill:?}");
    assert_eq!(ill[0].detail, "a GStreamer element failed: planted; it restarts");
    assert_eq!(ill[0].next_step, planted().next_step());
    assert_eq!(told.last().map(|status| (status.state, status.cause.clone())), Some((State::Running, None)));
}

#[test]
fn a_session_follows_a_decision_that_was_made_elsewhere() {
    let given_up = |_| Err(Error::Died(Crash { cause: planted(), restart: Some(Restart::GivenUp) }));
    let bench = Bench::new(entry("a", 10, "", given_up));

    bench.until_heard(state(State::Failed));

    assert!(!bench.heard().iter().any(state(State::Restarting)), "one crash, decided once");
}

#[test]
fn a_stage_that_hangs_is_left_behind_and_another_takes_its_place() {
    let hangs = |seen| {
        if seen == 5 {
            std::thread::park();
        }
        Ok(())
    };
    let bench = Bench::new(entry("a", 10, "deadline_s = 1.0", hangs));

    let frames = bench.until_heard(state(State::Restarting));
    bench.until_heard(state(State::Running));

    assert!(!frames.is_empty());
    assert_eq!(bench.worker.counters().abandoned.load(Relaxed), 1);
    bench.until(10);
    assert!(bench.worker.stop(LIMIT).is_ok(), "what was left behind is not waited for");
}

/// Whether the weights are missing.
static BROKEN: AtomicU64 = AtomicU64::new(1);

#[test]
fn a_stage_that_keeps_crashing_is_given_up_and_a_reset_brings_it_back() {
    let bench = Bench::new(with_factory(
        "a",
        "",
        Arc::new(|| {
            if BROKEN.load(Relaxed) == 1 {
                return Err(Error::Process("no weights".into()));
            }
            Ok(Box::new(Painter { colour: 10, seen: 0, values: Values::new(), script: |_| Ok(()) }))
        }),
    ));

    let through = bench.until_heard(state(State::Failed));
    BROKEN.store(0, Relaxed);
    let parameters = Parameters { version: 2, ..Parameters::default() };
    bench.worker.update(Update { parameters, reset: true, ..Update::default() });

    assert!(through.iter().all(|frame| shade(frame) == 255));
    bench.until(10);
}
