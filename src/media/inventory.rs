//! What this host has of GStreamer, for a person who wants to know; nothing here is needed to serve.
//!
//! Runs on blocking threads: the registry is read, and trials run for up to some seconds.

use super::{
    Error, Settings, Trial,
    codec::Table,
    gst::init::{self, REQUIRED},
};

/// What this host has.
#[derive(Clone, Debug)]
pub struct Inventory {
    /// GStreamer's version: major, minor, micro.
    pub version: (u32, u32, u32),
    /// Required elements that are there.
    pub present: usize,
    /// Required elements that are not there, each with the Debian package that brings it.
    pub missing: Vec<(&'static str, &'static str)>,
    /// Hardware codecs whose element is there.
    pub hardware: Vec<&'static str>,
}

/// Looks at GStreamer's registry.
///
/// # Errors
/// GStreamer does not start.
pub fn inventory() -> Result<Inventory, Error> {
    init::start()?;
    let (major, minor, micro, _) = gst::version();
    let is_there = |element: &str| gst::ElementFactory::find(element).is_some();
    let missing: Vec<_> = REQUIRED.iter().copied().filter(|(element, _)| !is_there(element)).collect();
    Ok(Inventory {
        version: (major, minor, micro),
        present: REQUIRED.len() - missing.len(),
        missing,
        hardware: Table::hardware_elements().into_iter().filter(|element| is_there(element)).collect(),
    })
}

/// Every codec row that the settings allow, with the reason for its fate, even where nothing works. Blocks.
///
/// # Errors
/// GStreamer does not start.
pub fn try_codecs(settings: &Settings) -> Result<Vec<Trial>, Error> {
    init::start()?;
    Ok(Table::tried(&settings.codecs, &settings.forced_encoders).trials().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_installed_is_found() {
        let inventory = inventory().unwrap();

        assert!(inventory.version >= (1, 22, 0), "{inventory:?}");
        assert_eq!((inventory.missing.len(), inventory.present), (0, REQUIRED.len()));
    }
}
