//! Images by digest, actions by commit, packages by hash; and nothing that is downloaded and run unseen.

use std::collections::BTreeMap;

use super::{Text, all, display, files, values, workflows};

/// Lock files of pip: what the image and `make deps` install.
const REQUIREMENTS: [&str; 2] = ["pipelines/requirements.txt", "tests/support/requirements.txt"];
/// Where commands stand that install something.
const SCRIPTS: [&str; 4] = [".tools", ".ci", ".docker", ".github"];

#[test]
fn every_image_has_its_digest() {
    let mut texts = workflows();
    texts.extend([Text::read("Dockerfile"), Text::read(".docker/compose.yaml")]);

    let named: usize = texts.iter().map(|text| images(text).len()).sum();
    let faults: Vec<_> = texts.iter().flat_map(loose_images).collect();

    assert!(named >= 8, "expected the images of the Dockerfile, compose and the workflows, found {named}");
    assert_eq!(faults, [""; 0]);
}

#[test]
fn every_action_has_its_commit_and_says_its_version() {
    let faults: Vec<_> = workflows().iter().flat_map(loose_actions).collect();

    assert_eq!(faults, [""; 0]);
}

#[test]
fn no_workflow_has_more_rights_than_it_says() {
    for workflow in workflows() {
        let Text { path, text } = &workflow;
        assert!(
            text.contains("\npermissions:\n  contents: read\n"),
            "{path}: expected to begin with reading"
        );
        let checkouts = text.matches("uses: actions/checkout@").count();
        let kept = text.matches("persist-credentials: false").count();
        assert_eq!(checkouts, kept, "{path}: each checkout leaves its token in .git unless told not to");
        assert!(!text.contains("pull_request_target"), "{path}: runs a stranger's code with our rights");
    }
}

#[test]
fn nothing_is_downloaded_and_run_unseen() {
    let mut texts = vec![Text::read("Dockerfile"), Text::read("Makefile")];
    texts.extend(SCRIPTS.iter().flat_map(|place| all(place, &[""])));

    let faults: Vec<_> = texts.iter().flat_map(unseen).collect();

    assert_eq!(faults, [""; 0]);
}

#[test]
fn every_python_package_has_its_hashes() {
    let mut versions: BTreeMap<String, String> = BTreeMap::new();
    for path in REQUIREMENTS {
        let lock = Text::read(path);
        assert_eq!(loose_requirements(&lock), [""; 0]);
        for (name, version) in locked(&lock.text) {
            let other = versions.entry(name.clone()).or_insert_with(|| version.clone());
            assert_eq!(*other, version, "{path}: {name} has another version elsewhere");
        }
        let wanted = Text::read(&path.replace(".txt", ".in"));
        for (name, version) in locked(&wanted.text) {
            assert!(
                locked(&lock.text).contains(&(name.clone(), version)),
                "{path} lacks {name} of {}: make requirements",
                wanted.path
            );
        }
    }
    assert!(versions.len() > 30, "{versions:?}");
}

#[test]
fn every_crate_and_npm_package_has_its_hash() {
    for path in files("", &["Cargo.lock"]) {
        let lock = Text::read(&display(&path)).text;
        let sources =
            lock.matches("\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\n").count();
        assert!(sources > 20, "{}: {sources}", path.display());
        assert_eq!(lock.matches("\nsource = ").count(), sources, "{}: not from crates.io", path.display());
        assert_eq!(lock.matches("\nchecksum = ").count(), sources, "{}", path.display());
    }
    for path in files("", &["package-lock.json"]) {
        let lock: serde_json::Value = serde_json::from_str(&Text::read(&display(&path)).text).unwrap();
        let packages = lock["packages"].as_object().unwrap();
        assert!(packages.len() > 20, "{}", path.display());
        // The root has none, and what a package brings in its own archive is under that one's.
        let own = packages.iter().filter(|(name, package)| !name.is_empty() && package["inBundle"] != true);
        for (name, package) in own {
            let hash = package["integrity"].as_str().unwrap_or_default();
            assert!(hash.starts_with("sha512-"), "{}: {name}", path.display());
        }
    }
}

