//! The settings of a pipeline of this kind: its folder, its table, its limits.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Component, Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde::Deserialize;

use super::{
    super::{Description, Error, Input, Values, venv::environments},
    counters::Counters,
    ffi::landlock_version,
    protocol::BATCH_LIMIT,
};
use crate::frame::Layout;

/// The process is ended a little before its session gives the stage up, so that the process is reported as the cause.
const EARLIER: f64 = 0.9;
/// Shortest time that an unused worker is kept: a session that builds its stage again reuses it.
const KEEP_AT_LEAST: f64 = 1.0;
/// Where the package `scope_pipeline` is installed with the server.
const PACKAGES: [&str; 2] = ["pipelines/python", "/usr/share/scope/pipelines/python"];

/// The server's settings for all pipelines of this kind.
#[derive(Clone, Debug)]
pub struct Options {
    /// The Python of pipelines that name none and have no `.venv`; by default that of the server's [`environments`], then
    /// `python3`.
    pub interpreter: Option<PathBuf>,
    /// Folder of the package `scope_pipeline`; by default it is searched for beside the catalog.
    pub package: Option<PathBuf>,
    /// Worker processes of one pipeline: each set of load-time parameters has its own.
    pub max_workers: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { interpreter: None, package: None, max_workers: 4 }
    }
}

/// The table `[python]` of a `pipeline.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    /// The script, in the folder.
    #[serde(default = "entry")]
    entry: String,
    /// A name on the path, or a file relative to the folder; by default the folder's own `.venv`, then the server's choice.
    interpreter: Option<String>,
    /// Added to the worker's environment.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// Further variables of the server that the worker inherits, such as `HF_TOKEN` to download a model.
    #[serde(default)]
    inherit: Vec<String>,
    /// Limit of the process's unshared memory, in RAM and swap, in MiB; by default none.
    memory_limit_mb: Option<u64>,
    /// Milliseconds without a response after which the worker counts as hung.
    frame_limit_ms: Option<u64>,
    /// Seconds from its start to `ready`.
    load_limit_s: Option<f64>,
    /// Whether the process has no network, and no files but its own, Python's and the models'.
    #[serde(default)]
    sandbox: bool,
    /// Whether a loaded second process stands by in case the first crashes.
    #[serde(default)]
    hot_spare: bool,
    /// Largest batch of one call.
    #[serde(default = "max_batch")]
    max_batch: u64,
    /// Milliseconds that a frame may wait for frames of other sessions.
    #[serde(default = "batch_wait_ms")]
    batch_wait_ms: f64,
    /// Seconds that an unused process is kept for the next session.
    #[serde(default = "keep_s")]
    keep_s: f64,
}

fn entry() -> String {
    "pipeline.py".into()
}

fn max_batch() -> u64 {
    BATCH_LIMIT
}

/// Less than a tenth of a frame at 30 a second.
fn batch_wait_ms() -> f64 {
    2.0
}

/// After a reload of the page, or for another visitor, the model is still loaded.
fn keep_s() -> f64 {
    10.0
}

/// Everything that starting and watching a worker needs.
pub struct Settings {
    pub id: String,
    pub folder: PathBuf,
    pub entry: String,
    pub interpreter: PathBuf,
    /// Names of the server's variables that the worker gets besides those that every worker gets.
    pub inherit: Vec<String>,
    /// Added to the worker's environment.
    pub env: Vec<(OsString, OsString)>,
    pub layouts: Vec<Layout>,
    pub input: Input,
    /// Names of all parameters, and of the load-time ones.
    pub parameters: Vec<String>,
    pub load_parameters: Vec<String>,
    /// Bytes.
    pub memory_limit: Option<u64>,
    pub frame_limit: Duration,
    pub load_limit: Duration,
    pub sandbox: bool,
    pub hot_spare: bool,
    pub max_workers: usize,
    pub max_batch: u64,
    pub batch_wait: Duration,
    pub keep: Duration,
    pub counters: Arc<Counters>,
}

impl Settings {
    /// Reads the table and checks its files.
    ///
    /// # Errors
    /// [`Error::Description`] with what is wrong.
    pub fn read(
        options: &Options,
        counters: &Arc<Counters>,
        folder: &Path,
        about: &Description,
    ) -> Result<Arc<Self>, Error> {
        let table: Table = about.own()?;
        table.check()?;
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let entry = folder.join(&table.entry);
        if !entry.is_file() {
            return Err(wrong(format!("[python] entry: no file {}", entry.display())));
        }
        let info = about.info();
        let load_parameters = about
            .parameters
            .iter()
            .filter(|(_, schema)| schema["ui"]["is_load_param"] == true)
            .map(|(name, _)| name.clone());
        let limit = |own: Option<Duration>, session: Duration| {
            let session = session.mul_f64(EARLIER);
            own.map_or(session, |own| own.min(session))
        };
        Ok(Arc::new(Self {
            interpreter: interpreter(options, &folder, table.interpreter.as_deref())?,
            inherit: table.inherit,
            env: environment(options, &folder, &table.env),
            layouts: info.layouts,
            input: info.input,
            parameters: about.parameters.keys().cloned().collect(),
            load_parameters: load_parameters.collect(),
            memory_limit: table.memory_limit_mb.map(|megabytes| megabytes << 20),
            frame_limit: limit(table.frame_limit_ms.map(Duration::from_millis), info.deadline),
            load_limit: limit(table.load_limit_s.map(Duration::from_secs_f64), info.load_limit),
            sandbox: table.sandbox,
            hot_spare: table.hot_spare,
            max_workers: options.max_workers,
            max_batch: table.max_batch,
            batch_wait: Duration::from_secs_f64(table.batch_wait_ms / 1000.0),
            keep: Duration::from_secs_f64(table.keep_s.max(KEEP_AT_LEAST)),
            counters: counters.clone(),
            id: info.id,
            entry: table.entry,
            folder,
        }))
    }

