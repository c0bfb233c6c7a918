//! Who may reach into the parts of a session: a type that acts owns its fields, and its methods stand where it does.

use std::path::{Path, PathBuf};

use syn::visit::Visit;

use super::{Source, is_test, sources};

/// The parts of a session stay apart: what belongs to one is changed by its own methods alone.
#[test]
fn the_types_of_a_session_own_their_fields() {
    let session: Vec<_> = sources().into_iter().filter(|source| source.module == "session").collect();

    let faults = open_types(&session);

    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn a_type_that_shares_its_fields_is_caught() {
    let planted = |path: &str, text: &str| Source {
        path: PathBuf::from(path),
        module: "session".into(),
        text: text.into(),
    };
    let part = planted("parts/part.rs", "pub struct Part { a: u8 } impl Part { fn set(&mut self) {} }");
    let record = planted("parts/record.rs", "pub struct Record { pub a: u8 } impl Record { fn of() {} }");
    let folder = planted("run/mod.rs", "pub struct Session { a: u8 }");
    let inside = planted("run/finish.rs", "impl Session { fn finish(self) {} } impl Drop for Part {}");
    assert_eq!(open_types(&[part, record, folder, inside]), [""; 0]);

    let open = planted("part.rs", "struct Part(pub(super) u8); impl Part { fn set(&mut self) {} }");
    assert_eq!(open_types(&[open]).len(), 1);
    let one = planted("actor.rs", "struct Actor { a: u8 } impl Actor { fn run(self) {} }");
    let other = planted("steer.rs", "impl Actor { fn steer(&mut self) {} }");
    assert_eq!(open_types(&[one, other]).len(), 1);
}

/// Types that others reach into: with methods outside of the file, or of the folder, that defines them, or with methods
/// and fields that are not private. A record, which has open fields, has none that takes itself.
fn open_types(sources: &[Source]) -> Vec<String> {
    let mut types = Types::default();
    for source in sources {
        types.path.clone_from(&source.path);
        types.visit_file(&source.parse());
    }
    let place = |path: &Path| match path.file_name() {
        Some(name) if name == "mod.rs" => path.parent().unwrap().to_owned(),
        _ => path.to_owned(),
    };
    let mut faults = Vec::new();
    for (name, path, open) in &types.structs {
        let impls = types.impls.iter().filter(|(of, ..)| of == name);
        for (_, implemented, acts) in impls {
            if !implemented.starts_with(place(path)) {
                faults.push(format!("{}: methods of {name}, of {}", implemented.display(), path.display()));
            } else if *open && *acts {
                faults
                    .push(format!("{}: {name} has methods, and fields that are not private", path.display()));
            }
        }
    }
    faults
}

/// Every struct with whether it has fields that are not private, and every impl of its own with whether it has a method;
/// test modules left out.
#[derive(Default)]
struct Types {
    path: PathBuf,
    structs: Vec<(String, PathBuf, bool)>,
    impls: Vec<(String, PathBuf, bool)>,
}

impl<'a> Visit<'a> for Types {
    fn visit_item_struct(&mut self, item: &'a syn::ItemStruct) {
        let open = item.fields.iter().any(|field| !matches!(field.vis, syn::Visibility::Inherited));
        self.structs.push((item.ident.to_string(), self.path.clone(), open));
    }

    fn visit_item_impl(&mut self, item: &'a syn::ItemImpl) {
        let (None, syn::Type::Path(of)) = (&item.trait_, &*item.self_ty) else { return };
        let acts = item.items.iter().any(|item| match item {
            syn::ImplItem::Fn(function) => function.sig.receiver().is_some(),
            _ => false,
        });
        let name = of.path.segments.last().map(|segment| segment.ident.to_string());
        self.impls.extend(name.map(|name| (name, self.path.clone(), acts)));
    }

    fn visit_item_mod(&mut self, item: &'a syn::ItemMod) {
        if !is_test(&item.attrs) {
            syn::visit::visit_item_mod(self, item);
        }
    }
}
