//! The `launch` kind: `stage.launch` is a bin description in GStreamer's own language.
//!
//! Owns: reading a folder of this kind, and the stage around a running bin. The bin itself runs behind [`Player`], which
//! media implements. On the stage's thread; a frame is pushed by reference and the thread waits for the output.

mod mapping;

use std::{path::Path, sync::Arc, time::Duration};

use serde::Deserialize;
use serde_json::Value;

use self::mapping::Mapping;
use super::{Activity, Cause, Description, Error, Factory, Parameters, Schema, Stage, Values};
use crate::frame::{
    Frame,
    bins::{Fault, Plan, Player, Playing, Setting},
};

/// The file of a folder of this kind.
const FILE: &str = "stage.launch";
/// The share of a frame's deadline that a bin gets: the worker's own way out of a hang is to abandon a thread.
const SHARE_OF_DEADLINE: f64 = 0.8;

/// The `[launch]` table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default)]
    properties: toml::Table,
}

/// The kind, with the player of its bins.
pub fn kind(
    player: Arc<dyn Player>,
) -> impl Fn(&Path, &Description) -> Result<Factory, Error> + Send + Sync + 'static {
    move |folder, about| prepare(&player, folder, about)
}

/// Reads a folder of this kind and checks it against the elements that it names.
///
/// # Errors
/// [`Error::Description`] with the file and every fault in it.
pub fn prepare(player: &Arc<dyn Player>, folder: &Path, about: &Description) -> Result<Factory, Error> {
    let (file, toml) = (folder.join(FILE), folder.join("pipeline.toml"));
    let fault = |place: &Path, what: &str| Error::Description(format!("{}: {what}", place.display()));
    let table: Table = about.own().map_err(|error| fault(&toml, &error.to_string()))?;
    let description = std::fs::read_to_string(&file).map_err(|error| fault(&file, &error.to_string()))?;
    let mappings = mapping::read(&table.properties, &about.parameters)
        .map_err(|faults| fault(&toml, &faults.join("; ")))?;
    let plan = Plan {
        id: about.id.clone(),
        description,
        layouts: about.layouts.clone(),
        addresses: mappings.iter().map(|mapping| mapping.address.clone()).collect(),
        deadline: Duration::from_secs_f64(about.deadline_s).mul_f64(SHARE_OF_DEADLINE),
    };
    let properties = player.inspect(&plan).map_err(|what| fault(&file, &what))?;
    let faults: Vec<_> = mappings
        .iter()
        .zip(&properties)
        .filter_map(|(mapping, property)| {
            mapping.check(&about.parameters[&mapping.parameter], property).err()
        })
        .collect();
    if !faults.is_empty() {
        return Err(fault(&toml, &faults.join("; ")));
    }
    let shared =
        Arc::new(Shared { player: player.clone(), defaults: Schema::of(about)?.defaults(), plan, mappings });
    Ok(Arc::new(move || Ok(Box::new(Launch::new(shared.clone())?) as Box<dyn Stage>)))
}

/// What all stages of one pipeline share.
struct Shared {
    player: Arc<dyn Player>,
    plan: Plan,
    mappings: Vec<Mapping>,
    defaults: Values,
}

impl Shared {
    /// The value of each mapped property whose parameter is in `values`, by the mapping's index.
    fn settings(&self, values: &Values) -> Vec<Option<Setting>> {
        let setting = |mapping: &Mapping| {
            Some((mapping.address.clone(), mapping.value(values.get(&mapping.parameter)?)))
        };
        self.mappings.iter().map(setting).collect()
    }
}

/// A bin that runs for one session.
struct Launch {
    shared: Arc<Shared>,
    playing: Option<Box<dyn Playing>>,
    in_force: Vec<Option<Setting>>,
    /// Time of the last frame: a bin's own clock never goes back.
    last: Option<Duration>,
}

impl Launch {
    fn new(shared: Arc<Shared>) -> Result<Self, Error> {
        let in_force = shared.settings(&shared.defaults);
        let mut stage = Self { shared, playing: None, in_force, last: None };
        stage.playing()?;
        Ok(stage)
    }

    /// The bin, started if it does not run.
    fn playing(&mut self) -> Result<&mut Box<dyn Playing>, Error> {
        if self.playing.is_none() {
            let settings: Vec<_> = self.in_force.iter().flatten().cloned().collect();
            let failed = |message| Cause::ElementFailed { message };
            let playing = self.shared.player.play(&self.shared.plan, &settings).map_err(failed)?;
            self.playing = Some(playing);
            self.last = None;
        }
        self.playing.as_mut().ok_or(Cause::Stopped.into())
    }
}

impl Stage for Launch {
    fn set(&mut self, parameters: &Parameters) -> Result<(), Error> {
        let wanted = self.shared.settings(&parameters.values);
        let places = 0..wanted.len();
        let changed: Vec<_> =
            places.filter(|&at| wanted[at].is_some() && wanted[at] != self.in_force[at]).collect();
        let restart = changed.iter().any(|&at| self.shared.mappings[at].before_playing);
        for &at in &changed {
            if let (Some(setting), Some(playing), false) = (&wanted[at], &mut self.playing, restart) {
                playing.set(setting).map_err(Error::Process)?;
            }
            self.in_force[at].clone_from(&wanted[at]);
        }
        if restart {
            self.reset();
            self.playing()?;
        }
        Ok(())
    }

    fn process(&mut self, frame: &Frame) -> Result<Option<Frame>, Error> {
        if self.last.is_some_and(|last| frame.pts <= last) {
            self.reset();
        }
        let outcome = self.playing()?.process(frame);
        self.last = Some(frame.pts);
        match outcome {
            Ok(output) => Ok(output),
            Err(Fault::Frame(what)) => Err(Error::Process(what)),
            Err(Fault::Failed(message)) => {
                self.reset();
                Err(Cause::ElementFailed { message }.into())
            }
            Err(Fault::Hung(limit)) => {
                self.reset();
                Err(Cause::TimedOut { during: Activity::Frame, seconds: limit.as_secs_f64() }.into())
            }
        }
    }

    fn reset(&mut self) {
        self.playing = None;
    }
}

/// A number in its shortest form.
fn number(value: f64) -> Value {
    serde_json::Number::from_f64(value).map_or(Value::Null, Value::Number)
}