    /// The load-time values among all values.
    pub fn load_values(&self, values: &Values) -> Values {
        let own = |name: &String| values.get(name).map(|value| (name.clone(), value.clone()));
        self.load_parameters.iter().filter_map(own).collect()
    }
}

impl Table {
    fn check(&self) -> Result<(), Error> {
        let inside = |part: Component<'_>| matches!(part, Component::Normal(_));
        if self.entry.is_empty() || !Path::new(&self.entry).components().all(inside) {
            return Err(wrong(format!(
                "[python] entry: expected a file in the folder, got {:?}",
                self.entry
            )));
        }
        let integer = |value: Option<u64>| value.map(|value| value as f64);
        let bounded = [
            ("memory_limit_mb", integer(self.memory_limit_mb), 16.0, 16_777_216.0),
            ("frame_limit_ms", integer(self.frame_limit_ms), 10.0, 3_600_000.0),
            ("load_limit_s", self.load_limit_s, 0.1, 86_400.0),
            ("max_batch", integer(Some(self.max_batch)), 1.0, BATCH_LIMIT as f64),
            ("batch_wait_ms", Some(self.batch_wait_ms), 0.0, 100.0),
            ("keep_s", Some(self.keep_s), 0.0, 86_400.0),
        ];
        for (name, value, low, high) in bounded {
            if value.is_some_and(|value| !(low..=high).contains(&value)) {
                let got = value.unwrap_or_default();
                return Err(wrong(format!("[python] {name}: expected {low} to {high}, got {got}")));
            }
        }
        if self.sandbox && landlock_version().is_none() {
            return Err(wrong(
                "[python] sandbox: expected a kernel with Landlock, got one without; boot Linux 5.13 or newer with \
                 lsm=landlock,... (scope doctor tells), or remove the line"
                    .into(),
            ));
        }
        let plain = |name: &str| !name.is_empty() && !name.contains(['=', '\0']);
        let own = |name: &str| name.starts_with("SCOPE_") || name == "PYTHONPATH";
        if let Some(name) = self.env.keys().find(|name| !plain(name) || own(name)) {
            return Err(wrong(format!("[python] env: a pipeline cannot set {name:?}")));
        }
        Ok(())
    }
}

fn wrong(sentence: String) -> Error {
    Error::Description(sentence)
}

fn interpreter(options: &Options, folder: &Path, named: Option<&str>) -> Result<PathBuf, Error> {
    let own = folder.join(".venv/bin/python");
    match named {
        Some(name) if name.contains('/') => {
            let file = folder.join(name);
            if file.is_file() {
                return Ok(file);
            }
            Err(wrong(format!("[python] interpreter: no file {}", file.display())))
        }
        Some(name) => Ok(name.into()),
        None if own.is_file() => Ok(own),
        None => {
            let of_server = || {
                let pythons = environments().into_iter().map(|venv| venv.join("bin/python"));
                pythons.filter(|python| python.is_file()).find_map(|python| std::path::absolute(python).ok())
            };
            Ok(options.interpreter.clone().or_else(of_server).unwrap_or_else(|| "python3".into()))
        }
    }
}

fn environment(
    options: &Options,
    folder: &Path,
    own: &BTreeMap<String, String>,
) -> Vec<(OsString, OsString)> {
    let beside = folder.parent().and_then(Path::parent).map(|pipelines| pipelines.join("python"));
    let package = options.package.clone().or_else(|| {
        let places = beside.into_iter().chain(PACKAGES.iter().map(PathBuf::from));
        places.into_iter().find(|place| place.join("scope_pipeline").is_dir())
    });
    let package = package.and_then(|place| std::path::absolute(place).ok());
    let mut path: Vec<PathBuf> = package.into_iter().collect();
    if let Some(before) = std::env::var_os("PYTHONPATH") {
        path.extend(std::env::split_paths(&before));
    }
    let mut env: Vec<(OsString, OsString)> =
        own.iter().map(|(name, value)| (name.into(), value.into())).collect();
    if let Ok(path) = std::env::join_paths(path) {
        env.push(("PYTHONPATH".into(), path));
    }
    env
}
