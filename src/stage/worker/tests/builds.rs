//! Many wishes: what is built of them, and when.

use super::*;

/// How many builds there were, and how many at once.
#[derive(Default)]
struct Seen {
    builds: AtomicU64,
    under_way: AtomicU64,
    at_once: AtomicU64,
}

/// A stage that takes a while to build.
fn slow(id: &str, colour: u8, seen: &Arc<Seen>) -> Entry {
    let seen = seen.clone();
    let build = move || {
        seen.builds.fetch_add(1, Relaxed);
        seen.at_once.fetch_max(seen.under_way.fetch_add(1, Relaxed) + 1, Relaxed);
        std::thread::park_timeout(Duration::from_millis(30));
        seen.under_way.fetch_sub(1, Relaxed);
        Ok(Box::new(Painter { colour, seen: 0, values: Values::new(), script: |_| Ok(()) }) as Box<dyn Stage>)
    };
    with_factory(id, "", Arc::new(build))
}

#[test]
fn of_many_switches_the_newest_is_built_and_those_between_are_not() {
    let bench = Bench::new(entry("old", 10, "", |_| Ok(())));
    bench.until(10);
    let seen = Arc::new(Seen::default());
    let entries = [slow("a", 20, &seen), slow("b", 30, &seen)];

    for number in 0..1500 {
        bench.worker.switch(entries[number % 2].clone(), version(number as u64 + 2));
    }
    bench.until(30);

    let switched: Vec<_> = bench
        .heard()
        .into_iter()
        .filter_map(|event| match event {
            Event::Switched { pipeline, .. } => Some(pipeline),
            _ => None,
        })
        .collect();
    assert_eq!(switched.last().map(String::as_str), Some("b"));
    assert_eq!(seen.at_once.load(Relaxed), 1);
    let builds = seen.builds.load(Relaxed);
    assert!(builds < 10, "{builds} builds for 1500 switches");
}

#[test]
fn a_build_that_hangs_and_is_not_wanted_any_more_gives_way_after_its_limit() {
    let bench = Bench::new(entry("old", 10, "", |_| Ok(())));
    bench.until(10);
    let begun = Arc::new(AtomicU64::new(0));
    let builds = begun.clone();
    let hangs = Arc::new(move || {
        builds.fetch_add(1, Relaxed);
        std::thread::park();
        Err(Error::Process("woken".into()))
    });

    bench.worker.switch(with_factory("hangs", "load_limit_s = 0.4", hangs), version(2));
    while begun.load(Relaxed) == 0 {
        bench.step();
    }
    bench.worker.switch(entry("new", 20, "", |_| Ok(())), version(3));
    bench.until(20);

    assert_eq!(bench.worker.counters().abandoned.load(Relaxed), 1);
    assert!(!bench.heard().iter().any(|event| matches!(event, Event::NotReplaced { .. })));
}
