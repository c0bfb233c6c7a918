//! The words of the source (`docs/glossary.md`): one word for one thing, plain sentences, no metaphors for types.

use std::{collections::BTreeMap, path::Path};

use syn::visit::Visit;

use super::{files, root};

/// Forms that hide what a sentence says, wherever they stand, and what to write instead.
const FORMS: &[(&str, &str)] = &[
    (" is wanted", "expected X, got Y"),
    (" are wanted", "expected X, got Y"),
    (", {} came", "expected X, got {}"),
    ("} came", "got {}"),
    ("none came", "got none"),
    ("what came", "got X"),
    ("whoever", "name who it is: the caller, the client, the owner"),
    (" anew", "again"),
    (" so long ", "for this long"),
    ("is to be", "has to be, or the plain verb"),
    ("no more use", "unusable"),
    ("own mark", "`id`"),
];

/// Words with another word for the same thing, in names and in prose.
const WORDS: &[(&str, &str)] =
    &[("picture", "frame"), ("pictures", "frames"), ("sound", "audio"), ("sounds", "audio")];

/// Terms that hold one of [`WORDS`] and keep it: names on the wire and terms of the field.
const TERMS: &[&str] = &[
    "picture_stalled", // the code of an end reason
    "PictureStalled",
    "no_picture",              // the code of an error
    "python_pictures",         // a metric
    "sound_packets",           // a key of a session
    "picture-id-mode",         // a property of GStreamer's payloaders
    "group of pictures",       // video coding
    "Picture loss indication", // RFC 4585
    "Picture in picture",      // the browser's API
    "picture-in-picture",
    "PictureInPicture",
    "pictureInPicture",
];

/// Metaphors that named types, functions and fields, and what they stood for.
const METAPHORS: &[(&str, &str)] = &[
    ("birth", "creation"),
    ("dam", "guard"),
    ("desk", "scheduler"),
    ("farewell", "close"),
    ("heed", "apply"),
    ("heir", "successor"),
    ("impostor", "peer with another certificate"),
    ("letter", "message"),
    ("seat", "permit"),
    ("shield", "guard"),
    ("tend", "check"),
];

/// Hits that are left, counted: the number may only fall, and a row without hits has to go.
const LEFT: &[Left] = &[
    left("frontend/src/components/recordings/RecordingsPanel.test.tsx", "sound", 1, RECORDED),
    left("frontend/src/recordings/Recorder.test.ts", "sound", 1, RECORDED),
    left("frontend/src/types/generated.ts", "sound", 1, RECORDED),
    left("pipelines/python/PROTOCOL.md", "none came", 1, "part of another phrase"),
    left("pipelines/python/scope_pipeline/cli.py", "picture", 2, OPTION),
    left("pipelines/python/scope_pipeline/selftest.py", "picture", 4, OPTION),
    left("src/media/recording/writer.rs", "sound", 1, RECORDED),
    left("src/recordings/list.rs", "sound", 3, RECORDED),
    left("src/recordings/sidecar.rs", "sound", 1, RECORDED),
    left("src/recordings/tests/mod.rs", "sound", 2, RECORDED),
];

const RECORDED: &str = "the key `sound` of a recording's files";
const OPTION: &str = "the option --picture, which writes an image for a person";

struct Left {
    path: &'static str,
    word: &'static str,
    hits: usize,
    reason: &'static str,
}

const fn left(path: &'static str, word: &'static str, hits: usize, reason: &'static str) -> Left {
    Left { path, word, hits, reason }
}

