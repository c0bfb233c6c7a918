//! The rules of a session's life. Pure: (state, input, now) → actions; no I/O, no clock.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::{
    EndReason,
    watchdog::{Verdict, Watchdog},
};

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

impl Default for Limits {
    fn default() -> Self {
        let (connect, media) = (Duration::from_secs(15), Duration::from_secs(10));
        Self { connect, media, vanish: Duration::from_secs(10) }
    }
}

/// After the peer closed its data channel: so long without a packet means that it is gone.
const SILENCE_AFTER_CLOSE: Duration = Duration::from_secs(2);

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
    Tick(Sight),
}

/// What the graph and the stage look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
    /// Packets of the picture so far.
    pub video_packets: u64,
    /// Pictures decoded so far.
    pub frames_in: u64,
    /// Whether the peer is to send a picture.
    pub expects_video: bool,
    /// Time since the last packet.
    pub silent_for: Duration,
}

/// What to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The first picture is there.
    FirstFrame,
    /// Tell the user that an input is missing.
    TellMissingInput,
    /// Ask the peer for a key frame.
    AskKeyFrame,
    /// Build the decoder anew.
    RestartDecoder,
    /// Put the next decoder in its place.
    ReplaceDecoder,
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
    watchdog: Watchdog,
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
            watchdog: Watchdog::default(),
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
                self.watchdog.rest();
                Vec::new()
            }
            Input::Tick(sight) => {
                let awake = self.resumed.map_or(Duration::MAX, |at| now.saturating_duration_since(at));
                let silent_for = sight.silent_for.min(awake);
                let verdict = self.watchdog.look(sight.video_packets, sight.frames_in, now);
                let mut actions = self.tick(now, Sight { silent_for, ..sight });
                if matches!(self.phase, Phase::Waiting | Phase::Live) {
                    actions.extend(self.act_on(verdict, now));
                }
                actions
            }
        }
    }

    fn tick(&mut self, now: Instant, sight: Sight) -> Vec<Action> {
        let Sight { frames_in, expects_video, silent_for, .. } = sight;
        let waited = now.saturating_duration_since(self.since);
        match self.phase {
            Phase::Connecting if waited >= self.limits.connect => self.end(EndReason::ConnectTimeout, now),
            Phase::Waiting if frames_in > 0 => {
                self.enter(Phase::Live, now);
                vec![Action::FirstFrame]
            }
            // Packets come: it is not the source that is missing, and the watchdog has the last word.
            Phase::Waiting if waited >= self.limits.media && !self.watchdog.waits() => {
                self.end(EndReason::MediaTimeout, now)
            }
            Phase::Waiting | Phase::Live if self.gone(silent_for, now) => {
                let closed = self.channel_closed.is_some();
                self.end(if closed { EndReason::ClosedByPeer } else { EndReason::PeerVanished }, now)
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

    fn act_on(&mut self, verdict: Option<Verdict>, now: Instant) -> Vec<Action> {
        match verdict {
            None => Vec::new(),
            Some(Verdict::Ask) => vec![Action::AskKeyFrame],
            Some(Verdict::Restart) => vec![Action::RestartDecoder],
            Some(Verdict::Replace) => vec![Action::ReplaceDecoder],
            Some(Verdict::GiveUp) => self.end(EndReason::PictureStalled, now),
        }
    }

    fn gone(&self, silent_for: Duration, now: Instant) -> bool {
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

    const QUIET: Sight =
        Sight { video_packets: 0, frames_in: 0, expects_video: true, silent_for: Duration::ZERO };

    fn tick(frames_in: u64, silent_s: u32) -> Input {
        Input::Tick(Sight { frames_in, silent_for: silent_s * SECOND, ..QUIET })
    }

    /// A second each of packets without a picture; gives what is done, and in which second.
    fn stalled(state: &mut State, frames_in: u64, start: Instant, seconds: u32) -> Vec<(u32, Action)> {
        let acts = (0..seconds).flat_map(|second| {
            let sight = Sight { video_packets: 1 + u64::from(second), frames_in, ..QUIET };
            let actions = state.step(Input::Tick(sight), start + second * SECOND);
            actions.into_iter().map(move |action| (second, action))
        });
        acts.collect()
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
    fn packets_without_a_picture_are_mended_twice_and_then_end_the_session() {
        let start = Instant::now();
        let mut state = live(start);

        let acts = stalled(&mut state, 1, start, 20);

        let asked: Vec<_> = acts.iter().filter(|(_, action)| *action == Action::AskKeyFrame).collect();
        assert_eq!(asked.len(), 3, "{acts:?}");
        let others: Vec<_> = acts.into_iter().filter(|(_, action)| *action != Action::AskKeyFrame).collect();
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
    fn packets_of_a_first_picture_that_never_comes_are_no_missing_source() {
        let start = Instant::now();
        let mut state = State::new(limits(), start);
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
