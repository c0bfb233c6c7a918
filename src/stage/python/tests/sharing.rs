//! Sessions that share a worker, and what is counted on a frame's way.

use super::*;
use crate::stage::{blank, python::ring::Slot};

#[test]
fn a_frame_is_copied_into_the_ring_alone_and_handed_on_where_the_worker_left_it() {
    let bench = Bench::new("", "");
    let mut stage = bench.stage().unwrap();

    for seq in 0..5 {
        let input = frame(seq, 64, 48);
        let output = output_frame(stage.process(&input));

        assert!(is_inverted(&input, &output), "frame {seq}");
        assert_eq!((output.seq, output.pts, output.layout), (seq, input.pts, Layout::Rgb));
        assert!(output.data.as_any().is::<Slot>());
    }

    let counters = &bench.counters;
    let read = [&counters.copied_in, &counters.copied_by_row, &counters.bytes_in, &counters.handed_on];
    assert_eq!(read.map(Counters::read), [5, 0, 5 * 64 * 48 * 3, 5]);
}

#[test]
fn without_input_the_worker_gets_none() {
    let bench = Bench::new("", "");
    let text = format!("{HEAD}input = \"optional\"\n");
    let factory = described(bench.folder.path(), &text, &bench.counters).unwrap();
    let mut stage = factory().unwrap();
    let nothing = blank::frame(&Description::parse(&text).unwrap().info(), Some((64, 48)));
    let input = frame(1, 64, 48);

    assert!(output_frame(stage.process(&nothing)).data.plane(0).iter().all(|&byte| byte == 7));
    assert!(is_inverted(&input, &output_frame(stage.process(&input))));
    assert_eq!(Counters::read(&bench.counters.copied_in), 1);
}

#[test]
fn eight_sessions_share_one_process_that_works_on_batches_and_each_gets_its_share() {
    const FRAMES: u64 = 20;
    let bench = Bench::new("", "");
    let stages: Vec<_> = (0..8).map(|_| bench.stage().unwrap()).collect();

    let start = Arc::new(std::sync::Barrier::new(stages.len()));
    let threads = stages.into_iter().map(|mut stage| {
        let start = start.clone();
        std::thread::spawn(move || {
            stage.set(&parameters(1, json!({"work_ms": 10}))).unwrap();
            start.wait();
            for seq in 0..FRAMES {
                let input = frame(seq, 64, 48);
                assert!(is_inverted(&input, &output_frame(stage.process(&input))));
            }
        })
    });
    threads.collect::<Vec<_>>().into_iter().for_each(|thread| thread.join().unwrap());

    assert_eq!(bench.count()[0], 1);
    assert_eq!(Counters::read(&bench.counters.largest_batch), 8);
    assert_eq!(Counters::read(&bench.counters.handed_on), 8 * FRAMES);
}

#[test]
fn sessions_with_other_load_time_values_get_another_process() {
    let bench = Bench::new("", "[parameters.keep]\ntype = \"boolean\"\nui = { is_load_param = true }");
    let (mut one, mut other) = (bench.stage().unwrap(), bench.stage().unwrap());
    assert_eq!(bench.count()[0], 0, "a worker that loads with parameters comes with the first ones");

    one.set(&parameters(1, json!({"keep": true}))).unwrap();
    other.set(&parameters(1, json!({"keep": false}))).unwrap();

    let input = frame(0, 64, 48);
    assert_eq!(output_frame(one.process(&input)).data.plane(0), input.data.plane(0));
    assert!(is_inverted(&input, &output_frame(other.process(&input))));
    assert_eq!(bench.count()[0], 2);
}

#[test]
fn a_frame_of_another_size_or_layout_gets_a_ring_of_its_own() {
    let bench = Bench::new("", "");
    let mut stage = bench.stage().unwrap();

    for (seq, (width, height)) in [(64, 48), (128, 96), (64, 48)].into_iter().enumerate() {
        let input = frame(seq as u64, width, height);
        assert!(is_inverted(&input, &output_frame(stage.process(&input))), "{width}x{height}");
    }
    let input = Frame { seq: 3, ..Frame::packed(Layout::I420, (8, 8), vec![9; 96]) };
    let output = output_frame(stage.process(&input));

    assert_eq!(
        [0, 1, 2].map(|plane| output.data.plane(plane).to_vec()),
        [vec![246; 64], vec![246; 16], vec![246; 16]]
    );
    let refused = stage.process(&Frame { layout: Layout::Nv12, ..input });
    assert!(matches!(refused, Err(Error::Process(why)) if why.contains("Nv12")));
}

#[test]
fn a_worker_that_nobody_uses_ends_and_leaves_nothing() {
    let before = held();
    let bench = Bench::new("keep_s = 0", "");
    let mut stage = bench.stage().unwrap();
    let output = output_frame(stage.process(&frame(0, 64, 48)));
    assert!(held() > before);

    drop(stage);
    drop(output);

    eventually("the process is reaped", || bench.count() == [1, 1]);
    eventually("descriptors and mappings are gone", || held() == before);
}

