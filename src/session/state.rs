//! The rules of a session's life. Pure: (state, input, now) → actions; no I/O, no clock.

use std::time::{Duration, Instant};

use serde::Serialize;

/// Time limits of a session, each with its reason in the configuration.
#[derive(Clone, Debug)]
pub struct Limits {
    /// From the answer to a connection.
    pub connect: Duration,
    /// From the connection to the first picture.
    pub media: Duration,
    /// Without a single packet of the peer.
    pub vanish: Duration,
}

/// After the peer closed its data channel: so long without a packet means that it is gone.
const FAREWELL: Duration = Duration::from_secs(2);

/// Where a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Answered; ICE and DTLS are under way.
    Connecting,
    /// Connected; no picture yet.
    Waiting,
    /// Pictures come and go.
    Live,
    /// Over.
    Ended,
}

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
    /// No packet for too long.
    PeerVanished,
    /// The peer's certificate is not the one in its offer.
    FingerprintMismatch,
    /// A GStreamer element gave up.
    ElementError,
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
            Self::PeerVanished => ("peer_vanished", "nothing came from the browser for too long"),
            Self::FingerprintMismatch => (
                "fingerprint_mismatch",
                "the connection's certificate is not the one in the offer; somebody may be in between",
            ),
            Self::ElementError => {
                ("element_error", "a part of the media graph failed; the server's log says which")
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

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// ICE and DTLS stand.
    Connected,
    /// Somebody wants or causes the end.
    End(EndReason),
    /// The peer closed its data channel.
    ChannelClosed,
    /// The server itself stood still (SIGSTOP, a suspended or starved host): nobody else was silent or slow meanwhile.
    Resumed,
    /// Time has passed; what the graph and the stage look like.
    Tick {
        /// Pictures decoded so far.
        frames_in: u64,
        /// Whether the peer is to send a picture.
        expects_video: bool,
        /// Time since the last packet.
        silent_for: Duration,
    },
}

/// What to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The first picture is there.
    FirstFrame,
    /// Tell the user that an input is missing.
    TellMissingInput,
    /// End the session.
    End(EndReason),
}

/// One session's life.
#[derive(Clone, Debug)]
pub struct State {
    phase: Phase,
    since: Instant,
    limits: Limits,
    channel_closed: Option<Instant>,
    resumed: Option<Instant>,
    missing_input_told: bool,
}

impl State {
    /// A session whose offer was just answered.
    pub fn new(limits: Limits, now: Instant) -> Self {
        Self {
            phase: Phase::Connecting,
            since: now,
            limits,
            channel_closed: None,
            resumed: None,
            missing_input_told: false,
        }
    }

    /// Where the session is.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Applies one input. After an [`Action::End`] there are no more actions.
    pub fn step(&mut self, input: Input, now: Instant) -> Vec<Action> {
        if self.phase == Phase::Ended {
            return Vec::new();
        }
        match input {
            Input::Connected if self.phase == Phase::Connecting => {
                self.enter(Phase::Waiting, now);
                Vec::new()
            }
            Input::Connected => Vec::new(),
            Input::End(reason) => self.end(reason, now),
            Input::ChannelClosed => {
                self.channel_closed.get_or_insert(now);
                Vec::new()
            }
            Input::Resumed => {
                self.resumed = Some(now);
                Vec::new()
            }
            Input::Tick { frames_in, expects_video, silent_for } => {
                let awake = self.resumed.map_or(Duration::MAX, |at| now.saturating_duration_since(at));
                self.tick(now, frames_in > 0, expects_video, silent_for.min(awake))
            }
        }
    }

    fn tick(
        &mut self,
        now: Instant,
        picture: bool,
        expects_video: bool,
        silent_for: Duration,
    ) -> Vec<Action> {
        let waited = now.saturating_duration_since(self.since);
        match self.phase {
            Phase::Connecting if waited >= self.limits.connect => self.end(EndReason::ConnectTimeout, now),
            Phase::Waiting if picture => {
                self.enter(Phase::Live, now);
                vec![Action::FirstFrame]
            }
            Phase::Waiting if waited >= self.limits.media => self.end(EndReason::MediaTimeout, now),
            Phase::Waiting | Phase::Live if self.gone(silent_for, now) => {
                let farewell = self.channel_closed.is_some();
                self.end(if farewell { EndReason::ClosedByPeer } else { EndReason::PeerVanished }, now)
            }
            Phase::Waiting
                if !self.missing_input_told && (!expects_video || waited >= self.limits.media / 3) =>
            {
                self.missing_input_told = true;
                vec![Action::TellMissingInput]
            }
            _ => Vec::new(),
        }
    }

