//! What this host has of GStreamer, for a person who wants to know; nothing here is needed to serve.
//!
//! Runs on blocking threads: the registry is read, and trials run for up to some seconds.

use super::{
    Error, Settings, Trial,
    codec::Table,
    start::{self, REQUIRED},
};

/// Hardware codecs that GStreamer 1.22 and later can have: a plugin shows its elements only where it finds a device.
const HARDWARE: &[&str] = &[
    "vah264enc",
    "vah264lpenc",
    "vah264dec",
    "vavp8enc",
    "vavp8dec",
    "vavp9enc",
    "vavp9dec",
    "vaav1enc",
    "vaav1dec",
    "nvh264enc",
    "nvcudah264enc",
    "nvh264dec",
    "nvav1enc",
    "nvav1dec",
    "nvvp8dec",
    "nvvp9dec",
    "qsvh264enc",
    "qsvh264dec",
    "v4l2h264enc",
    "v4l2h264dec",
];

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
    start::begin()?;
    let (major, minor, micro, _) = gst::version();
    let is_there = |element: &str| gst::ElementFactory::find(element).is_some();
    let missing: Vec<_> = REQUIRED.iter().copied().filter(|(element, _)| !is_there(element)).collect();
    Ok(Inventory {
        version: (major, minor, micro),
        present: REQUIRED.len() - missing.len(),
        missing,
        hardware: HARDWARE.iter().copied().filter(|element| is_there(element)).collect(),
    })
}

/// Every codec row that the settings allow, with the reason for its fate, even where nothing works. Blocks.
///
/// # Errors
/// GStreamer does not start.
pub fn try_codecs(settings: &Settings) -> Result<Vec<Trial>, Error> {
    start::begin()?;
    Ok(Table::tried(&settings.codecs, &settings.forced_encoders).trials().to_vec())
}

/// The Debian package that brings a codec's element.
pub fn package_of(element: &str) -> Option<&'static str> {
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| element.starts_with(prefix));
    if starts(&["vp8", "vp9", "v4l2"]) {
        Some("gstreamer1.0-plugins-good")
    } else if starts(&["x264"]) {
        Some("gstreamer1.0-plugins-ugly")
    } else if starts(&["avdec", "avenc"]) {
        Some("gstreamer1.0-libav")
    } else if starts(&["openh264", "av1", "va", "nv", "qsv"]) {
        Some("gstreamer1.0-plugins-bad")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_installed_is_found_and_codecs_have_packages() {
        let inventory = inventory().unwrap();

        assert!(inventory.version >= (1, 22, 0), "{inventory:?}");
        assert_eq!((inventory.missing.len(), inventory.present), (0, REQUIRED.len()));
        assert_eq!(package_of("x264enc"), Some("gstreamer1.0-plugins-ugly"));
        assert_eq!(package_of("vah264enc"), Some("gstreamer1.0-plugins-bad"));
        assert_eq!(package_of("nonsense"), None);
    }
}
