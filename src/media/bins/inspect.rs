//! Checks a bin without running it: its elements, open ends, layouts and properties.

use gst::{glib, prelude::*};

use super::{parse, refusals, values};
use crate::{
    frame::{
        Layout,
        bins::{Address, Plan, Property, Settable},
    },
    media::gst::{convert, launch},
};

/// Checks a plan, and describes the property behind each of its addresses.
///
/// # Errors
/// The first fault, in a sentence.
pub fn inspect(plan: &Plan) -> Result<Vec<Property>, String> {
    if launch::strip(&plan.description).trim().is_empty() {
        return Err("expected a bin description, got only comments".into());
    }
    let bin = parse(plan)?;
    for element in bin.iterate_recurse() {
        let element = element.map_err(|error| error.to_string())?;
        refusals::refuse(&element)?;
    }
    let input = end(&bin, gst::PadDirection::Sink)?;
    let output = end(&bin, gst::PadDirection::Src)?;
    layouts(plan, &input, &output)?;
    plan.addresses.iter().map(|address| property(&bin, address)).collect()
}

/// The ghost pad of the one open end in that direction.
fn end(bin: &gst::Bin, direction: gst::PadDirection) -> Result<gst::Pad, String> {
    let (name, what) = match direction {
        gst::PadDirection::Sink => ("sink", "input"),
        _ => ("src", "output"),
    };
    if let Some(further) = bin.find_unlinked_pad(direction) {
        let further = further.parent_element().map(|element| element.name().to_string()).unwrap_or_default();
        return Err(format!("expected one open {what}, got a second one on {further}; link it"));
    }
    bin.static_pad(name).ok_or_else(|| format!("expected one open {what}, got none"))
}

fn layouts(plan: &Plan, input: &gst::Pad, output: &gst::Pad) -> Result<(), String> {
    let accepted = input.query_caps(None);
    let fits = |caps: &gst::Caps, layouts: &[Layout]| caps.can_intersect(&convert::caps(layouts));
    for layout in &plan.layouts {
        if !fits(&accepted, std::slice::from_ref(layout)) {
            return Err(format!(
                "expected a bin that accepts {} as pipeline.toml says, got one that accepts {}; put videoconvert at \
                 its start or change pipeline.toml",
                convert::name(*layout),
                formats(&accepted)
            ));
        }
    }
    let given = output.query_caps(None);
    if !fits(&given, &plan.layouts) {
        return Err(format!(
            "expected a bin that outputs a layout of pipeline.toml, got {}; put videoconvert at its end",
            formats(&given)
        ));
    }
    Ok(())
}

/// The formats of raw video caps, or the caps themselves if they are not raw video.
fn formats(caps: &gst::Caps) -> String {
    let mut found: Vec<String> = Vec::new();
    for structure in caps.iter().filter(|structure| structure.name() == "video/x-raw") {
        if let Ok(format) = structure.get::<&str>("format") {
            found.push(format.to_owned());
        } else if let Ok(list) = structure.get::<gst::List>("format") {
            found.extend(list.iter().filter_map(|format| format.get().ok()));
        }
    }
    found.sort_unstable();
    found.dedup();
    if found.is_empty() { caps.to_string().chars().take(200).collect() } else { found.join(", ") }
}

fn property(bin: &gst::Bin, address: &Address) -> Result<Property, String> {
    let Some(element) = bin.by_name(&address.element) else {
        return Err(format!(
            "{address}: no element is named {}; add name={} to the element",
            address.element, address.element
        ));
    };
    let factory = element.factory().map(|factory| factory.name().to_string()).unwrap_or_default();
    let Some(spec) = element.find_property(&address.property) else {
        return Err(format!(
            "{address}: {factory} has no property {}; it has {}",
            address.property,
            names(&element)
        ));
    };
    let flags = spec.flags();
    if !flags.contains(glib::ParamFlags::WRITABLE) || flags.contains(glib::ParamFlags::CONSTRUCT_ONLY) {
        return Err(format!("{address}: this property of {factory} is not writable"));
    }
    let takes = values::takes(&spec).ok_or_else(|| {
        format!(
            "{address}: expected a number, boolean, string or enum property, got a {}",
            spec.value_type().name()
        )
    })?;
    Ok(Property { takes, settable: settable(flags) })
}

/// Names of an element's writable properties, without those that every element has.
fn names(element: &gst::Element) -> String {
    let own = element.list_properties();
    let names = own
        .iter()
        .filter(|spec| spec.flags().contains(glib::ParamFlags::WRITABLE))
        .map(glib::ParamSpec::name)
        .filter(|name| !["name", "parent", "qos"].contains(name));
    let names = names.collect::<Vec<_>>().join(", ");
    if names.is_empty() { "none that is writable".to_owned() } else { names }
}

fn settable(flags: glib::ParamFlags) -> Settable {
    if flags.intersects(gst::PARAM_FLAG_CONTROLLABLE | gst::PARAM_FLAG_MUTABLE_PLAYING) {
        Settable::WhilePlaying
    } else if flags.intersects(gst::PARAM_FLAG_MUTABLE_READY | gst::PARAM_FLAG_MUTABLE_PAUSED) {
        Settable::BeforePlaying
    } else {
        Settable::Undeclared
    }
}