    fn gone(&self, silent_for: Duration, now: Instant) -> bool {
        let farewell = self.channel_closed.is_some_and(|at| now.saturating_duration_since(at) >= FAREWELL);
        silent_for >= self.limits.vanish || (farewell && silent_for >= FAREWELL)
    }

    fn enter(&mut self, phase: Phase, now: Instant) {
        self.phase = phase;
        self.since = now;
    }

    fn end(&mut self, reason: EndReason, now: Instant) -> Vec<Action> {
        self.enter(Phase::Ended, now);
        vec![Action::End(reason)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn limits() -> Limits {
        Limits { connect: 15 * SECOND, media: 9 * SECOND, vanish: 10 * SECOND }
    }

    fn tick(frames_in: u64, silent_s: u32) -> Input {
        Input::Tick { frames_in, expects_video: true, silent_for: silent_s * SECOND }
    }

    fn live(start: Instant) -> State {
        let mut state = State::new(limits(), start);
        state.step(Input::Connected, start);
        assert_eq!(state.step(tick(1, 0), start), [Action::FirstFrame]);
        state
    }

    #[test]
    fn a_stop_of_the_server_is_nobodys_silence() {
        let start = Instant::now();
        let mut state = State::new(limits(), start);
        state.step(Input::Connected, start);
        state.step(tick(1, 0), start + SECOND);

        state.step(Input::Resumed, start + 31 * SECOND);

        assert_eq!(state.step(tick(1, 30), start + 31 * SECOND), []);
        assert_eq!(state.step(tick(1, 39), start + 40 * SECOND), []);
        assert_eq!(
            state.step(tick(1, 40), start + 41 * SECOND),
            [Action::End(EndReason::PeerVanished)],
            "gone all the same"
        );
    }

    #[test]
    fn a_session_that_never_connects_ends_in_time() {
        let start = Instant::now();
        let mut state = State::new(limits(), start);

        assert_eq!(state.step(tick(0, 14), start + 14 * SECOND), []);
        assert_eq!(state.step(tick(0, 15), start + 15 * SECOND), [Action::End(EndReason::ConnectTimeout)]);
    }

    #[test]
    fn a_connection_without_a_picture_is_told_and_then_ended() {
        let start = Instant::now();
        let mut state = State::new(limits(), start);
        state.step(Input::Connected, start);

        assert_eq!(state.step(tick(0, 0), start + 3 * SECOND), [Action::TellMissingInput]);
        assert_eq!(state.step(tick(0, 0), start + 4 * SECOND), []);
        assert_eq!(state.step(tick(0, 0), start + 9 * SECOND), [Action::End(EndReason::MediaTimeout)]);
    }

    #[test]
    fn a_silent_peer_has_vanished_and_a_closing_one_has_left() {
        let start = Instant::now();
        let mut vanished = live(start);
        let mut left = live(start);
        left.step(Input::ChannelClosed, start);

        assert_eq!(vanished.step(tick(9, 9), start), []);
        assert_eq!(vanished.step(tick(9, 10), start), [Action::End(EndReason::PeerVanished)]);
        assert_eq!(left.step(tick(9, 2), start + 2 * SECOND), [Action::End(EndReason::ClosedByPeer)]);
    }

    #[test]
    fn a_closed_channel_alone_ends_nothing_while_media_flows() {
        let start = Instant::now();
        let mut state = live(start);
        state.step(Input::ChannelClosed, start);

        assert_eq!(state.step(tick(9, 0), start + 60 * SECOND), []);
    }

    #[test]
    fn nothing_happens_after_the_end() {
        let start = Instant::now();
        let mut state = live(start);
        state.step(Input::End(EndReason::ClosedByClient), start);

        assert_eq!(state.step(Input::End(EndReason::IceFailed), start), []);
        assert_eq!(state.phase(), Phase::Ended);
    }

    #[test]
    fn every_ending_has_the_code_that_serde_writes() {
        for reason in [EndReason::ClosedByClient, EndReason::IceFailed, EndReason::FingerprintMismatch] {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.code());
        }
    }
}
