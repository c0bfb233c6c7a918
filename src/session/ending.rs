//! Every way in which a session can end, and its table. Pure.

use serde::Serialize;

/// Every way in which a session can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// DELETE, or Stop in the page.
    ClosedByClient,
    /// The peer closed the connection.
    ClosedByPeer,
    /// The connection never stood.
    ConnectTimeout,
    /// ICE found no way or lost it.
    IceFailed,
    /// Connected, but no picture came.
    MediaTimeout,
    /// Packets of the picture came, and no decoder made a picture of them.
    PictureStalled,
    /// No packet for too long.
    PeerVanished,
    /// The peer's certificate is not the one in its offer.
    FingerprintMismatch,
    /// A GStreamer element gave up.
    ElementError,
    /// The file of a session without a client came to its end.
    SourceEnded,
    /// The file of a session without a client cannot be played.
    SourceFailed,
    /// Another connection took the session over.
    Resumed,
    /// The server stops.
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
                "no connection came about in time; check that UDP reaches the server, or configure a TURN server",
            ),
            Self::IceFailed => (
                "ice_failed",
                "no network path to the server works any more; check UDP and firewalls, or configure a TURN server",
            ),
            Self::MediaTimeout => (
                "media_timeout",
                "the connection stands but no picture came; check that the source is running",
            ),
            Self::PictureStalled => (
                "picture_stalled",
                "the picture's packets came but could not be decoded; start again, with another codec if it happens again",
            ),
            Self::PeerVanished => ("peer_vanished", "nothing came from the browser for too long"),
            Self::FingerprintMismatch => (
                "fingerprint_mismatch",
                "the connection's certificate is not the one in the offer; somebody may be in between",
            ),
            Self::ElementError => {
                ("element_error", "a part of the media graph failed; the server's log says which")
            }
            Self::SourceEnded => ("source_ended", "the session's file came to its end"),
            Self::SourceFailed => {
                ("source_failed", "the session's file cannot be played; the server's log says why")
            }
            Self::Resumed => ("resumed", "a new connection took this session over"),
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
        for reason in [EndReason::ClosedByClient, EndReason::IceFailed, EndReason::PictureStalled] {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.code());
        }
    }
}
