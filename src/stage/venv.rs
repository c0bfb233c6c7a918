//! Where this host's Python packages are.

use std::{env, path::PathBuf};

/// Python environments: the active one, and `.venv` of a checkout, which `make deps` fills.
pub fn environments() -> Vec<PathBuf> {
    let program = env::current_exe().unwrap_or_default();
    let beside = program.ancestors().skip(1).map(|folder| folder.join(".venv"));
    let active = env::var_os("VIRTUAL_ENV").map(PathBuf::from);
    active.into_iter().chain(beside).chain([PathBuf::from(".venv")]).collect()
}