#[test]
fn a_frame_outlives_its_session_and_its_worker() {
    let bench = Bench::new("keep_s = 0", "");
    let mut stage = bench.stage().unwrap();
    let input = frame(0, 64, 48);
    let output = output_frame(stage.process(&input));

    drop(stage);
    eventually("the process is reaped", || bench.count() == [1, 1]);

    assert!(is_inverted(&input, &output));
}

#[test]
fn a_session_that_comes_back_soon_finds_the_worker() {
    let bench = Bench::new("keep_s = 30", "");
    drop(bench.stage().unwrap());

    output_frame(bench.stage().unwrap().process(&frame(0, 64, 48)));

    assert_eq!(bench.count(), [1, 0]);
}

#[test]
fn frames_that_are_held_for_ever_cost_only_frames() {
    let bench = Bench::new("", "");
    let mut stage = bench.stage().unwrap();
    let mut held = Vec::new();

    let refused = (0..100).find_map(|seq| match stage.process(&frame(seq, 64, 48)) {
        Ok(Some(frame)) => {
            held.push(frame);
            None
        }
        Ok(None) => panic!("expected a frame"),
        Err(error) => Some(error),
    });

    assert!(matches!(refused, Some(Error::Process(why)) if why.contains("ring")));
    held.clear();
    output_frame(stage.process(&frame(101, 64, 48)));
}

#[test]
fn a_pipeline_has_no_more_workers_than_it_may_and_an_unused_one_makes_room() {
    let bench = Bench::new("", "[parameters.size]\ntype = \"integer\"\nui = { is_load_param = true }");
    let with_size = |size: u64| {
        let mut stage = bench.stage().unwrap();
        stage.set(&parameters(1, json!({"size": size}))).map(|()| stage)
    };
    let mut stages: Vec<_> = (0..4).map(|size| with_size(size).unwrap()).collect();

    let refused = crash(with_size(4));

    let Cause::Refused { message } = refused.cause else { panic!("{refused:?}") };
    assert!(message.contains("4 of 4 workers") && message.contains("load-time parameters"), "{message}");
    assert_eq!(bench.count()[0], 4);
    assert!(with_size(0).is_ok(), "the worker of another session");
    stages.pop();
    assert!(with_size(4).is_ok(), "in place of the unused one");
    eventually("the unused one has ended", || bench.count() == [5, 1]);
}

#[test]
fn a_sandboxed_worker_works_as_any_other() {
    if super::super::landlock_version().is_none() {
        return; // the kernel has none, and the catalog says so
    }
    let bench = Bench::new("sandbox = true", "");
    let mut stage = bench.stage().unwrap();

    let input = frame(0, 64, 48);

    assert!(is_inverted(&input, &output_frame(stage.process(&input))));
}

/// A camera of 30 frames a second for that long; gives how many frames the stage returned. Those drawn while it works are
/// lost, as in a session.
fn film(stage: &mut Box<dyn Stage>, seconds: u64) -> usize {
    const INTERVAL: Duration = Duration::from_micros(33_333);
    let (begin, mut drawn, mut returned) = (Instant::now(), 0, 0);
    while begin.elapsed() < Duration::from_secs(seconds) {
        let newest = u64::try_from(begin.elapsed().as_micros() / INTERVAL.as_micros()).unwrap() + 1;
        if newest == drawn {
            std::thread::park_timeout(Duration::from_millis(1));
            continue;
        }
        drawn = newest;
        returned += usize::from(matches!(stage.process(&frame(drawn, 64, 48)), Ok(Some(_))));
    }
    returned
}

#[test]
fn a_slow_session_leaves_a_quick_one_of_the_same_worker_its_frames() {
    let bench = Bench::new("env = { MAX_BATCH = \"1\" }", "");
    let (mut quick, mut slow) = (bench.stage().unwrap(), bench.stage().unwrap());
    slow.set(&parameters(1, json!({"work_ms": 200}))).unwrap();
    film(&mut quick, 1);
    let alone = film(&mut quick, 4);

    let other = std::thread::spawn(move || film(&mut slow, 12));
    film(&mut quick, 4); // what the other may owe is used up
    let beside = film(&mut quick, 8);

    let slow = other.join().unwrap();
    println!(
        "{alone} frames in 4 s alone, {beside} in 8 s beside a session of 200 ms a frame, which got {slow} in 12 s"
    );
    assert!(beside * 30 >= alone * 2 * 25, "{alone} in 4 s alone, {beside} in 8 s beside a slow session");
    assert!(slow > 0);
    assert_eq!(bench.count()[0], 1, "one worker");
}
