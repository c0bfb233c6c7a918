//! `scope pipelines run`: one pipeline over a file, every frame in turn, on the same stage as a session's.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

use super::{FAILED, catalog, print, refuse, replay::Replay};
use crate::{
    config::{Config, Run},
    frame::{Frame, MaxFrame},
    media::{Keep, Reader, Writer},
    stage::{Entry, Input, Offline, Parameters, Values},
};

/// Frames of a pipeline without input if --frames is not given: five seconds.
const FRAMES: u64 = 150;

/// Runs it; progress goes to standard error, the result to standard output.
pub fn run(wanted: &Run, config: &Config) -> ExitCode {
    let prepared = catalog(config).and_then(|catalog| {
        let entry = catalog.get(&wanted.id).map_err(|error| error.to_string())?;
        let values = values(wanted, &entry)?;
        Ok((entry, values))
    });
    let (entry, values) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => return refuse(&error),
    };
    match over(wanted, &entry, values, config.media.max_frame) {
        Ok(summary) => {
            print(&summary);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{}", error.trim_end());
            ExitCode::from(FAILED)
        }
    }
}

fn values(wanted: &Run, entry: &Entry) -> Result<Values, String> {
    if wanted.input.is_none() && wanted.replay.is_none() && entry.info.input == Input::Required {
        return Err(format!("pipeline {} needs input frames: name a file with --input", entry.info.id));
    }
    let mut values = entry.schema.defaults();
    for (name, value) in &wanted.parameters {
        let given = value.clone();
        let given = if entry.schema.weighs_prompts() && name == crate::stage::prompts::PROMPTS {
            crate::stage::prompts::normalised(given)
        } else {
            given
        };
        values.insert(name.clone(), given);
    }
    let faults = entry.schema.faults(&values);
    let sentences: Vec<_> =
        faults.iter().map(|fault| format!("--param {}: {}", fault.path, fault.message)).collect();
    if sentences.is_empty() { Ok(values) } else { Err(sentences.join("\n")) }
}

/// Where the frames come from.
enum Source {
    File(Box<Reader>),
    Replay(Box<Replay>),
    Nothing { next: u64 },
}

impl Source {
    fn open(wanted: &Run, entry: &Entry, max: MaxFrame) -> Result<Self, String> {
        let layouts = &entry.info.layouts;
        if let Some(folder) = &wanted.replay {
            return Ok(Self::Replay(Box::new(Replay::open(folder, layouts, max)?)));
        }
        match &wanted.input {
            Some(path) => {
                let reader = Reader::open(path, layouts, max).map_err(|error| error.to_string())?;
                Ok(Self::File(Box::new(reader)))
            }
            None => Ok(Self::Nothing { next: 0 }),
        }
    }

    /// What reads the file, if there is one.
    fn reader(&self) -> Option<&Reader> {
        match self {
            Self::File(reader) => Some(reader),
            Self::Replay(replay) => Some(replay.reader()),
            Self::Nothing { .. } => None,
        }
    }

    /// Takes over the values that a recording began with, except those named on the command line.
    fn first_values(&self, wanted: &Run, entry: &Entry, values: &mut Values) {
        if let Self::Replay(replay) = self {
            let own = replay.first_values().iter();
            let own = own.filter(|(name, _)| !wanted.parameters.iter().any(|(named, _)| named == *name));
            let known = own.filter(|(name, _)| entry.schema.has(name));
            values.extend(known.map(|(name, value)| (name.clone(), value.clone())));
        }
    }

    /// Applies what changes with this frame; gives whether anything does.
    fn change(&mut self, frame: &Frame, wanted: &Run, entry: &Entry, values: &mut Values) -> bool {
        let Self::Replay(replay) = self else { return false };
        let named = |name: &str| wanted.parameters.iter().any(|(named, _)| named == name);
        let changes = replay.changes(frame).into_iter();
        let before = values.clone();
        values.extend(changes.filter(|(name, _)| entry.schema.has(name) && !named(name)));
        *values != before
    }

    fn next(&mut self, entry: &Entry) -> Result<Option<Frame>, String> {
        match self {
            Self::File(reader) => reader.frame().map_err(|error| error.to_string()),
            Self::Replay(replay) => replay.next(),
            Self::Nothing { next } => {
                let frame = Offline::blank(entry, *next);
                *next += 1;
                Ok(Some(frame))
            }
        }
    }
}

fn over(wanted: &Run, entry: &Entry, mut values: Values, max: MaxFrame) -> Result<String, String> {
    let said = |error: &dyn std::error::Error| error.to_string();
    let mut source = Source::open(wanted, entry, max)?;
    let limit = wanted.frames.or(source.reader().is_none().then_some(FRAMES));
    let Some(first) = source.next(entry)? else {
        return Err("the file has no video frame".into());
    };
    let fps = match source.reader() {
        Some(reader) => reader.fps().unwrap_or(30.0),
        None => 1.0 / entry.info.interval.as_secs_f64(),
    };
    let bar = bar(&source, limit, fps);
    let told = bar.clone();
    let step = move |step: &str| told.set_message(step.to_owned());
    source.first_values(wanted, entry, &mut values);
    let mut parameters = Parameters { values, version: 1 };
    let mut stage = Offline::load(entry.clone(), &parameters, &first, step).map_err(|error| said(&error))?;
    let keep = if wanted.lossless { Keep::Everything } else { Keep::Enough };
    let mut writer = Writer::create(&wanted.output, keep, fps).map_err(|error| said(&error))?;
    bar.set_message("running");
    let mut next = Some(first);
    let (mut read, mut written, mut busy) = (0_u64, 0_u64, Duration::ZERO);
    while let Some(frame) = next.take().filter(|_| limit.is_none_or(|limit| read < limit)) {
        read += 1;
        if source.change(&frame, wanted, entry, &mut parameters.values) {
            parameters.version += 1;
            stage.set(&parameters).map_err(|error| said(&error))?;
        }
        let started = Instant::now();
        let output = stage.work(frame).map_err(|error| said(&error))?;
        busy += started.elapsed();
        if let Some(output) = output {
            writer.write(&output).map_err(|error| said(&error))?;
            written += 1;
        }
        bar.inc(1);
        next = source.next(entry)?;
    }
    writer.finish().map_err(|error| said(&error))?;
    bar.finish_and_clear();
    if let Some(failure) = stage.failure() {
        eprintln!("{} of {read} frames failed; the last: {failure}", stage.failures());
    }
    let mean = busy.as_secs_f64() * 1000.0 / read.max(1) as f64;
    let path = wanted.output.display();
    Ok(format!("{path}: {written} frames of {read}, {mean:.2} ms each in {}\n", entry.info.id))
}

/// The progress, out of the file's length where that is known.
fn bar(source: &Source, limit: Option<u64>, fps: f64) -> ProgressBar {
    let length = source.reader().and_then(Reader::duration).map(|length| length.as_secs_f64() * fps);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a file's length is positive"
    )]
    let length = length.map(|frames| frames.ceil() as u64);
    let bar = match (length, limit) {
        (Some(length), Some(limit)) => ProgressBar::new(length.min(limit)),
        (Some(length), None) | (None, Some(length)) => ProgressBar::new(length),
        (None, None) => ProgressBar::no_length(),
    };
    let style = ProgressStyle::with_template("{msg:>10} {wide_bar} {pos}/{len} {per_sec} {eta}");
    style.map_or_else(|_| bar.clone(), |style| bar.clone().with_style(style))
}
