//! The fragments and the bins of stages as a person runs them: each file's `# try:` line and every line of
//! `pipelines/README.md`.
//!
//! What this host lacks is skipped by name, with the package that brings it; what it has must run.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
};

use scope::media::{Fragment, fragments, package};

/// A line takes under a second; the limit, in seconds, is for a machine that compiles beside it.
const LINE_LIMIT: &str = "60";

#[test]
fn every_file_has_a_row_and_every_row_a_file() {
    let files: BTreeSet<_> = ["decode", "encode"].into_iter().flat_map(files).collect();
    let rows: Vec<_> = fragments().iter().map(|fragment| fragment.path.to_owned()).collect();

    assert_eq!(rows.len(), rows.iter().collect::<BTreeSet<_>>().len(), "two rows use one file: {rows:?}");
    assert_eq!(files, rows.into_iter().collect());
}

#[test]
fn every_file_says_what_comes_in_what_goes_out_and_how_to_try_it() {
    for Fragment { path, text, .. } in fragments() {
        assert!(text.starts_with("# in:  ") && text.contains("\n# out: "), "{path}");
        assert_eq!(text.matches("\n# try: gst-launch-1.0 ").count(), 1, "{path}");
        let own = if path.starts_with("encode") {
            ["name=enc ", "name=pay "]
        } else {
            ["name=dec ", "name=depay "]
        };
        for name in own.map(str::trim_end) {
            let named = text.split_whitespace().filter(|word| *word == name).count();
            assert_eq!(named, 1, "{path}: {name}");
        }
    }
}

#[test]
fn every_stage_says_what_comes_in_what_goes_out_and_how_to_try_it() {
    assert!(!stages().is_empty());
    for (path, text) in stages() {
        let path = path.display();
        assert!(text.starts_with("# ") && text.contains("\n# in:  ") && text.contains("\n# out: "), "{path}");
        assert_eq!(text.matches("\n# try: gst-launch-1.0 ").count(), 1, "{path}");
    }
}

#[test]
fn the_readme_has_the_line_of_every_file() {
    let readme: BTreeSet<_> = readme_lines().into_iter().collect();

    for line in try_lines() {
        assert!(readme.contains(&line), "pipelines/README.md lacks, after its cd: {}", line.1);
    }
}

#[test]
fn every_line_runs_where_its_elements_are_installed() {
    gst::init().unwrap();
    let lines: BTreeSet<_> = try_lines().into_iter().chain(readme_lines()).collect();
    let (mut ran, mut faults) = (0, Vec::new());

    for (folder, line) in &lines {
        if let Some((fragment, element)) = missing(folder, line) {
            println!("skip: element not installed: {fragment} wants {element} of {}", package(&element));
            continue;
        }
        ran += 1;
        faults.extend(run(folder, line).err());
    }

    println!("{ran} of {} lines ran", lines.len());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(ran > 5, "only {ran} lines could run: are the tests' packages installed?");
}

