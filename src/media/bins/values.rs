//! Maps JSON values to element properties.

use gst::{glib, prelude::*};
use serde_json::Value;

use crate::frame::bins::Takes;

/// What a property accepts; `None` for a type that JSON cannot express.
pub fn takes(spec: &glib::ParamSpec) -> Option<Takes> {
    if let Some(spec) = spec.downcast_ref::<glib::ParamSpecInt>() {
        Some(Takes::Integer(spec.minimum().into(), spec.maximum().into()))
    } else if let Some(spec) = spec.downcast_ref::<glib::ParamSpecUInt>() {
        Some(Takes::Integer(spec.minimum().into(), spec.maximum().into()))
    } else if let Some(spec) = spec.downcast_ref::<glib::ParamSpecInt64>() {
        Some(Takes::Integer(spec.minimum() as f64, spec.maximum() as f64))
    } else if let Some(spec) = spec.downcast_ref::<glib::ParamSpecUInt64>() {
        Some(Takes::Integer(spec.minimum() as f64, spec.maximum() as f64))
    } else if let Some(spec) = spec.downcast_ref::<glib::ParamSpecFloat>() {
        Some(Takes::Number(spec.minimum().into(), spec.maximum().into()))
    } else if let Some(spec) = spec.downcast_ref::<glib::ParamSpecDouble>() {
        Some(Takes::Number(spec.minimum(), spec.maximum()))
    } else if spec.is::<glib::ParamSpecBoolean>() {
        Some(Takes::Boolean)
    } else if let Some(spec) = spec.downcast_ref::<glib::ParamSpecEnum>() {
        let class = spec.enum_class();
        Some(Takes::Choice(class.values().iter().map(|value| value.nick().to_owned()).collect()))
    } else if spec.is::<glib::ParamSpecString>() {
        Some(Takes::Text)
    } else {
        None
    }
}

/// Sets a property; an integer property gets the rounded value.
///
/// # Errors
/// There is no such property, or it rejects the value.
pub fn set(element: &gst::Element, property: &str, value: &Value) -> Result<(), String> {
    let name = || format!("{}.{property}", element.name());
    let spec = element.find_property(property).ok_or_else(|| format!("no property {}", name()))?;
    let value = glib_value(&spec, value).ok_or_else(|| format!("{} does not accept this value", name()))?;
    element.set_property_from_value(property, &value);
    Ok(())
}

fn glib_value(spec: &glib::ParamSpec, value: &Value) -> Option<glib::Value> {
    let wanted = spec.value_type();
    if let Some(class) = glib::EnumClass::with_type(wanted) {
        return class.to_value_by_nick(value.as_str()?);
    }
    match wanted {
        glib::Type::BOOL => value.as_bool().map(glib::Value::from),
        glib::Type::STRING => value.as_str().map(glib::Value::from),
        glib::Type::F64 | glib::Type::F32 => value.as_f64()?.to_value().transform_with_type(wanted).ok(),
        _ => value.as_f64()?.round().to_value().transform_with_type(wanted).ok(),
    }
}
