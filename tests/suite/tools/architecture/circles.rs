//! Import circles inside folders: siblings that use each other, directly or through further siblings.
//!
//! The siblings of a folder, `src` itself included, are its files and its subfolders, each subfolder with all that it
//! holds. One uses another where its code (tests left out) names an item that is defined there: in a `use`, or in a
//! path through `crate`, `super`, `self` or a name that a `use` brought in. A re-export counts as the file that it
//! leads to, so nothing hides behind a `mod.rs`. The `mod.rs` itself is no sibling of what it holds: that a parent puts
//! its children together and they use its types is how Rust modules are made. Calls of methods are not seen.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::Visit;

use super::{Source, is_test, root, sources};

/// Re-exports of re-exports that are followed; the code has three at most.
const REEXPORTS: usize = 16;

#[test]
fn no_siblings_of_a_folder_use_each_other_in_a_circle() {
    let circles = Tree::of(&sources()).circles();

    assert!(circles.is_empty(), "{circles:#?}");
}

#[test]
fn a_planted_circle_is_caught() {
    let direct = [("a/one", "use super::two::X;"), ("a/two", "fn f() -> crate::a::one::Y { todo!() }")];
    let re_exported = [
        ("a/mod", "pub use two::Two; mod one; mod two;"),
        ("a/one", "use super::Two;"),
        ("a/two", "use crate::a; fn f(one: a::one::One) {}"),
    ];
    let long = [("a/one", "use super::two;"), ("a/two", "use super::three;"), ("a/three", "use super::one;")];
    let folders = [("a/one/deep", "use crate::a::two;"), ("a/two", "use super::one::deep;")];
    let top = [("a/one", "use crate::b;"), ("b", "use crate::a::one;")];
    let in_a_macro =
        [("a/one", "use super::two;"), ("a/two", "fn f() { println!(\"{}\", super::one::ONE) }")];

    assert_eq!(circles_of(&direct), [circle("a", &["one", "two"])]);
    assert_eq!(circles_of(&re_exported), [circle("a", &["one", "two"])]);
    assert_eq!(circles_of(&long), [circle("a", &["one", "three", "two"])]);
    assert_eq!(circles_of(&folders), [circle("a", &["one", "two"])]);
    assert_eq!(circles_of(&in_a_macro), [circle("a", &["one", "two"])]);
    assert_eq!(circles_of(&top), [circle("", &["a", "b"])]);
}

#[test]
fn what_is_no_circle_is_not_taken_for_one() {
    let one_way = [("a/one", "use super::two;"), ("a/two", "use std::fmt;")];
    let parent_and_child =
        [("a/mod", "mod one; pub use one::One; pub struct Two;"), ("a/one", "use super::Two;")];
    let in_a_test =
        [("a/one", "use super::two;"), ("a/two", "#[cfg(test)] mod tests { use crate::a::one::One; }")];

    assert_eq!(circles_of(&one_way), []);
    assert_eq!(circles_of(&parent_and_child), []);
    assert_eq!(circles_of(&in_a_test), []);
}

/// A folder below `src`, and the siblings in it that use each other.
type Circle = (String, BTreeSet<String>);

/// The path of a module or an item, without `crate`.
type Place = Vec<String>;

fn circles_of(planted: &[(&str, &str)]) -> Vec<Circle> {
    let planted: Vec<_> = planted
        .iter()
        .map(|(path, text)| Source {
            path: root().join("src").join(path).with_extension("rs"),
            module: "a".into(),
            text: (*text).into(),
        })
        .collect();
    Tree::of(&planted).circles().into_iter().collect()
}

fn circle(folder: &str, siblings: &[&str]) -> Circle {
    (folder.to_owned(), siblings.iter().map(|&sibling| sibling.to_owned()).collect())
}

/// Every module of the code.
#[derive(Default)]
struct Tree {
    modules: BTreeMap<Place, Module>,
}

/// What one file says about others.
#[derive(Default)]
struct Module {
    /// What its `use`s bring in, by the name that it has here.
    names: BTreeMap<String, Place>,
    /// What it brings in with a `*`.
    globs: Vec<Place>,
    /// Names of its own items.
    own: BTreeSet<String>,
    /// Every path in its code.
    paths: Vec<Place>,
}

impl Tree {
    fn of(sources: &[Source]) -> Self {
        let mut tree = Self::default();
        for source in sources.iter().filter(|source| !source.path.ends_with("tests.rs")) {
            let mut module = Module::default();
            module.visit_file(&source.parse());
            let place = place_of(source);
            for length in 0..place.len() {
                tree.modules.entry(place[..length].to_vec()).or_default();
            }
            tree.modules.insert(place, module);
        }
        tree
    }

    fn circles(&self) -> BTreeSet<Circle> {
        let mut folders: BTreeMap<Place, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
        for (place, module) in &self.modules {
            let brought = module.names.values().chain(&module.globs);
            for path in module.paths.iter().chain(brought) {
                let Some(home) = self.home(place, path, 0) else { continue };
                let common = place.iter().zip(&home).take_while(|(one, other)| one == other).count();
                if let (Some(user), Some(used)) = (place.get(common), home.get(common)) {
                    let uses = folders.entry(place[..common].to_vec()).or_default();
                    uses.entry(user.clone()).or_default().insert(used.clone());
                }
            }
        }
        let mut circles = BTreeSet::new();
        for (folder, uses) in &folders {
            for sibling in uses.keys() {
                let reached = reach(uses, sibling);
                if reached.contains(sibling) {
                    let back = |other: &String| reach(uses, other).contains(sibling);
                    circles.insert((folder.join("/"), reached.into_iter().filter(back).collect()));
                }
            }
        }
        circles
    }

