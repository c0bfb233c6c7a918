//! ONNX Runtime's shared library: found and loaded once per process, and kept for ever.

use std::{
    env,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use ort::{environment::Environment, logging::LogLevel};

use super::super::venv::environments;

/// The loaded library. Only success is cached: after an installation no restart is needed.
static LOADED: Mutex<Option<Library>> = Mutex::new(None);

/// Common folders of shared libraries, besides those of the dynamic loader.
const SYSTEM: [&str; 4] = ["/usr/local/lib", "/usr/lib64", "/usr/lib", "/opt/onnxruntime/lib"];

/// The loaded library, with the one environment that it allows.
#[derive(Clone)]
pub struct Library {
    /// The environment in which sessions are created.
    pub environment: Arc<Environment>,
}

impl Library {
    /// The library, loaded on first use: `wanted` alone if a file is configured, else the first that works.
    ///
    /// # Errors
    /// Each file that was tried, and why it did not load.
    pub fn get(wanted: Option<&Path>) -> Result<Self, String> {
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(library) = &*loaded {
            return Ok(library.clone());
        }
        let named = wanted.map(PathBuf::from).or_else(named_by_environment);
        let candidates = named.map_or_else(usual_places, |file| vec![file]);
        let mut refused = Vec::new();
        for file in &candidates {
            match load(file) {
                Ok(library) => {
                    tracing::info!(file = %file.display(), "onnx runtime loaded");
                    *loaded = Some(library.clone());
                    return Ok(library);
                }
                Err(reason) => refused.push(reason),
            }
        }
        Err(missing(&refused))
    }
}

fn load(file: &Path) -> Result<Library, String> {
    let builder = ort::init_from(file).map_err(|error| error.to_string())?;
    let environment = builder
        .with_name("scope")
        .with_telemetry(false)
        .with_logger(Arc::new(log))
        .build()
        .map_err(|error| format!("{}: {error}", file.display()))?;
    // Without a logger of its own the library logs every line.
    environment.set_log_level(LogLevel::Warning);
    Ok(Library { environment: Arc::new(environment) })
}

fn log(level: LogLevel, category: &str, _: &str, place: &str, message: &str) {
    match level {
        LogLevel::Error | LogLevel::Fatal => tracing::warn!(category, place, message, "onnx runtime"),
        LogLevel::Warning => tracing::info!(category, place, message, "onnx runtime"),
        LogLevel::Verbose | LogLevel::Info => tracing::debug!(category, place, message, "onnx runtime"),
    }
}

/// The variable of the crate `ort` and of those who use it.
fn named_by_environment() -> Option<PathBuf> {
    env::var_os("ORT_DYLIB_PATH").filter(|file| !file.is_empty()).map(PathBuf::from)
}

fn usual_places() -> Vec<PathBuf> {
    let multiarch = PathBuf::from(format!("/usr/lib/{}-linux-gnu", env::consts::ARCH));
    let system = SYSTEM.iter().map(PathBuf::from).chain([multiarch]);
    // By its name alone the dynamic loader finds it: LD_LIBRARY_PATH, ldconfig.
    std::iter::once(PathBuf::from("libonnxruntime.so"))
        .filter(|_| env::var_os("LD_LIBRARY_PATH").is_some())
        .chain(
            system.chain(environments().iter().flat_map(|venv| wheels(venv))).flat_map(|dir| libraries(&dir)),
        )
        .collect()
}

/// The folders in which the wheel `onnxruntime` and its variants have their libraries.
fn wheels(venv: &Path) -> Vec<PathBuf> {
    let pythons = std::fs::read_dir(venv.join("lib")).into_iter().flatten().flatten();
    pythons.map(|python| python.path().join("site-packages/onnxruntime/capi")).collect()
}

/// `libonnxruntime.so` and `libonnxruntime.so.1.…` in a folder, sorted.
fn libraries(dir: &Path) -> Vec<PathBuf> {
    let is_library = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name == "libonnxruntime.so" || name.starts_with("libonnxruntime.so.")
    };
    let files = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut found: Vec<_> = files.map(|file| file.path()).filter(is_library).collect();
    found.sort();
    // The loader resolves relative paths against the program.
    found.into_iter().map(|file| std::path::absolute(&file).unwrap_or(file)).collect()
}

fn missing(refused: &[String]) -> String {
    let advice = "install it with make deps or pip install onnxruntime, or name its file with --onnxruntime";
    match refused {
        [] => format!("ONNX Runtime is not installed: expected 1.17 or newer; {advice}"),
        _ => {
            format!("ONNX Runtime cannot be loaded, expected 1.17 or newer: {}; {advice}", refused.join("; "))
        }
    }
}
