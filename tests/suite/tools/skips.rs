//! Nothing is skipped in silence: each reason that the code prints stands in `tests/skips.md`, and no other does.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::root;

/// Where a skip can stand: the tests, the tools and the Makefile.
const PLACES: [&str; 3] = ["tests", ".tools", "Makefile"];
/// Built so that this file holds no skip of its own.
const MARK: &str = concat!("skip", ": ");

#[test]
fn every_skip_is_listed_and_every_listed_skip_is_there() {
    let printed: BTreeSet<_> = PLACES
        .iter()
        .flat_map(|place| files(&root().join(place)))
        .flat_map(|path| reasons(&std::fs::read_to_string(path).unwrap_or_default()))
        .collect();

    assert_eq!(printed, listed(&std::fs::read_to_string(root().join("tests/skips.md")).unwrap()));
}

#[test]
fn the_detector_catches_what_it_is_for() {
    let line = |text: &str| format!("println!(\"{MARK}{text}\");");

    assert_eq!(reasons(&line("no camera")), ["no camera"]);
    assert_eq!(reasons(&line("no camera (make camera)")), ["no camera"]);
    assert_eq!(reasons(&line("no camera: {error}")), ["no camera"]);
    assert!(reasons("iter().skip(1)").is_empty());
    assert!(listed("| reason | where |\n|---|---|\n| no camera | `x.rs` |").contains("no camera"));
}

/// What is printed behind the mark, without its details.
fn reasons(code: &str) -> Vec<String> {
    let rests = code.split(MARK).skip(1);
    rests
        .filter_map(|rest| rest.split(['"', '\'', '`', '(', ':', '{', '\n']).next())
        .map(|reason| reason.trim().to_owned())
        .collect()
}

/// The first column of the table, without its head.
fn listed(table: &str) -> BTreeSet<String> {
    let rows = table.lines().filter_map(|line| line.strip_prefix("| "));
    rows.skip(1).filter_map(|row| row.split(" |").next()).map(str::to_owned).collect()
}

fn files(place: &Path) -> Vec<PathBuf> {
    let skipped =
        |path: &Path| path.ends_with("node_modules") || path.extension().is_some_and(|end| end == "md");
    let mut found = Vec::new();
    let mut places = vec![place.to_owned()];
    while let Some(place) = places.pop() {
        match std::fs::read_dir(&place) {
            Ok(entries) => {
                places.extend(entries.map(|entry| entry.unwrap().path()).filter(|path| !skipped(path)));
            }
            Err(_) => found.push(place),
        }
    }
    found
}
