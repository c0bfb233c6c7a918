//! The settings of pipelines: their folders and what runs them.

use std::path::PathBuf;

use super::{onnx, python};

/// Where the shipped pipelines are: in a checkout, or installed.
const SHIPPED: [&str; 2] = ["pipelines/catalog", "/usr/share/scope/pipelines/catalog"];

/// The settings of pipelines.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Folders of the user's own.
    pub dirs: Vec<PathBuf>,
    /// Whether folders that other users may write are read, too.
    pub writable: bool,
    /// The pipeline of sessions that select none; by default `echo`.
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
