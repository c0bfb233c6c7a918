//! Commands: the target, subcommand, flag, file and test that each names exist.

use std::{
    path::{Path, PathBuf},
    process::Command as Process,
    sync::OnceLock,
};

use scope::config;

use super::{
    Document, documents, files, root,
    shell::{self, Simple},
};

/// Programs that are not ours, which documents may call.
const PROGRAMS: &[&str] = &[
    "apt-get",
    "cp",
    "curl",
    "cut",
    "docker",
    "echo",
    "export",
    "ffplay",
    "grep",
    "gst-inspect-1.0",
    "gst-launch-1.0",
    "head",
    "id",
    "mkdir",
    "openssl",
    "pip",
    "sed",
    "ss",
    "turnserver",
    "ulimit",
];
/// What a code span has to begin with to be a command.
const BEGINNINGS: &[&str] = &[
    "cargo ",
    "cd ",
    "git show ",
    "make ",
    "node ",
    "npx ",
    "scope ",
    ".docker/",
    ".tools/",
    "tests/bench/run",
];
/// What is said of a command without all of its arguments: in a code span it may stand for the command itself.
const UNFINISHED: &[&str] = &["arguments were not provided", "a value is required"];
/// Flags of `cargo nextest run` whose value is a word of its own.
const WITH_VALUE: &[&str] = &["--test", "-j", "-p", "--profile"];

#[test]
fn every_command_names_things_that_exist() {
    let faults: Vec<_> = documents().iter().flat_map(faults).collect();

    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn the_detector_catches_what_it_is_for() {
    let of = |command: &str| faults(&Document::planted(&format!("```sh\n{command}\n```\n")));

    for good in [
        "make run ARGS=\"--tls self-signed\"",
        "make bench ARGS=\"--parts sessions --quick\"",
        "scope pipelines new mine --kind echo --into my",
        "cargo nextest run --locked --lib session::state",
        "cargo nextest run --no-capture --test suite the_detector_catches_what_it_is_for",
        "cd pipelines/codecs/encode && gst-launch-1.0 videotestsrc ! fakesink",
        "tests/bench/run --presets --sizes 480",
    ] {
        assert_eq!(of(good), [""; 0]);
    }
    for bad in [
        "make fly",
        "make run ARGS=\"--no-such-flag\"",
        "make bench ARGS=\"--parts nothing\"",
        "scope fly",
        "scope codecs --no-such-flag",
        "cargo fly",
        "cargo nextest run --test suite no_test_is_called_this",
        "cargo nextest run --test nosuch",
        "cargo nextest run --lib no::such::module",
        "cd no/such/folder && make run",
        "node --test tests/browser/nosuch.test.mjs",
        "tests/bench/run --no-such-flag",
        ".tools/nosuch",
        "nosuchprogram",
    ] {
        assert_eq!(of(bad).len(), 1, "{bad}: {:?}", of(bad));
    }
    let span = |text: &str| faults(&Document::planted(text)).len();
    assert_eq!([span("Run `make fly`."), span("Run `make test`, not `make …`.")], [1, 0]);
    assert_eq!([span("`scope pipelines new`"), span("`scope pipelines new --kin echo`")], [0, 1]);
    assert_eq!(of("scope pipelines new").len(), 1);
    assert_eq!(of("(cd tests/browser && node --test page.test.mjs)\n(cd tests && make check)"), [""; 0]);
}

/// What is wrong with the commands of a document: those of its shell blocks, and those of its code spans.
fn faults(document: &Document) -> Vec<String> {
    let blocks =
        document.blocks().into_iter().filter(|block| ["sh", "bash"].contains(&block.language.as_str()));
    let is_command = |span: &String| {
        BEGINNINGS.iter().any(|beginning| format!("{span} ").starts_with(beginning))
            && !span.contains(['…', '<', '['])
    };
    let spans = document.spans().into_iter().filter(is_command);
    let names_a_command = |fault: &String| UNFINISHED.iter().any(|words| fault.contains(words));
    let of = |script: String| {
        let mut folder = root().to_owned();
        let commands = shell::commands(&script).into_iter();
        commands.filter_map(|command| fault(&command, &mut folder)).collect::<Vec<_>>()
    };
    let in_blocks = blocks.flat_map(|block| of(block.text));
    let in_spans = spans.flat_map(of).filter(|fault| !names_a_command(fault));
    in_blocks.chain(in_spans).map(|fault| format!("{}: {fault}", document.path.display())).collect()
}

fn fault(command: &Simple, folder: &mut PathBuf) -> Option<String> {
    let words: Vec<&str> = command.words.iter().map(String::as_str).collect();
    let line = words.join(" ");
    let (program, rest) = words.split_first()?;
    let checked = match *program {
        "cd" => {
            *folder = folder.join(rest.first().unwrap_or(&"."));
            exists(folder.is_dir(), "no such folder")
        }
        ")" => {
            root().clone_into(folder);
            Ok(())
        }
        "make" => make(rest),
        "scope" => scope(rest),
        "cargo" => cargo(rest),
        "tests/bench/run" => bench(rest),
        "git" => git(rest),
        "node" | "npx" | "python" | "python3" | "../../.venv/bin/python" => {
            let is_file = |word: &&&str| {
                word.contains('/') || Path::new(word).extension().is_some_and(|end| end == "mjs")
            };
            let there = |word: &&&str| folder.join(word).exists() || root().join(word).exists();
            let missing = rest.iter().filter(is_file).find(|word| !there(word));
            missing.map_or(Ok(()), |word| Err(format!("{word}: no such file")))
        }
        script if script.starts_with('.') => exists(root().join(script).is_file(), "no such script"),
        program => exists(PROGRAMS.contains(&program), "neither ours nor in the list of programs"),
    };
    checked.err().map(|why| format!("{line}: {why}"))
}

fn exists(there: bool, otherwise: &str) -> Result<(), String> {
    if there { Ok(()) } else { Err(otherwise.to_owned()) }
}

fn make(words: &[&str]) -> Result<(), String> {
    let makefile = std::fs::read_to_string(root().join("Makefile")).unwrap();
    let targets: Vec<_> =
        makefile.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name).collect();
    let (assigned, asked): (Vec<_>, Vec<_>) = words.iter().copied().partition(|word| word.contains('='));
    for target in &asked {
        exists(targets.contains(target), &format!("no target {target}"))?;
    }
    let arguments = assigned.iter().find_map(|word| word.strip_prefix("ARGS=")).unwrap_or_default();
    let arguments: Vec<_> = arguments.split_whitespace().collect();
    match asked.first() {
        _ if arguments.is_empty() => Ok(()),
        Some(&"bench") => bench(&arguments),
        _ => scope(&arguments),
    }
}

