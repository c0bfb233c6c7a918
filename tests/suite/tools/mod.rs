//! The command line, and the tests of the tests: architecture, skips, the foreign client.

mod architecture;
mod client_selftest;
mod doctor;
mod documents;
mod pipelines;
mod skips;
mod supply;
mod words;

use std::path::{Path, PathBuf};

/// Folders without files of ours: built, installed, or git's own.
const FOREIGN: &[&str] = &[".git", ".venv", "dist", "node_modules", "target"];
/// Where a server that was started in the repository records. Sources have folders of that name, so only this one is left
/// out.
const RECORDINGS: &str = "recordings";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of ours below `place` that ends in one of `endings`, relative to the root of the repository.
fn files(place: &str, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(place)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if !FOREIGN.contains(&name.as_str()) && path != root().join(RECORDINGS) {
                    folders.push(path);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(path.strip_prefix(root()).unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}
