//! The supply chain: nothing comes in without its digest, commit or hash; the image and compose are as hard as they say.

mod fixes;
mod hardening;
mod pins;

use std::path::Path;

use super::{files, root};

/// A text file of the repository.
struct Text {
    path: String,
    text: String,
}

impl Text {
    #[track_caller]
    fn read(path: &str) -> Self {
        let text =
            std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        Self { path: path.to_owned(), text }
    }

    fn planted(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }
}

fn workflows() -> Vec<Text> {
    let found = all(".github/workflows", &[".yml", ".yaml"]);
    assert!(found.len() >= 2, "expected the workflows ci and release, found {}", found.len());
    found
}

fn all(place: &str, endings: &[&str]) -> Vec<Text> {
    files(place, endings).iter().map(|path| Text::read(&display(path))).collect()
}

fn display(path: &Path) -> String {
    path.display().to_string()
}

/// The values of a key of YAML, quotes and comments taken off.
fn values<'a>(text: &'a str, key: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines().filter_map(move |line| {
        let line = line.trim_start().trim_start_matches("- ").trim_start();
        let value = line.strip_prefix(key)?.strip_prefix(':')?;
        Some(value.split(" #").next()?.trim().trim_matches(['"', '\'']))
    })
}
