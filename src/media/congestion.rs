//! Send-side congestion control: `rtpgccbwe` turns transport-wide feedback into the encoder's bitrate.
//!
//! Without it a narrow link freezes the picture for good (measured: 45 of 361 frames at 700 kbit/s, with it 634
//! of 637). The element stands beside the stream and not in it: its pacer would wake 200 times a second and hold
//! each packet for 3 ms, and lets key frames through all the same. Runs on webrtcbin's RTCP thread.

use std::sync::Arc;

use gst::prelude::*;

use super::{Error, Settings, sender::Sender};

/// draft-holmer-rmcat-transport-wide-cc-extensions-01
pub const TWCC_URI: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
/// Name of the event with which rtpsession hands the feedback on.
const FEEDBACK: &str = "RTPTWCCPackets";

/// Lets the estimate of the link drive `sender`.
pub fn drive(webrtc: &gst::Element, settings: &Settings, sender: &Arc<Sender>) {
    let sender = Arc::downgrade(sender);
    let start_bps = settings.start_bitrate_bps;
    let bounds = (settings.min_bitrate_bps, settings.max_bitrate_bps);
    webrtc.connect("request-aux-sender", false, move |_| {
        // Something in the stream that feedback passes on its way up.
        let tap = gst::ElementFactory::make("identity").property("silent", true).build().ok()?;
        let estimator = Estimator::new(start_bps, bounds).ok()?;
        let granted = sender.clone();
        estimator.element.connect_notify(Some("estimated-bitrate"), move |estimator, _| {
            if let Some(sender) = granted.upgrade() {
                sender.grant(estimator.property("estimated-bitrate"));
            }
        });
        sender.upgrade()?.keep(estimator);
        // The sender owns the estimator: webrtcbin 1.22 keeps a reference to this element for ever.
        let told = sender.clone();
        tap.static_pad("src")?.add_probe(gst::PadProbeType::EVENT_UPSTREAM, move |_, info| {
            if let Some(gst::PadProbeData::Event(event)) = &info.data
                && event.structure().is_some_and(|fields| fields.name() == FEEDBACK)
                && let Some(sender) = told.upgrade()
            {
                sender.feedback(event);
            }
            gst::PadProbeReturn::Ok
        });
        Some(tap.to_value())
    });
}

/// The bitrate after a second in which this share of the packets got lost, for peers that send no transport-wide
/// feedback (draft-ietf-rmcat-gcc-02, section 6): up by 5 % under 2 %, down by half the share over 10 %.
pub fn by_loss(bitrate_bps: u32, lost: f64, bounds: (u32, u32)) -> u32 {
    let factor = match lost {
        lost if lost < 0.02 => 1.05,
        lost if lost > 0.10 => 1.0 - 0.5 * lost.min(1.0),
        _ => 1.0,
    };
    let wanted = (f64::from(bitrate_bps) * factor).clamp(f64::from(bounds.0), f64::from(bounds.1));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it lies between two u32")]
    let bitrate = wanted as u32;
    bitrate
}

/// `rtpgccbwe` without its stream: it only listens to feedback.
pub struct Estimator {
    element: gst::Element,
    output: gst::Pad,
}

impl Estimator {
    fn new(start_bps: u32, bounds: (u32, u32)) -> Result<Self, Error> {
        let element = gst::ElementFactory::make("rtpgccbwe")
            .property("min-bitrate", bounds.0)
            .property("max-bitrate", bounds.1)
            .property("estimated-bitrate", start_bps)
            .build()?;
        let output =
            element.static_pad("src").ok_or_else(|| Error::Graph("rtpgccbwe has no output".into()))?;
        // An active pad takes events; its task is the pacer, which has nothing to pace.
        output.set_active(true)?;
        output.pause_task()?;
        Ok(Self { element, output })
    }

    /// What the peer says of the packets that it got.
    pub fn feedback(&self, event: &gst::Event) {
        self.output.send_event(event.clone());
    }
}

impl Drop for Estimator {
    fn drop(&mut self) {
        self.output.set_active(false).ok(); // it ends the task; the element is dropped next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pacers() -> usize {
        let threads = std::fs::read_dir("/proc/self/task").unwrap().filter_map(Result::ok);
        let names = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("comm")).ok());
        names.filter(|name| name.starts_with("rtpgccbwe")).count()
    }

    #[test]
    fn an_estimator_leaves_no_thread_behind() {
        gst::init().unwrap();
        gstrsrtp::plugin_register_static().unwrap();

        let estimator = Estimator::new(600_000, (100_000, 4_000_000)).unwrap();
        drop(estimator);

        assert_eq!(pacers(), 0);
    }

    #[test]
    fn loss_alone_drives_the_bitrate_of_peers_without_feedback() {
        let bounds = (100_000, 4_000_000);

        assert_eq!(by_loss(1_000_000, 0.0, bounds), 1_050_000);
        assert_eq!(by_loss(1_000_000, 0.05, bounds), 1_000_000);
        assert_eq!(by_loss(1_000_000, 0.2, bounds), 900_000);
        assert_eq!(by_loss(110_000, 1.0, bounds), 100_000);
        assert_eq!(by_loss(3_999_999, 0.0, bounds), 4_000_000);
    }
}
