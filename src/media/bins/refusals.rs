//! Elements that a stage's bin must not use, and those that this host lacks.
//!
//! A bin only processes frames: it must not read or write files, open connections or devices, or auto-plug further
//! elements.

use gst::{glib, prelude::*};

/// Words of an element's class that mark a source or a sink of its own.
const CLASSES: &[&str] = &[
    "Source", "Src", "Sink", "File", "Network", "Device", "Tuner", "Camera", "Player", "Slave", "Muxer",
    "Demux", "Demuxer", "Adaptive",
];
/// Sources and sinks that touch nothing outside the process.
const HARMLESS: &[&str] = &["videotestsrc", "fakesink", "fakevideosink"];
/// Elements that auto-plug others.
const PLUGGERS: &[&str] = &["decodebin", "decodebin3", "parsebin"];
/// Names, or last words of names, of string properties that point at files, addresses, devices or programs.
const POINTERS: &[&str] =
    &["location", "uri", "filename", "file", "path", "device", "command", "profile", "template"];

/// Video filters and the Debian package that provides them.
const PACKAGES: &[(&str, &[&str])] = &[
    ("gstreamer1.0-plugins-base", &["compositor", "overlaycomposition", "video", "gl"]),
    (
        "gstreamer1.0-plugins-good",
        &[
            "aatv",
            "agingtv",
            "alpha",
            "alphacolor",
            "aspectratiocrop",
            "cacatv",
            "cairooverlay",
            "deinterlace",
            "dicetv",
            "edgetv",
            "gamma",
            "imagefreeze",
            "optv",
            "quarktv",
            "radioactv",
            "revtv",
            "rippletv",
            "shagadelictv",
            "shapewipe",
            "smpte",
            "smptealpha",
            "streaktv",
            "vertigotv",
            "videobalance",
            "videobox",
            "videocrop",
            "videoflip",
            "videomedian",
            "videomixer",
            "warptv",
        ],
    ),
    (
        "gstreamer1.0-plugins-bad",
        &[
            "bulge",
            "burn",
            "chromahold",
            "chromium",
            "circle",
            "coloreffects",
            "diffuse",
            "dilate",
            "dodge",
            "exclusion",
            "fisheye",
            "gaussianblur",
            "kaleidoscope",
            "marble",
            "mirror",
            "perspective",
            "pinch",
            "rotate",
            "smooth",
            "solarize",
            "sphere",
            "square",
            "stretch",
            "tunnel",
            "twirl",
            "waterripple",
            "zebrastripe",
        ],
    ),
    (
        "gstreamer1.0-opencv",
        &["cv", "edgedetect", "dewarp", "disparity", "grabcut", "retinex", "segmentation"],
    ),
    ("gstreamer1.0-x", &["clockoverlay", "textoverlay", "timeoverlay"]),
    ("gstreamer1.0-libav", &["av"]),
    ("frei0r-plugins (with gstreamer1.0-plugins-bad)", &["frei0r-"]),
];

/// Refuses an element that reaches outside the process.
///
/// # Errors
/// Why, in a sentence.
pub fn refuse(element: &gst::Element) -> Result<(), String> {
    let Some(factory) = element.factory() else { return Ok(()) };
    let name = factory.name();
    let refused = |why: &str| {
        Err(format!("element {name} is refused: {why}; a stage's bin may only process the frames it gets"))
    };
    if HARMLESS.contains(&name.as_str()) {
        return Ok(());
    }
    if PLUGGERS.contains(&name.as_str()) {
        return refused("it auto-plugs other elements");
    }
    let class = factory.metadata("klass").unwrap_or_default();
    if class.split('/').any(|word| CLASSES.contains(&word)) {
        return refused(&format!("its class is {class}"));
    }
    match element.list_properties().iter().find(|spec| is_pointer(spec)) {
        Some(spec) => refused(&format!("its property {} points outside", spec.name())),
        None => Ok(()),
    }
}

fn is_pointer(spec: &glib::ParamSpec) -> bool {
    let last = spec.name().rsplit('-').next().unwrap_or_default();
    spec.is::<glib::ParamSpecString>()
        && spec.flags().contains(glib::ParamFlags::WRITABLE)
        && POINTERS.contains(&last)
}

/// What to install for an element that is not there.
pub fn missing(element: &str) -> String {
    let starts = |known: &&str| element.starts_with(*known);
    let exact = PACKAGES.iter().find(|(_, known)| known.contains(&element));
    match exact.or_else(|| PACKAGES.iter().find(|(_, known)| known.iter().any(starts))) {
        Some((package, _)) => format!("element {element} is not installed; install {package}"),
        None => format!(
            "element {element} is not installed, and no Debian package of it is known here; \
             `apt-cache dumpavail | grep -w {element}` may name one"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(name: &str) -> String {
        gst::init().unwrap();
        let element = gst::ElementFactory::make(name).build().unwrap();
        refuse(&element).err().unwrap_or_default()
    }

    #[test]
    fn what_reaches_outside_the_process_is_refused() {
        let names = [
            "filesrc",
            "filesink",
            "multifilesrc",
            "multifilesink",
            "splitmuxsink",
            "fdsrc",
            "fdsink",
            "tcpclientsrc",
            "tcpserversink",
            "udpsrc",
            "udpsink",
            "shmsrc",
            "shmsink",
            "rtspsrc",
            "souphttpsrc",
            "giosrc",
            "giosink",
            "v4l2src",
            "v4l2sink",
            "appsrc",
            "appsink",
            "intervideosrc",
            "uridecodebin",
            "playbin",
            "decodebin",
            "hlsdemux",
            "webrtcbin",
            "queue2",
            "gdkpixbufoverlay",
            "autovideosink",
            "fakesrc",
            "urisourcebin",
        ];
        gst::init().unwrap();
        for name in names {
            if gst::ElementFactory::find(name).is_some() {
                let sentence = refusal(name);
                assert!(sentence.contains(name) && sentence.contains("is refused"), "{name}: {sentence:?}");
            }
        }
    }

    #[test]
    fn elements_that_process_frames_are_allowed() {
        for name in [
            "videoconvert",
            "edgetv",
            "kaleidoscope",
            "queue",
            "tee",
            "compositor",
            "videotestsrc",
            "identity",
        ] {
            assert_eq!(refusal(name), "");
        }
    }

    #[test]
    fn the_package_of_a_missing_element_is_named() {
        assert!(missing("edgetv").ends_with("install gstreamer1.0-plugins-good"));
        assert!(missing("kaleidoscope").ends_with("install gstreamer1.0-plugins-bad"));
        assert!(missing("cvdilate").ends_with("install gstreamer1.0-opencv"));
        assert!(missing("frei0r-filter-cartoon").contains("frei0r-plugins"));
        assert!(missing("nonsuch").contains("apt-cache"));
    }
}
