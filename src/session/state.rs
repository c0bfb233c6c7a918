//! The rules of a session's life. Pure: (state, input, now) → actions; no I/O, no clock.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::{
    EndReason,
    watchdog::{Verdict, Watchdog},
};

/// Time limits of a session; the configuration gives the reason for each.
#[derive(Clone, Debug)]
pub struct Limits {
    /// From the answer to a connection.
    pub connect: Duration,
    /// From the connection to the first frame.
    pub media: Duration,
    /// Without a packet from the peer.
    pub vanish: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let (connect, media) = (Duration::from_secs(15), Duration::from_secs(10));
        Self { connect, media, vanish: Duration::from_secs(10) }
    }
}

/// A peer that closed its data channel and sends no packet for this long is gone.
const SILENCE_AFTER_CLOSE: Duration = Duration::from_secs(2);

/// The phases of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Answered; ICE and DTLS are in progress.
    Connecting,
    /// Connected; no frame yet.
    Waiting,
    /// Frames arrive and are sent back.
    Live,
    /// It has ended.
    Ended,
}

/// An event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// ICE and DTLS are established.
    Connected,
    /// A request or a failure ends the session.
    End(EndReason),
    /// The peer closed its data channel.
    ChannelClosed,
    /// The server itself was suspended or starved (SIGSTOP, an overloaded host): the peer was not silent meanwhile.
    Resumed,
    /// Time has passed; with the current counts.
    Tick(Observation),
}

/// The state of the graph and the stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Video packets received so far.
    pub video_packets: u64,
    /// Frames decoded so far.
    pub frames_in: u64,
    /// Whether the peer is expected to send video.
    pub expects_video: bool,
    /// Time since the last packet.
    pub silent_for: Duration,
}

/// What the session's task does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The first frame was decoded.
    FirstFrame,
    /// Notify the user that an input is missing.
    ReportMissingInput,
    /// Request a key frame from the peer.
    RequestKeyFrame,
    /// Restart the decoder.
    RestartDecoder,
    /// Replace the decoder with the next one.
    ReplaceDecoder,
    /// End the session.
    End(EndReason),
}

/// The state machine of one session.
#[derive(Clone, Debug)]
pub struct State {
    phase: Phase,
    since: Instant,
    limits: Limits,
    /// When its time is up.
    until: Option<Instant>,
    channel_closed: Option<Instant>,
    resumed: Option<Instant>,
    missing_input_reported: bool,
    watchdog: Watchdog,
}

impl State {
    /// A session whose offer was just answered, and which may last `until` then.
    pub fn new(limits: Limits, until: Option<Instant>, now: Instant) -> Self {
        Self {
            phase: Phase::Connecting,
            since: now,
            limits,
            until,
            channel_closed: None,
            resumed: None,
            missing_input_reported: false,
            watchdog: Watchdog::default(),
        }
    }

