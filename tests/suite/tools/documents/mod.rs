//! The documents: every link leads somewhere, every path and command that they name exists, the examples run.
//!
//! Reads every Markdown file of the repository. Each detector has a planted case that it must catch.

mod commands;
mod examples;
mod links;
mod markdown;
mod shell;
mod tables;

use std::path::{Path, PathBuf};

use markdown::Document;

/// Folders that hold no document of ours: built, installed, or git's own.
const FOREIGN: &[&str] = &[".git", ".venv", "dist", "node_modules", "recordings", "target"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below `place` that ends in one of `endings`, relative to the root of the repository.
fn files(place: &str, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(place)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if !FOREIGN.contains(&name.as_str()) {
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

/// Every document of the repository.
fn documents() -> Vec<Document> {
    let paths = files("", &[".md"]);
    assert!(paths.len() > 10, "expected the documents of the repository, found {paths:?}");
    paths.into_iter().map(|path| Document::read(root(), path)).collect()
}

fn document(path: &str) -> Document {
    Document::read(root(), path.into())
}

#[test]
fn the_readme_is_short_and_begins_with_the_two_commands() {
    let text = document("README.md").text;
    let first_screen: Vec<_> = text.lines().take(40).collect();

    assert!(text.lines().count() < 150, "README.md has {} lines, expected under 150", text.lines().count());
    for command in ["make run", "make test"] {
        assert!(
            first_screen.iter().any(|line| line.starts_with(command)),
            "{command} is not on the first screen"
        );
    }
}