/// Reads the words as the binary does.
fn scope(words: &[&str]) -> Result<(), String> {
    let arguments = std::iter::once("scope").chain(words.iter().copied()).map(Into::into);
    match config::load(arguments, std::iter::empty()) {
        config::Outcome::Faults(faults) => Err(faults),
        _ => Ok(()),
    }
}

fn cargo(words: &[&str]) -> Result<(), String> {
    let known = ["build", "clippy", "deny", "doc", "fmt", "install", "test"];
    match words {
        ["nextest", "run", rest @ ..] => nextest(rest),
        ["run", rest @ ..] => {
            let ours = rest.iter().position(|word| *word == "--").map_or(&[][..], |at| &rest[at + 1..]);
            scope(ours)
        }
        [name, ..] => exists(known.contains(name), "no such subcommand"),
        [] => Ok(()),
    }
}

/// Every filter has to match a test, as nextest matches: a part of the test's whole name.
fn nextest(words: &[&str]) -> Result<(), String> {
    let (mut place, mut words) = ("", words.iter().copied());
    while let Some(word) = words.next() {
        match word {
            "-E" => return Err("name the tests: an expression cannot be checked".into()),
            "--lib" => place = "src/",
            flag if WITH_VALUE.contains(&flag) => {
                let value = words.next().unwrap_or_default();
                if flag == "--test" {
                    exists(value == "suite", "no such test binary")?;
                    place = "tests/suite/";
                }
            }
            flag if flag.starts_with('-') => {}
            filter => {
                let matches =
                    |(file, name): &&(String, String)| file.starts_with(place) && name.contains(filter);
                exists(tests().iter().any(|test| matches(&test)), &format!("{filter}: no such test"))?;
            }
        }
    }
    Ok(())
}

/// Every test of the server: its file, and its name with the modules that the file is in.
fn tests() -> &'static [(String, String)] {
    static TESTS: OnceLock<Vec<(String, String)>> = OnceLock::new();
    TESTS.get_or_init(|| {
        let paths = ["src", "tests/suite"].into_iter().flat_map(|place| files(place, &[".rs"]).into_iter());
        paths.flat_map(|path| tests_of(&path.to_string_lossy())).collect()
    })
}

fn tests_of(path: &str) -> Vec<(String, String)> {
    let module = path.trim_start_matches("tests/suite/").trim_start_matches("src/").trim_end_matches(".rs");
    let module = module.trim_end_matches("/mod").replace('/', "::");
    let text = std::fs::read_to_string(root().join(path)).unwrap();
    let mut found = Vec::new();
    let mut marked = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[") {
            marked |= line.contains("test]") || line.contains("test(");
        } else if let Some((_, rest)) = line.split_once("fn ").filter(|_| marked) {
            let name: String = rest.chars().take_while(|one| one.is_alphanumeric() || *one == '_').collect();
            found.push((path.to_owned(), format!("{module}::{name}")));
            marked = false;
        }
    }
    found
}

fn bench(words: &[&str]) -> Result<(), String> {
    static HELP: OnceLock<String> = OnceLock::new();
    let help = HELP.get_or_init(|| {
        let ran = Process::new(root().join("tests/bench/run")).arg("--help").output().unwrap();
        assert!(ran.status.success(), "{ran:?}");
        String::from_utf8_lossy(&ran.stdout).into_owned()
    });
    for word in words {
        for part in word.split(',') {
            let there =
                part.parse::<f64>().is_ok() || help.split([' ', ',', '\n', '[', ']']).any(|one| one == part);
            exists(there, &format!("{part}: not in its --help"))?;
        }
    }
    Ok(())
}

/// A commit that a document names is in the history, where all of that is here.
fn git(words: &[&str]) -> Result<(), String> {
    let git = |words: &[&str]| Process::new("git").current_dir(root()).args(words).output();
    let whole = git(&["rev-parse", "--is-shallow-repository"]).is_ok_and(|ran| ran.stdout == b"false\n");
    let ["show", .., commit] = words else { return Ok(()) };
    let known =
        || git(&["cat-file", "-e", &format!("{commit}^{{commit}}")]).is_ok_and(|ran| ran.status.success());
    exists(!whole || known(), "no such commit")
}