#[test]
fn the_old_forms_do_not_come_back() {
    let faults = faults(&sources(), LEFT);

    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn what_is_left_may_only_shrink() {
    let planted = |text: &str| [File { path: "src/planted.rs".into(), text: text.into() }];
    let one = [left("src/planted.rs", "picture", 1, "a reason")];

    assert_eq!(faults(&planted("// a picture"), &one), [""; 0]);
    assert_eq!(faults(&planted("// a picture\n// a picture"), &one).len(), 2);
    assert_eq!(faults(&planted("// a frame"), &one).len(), 1);
    assert_eq!(faults(&planted("// a picture, a sound"), &one).len(), 1);
}

#[test]
fn every_term_is_in_use() {
    let files = sources();

    for term in TERMS {
        assert!(
            files.iter().any(|file| file.text.contains(term)),
            "{term:?} is used nowhere; remove it from TERMS"
        );
    }
}

#[test]
fn the_detector_catches_what_it_is_for() {
    let words = |path: &str, text: &str| {
        let file = File { path: path.into(), text: text.into() };
        file.hits().into_iter().map(|hit| hit.word).collect::<Vec<_>>()
    };
    let source = |text: &str| words("src/planted.rs", text);

    assert_eq!(
        source("const A: &str = \"a number is wanted, {} came\";"),
        [" is wanted", ", {} came", "} came"]
    );
    assert_eq!(source("/// Tells whoever asked.\nfn f() {}"), ["whoever"]);
    assert_eq!(source("/// The picture's width.\nfn f() {}"), ["picture"]);
    assert_eq!(source("const PICTURES: u32 = 1;"), ["pictures"]);
    assert_eq!(source("fn last_picture() {}"), ["picture"]);
    assert_eq!(source("fn play(LastSound { at }: LastSound) {}"), ["sound", "sound"]);
    assert_eq!(source("struct Heir { seat: u8 }"), ["heir", "seat"]);
    assert_eq!(
        source("enum Way { Farewell } mod desk { fn shield_all() {} }"),
        ["farewell", "desk", "shield"]
    );
    assert_eq!(source("fn f(letter: char) -> bool { letter == 'a' } // a letter"), [""; 0]);
    assert_eq!(source("// Picture loss indication, EndReason::PictureStalled, soundness"), [""; 0]);
    assert_eq!(words("frontend/src/planted.ts", "let soundTrack = 1;"), ["sound"]);
    assert_eq!(words("pipelines/codecs/planted.launch", "# no picture is held"), ["picture"]);
    assert_eq!(words("pipelines/catalog/planted.toml", "description = \"Your picture, anew.\""), [" anew"]);
}

/// Every hit but those of `left`, and every row of `left` with more or fewer hits than it says.
fn faults(files: &[File], left: &[Left]) -> Vec<String> {
    let mut hits: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    for file in files {
        for hit in file.hits() {
            hits.entry((&file.path, hit.word)).or_default().push(hit.sentence);
        }
    }
    let mut faults = Vec::new();
    for Left { path, word, hits: allowed, reason } in left {
        let found = hits.remove(&(*path, *word)).unwrap_or_default();
        if found.len() > *allowed {
            faults.extend(found);
        } else if found.len() < *allowed {
            let got = found.len();
            faults
                .push(format!("{path}: expected {allowed} of {word:?} ({reason}), got {got}; correct LEFT"));
        }
    }
    faults.extend(hits.into_values().flatten());
    faults
}

struct Hit {
    word: &'static str,
    sentence: String,
}

struct File {
    /// From the repository's root.
    path: String,
    text: String,
}

impl File {
    fn hits(&self) -> Vec<Hit> {
        let mut hits = Vec::new();
        for (index, line) in self.text.lines().enumerate() {
            let mut add = |word, instead| {
                let place = format!("{}:{}", self.path, index + 1);
                let sentence = format!("{place}: expected {instead:?}, got {word:?} in {:?}", line.trim());
                hits.push(Hit { word, sentence });
            };
            let lower = line.to_lowercase();
            for &(form, instead) in FORMS {
                if lower.contains(form) {
                    add(form, instead);
                }
            }
            if self.has_one_word_for_frames() {
                let plain = TERMS.iter().fold(line.to_owned(), |line, term| line.replace(term, ""));
                for word in split(&plain) {
                    for &(old, instead) in WORDS.iter().filter(|(old, _)| *old == word) {
                        add(old, instead);
                    }
                }
            }
        }
        if Path::new(&self.path).extension().is_some_and(|end| end == "rs") {
            hits.extend(self.metaphors());
        }
        hits
    }

    /// Pipelines speak to people who look at a picture: their descriptions and their drawing keep the word.
    fn has_one_word_for_frames(&self) -> bool {
        let plain = ["src/", "frontend/src/", "pipelines/codecs/", "pipelines/python/scope_pipeline/"];
        plain.iter().any(|folder| self.path.starts_with(folder))
    }

    fn metaphors(&self) -> Vec<Hit> {
        let file = syn::parse_file(&self.text).unwrap_or_else(|error| panic!("{}: {error}", self.path));
        let mut names = Names::default();
        names.visit_file(&file);
        let mut hits = Vec::new();
        for name in names.0 {
            for word in split(&name) {
                for &(word, instead) in METAPHORS.iter().filter(|(metaphor, _)| *metaphor == word) {
                    let sentence = format!("{}: expected a name like {instead:?}, got {name:?}", self.path);
                    hits.push(Hit { word, sentence });
                }
            }
        }
        hits
    }
}

/// The names that a file gives to its modules, types, functions, fields and constants.
#[derive(Default)]
struct Names(Vec<String>);

impl Names {
    fn add(&mut self, name: &syn::Ident) {
        self.0.push(name.to_string());
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        match item {
            syn::Item::Const(item) => self.add(&item.ident),
            syn::Item::Enum(item) => self.add(&item.ident),
            syn::Item::Mod(item) => self.add(&item.ident),
            syn::Item::Static(item) => self.add(&item.ident),
            syn::Item::Struct(item) => self.add(&item.ident),
            syn::Item::Trait(item) => self.add(&item.ident),
            syn::Item::Type(item) => self.add(&item.ident),
            _ => {}
        }
        syn::visit::visit_item(self, item);
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        self.add(&signature.ident);
        syn::visit::visit_signature(self, signature);
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        field.ident.iter().for_each(|name| self.add(name));
        syn::visit::visit_field(self, field);
    }

    fn visit_variant(&mut self, variant: &'ast syn::Variant) {
        self.add(&variant.ident);
        syn::visit::visit_variant(self, variant);
    }
}

/// The words of a text or a name, lower case: split at everything but letters, and where camel case has a capital.
fn split(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_lower = false;
    for character in text.chars() {
        if !character.is_alphabetic() || (character.is_uppercase() && after_lower) {
            words.push(String::new());
        }
        if character.is_alphabetic() {
            words.last_mut().expect("one at least").extend(character.to_lowercase());
        }
        after_lower = character.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

fn sources() -> Vec<File> {
    let endings = [".rs", ".ts", ".tsx", ".py", ".toml", ".launch", ".md"];
    let paths = ["src", "frontend/src", "pipelines"].iter().flat_map(|folder| files(folder, &endings));
    let found: Vec<_> = paths
        .map(|path| File {
            text: std::fs::read_to_string(root().join(&path)).unwrap(),
            path: path.display().to_string(),
        })
        .collect();
    assert!(found.len() > 200, "only {} files found", found.len());
    found
}