    /// The session's phase.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Applies one input. After an [`Action::End`] it returns no actions.
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
                self.watchdog.reset();
                Vec::new()
            }
            Input::Tick(observation) => {
                let awake = self.resumed.map_or(Duration::MAX, |at| now.saturating_duration_since(at));
                let silent_for = observation.silent_for.min(awake);
                let verdict = self.watchdog.check(observation.video_packets, observation.frames_in, now);
                let mut actions = self.tick(now, Observation { silent_for, ..observation });
                if matches!(self.phase, Phase::Waiting | Phase::Live) {
                    actions.extend(self.act_on(verdict, now));
                }
                actions
            }
        }
    }

    fn tick(&mut self, now: Instant, observation: Observation) -> Vec<Action> {
        let Observation { frames_in, expects_video, silent_for, .. } = observation;
        let waited = now.saturating_duration_since(self.since);
        if self.until.is_some_and(|until| now >= until) {
            return self.end(EndReason::TimeUp, now);
        }
        match self.phase {
            Phase::Connecting if waited >= self.limits.connect => self.end(EndReason::ConnectTimeout, now),
            Phase::Waiting if frames_in > 0 => {
                self.enter(Phase::Live, now);
                vec![Action::FirstFrame]
            }
            // Packets arrive, so the source is not missing: the watchdog decides.
            Phase::Waiting if waited >= self.limits.media && !self.watchdog.is_waiting() => {
                self.end(EndReason::MediaTimeout, now)
            }
            Phase::Waiting | Phase::Live if self.is_gone(silent_for, now) => {
                let closed = self.channel_closed.is_some();
                self.end(if closed { EndReason::ClosedByPeer } else { EndReason::PeerVanished }, now)
            }
            Phase::Waiting
                if !self.missing_input_reported && (!expects_video || waited >= self.limits.media / 3) =>
            {
                self.missing_input_reported = true;
                vec![Action::ReportMissingInput]
            }
            _ => Vec::new(),
        }
    }

    fn act_on(&mut self, verdict: Option<Verdict>, now: Instant) -> Vec<Action> {
        match verdict {
            None => Vec::new(),
            Some(Verdict::RequestKeyFrame) => vec![Action::RequestKeyFrame],
            Some(Verdict::Restart) => vec![Action::RestartDecoder],
            Some(Verdict::Replace) => vec![Action::ReplaceDecoder],
            Some(Verdict::GiveUp) => self.end(EndReason::PictureStalled, now),
        }
    }

    fn is_gone(&self, silent_for: Duration, now: Instant) -> bool {
        let closed =
            self.channel_closed.is_some_and(|at| now.saturating_duration_since(at) >= SILENCE_AFTER_CLOSE);
        silent_for >= self.limits.vanish || (closed && silent_for >= SILENCE_AFTER_CLOSE)
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

    const QUIET: Observation =
        Observation { video_packets: 0, frames_in: 0, expects_video: true, silent_for: Duration::ZERO };

    fn tick(frames_in: u64, silent_s: u32) -> Input {
        Input::Tick(Observation { frames_in, silent_for: silent_s * SECOND, ..QUIET })
    }

    /// Packets without a frame, a step per second; returns the actions with the second of each.
    fn stalled(state: &mut State, frames_in: u64, start: Instant, seconds: u32) -> Vec<(u32, Action)> {
        let acts = (0..seconds).flat_map(|second| {
            let observation = Observation { video_packets: 1 + u64::from(second), frames_in, ..QUIET };
            let actions = state.step(Input::Tick(observation), start + second * SECOND);
            actions.into_iter().map(move |action| (second, action))
        });
        acts.collect()
    }

    fn live(start: Instant) -> State {
        let mut state = State::new(limits(), None, start);
        state.step(Input::Connected, start);
        assert_eq!(state.step(tick(1, 0), start), [Action::FirstFrame]);
        state
    }

    #[test]
    fn a_suspended_server_does_not_count_as_a_silent_peer() {
        let start = Instant::now();
        let mut state = State::new(limits(), None, start);
        state.step(Input::Connected, start);
        state.step(tick(1, 0), start + SECOND);

        state.step(Input::Resumed, start + 31 * SECOND);

        assert_eq!(state.step(tick(1, 30), start + 31 * SECOND), []);
        assert_eq!(state.step(tick(1, 39), start + 40 * SECOND), []);
        assert_eq!(
            state.step(tick(1, 40), start + 41 * SECOND),
            [Action::End(EndReason::PeerVanished)],
            "silent for ten seconds awake"
        );
    }

    #[test]
    fn a_session_whose_time_is_up_ends_whatever_its_client_does() {
        let start = Instant::now();
        let mut state = State::new(limits(), Some(start + 20 * SECOND), start);
        state.step(Input::Connected, start);
        state.step(tick(1, 0), start + SECOND);

        assert_eq!(state.step(tick(9, 0), start + 19 * SECOND), []);
        assert_eq!(state.step(tick(9, 0), start + 20 * SECOND), [Action::End(EndReason::TimeUp)]);
    }

    #[test]
    fn a_session_that_never_connects_ends_in_time() {
        let start = Instant::now();
        let mut state = State::new(limits(), None, start);

        assert_eq!(state.step(tick(0, 14), start + 14 * SECOND), []);
        assert_eq!(state.step(tick(0, 15), start + 15 * SECOND), [Action::End(EndReason::ConnectTimeout)]);
    }

    #[test]
    fn a_connection_without_video_is_reported_and_then_ended() {
        let start = Instant::now();
        let mut state = State::new(limits(), None, start);
        state.step(Input::Connected, start);

        assert_eq!(state.step(tick(0, 0), start + 3 * SECOND), [Action::ReportMissingInput]);
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
    fn packets_without_a_frame_are_repaired_twice_and_then_end_the_session() {
        let start = Instant::now();
        let mut state = live(start);

        let acts = stalled(&mut state, 1, start, 20);

        let asked: Vec<_> = acts.iter().filter(|(_, action)| *action == Action::RequestKeyFrame).collect();
        assert_eq!(asked.len(), 3, "{acts:?}");
        let others: Vec<_> =
            acts.into_iter().filter(|(_, action)| *action != Action::RequestKeyFrame).collect();
        assert_eq!(
            others,
            [
                (5, Action::RestartDecoder),
                (10, Action::ReplaceDecoder),
                (15, Action::End(EndReason::PictureStalled))
            ]
        );
    }

    #[test]
    fn packets_without_a_first_frame_are_no_missing_source() {
        let start = Instant::now();
        let mut state = State::new(limits(), None, start);
        state.step(Input::Connected, start);

        let acts = stalled(&mut state, 0, start, 20);

        assert_eq!(acts.last(), Some(&(15, Action::End(EndReason::PictureStalled))), "{acts:?}");
    }

    #[test]
    fn nothing_happens_after_the_end() {
        let start = Instant::now();
        let mut state = live(start);
        state.step(Input::End(EndReason::ClosedByClient), start);

        assert_eq!(state.step(Input::End(EndReason::IceFailed), start), []);
        assert_eq!(state.phase(), Phase::Ended);
    }
}
