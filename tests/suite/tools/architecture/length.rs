//! How long files and functions may be.
//!
//! A file is one idea. Where that idea is one type, cutting the file by its length would cut the type, so such a file may
//! be longer: one struct or enum with all its impls, constants, and beside it only private helpers that are small.

use std::collections::BTreeMap;

use proc_macro2::extra::DelimSpan;
use syn::visit::Visit;

use super::{Source, is_test, sources};

const FILE_LINES: usize = 400;
const ONE_TYPE_LINES: usize = 800;
const FUNCTION_LINES: usize = 60;
/// A private function, or a private type with its impls, beside the one type of a file.
const HELPER_LINES: usize = 40;

#[test]
fn no_file_and_no_function_is_too_long() {
    let faults: Vec<_> = sources().iter().flat_map(too_long).collect();

    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn what_is_too_long_is_caught() {
    let blank = |lines: usize| "\n".repeat(lines);
    let method = |lines: usize| format!("fn f() {{{}}}", blank(lines));
    let function = method(FUNCTION_LINES + 1);
    let two_types = format!("pub struct A; pub struct B; {}", blank(FILE_LINES + 1));
    let large_helper = format!("pub struct A {{{}}} {}", blank(FILE_LINES + 1), method(HELPER_LINES));
    let endless = format!("pub struct A {{{}}}", blank(ONE_TYPE_LINES));

    assert_eq!(faults(&function), 1);
    assert_eq!(faults(&blank(FILE_LINES + 1)), 1);
    assert_eq!(faults(&two_types), 1);
    assert_eq!(faults(&large_helper), 1);
    assert_eq!(faults(&endless), 1);
}

#[test]
fn a_file_of_one_type_may_be_longer() {
    let rest = "\n".repeat(FILE_LINES);

    assert_eq!(faults(&format!("pub struct A {{{rest}}} impl A {{}} impl Drop for A {{}}")), 0);
    assert_eq!(faults(&format!("pub enum A {{{rest}}} struct Helper; fn helper() {{}} const X: u8 = 1;")), 0);
    assert_eq!(faults(&format!("pub struct A; #[cfg(test)] mod tests {{{rest}}}")), 0);
}

fn faults(text: &str) -> usize {
    too_long(&Source { path: "planted.rs".into(), module: "api".into(), text: text.into() }).len()
}

fn too_long(source: &Source) -> Vec<String> {
    let file = source.parse();
    let lines = source.text.lines().count();
    let limit = if holds_one_type(&file) { ONE_TYPE_LINES } else { FILE_LINES };
    let long_file = (lines > limit).then(|| format!("{}: {lines} lines", source.path.display()));
    let mut functions = Functions::default();
    functions.visit_file(&file);
    let long = functions.found.into_iter().filter(|(_, lines)| *lines > FUNCTION_LINES);
    let long = long.map(|(name, lines)| format!("{}: {name} has {lines} lines", source.path.display()));
    long_file.into_iter().chain(long).collect()
}

/// Whether a file is one type: see the head of this file.
fn holds_one_type(file: &syn::File) -> bool {
    // The lines of each type with its impls, and whether it is private.
    let mut types: BTreeMap<String, (usize, bool)> = BTreeMap::new();
    let mut add = |name: String, lines: usize, private: bool| {
        let (sum, all_private) = types.entry(name).or_insert((0, true));
        *sum += lines;
        *all_private &= private;
    };
    for item in &file.items {
        match item {
            syn::Item::Struct(item) => {
                let lines = if let syn::Fields::Named(fields) = &item.fields {
                    span_lines(fields.brace_token.span)
                } else {
                    1
                };
                add(item.ident.to_string(), lines, is_private(&item.vis));
            }
            syn::Item::Enum(item) => {
                add(item.ident.to_string(), span_lines(item.brace_token.span), is_private(&item.vis));
            }
            syn::Item::Impl(item) => match &*item.self_ty {
                syn::Type::Path(path) => {
                    let name = path.path.segments.last().map(|segment| segment.ident.to_string());
                    add(name.unwrap_or_default(), span_lines(item.brace_token.span), true);
                }
                _ => return false,
            },
            syn::Item::Fn(item) => {
                if !is_private(&item.vis) || span_lines(item.block.brace_token.span) > HELPER_LINES {
                    return false;
                }
            }
            syn::Item::Mod(item) if is_test(&item.attrs) => {}
            syn::Item::Use(_) | syn::Item::Const(_) | syn::Item::Type(_) => {}
            _ => return false,
        }
    }
    let one = types.iter().max_by_key(|(_, (lines, _))| *lines).map(|(name, _)| name.clone());
    let helper = |(name, (lines, private)): (&String, &(usize, bool))| {
        Some(name) == one.as_ref() || *private && *lines <= HELPER_LINES
    };
    one.is_some() && types.iter().all(helper)
}

fn is_private(visibility: &syn::Visibility) -> bool {
    matches!(visibility, syn::Visibility::Inherited)
}

fn span_lines(braces: DelimSpan) -> usize {
    braces.close().start().line - braces.open().start().line + 1
}

/// Every function's name and length.
#[derive(Default)]
struct Functions {
    found: Vec<(String, usize)>,
}

impl Functions {
    fn note(&mut self, name: &syn::Ident, block: &syn::Block) {
        self.found.push((name.to_string(), span_lines(block.brace_token.span) - 1));
    }
}

impl<'a> Visit<'a> for Functions {
    fn visit_item_fn(&mut self, item: &'a syn::ItemFn) {
        self.note(&item.sig.ident, &item.block);
        syn::visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'a syn::ImplItemFn) {
        self.note(&item.sig.ident, &item.block);
        syn::visit::visit_impl_item_fn(self, item);
    }
}
