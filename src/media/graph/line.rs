//! One m-line as both directions of the graph see it. Pure apart from the caps that it builds.

use crate::signalling::{COLOR_SPACE_URI, Codec, Kind, TWCC_URI};

/// One m-line that the graph serves.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its index in the offer and webrtcbin's pad number.
    pub index: usize,
    /// Audio or video.
    pub kind: Kind,
    /// Whether we send on it.
    pub sends: bool,
    /// Whether the peer sends on it.
    pub receives: bool,
    /// The negotiated codec and payload type.
    pub codec: Codec,
    /// Header extension id of transport-wide congestion control.
    pub twcc: Option<u8>,
    /// Header extension id of the colour space. Chromium sends canvas and screen capture as full-range BT.709, which a
    /// receiver would take for limited BT.601; the depayloader puts it into the caps, where the payloader reads it.
    pub color_space: Option<u8>,
    /// Our SSRC, in the payloader and in the answer.
    pub ssrc: u32,
}

impl Line {
    /// RTP caps of the negotiated codec, for `codec-preferences`: webrtcbin copies them into the answer.
    pub fn caps(&self) -> gst::Caps {
        let feedback = &self.codec.feedback;
        let mut caps = gst::Caps::builder("application/x-rtp")
            .field("media", if self.kind == Kind::Video { "video" } else { "audio" })
            .field("encoding-name", self.codec.name.as_str())
            .field("payload", i32::from(self.codec.payload))
            .field("clock-rate", i32::try_from(self.codec.clock_rate).unwrap_or(90_000))
            .field("ssrc", self.ssrc);
        if self.kind == Kind::Video {
            for (field, offered) in [
                ("rtcp-fb-nack-pli", feedback.nack_pli),
                ("rtcp-fb-ccm-fir", feedback.ccm_fir),
                ("rtcp-fb-transport-cc", feedback.transport_cc),
            ] {
                if offered {
                    caps = caps.field(field, true);
                }
            }
            for (id, uri) in self.extensions() {
                caps = caps.field(format!("extmap-{id}").as_str(), uri);
            }
        }
        caps.build()
    }

    /// Ids and URIs of the negotiated header extensions.
    pub fn extensions(&self) -> impl Iterator<Item = (u8, &'static str)> {
        let video = self.kind == Kind::Video;
        [(self.twcc, TWCC_URI), (self.color_space, COLOR_SPACE_URI)]
            .into_iter()
            .filter(move |_| video)
            .filter_map(|(id, uri)| Some((id?, uri)))
    }

    /// The H.264 `a=fmtp`, which webrtcbin before 1.28 leaves out of the answer.
    pub fn h264_fmtp(&self) -> Option<(u8, String)> {
        let h264 = self.codec.h264()?;
        let fmtp = format!(
            "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id={:06x}",
            h264.profile_level_id
        );
        Some((self.codec.payload, fmtp))
    }
}
