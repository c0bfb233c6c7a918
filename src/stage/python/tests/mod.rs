//! Real processes: a worker of the standard library and numpy that misbehaves on request.

mod faults;
mod sharing;
mod start;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{Counters, Options, prepare};
use crate::{
    frame::{Frame, Layout, Packed},
    stage::{
        Activity, Cause, Crash, Description, Error, Factory, Missing, Parameters, Restart, Stage, Values,
    },
};

/// A cold Python imports numpy on a machine that compiles beside it.
const LIMIT: Duration = Duration::from_mins(1);
/// A variable of this process that is on no list of what workers get; Cargo and nextest set it.
const HIDDEN: &str = "CARGO_MANIFEST_DIR";
const WORKER: &str = include_str!("../../../../tests/support/python_worker.py");

/// The first lines of its `pipeline.toml`.
const HEAD: &str = "id = \"test\"\nname = \"Test\"\nkind = \"python\"\nlayouts = [\"RGB\", \"I420\"]\n";

/// A pipeline's folder with the test's worker in it.
struct Bench {
    folder: tempfile::TempDir,
    counters: Arc<Counters>,
    factory: Factory,
}

impl Bench {
    /// `own`: lines of the table `[python]`; `parameters`: further tables.
    fn new(own: &str, parameters: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("pipeline.py"), WORKER).unwrap();
        let counters = Arc::new(Counters::default());
        let factory = prepared(folder.path(), own, parameters, &counters).unwrap();
        Self { folder, counters, factory }
    }

    fn stage(&self) -> Result<Box<dyn Stage>, Error> {
        (self.factory)()
    }

    fn count(&self) -> [u64; 2] {
        [Counters::read(&self.counters.started), Counters::read(&self.counters.reaped)]
    }
}

fn prepared(folder: &Path, own: &str, rest: &str, counters: &Arc<Counters>) -> Result<Factory, Error> {
    described(folder, &format!("{HEAD}[python]\n{own}\n{rest}"), counters)
}

fn described(folder: &Path, text: &str, counters: &Arc<Counters>) -> Result<Factory, Error> {
    let options = Options { interpreter: Some(python()), ..Options::default() };
    prepare(&options, counters, folder, &Description::parse(text)?)
}

/// The interpreter with numpy that `make deps` installs.
fn python() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin/python")
}

fn frame(seq: u64, width: u32, height: u32) -> Frame {
    let bytes = (0..width as usize * height as usize * 3)
        .map(|at| u8::try_from((at + 7 * usize::try_from(seq).unwrap()) % 251).unwrap());
    Frame {
        seq,
        pts: Duration::from_millis(33 * seq),
        ..Frame::packed(Layout::Rgb, (width, height), bytes.collect())
    }
}

fn parameters(version: u64, values: Value) -> Parameters {
    let Value::Object(values) = values else { panic!("expected an object") };
    Parameters { values: Values::from_iter(values), version }
}

fn with_fault(fault: &str) -> Parameters {
    parameters(1, json!({ "fault": fault }))
}

/// Why a stage died, which it has to have.
#[track_caller]
fn crash<T>(outcome: Result<T, Error>) -> Crash {
    match outcome {
        Err(Error::Died(crash)) => crash,
        Err(error) => panic!("expected the stage's end, got {error}"),
        Ok(_) => panic!("expected the stage's end, it goes on"),
    }
}

/// The frame of `output`, which must be one.
#[track_caller]
fn output_frame(output: Result<Option<Frame>, Error>) -> Frame {
    match output {
        Ok(Some(frame)) if !frame.data.as_any().is::<Packed>() => frame,
        Ok(Some(_)) => panic!("expected a frame of the ring, got the input"),
        Ok(None) => panic!("expected a frame, got none"),
        Err(error) => panic!("expected a frame, got {error}"),
    }
}

fn is_inverted(input: &Frame, output: &Frame) -> bool {
    let pairs = input.data.plane(0).iter().zip(output.data.plane(0));
    input.data.plane(0).len() == output.data.plane(0).len() && pairs.into_iter().all(|(a, b)| *b == 255 - *a)
}

#[track_caller]
fn eventually(claim: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + LIMIT;
    while !condition() {
        assert!(Instant::now() < end, "never: {claim}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// Files and mappings of rings, and sockets, that this process holds.
fn held() -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let links = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let links = links.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    let ours = |link: &Path| {
        let link = link.to_string_lossy();
        ["scope-ring", "socket:", "pidfd", "eventfd", "pipe:"].iter().any(|name| link.contains(name))
    };
    maps.matches("scope-ring").count() + links.filter(|link| ours(link)).count()
}
