//! Whatever touches a packet or a frame is a row of the table in `media/graph/probes.rs`: nothing else installs one.

use syn::visit::Visit;

use super::{Source, is_test, sources};

const TABLE: &str = "media/graph/probes.rs";
/// Methods of GStreamer that let code see or change what passes.
const METHODS: &[&str] = &[
    "add_probe",
    "callbacks",
    "connect_deep_element_added",
    "connect_need_data",
    "connect_new_sample",
    "set_callbacks",
];
/// Types that carry such code.
const TYPES: &[&str] = &["AppSinkCallbacks", "AppSrcCallbacks"];

#[test]
fn every_probe_is_installed_by_the_table() {
    let all = sources();
    let outside = all.iter().filter(|source| !source.path.ends_with(TABLE));

    let faults: Vec<_> = outside.flat_map(raw_probes).collect();

    assert!(faults.is_empty(), "{faults:#?}");
    assert!(all.iter().any(|source| source.path.ends_with(TABLE) && !raw_probes(source).is_empty()));
}

#[test]
fn a_raw_probe_is_caught() {
    let faults = |text: &str| {
        raw_probes(&Source { path: "planted.rs".into(), module: "media".into(), text: text.into() }).len()
    };

    assert_eq!(faults("fn f(pad: &gst::Pad) { pad.add_probe(mask, |_, _| gst::PadProbeReturn::Ok); }"), 1);
    assert_eq!(faults("fn f() { sink.set_callbacks(gst_app::AppSinkCallbacks::builder().build()); }"), 2);
    assert_eq!(faults("fn f() { bin.connect_deep_element_added(|_, _, element| {}); }"), 1);
    assert_eq!(faults("#[cfg(test)] mod tests { fn f() { pad.add_probe(mask, act); } }"), 0);
    assert_eq!(faults("fn f() { probes::BYTES_IN.each(&pad, |_, packet| {}); }"), 0);
}

fn raw_probes(source: &Source) -> Vec<String> {
    let mut raw = Raw::default();
    raw.visit_file(&source.parse());
    raw.found.into_iter().map(|name| format!("{}: {name}", source.path.display())).collect()
}

#[derive(Default)]
struct Raw {
    found: Vec<String>,
}

impl<'a> Visit<'a> for Raw {
    fn visit_expr_method_call(&mut self, call: &'a syn::ExprMethodCall) {
        let name = call.method.to_string();
        if METHODS.contains(&name.as_str()) {
            self.found.push(name);
        }
        syn::visit::visit_expr_method_call(self, call);
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        let names = path.segments.iter().map(|segment| segment.ident.to_string());
        self.found.extend(names.filter(|name| TYPES.contains(&name.as_str())));
        syn::visit::visit_path(self, path);
    }

    fn visit_item_mod(&mut self, item: &'a syn::ItemMod) {
        if !is_test(&item.attrs) {
            syn::visit::visit_item_mod(self, item);
        }
    }
}
