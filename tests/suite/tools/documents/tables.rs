//! Tables that repeat a table of the code have all of its rows. That of the configuration is compared in
//! `src/config/load.rs`, those of the contract in `examples.rs`.

use super::{document, root};

#[test]
fn operations_has_every_metric() {
    let missing =
        missing(&document("docs/operations.md").text, scope::metrics::NAMES.iter().map(|(name, _)| *name));

    assert_eq!(missing, [""; 0]);
}

#[test]
fn the_api_guide_has_every_code_of_an_error() {
    let read = |file: &str| std::fs::read_to_string(root().join("src/api").join(file)).unwrap();
    let code = ["error.rs", "domain_error.rs"].map(read);
    let known: Vec<_> =
        code.iter().flat_map(|code| names(code.split("#[cfg(test)]").next().unwrap())).collect();
    let guide = document("docs/api.md").text;

    assert!(known.len() > 20, "expected the codes of src/api, found {known:?}");
    // FastAPI's word for a fault of a field, which stands in `type`.
    let missing = known.iter().filter(|name| *name != "value_error" && !guide.contains(&format!("`{name}`")));
    assert_eq!(missing.collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn the_index_has_every_decision() {
    let index = document("docs/README.md").text;
    let pages = super::files("docs/decisions", &[".md"]);
    let names: Vec<_> =
        pages.iter().map(|page| page.strip_prefix("docs").unwrap().display().to_string()).collect();

    assert!(names.len() > 10);
    for (number, name) in names.iter().enumerate() {
        assert!(index.contains(&format!("({name})")), "docs/README.md lacks {name}");
        assert!(
            name.starts_with(&format!("decisions/{number:04}-")),
            "expected number {number:04}, got {name}"
        );
    }
}

#[test]
fn the_detectors_catch_what_they_are_for() {
    assert_eq!(missing("| `a` | x |\n", ["a", "b"].into_iter()), ["b"]);
}

/// The names without a row of their own.
fn missing<'a>(table: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let has = |name: &str| table.lines().any(|line| line.starts_with(&format!("| `{name}` |")));
    names.filter(|name| !has(name)).map(str::to_owned).collect()
}

/// The texts of several words with underscores between them.
fn names(code: &str) -> Vec<String> {
    let texts = code.split('"').skip(1).step_by(2);
    let is_name =
        |text: &&str| text.contains('_') && text.chars().all(|one| one.is_ascii_lowercase() || one == '_');
    texts.filter(is_name).map(str::to_owned).collect()
}
