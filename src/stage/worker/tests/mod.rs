//! A worker with stages that do what a test says.

mod builds;
mod crashes;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, channel},
    },
    time::{Duration, Instant},
};

use serde_json::json;

use super::{super::*, *};
use crate::{
    frame::{Layout, Packed, Take},
    metrics::Metrics,
};

const LIMIT: Duration = Duration::from_secs(20);

/// Paints every frame with one colour, or does what its script says.
struct Painter {
    colour: u8,
    seen: u64,
    values: Values,
    script: fn(u64) -> Result<(), Error>,
}

impl Stage for Painter {
    fn set(&mut self, parameters: &Parameters) -> Result<(), Error> {
        if parameters.values.get("level") == Some(&json!(13)) {
            return Err(Error::Process("13 is too much".into()));
        }
        self.values = parameters.values.clone();
        Ok(())
    }

    fn process(&mut self, frame: &Frame) -> Result<Option<Frame>, Error> {
        self.seen += 1;
        (self.script)(self.seen)?;
        let level = self.values.get("level").and_then(serde_json::Value::as_u64).unwrap_or(0);
        let colour = self.colour + u8::try_from(level).unwrap();
        Ok(Some(Frame { data: pixels(colour), strides: vec![12], ..frame.clone() }))
    }

    fn warm_up(&mut self, _: &Frame) -> Result<(), Error> {
        Ok(())
    }
}

fn pixels(colour: u8) -> Arc<Packed> {
    Arc::new(Packed::new(vec![colour; 48], vec![0]))
}

fn frame(seq: u64) -> Frame {
    Frame { seq, pts: Duration::from_millis(seq * 33), ..Frame::packed(Layout::Rgb, (4, 4), vec![255; 48]) }
}

fn entry(id: &str, colour: u8, rest: &str, script: fn(u64) -> Result<(), Error>) -> Entry {
    with_factory(
        id,
        rest,
        Arc::new(move || {
            Ok(Box::new(Painter { colour, seen: 0, values: Values::new(), script }) as Box<dyn Stage>)
        }),
    )
}

fn with_factory(id: &str, rest: &str, factory: Factory) -> Entry {
    let text = format!(
        "id = \"{id}\"\nname = \"A\"\nkind = \"test\"\nlayouts = [\"RGB\"]\n{rest}\n[parameters.level]\ntype = \"integer\"\ndefault = 0\n"
    );
    Entry::parse(&text, Some(factory)).unwrap()
}

/// A worker between its slots.
struct Bench {
    worker: Worker,
    io: Io,
    events: Receiver<Event>,
    heard: Mutex<Vec<Event>>,
    seq: AtomicU64,
}

impl Bench {
    fn new(entry: Entry) -> Self {
        let io = Io::new(Arc::new(Metrics::new().unwrap().ledger().unwrap()));
        let (tell, events) = channel();
        let parameters = Parameters { values: entry.schema.defaults(), version: 1 };
        let tell = Box::new(move |event| drop(tell.send(event)));
        let worker = Worker::spawn(entry, parameters, io.clone(), tell).unwrap();
        Self { worker, io, events, heard: Mutex::default(), seq: AtomicU64::new(0) }
    }

    /// Feeds a frame and looks after the worker; gives the frame that is sent within a few milliseconds.
    fn step(&self) -> Option<Frame> {
        self.io.input.put(frame(self.seq.fetch_add(1, Relaxed)));
        self.worker.supervise(Duration::MAX);
        self.taken(Duration::from_millis(5))
    }

    fn taken(&self, limit: Duration) -> Option<Frame> {
        match self.io.output.take_within(limit) {
            Take::Item(frame) => Some(frame),
            _ => None,
        }
    }

    /// Feeds frames until one comes back in that colour; returns all frames that were sent.
    fn until(&self, colour: u8) -> Vec<Frame> {
        let mut all = Vec::new();
        let end = Instant::now() + LIMIT;
        while all.last().is_none_or(|last| shade(last) != colour) {
            assert!(Instant::now() < end, "no {colour}; {:?}", self.heard());
            all.extend(self.step());
        }
        all
    }

