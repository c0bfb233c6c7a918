//! The `onnx` kind: ONNX Runtime in process, on the stage's own thread.
//!
//! Owns: the table `[onnx]`, and the check of a model before it runs. The library is loaded once per process, when the
//! first pipeline of this kind is read. Must never run a model on shapes that were not checked.

mod graph;
mod library;
mod output;
mod pixels;
mod providers;
mod running;
#[cfg(test)]
mod tests;

use std::path::{Component, Path, PathBuf};

use serde::Deserialize;

use self::{
    graph::{Graph, Tensor},
    library::Library,
    running::Running,
};
use super::{Cause, Description, Error, Factory, Input, Missing, Stage};
use crate::frame::Layout;
pub use providers::Provider;

/// Default threads of one stage: sessions share the cores with each other and with the codecs.
const THREADS: usize = 2;
/// More than the cores of any host: a typing error must not start thousands of threads.
const MOST_THREADS: usize = 256;

/// The settings of all pipelines of this kind.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The file of ONNX Runtime; by default it is searched for.
    pub library: Option<PathBuf>,
    /// Replaces the providers of every `pipeline.toml` unless empty.
    pub providers: Vec<Provider>,
    /// Replaces the threads of every `pipeline.toml`.
    pub threads: Option<usize>,
}

/// The table `[onnx]` of a `pipeline.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Own {
    /// File in the pipeline's folder.
    #[serde(default = "model")]
    model: PathBuf,
    /// The providers to try, the best first.
    #[serde(default = "Provider::all")]
    providers: Vec<Provider>,
    /// Threads of one operator.
    threads: Option<usize>,
    /// The form of the graph's frames.
    #[serde(default)]
    tensor: Tensor,
}

fn model() -> PathBuf {
    "model.onnx".into()
}

/// Everything that a stage is built from.
#[derive(Clone)]
struct Plan {
    file: PathBuf,
    providers: Vec<Provider>,
    threads: usize,
    tensor: Tensor,
    about: Description,
}

impl Plan {
    /// The model's file existed when the catalog was read and is missing now.
    fn no_model(&self) -> Cause {
        let name = self.file.display().to_string();
        let install = "restore the model's file".to_owned();
        Cause::NotInstalled { missing: Missing::File, name, install }
    }
}

/// Reads a pipeline's folder: its table, its model, and whether both fit the parameters.
///
/// # Errors
/// [`Error::Description`] with the file and its fault, or that ONNX Runtime is not installed.
pub fn prepare(settings: &Settings, folder: &Path, about: &Description) -> Result<Factory, Error> {
    let plan = plan(settings, folder, about)?;
    let library = Library::get(settings.library.as_deref()).map_err(Error::Description)?;
    check(&library, &plan)?;
    Ok(std::sync::Arc::new(move || {
        Running::open(&library, &plan).map(|running| Box::new(running) as Box<dyn Stage>)
    }))
}

/// Checks the texts alone.
fn plan(settings: &Settings, folder: &Path, about: &Description) -> Result<Plan, Error> {
    let own: Own = about.own()?;
    if about.layouts != [Layout::Rgb] {
        return Err(Error::Description("layouts: expected [\"RGB\"] for kind \"onnx\"".into()));
    }
    if about.input != Input::Required {
        return Err(Error::Description("input: expected \"required\" for kind \"onnx\"".into()));
    }
    if own.model.components().any(|part| !matches!(part, Component::Normal(_))) {
        let fault = format!("[onnx] model: expected a file in the folder, got {}", own.model.display());
        return Err(Error::Description(fault));
    }
    let file = folder.join(&own.model);
    if !file.is_file() {
        let fault = format!("[onnx] model: no file {}", file.display());
        return Err(Error::Description(fault));
    }
    let threads = settings.threads.or(own.threads).unwrap_or(THREADS);
    if !(1..=MOST_THREADS).contains(&threads) {
        let fault = format!("[onnx] threads: expected 1 to {MOST_THREADS}, got {threads}");
        return Err(Error::Description(fault));
    }
    let providers = if settings.providers.is_empty() { own.providers } else { settings.providers.clone() };
    if providers.is_empty() {
        return Err(Error::Description("[onnx] providers: expected at least one, got none".into()));
    }
    Ok(Plan { file, providers, threads, tensor: own.tensor, about: about.clone() })
}

/// Checks the graph, on the CPU and without optimisation, so that a catalog is read quickly.
fn check(library: &Library, plan: &Plan) -> Result<Graph, Error> {
    let session = providers::glance(library, &plan.file)?;
    Graph::read(session.inputs(), session.outputs(), plan.tensor, &plan.about.parameters)
        .map_err(|fault| Error::Description(format!("{}: {fault}", plan.file.display())))
}
