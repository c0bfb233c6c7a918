//! Links and paths: each leads to something that a clone of the repository has.

use std::path::{Component, Path, PathBuf};

use super::{Document, documents, files, root};

/// Folders of the repository that documents name files of.
const PLACES: &[&str] = &[
    ".ci/",
    ".docker/",
    ".github/",
    ".tools/",
    "docs/",
    "frontend/",
    "fuzz/",
    "pipelines/",
    "src/",
    "tests/",
];
/// Made by a build.
const BUILT: &[&str] = &["frontend/dist", "frontend/node_modules"];

#[test]
fn every_link_leads_somewhere() {
    let faults: Vec<_> = documents().iter().flat_map(dead_links).collect();

    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn every_path_in_a_document_is_there() {
    let faults: Vec<_> = documents().iter().flat_map(missing_paths).collect();

    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn code_names_no_document_that_a_clone_lacks() {
    let endings = [".rs", ".py", ".mjs", ".ts", ".tsx", ".toml", ".yml", ".launch"];
    let paths = PLACES.iter().filter(|place| **place != "docs/").flat_map(|place| files(place, &endings));
    let own = Path::new(file!()).parent().unwrap();
    let read = paths.filter(|path| !path.starts_with(own)).map(|path| Document::read(root(), path));
    let faults: Vec<_> = read.flat_map(|file| missing_documents(&file)).collect();

    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn the_detectors_catch_what_they_are_for() {
    let links = |text: &str| dead_links(&Document::planted(text));
    let paths = |text: &str| missing_paths(&Document::planted(text));
    let named = |text: &str| missing_documents(&Document::planted(text));

    assert_eq!(links("[a](README.md) [b](https://example.org) [c](#here)\n# Here\n"), [""; 0]);
    assert_eq!(links("[a](docs/none.md)").len(), 1);
    assert_eq!(links("[a](docs/README.md#no-such-heading)").len(), 1);
    assert_eq!(links("[a](#nowhere)").len(), 1);
    assert_eq!(links("[a](../shared/x.md)").len(), 1);
    assert_eq!(links("![a](.docs/none.png)").len(), 1);
    assert_eq!(paths("`src/main.rs` `frontend/dist` `src/<name>.rs` `a/b.rs`"), [""; 0]);
    assert_eq!(paths("`src/no_such_file.rs`").len(), 1);
    assert_eq!(named("//! as README.md says"), [""; 0]);
    assert_eq!(named("/// See NONE.md, section 2.").len(), 1);
}

fn dead_links(document: &Document) -> Vec<String> {
    let dead = |link: &String| {
        if link.contains("://") || link.starts_with("mailto:") {
            return None;
        }
        let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
        let target = if path.is_empty() { document.path.clone() } else { joined(document.folder(), path)? };
        if !path.is_empty() && !root().join(&target).exists() {
            return Some(format!("{}: {link}: no such file", document.path.display()));
        }
        if anchor.is_empty() {
            return None;
        }
        let anchors =
            if path.is_empty() { document.anchors() } else { Document::read(root(), target).anchors() };
        let known = anchors.iter().any(|one| one == anchor);
        (!known).then(|| format!("{}: {link}: no such heading", document.path.display()))
    };
    let outside = |link: &&String| !link.contains("://") && joined(document.folder(), link).is_none();
    let links = document.links();
    let left = links.iter().filter(outside).map(|link| format!("{link}: leaves the repository"));
    links.iter().filter_map(dead).chain(left).collect()
}

/// `path` from `folder` on, without `..`; `None` where it leaves the repository.
fn joined(folder: &Path, path: &str) -> Option<PathBuf> {
    let mut found = PathBuf::new();
    for part in folder.join(path).components() {
        match part {
            Component::ParentDir => found.pop().then_some(())?,
            Component::Normal(name) => found.push(name),
            _ => {}
        }
    }
    Some(found)
}

fn missing_paths(document: &Document) -> Vec<String> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-/".contains(letter);
    let is_path = |span: &String| {
        PLACES.iter().any(|place| span.starts_with(place))
            && span.chars().all(plain)
            && !BUILT.iter().any(|built| span.starts_with(built))
    };
    let missing =
        |path: &String| !root().join(path).exists() && !root().join(document.folder()).join(path).exists();
    let paths = document.spans().into_iter().filter(is_path).filter(missing);
    paths.map(|path| format!("{}: {path}: no such file", document.path.display())).collect()
}

/// Documents that a source file names and that stand neither beside it nor in a folder above it.
fn missing_documents(file: &Document) -> Vec<String> {
    let foreign = |letter: char| !(letter.is_ascii_alphanumeric() || "._-/".contains(letter));
    let words = file.text.split(foreign).map(|word| word.trim_end_matches('.'));
    let is_document = |word: &&str| Path::new(word).extension().is_some_and(|end| end == "md");
    let named = words.filter(is_document).filter(|word| !word.starts_with('/'));
    let missing =
        named.filter(|word| !file.path.ancestors().any(|place| root().join(place).join(word).exists()));
    missing.map(|word| format!("{}: {word}: no such document", file.path.display())).collect()
}