    /// Feeds frames until this many are returned.
    fn frames(&self, count: usize) -> Vec<Frame> {
        let mut all = Vec::new();
        let end = Instant::now() + LIMIT;
        while all.len() < count {
            assert!(Instant::now() < end, "{} of {count} frames; {:?}", all.len(), self.heard());
            all.extend(self.step());
        }
        all
    }

    /// Feeds frames until that was heard.
    fn until_heard(&self, wanted: impl Fn(&Event) -> bool) -> Vec<Frame> {
        let mut all = Vec::new();
        let end = Instant::now() + LIMIT;
        while !self.heard().iter().any(&wanted) {
            assert!(Instant::now() < end, "{:?}", self.heard());
            all.extend(self.step());
        }
        all
    }

    fn heard(&self) -> Vec<Event> {
        let mut heard = self.heard.lock().unwrap();
        heard.extend(self.events.try_iter());
        heard.clone()
    }

    fn set(&self, version: u64, values: serde_json::Value) {
        let serde_json::Value::Object(values) = values else { panic!("expected an object") };
        let parameters = Parameters { values, version };
        self.worker.update(Update { parameters, ..Update::default() });
    }
}

fn version(version: u64) -> Update {
    Update { parameters: Parameters { version, ..Parameters::default() }, ..Update::default() }
}

fn shade(frame: &Frame) -> u8 {
    frame.data.plane(0)[0]
}

fn state(wanted: State) -> impl Fn(&Event) -> bool {
    move |event| matches!(event, Event::State(status) if status.state == wanted)
}

fn planted() -> Cause {
    Cause::ElementFailed { message: "planted".into() }
}

#[test]
fn a_switch_shows_the_old_stage_until_the_new_one_is_ready_and_falls_between_two_frames() {
    let bench = Bench::new(entry("old", 10, "", |_| Ok(())));
    bench.until(10);
    let (open, gate) = channel::<()>();
    let gate = Mutex::new(gate);
    let slow = with_factory(
        "new",
        "",
        Arc::new(move || {
            gate.lock().unwrap().recv().ok();
            Ok(Box::new(Painter { colour: 20, seen: 0, values: Values::new(), script: |_| Ok(()) }))
        }),
    );

    bench.worker.switch(slow, version(2));
    bench.until_heard(state(State::Loading));
    let meanwhile = bench.frames(20);
    open.send(()).unwrap();
    let after = bench.until(20);

    assert!(meanwhile.iter().all(|frame| shade(frame) == 10));
    let first = after.last().unwrap().seq;
    assert!(after[..after.len() - 1].iter().all(|frame| shade(frame) == 10));
    let switched = bench.heard().into_iter().find_map(|event| match event {
        Event::Switched { pipeline, frame } => Some((pipeline, frame)),
        _ => None,
    });
    assert_eq!(switched, Some(("new".into(), first)));
}

#[test]
fn a_load_that_fails_or_hangs_leaves_the_old_stage_running_and_is_told() {
    let fails: Factory = Arc::new(|| Err(Error::Process("no weights".into())));
    let hangs: Factory = Arc::new(|| {
        std::thread::park();
        Err(Error::Process("woken".into()))
    });
    for (factory, limit, word) in
        [(fails, "", "no weights"), (hangs, "load_limit_s = 0.1", "not ready after")]
    {
        let bench = Bench::new(entry("old", 10, "", |_| Ok(())));
        bench.until(10);

        let broken = with_factory("broken", limit, factory);
        bench.worker.switch(broken, version(2));

        let told = |event: &Event| {
            matches!(event, Event::NotReplaced { pipeline, sentence }
            if pipeline == "broken" && sentence.contains(word))
        };
        assert!(bench.until_heard(told).iter().all(|frame| shade(frame) == 10));
        assert_eq!(shade(bench.until(10).last().unwrap()), 10);
    }
}

#[test]
fn a_held_frame_moves_along_in_time_while_the_stage_is_gone() {
    let dies = |seen| if seen == 5 { Err(planted().into()) } else { Ok(()) };
    let bench = Bench::new(entry("a", 10, "on_failure = \"hold\"", dies));

    let before = bench.until_heard(state(State::Restarting));
    let held = bench.frames(6);

    assert!(!before.is_empty());
    assert!(held.iter().all(|frame| shade(frame) == 10), "never the input frame");
    assert!(held.windows(2).all(|pair| pair[0].pts < pair[1].pts && pair[0].seq < pair[1].seq));
    bench.until_heard(state(State::Running));
}

