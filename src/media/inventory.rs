//! What GStreamer offers on this host, for `scope doctor` and `scope codecs`; serving needs none of it.
//!
//! Runs on blocking threads: it reads the registry, and trials take up to a few seconds.

use super::{
    Error, Settings, Trial,
    codec::Table,
    gst::init::{self, REQUIRED},
};

/// What GStreamer offers on this host.
#[derive(Clone, Debug)]
pub struct Inventory {
    /// GStreamer's version: major, minor, micro.
    pub version: (u32, u32, u32),
    /// Number of required elements that are installed.
    pub present: usize,
    /// Required elements that are missing, each with the Debian package that provides it.
    pub missing: Vec<(&'static str, &'static str)>,
    /// Hardware codec elements that exist here.
    pub hardware: Vec<&'static str>,
}

/// Reads GStreamer's registry.
///
/// # Errors
/// GStreamer does not start.
pub fn inventory() -> Result<Inventory, Error> {
    init::start()?;
    let (major, minor, micro, _) = gst::version();
    let is_installed = |element: &str| gst::ElementFactory::find(element).is_some();
    let missing: Vec<_> = REQUIRED.iter().copied().filter(|(element, _)| !is_installed(element)).collect();
    Ok(Inventory {
        version: (major, minor, micro),
        present: REQUIRED.len() - missing.len(),
        missing,
        hardware: Table::hardware_elements().into_iter().filter(|element| is_installed(element)).collect(),
    })
}

/// Tries every codec row that the settings allow and says why each works or fails, even if none works. Blocks.
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
