//! Translates webrtcbin's statistics. Pure, over the structure that `get-stats` returns.

use gst_webrtc::WebRTCStatsType;

/// The selected candidate pair.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CandidatePair {
    /// Kind and address of our end, e.g. `host 192.0.2.1:50000 udp`.
    pub local: String,
    /// Kind and address of the peer's end.
    pub remote: String,
}

/// webrtcbin's statistics of a connection; `None` for what it does not know.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// Round-trip time in seconds, from RTCP receiver reports (RFC 3550, 6.4.1).
    pub round_trip_s: Option<f64>,
    /// Video packets lost on the way to us.
    pub packets_lost_in: Option<i64>,
    /// Video packets lost on the way to the peer, as it reports.
    pub packets_lost_out: Option<i64>,
    /// Share of packets lost on the way to the peer between its last two reports (RFC 3550, 6.4.1).
    pub share_lost_out: Option<f64>,
    /// Interarrival jitter in seconds.
    pub jitter_s: Option<f64>,
    /// The selected pair.
    pub pair: Option<CandidatePair>,
}

/// Reads the reply of `get-stats`.
pub fn read(reply: &gst::StructureRef) -> Stats {
    let mut stats = Stats::default();
    let mut candidates = Vec::new();
    let mut selected = None;
    for (_, value) in reply {
        let Ok(entry) = value.get::<gst::Structure>() else { continue };
        match entry.get::<WebRTCStatsType>("type") {
            Ok(WebRTCStatsType::RemoteInboundRtp) if is_video(&entry) => {
                stats.round_trip_s = entry.get("round-trip-time").ok().filter(|time: &f64| *time > 0.0);
                stats.packets_lost_out = lost(&entry);
                stats.share_lost_out = entry.get("fraction-lost").ok();
            }
            Ok(WebRTCStatsType::InboundRtp) if is_video(&entry) => {
                stats.packets_lost_in = lost(&entry);
                stats.jitter_s = entry.get("jitter").ok();
            }
            Ok(WebRTCStatsType::CandidatePair) => selected = Some(entry),
            Ok(WebRTCStatsType::LocalCandidate | WebRTCStatsType::RemoteCandidate) => candidates.push(entry),
            _ => {}
        }
    }
    stats.pair = selected.and_then(|pair| pair_of(&pair, &candidates));
    stats
}

fn is_video(entry: &gst::StructureRef) -> bool {
    entry.get::<String>("kind").is_ok_and(|kind| kind == "video")
}

/// `gint` in one version, `gint64` in another.
fn lost(entry: &gst::StructureRef) -> Option<i64> {
    entry.get::<i64>("packets-lost").ok().or_else(|| entry.get::<i32>("packets-lost").ok().map(i64::from))
}

fn pair_of(pair: &gst::StructureRef, candidates: &[gst::Structure]) -> Option<CandidatePair> {
    let end = |field: &str| {
        let id = pair.get::<String>(field).ok()?;
        let candidate =
            candidates.iter().find(|entry| entry.get::<String>("id").is_ok_and(|other| other == id))?;
        let text = |field: &str| candidate.get::<String>(field).unwrap_or_default();
        let port = candidate.get::<u32>("port").unwrap_or_default();
        Some(format!("{} {}:{port} {}", text("candidate-type"), text("address"), text("protocol")))
    };
    Some(CandidatePair { local: end("local-candidate-id")?, remote: end("remote-candidate-id")? })
}