#[test]
fn while_a_stage_loads_the_policy_decides_what_is_shown() {
    for (policy, shown) in [("passthrough", true), ("hold", false), ("skip", false)] {
        let rest = format!("on_failure = \"{policy}\"");
        let bench = Bench::new(with_factory(
            "a",
            &rest,
            Arc::new(|| {
                std::thread::park();
                Err(Error::Process("woken".into()))
            }),
        ));

        let frames = if shown { bench.frames(1) } else { (0..20).filter_map(|_| bench.step()).collect() };

        assert_eq!(!frames.is_empty(), shown, "{policy}");
        assert!(frames.iter().all(|frame| shade(frame) == 255), "{policy}");
    }
}

/// What holds the late stage's fifth frame.
static GATE: Mutex<Option<Receiver<()>>> = Mutex::new(None);

#[test]
fn a_stage_that_is_late_lets_frames_through_and_works_on_when_it_is_back() {
    let (wake, gate) = channel::<()>();
    *GATE.lock().unwrap() = Some(gate);
    let late = |seen| {
        if seen == 5 {
            let gate = GATE.lock().unwrap().take();
            gate.unwrap().recv().ok();
        }
        Ok(())
    };
    let bench = Bench::new(entry("a", 10, "", late));
    bench.until(10);

    bench.until_heard(state(State::Degraded));
    let through = bench.until(255);
    wake.send(()).unwrap();
    let back = bench.until(10);

    assert!(through.iter().chain(&back).is_sorted_by_key(|frame| frame.pts));
    assert_eq!(bench.worker.counters().abandoned.load(Relaxed), 0);
}

#[test]
fn a_layout_that_nobody_takes_is_said_and_not_worked_on() {
    let bench = Bench::new(entry("a", 10, "", |_| Ok(())));
    bench.until(10);
    bench.heard.lock().unwrap().clear();

    bench.io.input.put(Frame { layout: Layout::Nv12, ..frame(1000) });

    let shown = std::iter::from_fn(|| bench.taken(LIMIT)).find(|frame| shade(frame) != 10);
    assert_eq!(shown.map(|frame| shade(&frame)), Some(255), "unchanged");
    let wants = |event: &Event| matches!(event, Event::Wants { layouts } if *layouts == [Layout::Rgb]);
    assert!(bench.heard().iter().any(wants));
}

#[test]
fn a_pipeline_without_input_is_driven_by_its_own_clock() {
    let bench =
        Bench::new(entry("a", 10, "input = \"none\"\nfps = 50.0\nwidth = 32\nheight = 16", |_| Ok(())));

    let frames: Vec<_> = (0..10).filter_map(|_| bench.taken(LIMIT)).collect();

    assert_eq!(frames.len(), 10);
    assert!(frames.iter().all(|frame| (frame.width, frame.height) == (32, 16) && shade(frame) == 10));
    assert!(frames.windows(2).all(|pair| pair[0].pts < pair[1].pts && pair[0].seq < pair[1].seq));
}

#[test]
fn a_change_is_in_the_frame_that_its_reply_names() {
    let bench = Bench::new(entry("a", 10, "", |_| Ok(())));
    bench.until(10);

    bench.set(2, json!({"level": 5}));
    let frames = bench.until(15);

    let named = bench.heard().into_iter().find_map(|event| match event {
        Event::Applied { parameters, frame } if parameters.version == 2 => Some(frame),
        _ => None,
    });
    assert_eq!(named, Some(frames.last().unwrap().seq));
}

#[test]
fn values_that_a_stage_refuses_leave_it_with_those_before() {
    let bench = Bench::new(entry("a", 10, "", |_| Ok(())));
    bench.until(10);
    bench.set(2, json!({"level": 5}));
    bench.until(15);

    bench.set(3, json!({"level": 13}));

    let kept = Parameters { values: [("level".to_owned(), json!(5))].into_iter().collect(), version: 3 };
    bench.until_heard(|event| matches!(event, Event::Refused { kept: values, .. } if *values == kept));
    assert_eq!(shade(bench.until(15).last().unwrap()), 15);
}
