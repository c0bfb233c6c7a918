//! Send-side congestion control: transport-wide feedback becomes the encoder's bitrate.
//!
//! Without it a narrow link freezes the picture for good (measured: 45 of 361 frames at 700 kbit/s). Runs on
//! webrtcbin's RTCP thread, some times a second.

mod estimate;
mod window;

use std::{sync::Arc, time::Duration};

use gst::{glib, prelude::*};

pub use estimate::Estimate;
pub use window::Packet;

use super::{gst::events, sender::Sender};

/// draft-holmer-rmcat-transport-wide-cc-extensions-01
pub const TWCC_URI: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
/// Name of the event with which rtpsession hands the feedback on.
const FEEDBACK: &str = "RTPTWCCPackets";

/// Lets the peer's feedback drive `sender`.
pub fn drive(webrtc: &gst::Element, sender: &Arc<Sender>) {
    let sender = Arc::downgrade(sender);
    webrtc.connect("request-aux-sender", false, move |_| {
        // Something in the stream that feedback passes on its way up.
        let tap = gst::ElementFactory::make("identity").property("silent", true).build().ok()?;
        let told = sender.clone();
        events::watch(&tap.static_pad("src")?, FEEDBACK, move |_, event| {
            if let Some((fields, sender)) = event.structure().zip(told.upgrade()) {
                sender.feedback(&packets(fields));
            }
            gst::PadProbeReturn::Ok
        });
        Some(tap.to_value())
    });
}

/// The packets of a report; those that rtpsession no longer knows are left out.
fn packets(fields: &gst::StructureRef) -> Vec<Packet> {
    let Ok(list) = fields.get::<glib::ValueArray>("packets") else { return Vec::new() };
    list.iter().filter_map(|value| packet(value.get::<&gst::StructureRef>().ok()?)).collect()
}

fn packet(fields: &gst::StructureRef) -> Option<Packet> {
    let time = |name: &str| {
        let nanoseconds = fields.get::<u64>(name).ok().filter(|time| *time != u64::MAX);
        nanoseconds.map(Duration::from_nanos)
    };
    let lost = fields.get::<bool>("lost").ok()?;
    Some(Packet {
        sent: time("local-ts")?,
        arrived: if lost { None } else { Some(time("remote-ts")?) },
        payload: fields.get("size").ok()?,
        payload_type: fields.get("payload-type").ok()?,
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_and_what_it_does_not_know_is_left_out() {
        gst::init().unwrap();
        let row = |local: u64, remote: u64, lost: bool| {
            gst::Structure::builder("RTPTWCCPacket")
                .field("local-ts", local)
                .field("remote-ts", remote)
                .field("payload-type", 96_u8)
                .field("size", 1000_u32)
                .field("lost", lost)
                .build()
        };
        let rows = [row(1, 2, false), row(3, u64::MAX, true), row(u64::MAX, 4, false)];

        let packets: Vec<_> = rows.iter().filter_map(|row| packet(row)).collect();

        let times: Vec<_> = packets.iter().map(|packet| (packet.sent.as_nanos(), packet.arrived)).collect();
        assert_eq!(times, [(1, Some(Duration::from_nanos(2))), (3, None)]);
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
