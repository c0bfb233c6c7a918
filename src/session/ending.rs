//! Every way in which a session can end, and its table. Pure.

use serde::Serialize;

use crate::limits;

/// Every way in which a session can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// DELETE, or Stop in the page.
    ClosedByClient,
    /// The peer closed the connection.
    ClosedByPeer,
    /// The connection was not established in time.
    ConnectTimeout,
    /// ICE found no path, or lost it.
    IceFailed,
    /// Connected, but no frame arrived.
    MediaTimeout,
    /// Video packets arrived, but no decoder produced a frame.
    PictureStalled,
    /// No packet for too long.
    PeerVanished,
    /// The peer's certificate is not the one in its offer.
    FingerprintMismatch,
    /// The video's frames are larger than the server decodes.
    FrameTooLarge,
    /// The peer opened too many data channels.
    TooManyChannels,
    /// Newer sessions of the same address took its place before it was connected.
    GaveWay,
    /// Its owner's time of the day is used up.
    MinutesUsedUp,
    /// A GStreamer element failed.
    ElementError,
    /// The file of a headless session ended.
    SourceEnded,
    /// The file of a headless session cannot be played.
    SourceFailed,
    /// Another connection resumed the session.
    Resumed,
    /// The time that its maker's token gave it is over.
    TimeUp,
    /// The server is shutting down.
    ServerShutdown,
}

impl EndReason {
    /// The table of endings: the stable code and the sentence for the user.
    fn row(self) -> (&'static str, &'static str) {
        match self {
            Self::ClosedByClient => ("closed_by_client", "the session was closed on request"),
            Self::ClosedByPeer => ("closed_by_peer", "the browser closed the connection"),
            Self::ConnectTimeout => (
                "connect_timeout",
                "could not connect in time; check that UDP reaches the server, or configure a TURN server",
            ),
            Self::IceFailed => (
                "ice_failed",
                "lost the network path to the server; check UDP and firewalls, or configure a TURN server",
            ),
            Self::MediaTimeout => {
                ("media_timeout", "connected, but no video arrived; check that the source is running")
            }
            Self::PictureStalled => (
                "picture_stalled",
                "video arrived but could not be decoded; start again, and choose another codec if it fails again",
            ),
            Self::PeerVanished => {
                ("peer_vanished", "the browser stopped sending packets; check its network and start again")
            }
            Self::FingerprintMismatch => (
                "fingerprint_mismatch",
                "the connection's certificate is not the one in the offer: possible man-in-the-middle; do not retry on this network",
            ),
            Self::FrameTooLarge => ("frame_too_large", limits::FRAME_SIZE.sentence),
            Self::TooManyChannels => ("too_many_channels", limits::CHANNELS.sentence),
            Self::GaveWay => ("gave_way", limits::CONNECTING.sentence),
            Self::MinutesUsedUp => ("minutes_used_up", limits::MINUTES.sentence),
            Self::ElementError => ("element_error", "part of the media graph failed; see the server's log"),
            Self::SourceEnded => ("source_ended", "the session's file ended"),
            Self::SourceFailed => {
                ("source_failed", "the session's file cannot be played; see the server's log")
            }
            Self::Resumed => ("resumed", "a new connection resumed this session"),
            Self::TimeUp => {
                ("time_up", "the time that this session was given is over; ask for more, and start again")
            }
            Self::ServerShutdown => ("server_shutdown", "the server is shutting down"),
        }
    }

    /// Stable name for programs.
    pub fn code(self) -> &'static str {
        self.row().0
    }

    /// One sentence for people.
    pub fn sentence(self) -> &'static str {
        self.row().1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ending_has_the_code_that_serde_writes() {
        for reason in [
            EndReason::ClosedByClient,
            EndReason::IceFailed,
            EndReason::TooManyChannels,
            EndReason::MinutesUsedUp,
        ] {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.code());
        }
    }
}
