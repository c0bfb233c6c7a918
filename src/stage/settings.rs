//! Where pipelines come from and what runs them, as a person sets it.

use std::path::PathBuf;

use super::{onnx, python};

/// Where the shipped pipelines are: in a checkout, or installed.
const SHIPPED: [&str; 2] = ["pipelines/catalog", "/usr/share/scope/pipelines/catalog"];

/// Where pipelines come from and what runs them.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Folders of the user's own.
    pub dirs: Vec<PathBuf>,
    /// The pipeline of sessions that name none; `echo` without.
    pub default: Option<String>,
    /// The kind `onnx`.
    pub onnx: onnx::Settings,
    /// The kind `python`.
    pub python: python::Options,
}

impl Settings {
    /// All folders of pipelines: the shipped ones, then the user's own.
    pub fn folders(&self) -> Vec<PathBuf> {
        let shipped = SHIPPED.iter().map(PathBuf::from).find(|folder| folder.is_dir());
        shipped.into_iter().chain(self.dirs.iter().cloned()).collect()
    }
}
