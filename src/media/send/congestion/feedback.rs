//! Reads transport-wide feedback from rtpsession.

use std::time::Duration;

use gst::{glib, prelude::*};

use super::window::Packet;
use crate::media::graph::probes;

/// Name of rtpsession's feedback event.
const FEEDBACK: &str = "RTPTWCCPackets";

/// Passes each of the peer's feedback reports to `report`.
pub fn listen(webrtc: &gst::Element, report: impl Fn(&[Packet]) + Clone + Send + Sync + 'static) {
    webrtc.connect("request-aux-sender", false, move |_| {
        // An element in the stream that the feedback event passes on its way upstream.
        let tap = gst::ElementFactory::make("identity").property("silent", true).build().ok()?;
        let report = report.clone();
        probes::CONGESTION_FEEDBACK.upstream(&tap.static_pad("src")?, move |_, event| {
            if let Some(fields) = event.structure().filter(|_| event.has_name(FEEDBACK)) {
                report(&packets(fields));
            }
            gst::PadProbeReturn::Ok
        });
        Some(tap.to_value())
    });
}

/// The packets of a report, without those that rtpsession has forgotten.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_without_the_packets_that_it_does_not_know() {
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
}
