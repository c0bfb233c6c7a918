//! One m-line as both directions of the graph see it. Pure but for the caps it builds.

use crate::signalling::{COLOR_SPACE_URI, Codec, Kind, TWCC_URI};

/// One m-line that the graph serves.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its index in the offer, which is webrtcbin's pad number.
    pub index: usize,
    /// Sound or picture.
    pub kind: Kind,
    /// Whether we send on it.
    pub sends: bool,
    /// Whether the peer sends on it.
    pub receives: bool,
    /// The codec and payload type that both use.
    pub codec: Codec,
    /// Header extension number of transport-wide congestion control.
    pub twcc: Option<u8>,
    /// Header extension number of the colour space. Canvas and screen capture of Chromium are full-range BT.709, which
    /// a receiver takes for limited BT.601 unless told; the depayloader puts it into the caps, the payloader reads it
    /// from them.
    pub color_space: Option<u8>,
    /// Our synchronisation source, in the payloader and in the answer.
    pub ssrc: u32,
}

impl Line {
    /// RTP caps of the chosen codec, for `codec-preferences`: webrtcbin puts into the answer what stands here.
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

    /// Numbers and names of the header extensions that both ends use.
    pub fn extensions(&self) -> impl Iterator<Item = (u8, &'static str)> {
        let video = self.kind == Kind::Video;
        [(self.twcc, TWCC_URI), (self.color_space, COLOR_SPACE_URI)]
            .into_iter()
            .filter(move |_| video)
            .filter_map(|(id, uri)| Some((id?, uri)))
    }

    /// The `a=fmtp` that webrtcbin before 1.28 loses, for H.264.
    pub fn h264_fmtp(&self) -> Option<(u8, String)> {
        let h264 = self.codec.h264()?;
        let fmtp = format!(
            "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id={:06x}",
            h264.profile_level_id
        );
        Some((self.codec.payload, fmtp))
    }
}
