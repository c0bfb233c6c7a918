//! Starts GStreamer: init, our static plugin, the check for required elements, and its log forwarded to tracing.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Mutex, OnceLock, PoisonError},
};

use gst::{glib, prelude::*};

use crate::{media::Error, telemetry};

/// How many distinct `GLib` lines a process logs in its life.
const GLIB_LINES: usize = 200;

/// Elements that every session needs whatever its codec, and the Debian package that provides each.
pub const REQUIRED: &[(&str, &str)] = &[
    ("webrtcbin", "gstreamer1.0-plugins-bad"),
    ("nicesrc", "gstreamer1.0-nice"),
    ("nicesink", "gstreamer1.0-nice"),
    ("dtlssrtpenc", "gstreamer1.0-plugins-bad"),
    ("dtlssrtpdec", "gstreamer1.0-plugins-bad"),
    ("srtpenc", "gstreamer1.0-plugins-bad"),
    ("srtpdec", "gstreamer1.0-plugins-bad"),
    ("sctpenc", "gstreamer1.0-plugins-bad"),
    ("sctpdec", "gstreamer1.0-plugins-bad"),
    ("rtpbin", "gstreamer1.0-plugins-good"),
    ("rtpjitterbuffer", "gstreamer1.0-plugins-good"),
    ("rtpopusdepay", "gstreamer1.0-plugins-good"),
    ("rtpopuspay", "gstreamer1.0-plugins-good"),
    ("appsrc", "gstreamer1.0-plugins-base"),
    ("appsink", "gstreamer1.0-plugins-base"),
    ("videoconvert", "gstreamer1.0-plugins-base"),
    ("errorignore", "gstreamer1.0-plugins-bad"),
    ("videoscale", "gstreamer1.0-plugins-base"),
    ("videotestsrc", "gstreamer1.0-plugins-base"),
    ("rtpav1pay", "scope itself (gst-plugin-rtp)"),
];

/// Elements that webrtcbin creates inside itself, and reports itself if they are missing.
const INSIDE: &[&str] = &[
    "clocksync",
    "dtlsdec",
    "dtlsenc",
    "rtpfunnel",
    "rtpptdemux",
    "rtprtxreceive",
    "rtprtxsend",
    "rtpsession",
    "rtpssrcdemux",
    "rtpstorage",
];

/// Starts GStreamer and registers the statically linked plugin.
///
/// # Errors
/// Why it does not start.
pub fn start() -> Result<(), Error> {
    // Once per process: a second call would forward each log line twice.
    static STARTED: OnceLock<Result<(), Error>> = OnceLock::new();
    let start = || {
        gst::init().map_err(|error| Error::Graph(format!("cannot start GStreamer: {error}")))?;
        forward_log();
        gstrsrtp::plugin_register_static()
            .map_err(|error| Error::Graph(format!("cannot register gst-plugin-rtp: {error}")))
    };
    STARTED.get_or_init(start).clone()
}

/// Starts GStreamer and checks that the elements that every session needs are installed.
///
/// # Errors
/// [`Error::Missing`] with the packages to install.
pub fn check() -> Result<(), Error> {
    start()?;
    let missing: Vec<_> =
        REQUIRED.iter().filter(|(element, _)| gst::ElementFactory::find(element).is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut packages: Vec<_> = missing.iter().map(|(_, package)| *package).collect();
    packages.sort_unstable();
    packages.dedup();
    Err(Error::Missing {
        elements: missing.iter().map(|(element, _)| *element).collect::<Vec<_>>().join(", "),
        packages: packages.join(" "),
    })
}

/// Forwards GStreamer's log as tracing events with the target `gstreamer`; `GST_DEBUG` still filters it.
fn forward_log() {
    gst::log::remove_default_log_function();
    if std::env::var_os("GST_DEBUG").is_none() {
        gst::log::set_default_threshold(gst::DebugLevel::Error);
    }
    forward_glib_log();
    gst::log::add_log_function(|category, level, file, _function, line, object, message| {
        let text = message.get().map(|text| text.to_string()).unwrap_or_default();
        let place = Path::new(file.as_str()).file_name().unwrap_or_default().to_string_lossy();
        let object = object.map(std::string::ToString::to_string).unwrap_or_default();
        let category = category.name();
        match level {
            gst::DebugLevel::Error if telemetry::is_harmless(category, &text) => {
                tracing::debug!(target: "gstreamer", category, %object, "{place}:{line} {text}");
            }
            gst::DebugLevel::Error => {
                tracing::warn!(target: "gstreamer", category, %object, "{place}:{line} {text}");
            }
            gst::DebugLevel::Warning | gst::DebugLevel::Fixme => {
                tracing::info!(target: "gstreamer", category, %object, "{place}:{line} {text}");
            }
            gst::DebugLevel::Info => {
                tracing::debug!(target: "gstreamer", category, %object, "{place}:{line} {text}");
            }
            _ => tracing::trace!(target: "gstreamer", category, %object, "{place}:{line} {text}"),
        }
    });
}

/// Forwards `GLib`'s log, each distinct line once: 1.22's depayloaders repeat some a hundred times a second.
fn forward_glib_log() {
    static SEEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    glib::log_set_default_handler(|domain, level, message| {
        let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= GLIB_LINES || !seen.insert(message.to_owned()) {
            return;
        }
        drop(seen);
        let domain = domain.unwrap_or_default();
        match level {
            glib::LogLevel::Error | glib::LogLevel::Critical | glib::LogLevel::Warning => {
                tracing::warn!(target: "glib", domain, "{message}");
            }
            _ => tracing::debug!(target: "glib", domain, "{message}"),
        }
    });
}

/// Creates and drops the elements of a session, so that the first session does not pay for loading plugins and for
/// generating the DTLS key that all sessions share: half a second on one core.
pub fn warm_up() {
    let parts = REQUIRED.iter().map(|(element, _)| *element).chain(INSIDE.iter().copied());
    for element in parts.filter_map(|name| gst::ElementFactory::make(name).build().ok()) {
        // A session reports its own faults. Outside one, ICE elements have no stream and srtpenc has no key.
        let name = element.name();
        if !name.starts_with("nice") && !name.starts_with("srtpenc") {
            element.set_state(gst::State::Ready).ok();
        }
        element.set_state(gst::State::Null).ok();
    }
}