    /// The module in which `path`, as it stands in the module `from`, is defined; none where it is not ours.
    fn home(&self, from: &[String], path: &[String], depth: usize) -> Option<Place> {
        let mut at = from.to_vec();
        let mut rest = path;
        while let Some((first, after)) = rest.split_first() {
            match first.as_str() {
                "crate" => at.clear(),
                "self" => {}
                "super" => drop(at.pop()),
                _ => break,
            }
            rest = after;
        }
        let rooted = rest.len() < path.len();
        for (index, name) in rest.iter().enumerate() {
            let child: Place = at.iter().chain([name]).cloned().collect();
            let module = self.modules.get(&at)?;
            if self.modules.contains_key(&child) {
                at = child;
            } else if let Some(brought) = module.names.get(name).filter(|_| depth < REEXPORTS) {
                let full: Place = brought.iter().chain(&rest[index + 1..]).cloned().collect();
                return self.home(&at, &full, depth + 1);
            } else if rooted || index > 0 || module.own.contains(name) {
                let through = module.globs.iter().filter(|_| depth < REEXPORTS && !module.own.contains(name));
                let homes = through.filter_map(|glob| self.home(&at, glob, depth + 1));
                let home = homes.into_iter().find(|home| self.modules[home].own.contains(name));
                return Some(home.unwrap_or(at));
            } else {
                return None; // another crate's
            }
        }
        Some(at)
    }
}

/// All that `from` uses, and all that they use.
fn reach(uses: &BTreeMap<String, BTreeSet<String>>, from: &str) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(next) = open.pop() {
        for used in uses.get(next).into_iter().flatten() {
            if reached.insert(used.clone()) {
                open.push(used);
            }
        }
    }
    reached
}

/// The module that a file is: `src/media/mod.rs` and `src/media.rs` alike are `media`.
fn place_of(source: &Source) -> Place {
    let inside = source.path.strip_prefix(root().join("src")).unwrap().with_extension("");
    let mut place: Place = inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if matches!(place.last().map(String::as_str), Some("mod" | "lib" | "main")) {
        place.pop();
    }
    place
}

impl Module {
    fn bring(&mut self, before: &[String], tree: &syn::UseTree) {
        let with =
            |name: &syn::Ident| -> Place { before.iter().cloned().chain([name.to_string()]).collect() };
        match tree {
            syn::UseTree::Path(path) => self.bring(&with(&path.ident), &path.tree),
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.bring(before, item)),
            syn::UseTree::Name(name) if name.ident == "self" => {
                if let Some(last) = before.last() {
                    self.names.insert(last.clone(), before.to_vec());
                }
            }
            syn::UseTree::Name(name) => drop(self.names.insert(name.ident.to_string(), with(&name.ident))),
            syn::UseTree::Rename(name) if name.ident == "self" => {
                self.names.insert(name.rename.to_string(), before.to_vec());
            }
            syn::UseTree::Rename(name) => {
                drop(self.names.insert(name.rename.to_string(), with(&name.ident)));
            }
            syn::UseTree::Glob(_) => self.globs.push(before.to_vec()),
        }
    }
}

impl<'a> Visit<'a> for Module {
    fn visit_item(&mut self, item: &'a syn::Item) {
        let (attributes, name): (&[_], _) = match item {
            syn::Item::Const(item) => (&item.attrs, Some(&item.ident)),
            syn::Item::Enum(item) => (&item.attrs, Some(&item.ident)),
            syn::Item::Fn(item) => (&item.attrs, Some(&item.sig.ident)),
            syn::Item::Static(item) => (&item.attrs, Some(&item.ident)),
            syn::Item::Struct(item) => (&item.attrs, Some(&item.ident)),
            syn::Item::Trait(item) => (&item.attrs, Some(&item.ident)),
            syn::Item::Type(item) => (&item.attrs, Some(&item.ident)),
            syn::Item::Impl(item) => (&item.attrs, None),
            syn::Item::Mod(item) => (&item.attrs, None),
            syn::Item::Use(item) => (&item.attrs, None),
            _ => (&[], None),
        };
        if !is_test(attributes) {
            self.own.extend(name.map(ToString::to_string));
            syn::visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'a syn::ItemUse) {
        self.bring(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        self.paths.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        syn::visit::visit_path(self, path);
    }

    /// What stands in a macro is no syntax yet: a path there is words with `::` between them.
    fn visit_macro(&mut self, call: &'a syn::Macro) {
        let text = call.tokens.to_string().replace(" :: ", "::");
        let words = text.split(|letter: char| !letter.is_alphanumeric() && !"_:".contains(letter));
        let paths = words.filter(|word| word.contains("::"));
        self.paths.extend(paths.map(|path| path.split("::").map(str::to_owned).collect()));
        syn::visit::visit_macro(self, call);
    }
}
