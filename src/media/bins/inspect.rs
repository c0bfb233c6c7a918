//! What can be said of a bin without running it: its elements, its ends, its layouts, its properties.

use gst::{glib, prelude::*};

use super::{parse, refusals, values};
use crate::{
    frame::{
        Layout,
        bins::{Address, Plan, Property, Settable},
    },
    media::gst::{convert, launch},
};

/// Checks a plan and tells what each of its addresses takes.
///
/// # Errors
/// The first thing that is wrong, in a sentence.
pub fn inspect(plan: &Plan) -> Result<Vec<Property>, String> {
    if launch::strip(&plan.description).trim().is_empty() {
        return Err("a bin description is wanted, the file has only comments".into());
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

/// The ghost pad of the one end in that direction.
fn end(bin: &gst::Bin, direction: gst::PadDirection) -> Result<gst::Pad, String> {
    let (name, what) = match direction {
        gst::PadDirection::Sink => ("sink", "input"),
        _ => ("src", "output"),
    };
    if let Some(further) = bin.find_unlinked_pad(direction) {
        let further = further.parent_element().map(|element| element.name().to_string()).unwrap_or_default();
        return Err(format!("one open {what} is wanted, {further} has a further one"));
    }
    bin.static_pad(name).ok_or_else(|| format!("one open {what} is wanted, the bin has none"))
}

fn layouts(plan: &Plan, input: &gst::Pad, output: &gst::Pad) -> Result<(), String> {
    let taken = input.query_caps(None);
    let fits = |caps: &gst::Caps, layouts: &[Layout]| caps.can_intersect(&convert::caps(layouts));
    for layout in &plan.layouts {
        if !fits(&taken, std::slice::from_ref(layout)) {
            return Err(format!(
                "pipeline.toml names the layout {}, which the bin does not take: put videoconvert at its start or \
                 name what it takes: {}",
                convert::name(*layout),
                formats(&taken)
            ));
        }
    }
    let given = output.query_caps(None);
    if !fits(&given, &plan.layouts) {
        return Err(format!(
            "the bin gives {}, none of the layouts of pipeline.toml: put videoconvert at its end",
            formats(&given)
        ));
    }
    Ok(())
}

/// The formats of video caps, or the caps themselves where they are no raw video.
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
            "{address}: no element has the name {}; write name={} behind it",
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
        return Err(format!("{address}: this property of {factory} cannot be written"));
    }
    let takes = values::takes(&spec).ok_or_else(|| {
        format!("{address}: it is a {}, which no parameter can set", spec.value_type().name())
    })?;
    Ok(Property { takes, settable: settable(flags) })
}

/// Names of the properties that an element has beyond what every element has.
fn names(element: &gst::Element) -> String {
    let own = element.list_properties();
    let names = own
        .iter()
        .filter(|spec| spec.flags().contains(glib::ParamFlags::WRITABLE))
        .map(glib::ParamSpec::name)
        .filter(|name| !["name", "parent", "qos"].contains(name));
    let names = names.collect::<Vec<_>>().join(", ");
    if names.is_empty() { "none that can be written".to_owned() } else { names }
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
