//! Panics in callbacks of C: one that unwound into C would abort the process with all its sessions.
//!
//! Runs on whichever thread of GStreamer makes the call. Must never panic itself.

use std::panic::{AssertUnwindSafe, catch_unwind};

use gst::prelude::*;

/// Runs `callback`, a callback of the element `at`; a panic becomes an error of that element, which ends or repairs its
/// session as every such error does, and `otherwise` is returned.
pub fn contained<T>(
    at: impl FnOnce() -> Option<gst::Element>,
    otherwise: T,
    callback: impl FnOnce() -> T,
) -> T {
    catch_unwind(AssertUnwindSafe(callback)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        let element = at();
        let name = element.as_ref().map(|element| element.name().to_string()).unwrap_or_default();
        tracing::error!(element = name, panic = text, "a callback panicked");
        if let Some(element) = element {
            gst::element_error!(element, gst::CoreError::Failed, ["a callback panicked: {text}"]);
        }
        otherwise
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_that_panics_is_an_error_of_its_element() {
        gst::init().unwrap();
        let graph = gst::parse::launch("fakesrc name=from num-buffers=3 ! fakesink name=end").unwrap();
        let graph = graph.downcast::<gst::Pipeline>().unwrap();
        let sink = graph.by_name("end").unwrap();
        super::super::probes::TRIAL_DECODED.each(&sink.static_pad("sink").unwrap(), |_, _| panic!("planted"));

        graph.set_state(gst::State::Playing).unwrap();
        let kinds = [gst::MessageType::Error, gst::MessageType::Eos];
        let message =
            graph.bus().unwrap().timed_pop_filtered(gst::ClockTime::from_seconds(20), &kinds).unwrap();
        graph.set_state(gst::State::Null).unwrap();

        let gst::MessageView::Error(error) = message.view() else { panic!("{message:?}") };
        assert_eq!(error.src().unwrap().name(), "end");
        assert!(error.debug().is_some_and(|debug| debug.contains("planted")), "{error:?}");
    }
}