#[test]
fn a_line_that_fails_is_noticed() {
    gst::init().unwrap();
    let folder = root().join("pipelines/codecs/encode");

    let refusal = run(&folder, "gst-launch-1.0 videotestsrc num-buffers=1 ! nosuchelement ! fakesink");
    let skipped =
        missing(&folder, "gst-launch-1.0 videotestsrc ! $(grep -v '^#' h264.amf.launch) ! fakesink");
    let stage =
        elements("# a ! nosuchelement\nvideoconvert\n! video/x-raw,format=AYUV\n! kaleidoscope name=a\n");

    assert_eq!(stage, ["videoconvert", "kaleidoscope"]);
    assert!(refusal.unwrap_err().contains("nosuchelement"));
    assert_eq!(skipped.unwrap(), ("codecs/encode/h264.amf.launch".to_owned(), "amfh264enc".to_owned()));
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(direction: &str) -> Vec<String> {
    let entries = std::fs::read_dir(root().join("pipelines/codecs").join(direction)).unwrap();
    entries.map(|entry| format!("{direction}/{}", entry.unwrap().file_name().to_string_lossy())).collect()
}

/// Path and text of the bin of every stage that ships.
fn stages() -> Vec<(PathBuf, String)> {
    let folders = std::fs::read_dir(root().join("pipelines/catalog")).unwrap();
    let paths = folders.map(|folder| folder.unwrap().path().join("stage.launch"));
    paths.filter_map(|path| Some((path.clone(), std::fs::read_to_string(path).ok()?))).collect()
}

/// The folder and the line that each file's comment gives.
fn try_lines() -> Vec<(PathBuf, String)> {
    let line = |text: &str| text.lines().find_map(|line| line.strip_prefix("# try: ")).unwrap().to_owned();
    let codecs = root().join("pipelines/codecs");
    let own = fragments()
        .into_iter()
        .map(|fragment| (codecs.join(fragment.path).parent().unwrap().to_owned(), line(fragment.text)));
    own.chain(stages().iter().map(|(_, text)| (root().join("pipelines/catalog"), line(text)))).collect()
}

/// The elements that a bin's text names.
fn elements(text: &str) -> Vec<String> {
    let code = text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join(" ");
    let words = code.split('!').filter_map(|part| part.split_whitespace().next());
    words.filter(|word| !word.contains('/')).map(str::to_owned).collect()
}

/// Every line of a `sh` block, with the folder that its `cd` names.
fn readme_lines() -> Vec<(PathBuf, String)> {
    let readme = std::fs::read_to_string(root().join("pipelines/README.md")).unwrap();
    let mut folder = None;
    let mut found = Vec::new();
    for line in readme.lines() {
        match (line, line.strip_prefix("cd ")) {
            ("```sh", _) => folder = Some(root().to_owned()),
            ("```", _) => folder = None,
            (_, Some(below)) if folder.is_some() => folder = Some(root().join(below)),
            _ => found.extend(folder.iter().map(|folder| (folder.clone(), line.to_owned()))),
        }
    }
    found
}

/// The first element that a line needs and this host lacks, with the fragment that names it.
fn missing(folder: &Path, line: &str) -> Option<(String, String)> {
    let base = root().join("pipelines");
    let of_fragments = fragments().into_iter().map(|fragment| {
        let elements = fragment.elements.iter().map(|element| (*element).to_owned());
        (format!("codecs/{}", fragment.path), elements.collect())
    });
    let of_stages = stages().into_iter().map(|(path, text)| {
        (path.strip_prefix(&base).unwrap().to_string_lossy().into_owned(), elements(&text))
    });
    let known: BTreeMap<String, Vec<String>> = of_fragments.chain(of_stages).collect();
    let words = line.split([' ', ')', '|']).filter(|word| word.ends_with(".launch"));
    let paths: Vec<_> = words
        .map(|word| folder.join(word).strip_prefix(&base).unwrap().to_string_lossy().into_owned())
        .collect();
    let first = paths.first().cloned().unwrap_or_default();
    let inside = paths.iter().flat_map(|path| {
        // AV1's payloaders are linked into scope, and the lines leave them out.
        let elements = known[path.as_str()].iter().filter(|element| !element.starts_with("rtpav1"));
        elements.map(|element| (path.clone(), element.clone()))
    });
    let around = line.split(['!', '$']).filter_map(|part| {
        let word = part.trim().trim_start_matches("gst-launch-1.0").split_whitespace().next()?;
        let is_element = word.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        is_element.then(|| (first.clone(), word.to_owned()))
    });
    inside.chain(around).find(|(_, element)| gst::ElementFactory::find(element).is_none())
}

fn run(folder: &Path, line: &str) -> Result<(), String> {
    let mut command = Command::new("timeout");
    let output = command.args([LINE_LIMIT, "bash", "-c", line]).current_dir(folder).output().unwrap();
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(format!("{}: {line}: {}\n{said}", folder.display(), output.status))
}
