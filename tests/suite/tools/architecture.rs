//! The shape of the code, read from the source: who uses whom, who imports GStreamer, who owns its fields, how long
//! things are.

mod circles;
mod fields;
mod length;
mod probes;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use syn::visit::Visit;

use super::{files, root};

/// Modules that use nothing of ours.
const LEAVES: &[&str] = &[
    "descriptors",
    "frame",
    "limits",
    "memory",
    "metrics",
    "recordings",
    "shutdown",
    "signalling",
    "state_dir",
    "system",
    "telemetry",
    "turn",
];

/// What each other module may use besides the leaves (`docs/architecture.md`). `app` and `main` may use everything.
///
/// `config` holds the settings of the modules that it uses; only `app` and `command`, which hand them out, use it.
const MAY_USE: &[(&str, &[&str])] = &[
    ("access", &[]),
    ("api", &["access", "session", "stage", "tls"]),
    ("command", &["access", "api", "app", "config", "media", "session", "stage", "tls"]),
    ("config", &["access", "api", "media", "session", "stage", "tls"]),
    ("session", &["access", "media", "stage"]),
    ("media", &[]),
    ("stage", &[]),
    ("tls", &[]),
];

#[test]
fn modules_use_only_what_the_table_allows() {
    let faults: Vec<_> = sources().iter().flat_map(forbidden_uses).collect();

    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn only_media_imports_gstreamer() {
    let faults: Vec<_> =
        sources().iter().filter(|source| source.module != "media").flat_map(gstreamer_uses).collect();

    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn main_is_load_then_run() {
    let main = std::fs::read_to_string(root().join("src/main.rs")).unwrap();

    assert!(main.lines().count() <= 40, "main.rs has {} lines, 40 are wanted", main.lines().count());
}

#[test]
fn every_module_is_in_the_table() {
    let known: BTreeSet<_> = LEAVES
        .iter()
        .copied()
        .chain(MAY_USE.iter().map(|(module, _)| *module))
        .chain(["app", "main", "lib"])
        .collect();

    for source in sources() {
        assert!(known.contains(source.module.as_str()), "{} is in no table", source.path.display());
    }
}

#[test]
fn the_detectors_catch_what_they_are_for() {
    let planted = |module: &str, text: &str| Source {
        path: PathBuf::from("planted.rs"),
        module: module.into(),
        text: text.into(),
    };

    assert_eq!(forbidden_uses(&planted("stage", "use crate::session::Id;")).len(), 1);
    assert_eq!(forbidden_uses(&planted("turn", "use crate::{frame, stage::Catalog};")).len(), 2);
    assert_eq!(forbidden_uses(&planted("api", "fn f() { crate::media::strip(\"\"); }")).len(), 1);
    assert_eq!(forbidden_uses(&planted("api", "use crate::session::Registry;")).len(), 0);
    assert_eq!(gstreamer_uses(&planted("api", "fn f() { gst::init(); }")).len(), 1);
    assert_eq!(gstreamer_uses(&planted("stage", "use gst_app::AppSrc;")).len(), 1);
}

/// One file of ours.
struct Source {
    path: PathBuf,
    module: String,
    text: String,
}

impl Source {
    fn parse(&self) -> syn::File {
        syn::parse_file(&self.text).unwrap_or_else(|error| panic!("{}: {error}", self.path.display()))
    }
}

/// Everything below `src` but the test folders.
fn sources() -> Vec<Source> {
    let paths = files("src", &[".rs"]).into_iter().filter(|path| path.iter().all(|part| part != "tests"));
    let found: Vec<_> = paths
        .map(|path| {
            let path = root().join(path);
            Source { text: std::fs::read_to_string(&path).unwrap(), module: module_of(&path), path }
        })
        .collect();
    assert!(found.len() > 20, "only {} sources found", found.len());
    found
}

fn module_of(path: &Path) -> String {
    let inside = path.strip_prefix(root().join("src")).unwrap();
    inside.iter().next().unwrap().to_string_lossy().trim_end_matches(".rs").to_owned()
}

fn forbidden_uses(source: &Source) -> Vec<String> {
    if matches!(source.module.as_str(), "app" | "main" | "lib") {
        return Vec::new();
    }
    let allowed = MAY_USE.iter().find(|(module, _)| *module == source.module);
    let is_leaf = LEAVES.contains(&source.module.as_str());
    let mut paths = Paths::default();
    paths.visit_file(&source.parse());
    let ours = paths.found.iter().filter(|path| path.first().is_some_and(|first| first == "crate"));
    ours.filter_map(|path| path.get(1))
        .filter(|used| **used != source.module)
        .filter(|used| {
            let used = used.as_str();
            let by_table = allowed.is_some_and(|(_, modules)| modules.contains(&used));
            !(by_table || (!is_leaf && LEAVES.contains(&used)))
        })
        .map(|used| format!("{}: {} may not use {used}", source.path.display(), source.module))
        .collect()
}

fn gstreamer_uses(source: &Source) -> Vec<String> {
    let mut paths = Paths::default();
    paths.visit_file(&source.parse());
    let gstreamer = |name: &String| name == "gst" || name.starts_with("gst_") || name == "gstrsrtp";
    let used = paths.found.iter().filter_map(|path| path.first()).filter(|name| gstreamer(name));
    used.map(|name| format!("{}: uses {name}", source.path.display())).collect()
}

/// Every path that stands in a file, test modules left out.
#[derive(Default)]
struct Paths {
    found: Vec<Vec<String>>,
}

impl Paths {
    fn tree(&mut self, before: &[String], tree: &syn::UseTree) {
        match tree {
            syn::UseTree::Path(path) => {
                let mut longer = before.to_vec();
                longer.push(path.ident.to_string());
                self.tree(&longer, &path.tree);
            }
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.tree(before, item)),
            syn::UseTree::Name(name) => self.end(before, name.ident.to_string()),
            syn::UseTree::Rename(name) => self.end(before, name.ident.to_string()),
            syn::UseTree::Glob(_) => self.found.push(before.to_vec()),
        }
    }

    fn end(&mut self, before: &[String], last: String) {
        let mut path = before.to_vec();
        path.push(last);
        self.found.push(path);
    }
}

impl<'a> Visit<'a> for Paths {
    fn visit_item_use(&mut self, item: &'a syn::ItemUse) {
        self.tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        if path.segments.len() > 1 {
            self.found.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        }
        syn::visit::visit_path(self, path);
    }

    fn visit_item_mod(&mut self, item: &'a syn::ItemMod) {
        if !is_test(&item.attrs) {
            syn::visit::visit_item_mod(self, item);
        }
    }
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Ident>().is_ok_and(|condition| condition == "test")
    })
}