#[test]
fn dependabot_knows_every_place_with_pins() {
    let config = Text::read(".github/dependabot.yml").text;
    let folder = |path: &std::path::Path| match display(path.parent().unwrap()).as_str() {
        "" => "/".to_owned(),
        folder => format!("/{folder}"),
    };
    let named = |folder: &str| {
        config
            .split(['[', ']', ',', '\n'])
            .any(|word| word.trim().trim_start_matches("directory: ") == folder)
    };

    for ending in ["Cargo.lock", "package-lock.json", "requirements.in", "Dockerfile", "compose.yaml"] {
        let found = files("", &[ending]);
        assert!(!found.is_empty(), "{ending}");
        for path in found {
            assert!(named(&folder(&path)), ".github/dependabot.yml lacks {}", path.display());
        }
    }
    assert!(config.contains("github-actions"));
}

#[test]
fn the_detectors_catch_what_they_are_for() {
    const DIGEST: &str = "sha256:7c7b2c966bc9ee8cedfeef67e0e279108992c77681fa595db4a9d65c06ccc587";
    let dockerfile = |text: &str| loose_images(&Text::planted("Dockerfile", text)).len();
    let yaml = |text: &str| loose_images(&Text::planted("x.yml", text)).len();
    let actions = |text: &str| loose_actions(&Text::planted("x.yml", text)).len();
    let script = |text: &str| unseen(&Text::planted("x", text)).len();
    let requirements = |text: &str| loose_requirements(&Text::planted("x.txt", text)).len();

    assert_eq!(dockerfile(&format!("FROM debian:12@{DIGEST} AS base\nFROM base\n")), 0);
    assert_eq!(dockerfile(&format!("FROM debian@{DIGEST}\n")), 1, "a digest alone tells nobody what it is");
    assert_eq!(dockerfile("FROM debian:12-slim AS base\nFROM --platform=linux/amd64 node:22\n"), 2);
    assert_eq!(dockerfile("FROM debian:12@sha256:7c7b2c96\n"), 1);
    assert_eq!(dockerfile("ARG IMAGE=debian\nFROM ${IMAGE}\n"), 1);
    assert_eq!(dockerfile("# syntax=docker/dockerfile:1\nCOPY --from=alpine:3 /x /x\n"), 2);
    assert_eq!(yaml("    image: coturn/coturn:4.6.3\n    container: debian:12\n"), 2);
    assert_eq!(yaml("    container: ${{ matrix.image }}\n"), 0);
    assert_eq!(yaml("  driver-opts: image=moby/buildkit:latest\n  sbom: generator=docker/scanner:1\n"), 2);
    assert_eq!(actions("- uses: actions/checkout@v4\n- uses: a/b@main # v1\n- uses: ./.github/x.yml\n"), 2);
    assert_eq!(actions("- uses: a/b@3d3c42e5aac5ba805825da76410c181273ba90b1\n"), 1, "of which version?");
    assert_eq!(actions("- uses: a/b@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1\n"), 0);
    assert_eq!(script("curl -fsS https://sh.rustup.rs | sh -s -- -y\n"), 1);
    assert_eq!(script("bash <(curl https://x)\nwget -qO- https://x |bash\ncurl x \\\n  | sh\n"), 3);
    assert_eq!(script("pip install numpy\npython -m pip install --require-hashes -r x\n"), 1);
    assert_eq!(script("npm install x\nnpm ci\ncargo install x\ncargo install --locked x@1\n"), 2);
    assert_eq!(requirements("numpy==2 \\\n    --hash=sha256:a\nonnx==1\n"), 1);
    assert_eq!(requirements("numpy>=2 \\\n    --hash=sha256:a\n"), 1);
}

