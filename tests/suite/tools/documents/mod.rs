//! The documents: every link leads somewhere, every path and command that they name exists, the examples run.
//!
//! Reads every Markdown file of the repository. Each detector has a planted case that it must catch.

mod commands;
mod examples;
mod links;
mod markdown;
mod shell;
mod tables;

use markdown::Document;

use super::{files, root};

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
