//! ONNX Runtime's execution providers, registered one by one so that each refusal is reported.

use std::path::Path;

use ort::{
    ep::{self, ExecutionProvider, ExecutionProviderDispatch},
    session::{
        Session,
        builder::{GraphOptimizationLevel, SessionBuilder},
    },
};
use serde::Deserialize;

use super::{Error, Plan, library::Library};

/// Hardware that a model may run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// NVIDIA, compiled for the model: fastest, slow to load.
    Tensorrt,
    /// NVIDIA.
    Cuda,
    /// Intel.
    Openvino,
    /// Everywhere.
    Cpu,
}

impl Provider {
    /// All, the fastest first.
    pub fn all() -> Vec<Self> {
        vec![Self::Tensorrt, Self::Cuda, Self::Openvino, Self::Cpu]
    }

    /// Its name in `pipeline.toml`, in the settings and in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tensorrt => "tensorrt",
            Self::Cuda => "cuda",
            Self::Openvino => "openvino",
            Self::Cpu => "cpu",
        }
    }

    fn dispatch(self) -> ExecutionProviderDispatch {
        match self {
            Self::Tensorrt => ep::TensorRT::default().build(),
            Self::Cuda => ep::CUDA::default().build(),
            Self::Openvino => ep::OpenVINO::default().build(),
            Self::Cpu => ep::CPU::default().build(),
        }
        .error_on_failure()
    }

    /// Whether the library was compiled with it; most are not, so this is not logged.
    fn compiled(self) -> bool {
        match self {
            Self::Tensorrt => ep::TensorRT::is_available(),
            Self::Cuda => ep::CUDA::is_available(),
            Self::Openvino => ep::OpenVINO::is_available(),
            Self::Cpu => ep::CPU::is_available(),
        }
        .unwrap_or(false)
    }
}

/// The model with the first provider that accepts it, and that provider; later ones run the operators that it lacks.
///
/// # Errors
/// [`Error::Description`] with each provider's refusal.
pub fn open(library: &Library, plan: &Plan) -> Result<(Session, Provider), Error> {
    let mut refused = Vec::new();
    let mut left = Vec::new();
    for &provider in &plan.providers {
        if provider.compiled() {
            left.push(provider);
        } else {
            refused.push(format!("{}: not in this build of ONNX Runtime", provider.name()));
        }
    }
    while let Some(&first) = left.first() {
        match attempt(library, plan, &left) {
            Ok(session) => return Ok((session, first)),
            Err((provider, reason)) => {
                tracing::warn!(model = %plan.file.display(), provider = provider.name(), reason, "provider refused");
                refused.push(format!("{}: {reason}", provider.name()));
                left.retain(|&one| one != provider);
            }
        }
    }
    Err(Error::Description(format!("{}: no provider works: {}", plan.file.display(), refused.join("; "))))
}

/// Opens the model with all of `providers`; otherwise returns the one to leave out, and why.
fn attempt(library: &Library, plan: &Plan, providers: &[Provider]) -> Result<Session, (Provider, String)> {
    let first = providers.first().copied().unwrap_or(Provider::Cpu);
    let said = |provider: Provider| move |error: String| (provider, error);
    let mut builder = builder(library, plan.threads).map_err(said(first))?;
    for &provider in providers {
        builder = builder
            .with_execution_providers([provider.dispatch()])
            .map_err(|error| (provider, error.to_string()))?;
    }
    builder.commit_from_file(&plan.file).map_err(|error| (first, error.to_string()))
}

fn builder(library: &Library, threads: usize) -> Result<SessionBuilder, String> {
    let builder = Session::builder(&library.environment).map_err(|error| error.to_string())?;
    let builder = builder.with_intra_threads(threads).map_err(|error| error.to_string())?;
    // Threads that spin between two frames take cores from the codecs and from other sessions.
    builder.with_intra_op_spinning(false).map_err(|error| error.to_string())
}

/// Opens the model only as far as its inputs and outputs can be read.
///
/// # Errors
/// [`Error::Description`]: the library cannot read it.
pub fn glance(library: &Library, file: &Path) -> Result<Session, Error> {
    let fault = |error: String| Error::Description(format!("{}: {error}", file.display()));
    builder(library, 1)
        .map_err(fault)?
        .with_optimization_level(GraphOptimizationLevel::Disable)
        .map_err(|error| fault(error.to_string()))?
        .commit_from_file(file)
        .map_err(|error| fault(error.to_string()))
}