/// What a file runs in or builds on, without stages of its own and expressions.
fn images(text: &Text) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    if text.path.ends_with("Dockerfile") {
        let mut stages: Vec<&str> = Vec::new();
        for line in text.text.lines() {
            let words: Vec<_> =
                line.split_whitespace().filter(|word| !word.starts_with("--platform")).collect();
            match words[..] {
                ["FROM", image, ref rest @ ..] => {
                    if !stages.contains(&image) {
                        found.push(image.to_owned());
                    }
                    stages.extend(rest.get(1));
                }
                [copy, from, ..] if copy == "COPY" || copy == "RUN" => {
                    let image = from.split("from=").nth(1).filter(|image| !stages.contains(image));
                    found.extend(image.map(str::to_owned));
                }
                _ => found.extend(line.strip_prefix("# syntax=").map(str::to_owned)),
            }
        }
        return found;
    }
    for key in ["image", "container"] {
        found.extend(values(&text.text, key).filter(|value| !value.is_empty()).map(str::to_owned));
    }
    for key in ["driver-opts", "sbom"] {
        let options = values(&text.text, key).filter_map(|value| value.split_once('='));
        found.extend(options.map(|(_, image)| image.to_owned()));
    }
    found.retain(|image| !image.starts_with("${{"));
    found
}

fn loose_images(text: &Text) -> Vec<String> {
    let is_pinned = |image: &String| {
        image.split_once("@sha256:").is_some_and(|(name, digest)| {
            let has_tag = name.rsplit('/').next().is_some_and(|last| last.contains(':'));
            has_tag && digest.len() == 64 && digest.chars().all(|letter| letter.is_ascii_hexdigit())
        })
    };
    let loose = images(text).into_iter().filter(|image| !is_pinned(image));
    loose.map(|image| format!("{}: expected NAME:TAG@sha256:DIGEST, got {image}", text.path)).collect()
}

fn loose_actions(text: &Text) -> Vec<String> {
    let is_pinned = |line: &str| {
        let Some((action, version)) = line.split_once(" # v") else { return false };
        let commit = action.rsplit('@').next().unwrap_or_default();
        commit.len() == 40 && commit.chars().all(|letter| letter.is_ascii_hexdigit()) && !version.is_empty()
    };
    let uses =
        text.text.lines().filter_map(|line| line.split_once("uses: ").map(|(_, action)| action.trim()));
    let loose = uses.filter(|action| !action.starts_with("./") && !is_pinned(action));
    loose.map(|action| format!("{}: expected ACTION@COMMIT # vVERSION, got {action}", text.path)).collect()
}

/// Installers that are fetched and run, and package managers that are told no version or no hash.
fn unseen(text: &Text) -> Vec<String> {
    let joined = text.text.replace("\\\n", " ");
    let mut faults = Vec::new();
    for line in joined.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        let squeezed = line.replace("| ", "|");
        let fetches = line.contains("curl") || line.contains("wget");
        let piped = ["|sh", "|bash", "|sudo", "|python"].iter().any(|shell| squeezed.contains(shell));
        let run_unseen = fetches && (piped || line.contains("<(")) || line.contains("sh.rustup.rs");
        let installs = |program: &str| line.contains(&format!("{program} install"));
        let loose = (installs("pip") && !line.contains("--require-hashes"))
            || installs("npm")
            || (installs("cargo") && !(line.contains("--locked") && line.contains('@')));
        // A sentence that names a command is none.
        let is_sentence =
            ["say ", "warn ", "die ", "fail ", "echo "].iter().any(|word| line.starts_with(word));
        if (run_unseen || loose) && !is_sentence {
            faults.push(format!("{}: {line}", text.path));
        }
    }
    faults
}

/// Name and version of each requirement.
fn locked(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_alphanumeric()));
    let pairs = lines.filter_map(|line| line.split([' ', ';']).next()?.split_once("=="));
    pairs.map(|(name, version)| (name.to_lowercase().replace('_', "-"), version.to_owned())).collect()
}

fn loose_requirements(lock: &Text) -> Vec<String> {
    let joined = lock.text.replace("\\\n", " ");
    let wanted = joined.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_alphanumeric()));
    let loose = wanted.filter(|line| !(line.contains("==") && line.contains("--hash=sha256:")));
    loose.map(|line| format!("{}: expected NAME==VERSION --hash=…, got {line}", lock.path)).collect()
}
