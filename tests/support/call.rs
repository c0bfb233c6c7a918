//! A call over a [`Link`](super::link::Link) by a client in a process of its own, and what it measured.
//!
//! Any client will do that prints JSON: a line `{"second": N}` for each second from its first frame on, and at its end
//! `{"frames": [[at_ms, stamp, delay_ms], ...], "notes": {...}}`, a row for each frame that was shown, in order. Other
//! output is ignored.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde::Deserialize;
use serde_json::Value;

/// The rate of every client's camera.
const CAMERA_FPS: f64 = 30.0;
/// A frame that stays while the camera draws this many is seen as frozen: half a second of them.
const FREEZE_FRAMES: f64 = CAMERA_FPS / 2.0;

/// A running client; killed when dropped.
pub struct Call {
    child: Child,
    lines: BufReader<ChildStdout>,
}

/// One frame as it was shown.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Seen {
    /// Since the first frame.
    pub at_ms: f64,
    pub stamp: u32,
    /// From its drawing in the client to its return there.
    pub delay_ms: f64,
}

/// What a client measured.
#[derive(Debug, Clone, Deserialize)]
pub struct Figures {
    frames: Vec<Seen>,
    /// What the client counted besides.
    pub notes: Value,
}

impl Call {
    /// Starts a client; its limits end it where nothing comes.
    pub fn spawn(command: &mut Command) -> Call {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("the client starts");
        let lines = BufReader::new(child.stdout.take().expect("stdout is piped"));
        Call { child, lines }
    }

    /// Waits for the line that has `key`.
    #[track_caller]
    pub fn wait_for(&mut self, key: &str) -> Value {
        self.line(key, |_| true)
    }

    /// Waits until the call is `seconds` old, counted from the first frame.
    #[track_caller]
    pub fn wait_until_second(&mut self, seconds: u32) {
        self.line("second", |second| second.as_u64() >= Some(seconds.into()));
    }

    /// Waits for the end.
    #[track_caller]
    pub fn figures(mut self) -> Figures {
        let figures =
            serde_json::from_value(self.line("frames", |_| true)).expect("the figures are as agreed");
        assert!(
            self.child.wait().is_ok_and(|status| status.success()),
            "the client failed after its figures"
        );
        figures
    }

    #[track_caller]
    fn line(&mut self, key: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut text = String::new();
        while self.lines.read_line(&mut text).is_ok_and(|length| length > 0) {
            if let Ok(line) = serde_json::from_str::<Value>(&text)
                && line.get(key).is_some_and(&wanted)
            {
                return line;
            }
            text.clear();
        }
        panic!("the client ended ({:?}) without its line {key}", self.child.wait());
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.child.kill().ok(); // it may have ended
        self.child.wait().ok(); // likewise
    }
}

impl Figures {
    /// The part from one second to another of the call.
    pub fn between(&self, first_second: u32, last_second: u32) -> Part<'_> {
        let (from_ms, to_ms) = (f64::from(first_second) * 1000.0, f64::from(last_second) * 1000.0);
        let after = self.frames.partition_point(|frame| frame.at_ms < from_ms);
        let end = self.frames.partition_point(|frame| frame.at_ms < to_ms);
        Part { call: self, frames: &self.frames[after..end], from_ms, to_ms }
    }

    /// Number of the newest frame that the camera has drawn at `at_ms`, inferred from the frames that were returned.
    fn drawn(&self, at_ms: f64) -> f64 {
        let drawn = |seen: &Seen| (seen.at_ms - seen.delay_ms, f64::from(seen.stamp));
        let Some(last) = self.frames.len().checked_sub(1).filter(|last| *last > 0) else {
            return at_ms * CAMERA_FPS / 1000.0; // nothing is known of the camera but its rate
        };
        let after = self.frames.partition_point(|seen| drawn(seen).0 <= at_ms).clamp(1, last);
        let ((from, first), (to, second)) = (drawn(&self.frames[after - 1]), drawn(&self.frames[after]));
        first + (at_ms - from) * (second - first) / (to - from).max(1.0)
    }

    /// A line a second and the notes, for a person.
    pub fn print(&self, claim: &str) {
        println!("{claim}");
        let last = self.frames.last().map_or(0.0, |frame| frame.at_ms);
        for second in (0..).take_while(|second| f64::from(*second) * 1000.0 < last) {
            println!("  {second:>4} s: {}", self.between(second, second + 1).summary());
        }
        println!("  notes: {}", self.notes);
    }
}

/// The frames of a part of a call.
///
/// What is asserted is counted in frames of the client's own camera, which stands still while the client does: a machine
/// that gives the client no processor time shows in the milliseconds that are printed and in nothing else.
#[derive(Clone, Copy)]
pub struct Part<'a> {
    call: &'a Figures,
    frames: &'a [Seen],
    from_ms: f64,
    to_ms: f64,
}

impl Part<'_> {
    /// How many of the client's own frames were returned: 1 is all of them.
    pub fn share(&self) -> f64 {
        let (Some(first), Some(last)) = (self.frames.first(), self.frames.last()) else { return 0.0 };
        // By the time as well, so that a frame that stays at an end of the part counts.
        let covered = (last.at_ms - first.at_ms) / (self.to_ms - self.from_ms);
        self.frames.len() as f64 / f64::from(last.stamp - first.stamp + 1) * covered.min(1.0)
    }

    /// Frames per second.
    pub fn rate(&self) -> f64 {
        self.frames.len() as f64 * 1000.0 / (self.to_ms - self.from_ms)
    }

    /// The longest time that one frame stayed, including the ends of the part.
    pub fn longest_gap_ms(&self) -> f64 {
        let times: Vec<_> = self.times().collect();
        times.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max)
    }

    /// How often the video froze.
    pub fn freezes(&self) -> usize {
        let drawn: Vec<_> = self.times().map(|at_ms| self.call.drawn(at_ms)).collect();
        drawn.windows(2).filter(|pair| pair[1] - pair[0] > FREEZE_FRAMES).count()
    }

    /// How many frames the camera draws until a frame is returned: `percent` of the frames stay below it.
    pub fn delay_frames(&self, percent: usize) -> f64 {
        let delay = |seen: &Seen| self.call.drawn(seen.at_ms) - f64::from(seen.stamp);
        quantile(self.frames.iter().map(delay), percent)
    }

    /// The delay that `percent` of the frames stay below; infinite if there are none.
    pub fn delay_ms(&self, percent: usize) -> f64 {
        quantile(self.frames.iter().map(|frame| frame.delay_ms), percent)
    }

    /// Whether each frame is newer than the previous one.
    pub fn rises(&self) -> bool {
        self.frames.windows(2).all(|pair| pair[0].stamp < pair[1].stamp)
    }

    pub fn summary(&self) -> String {
        format!(
            "{:.1} frames/s, {:.0} % of those sent, longest gap {:.0} ms, {} freezes, delay p50 {:.0} ms p95 {:.0} ms \
             ({:.1} frames)",
            self.rate(),
            self.share() * 100.0,
            self.longest_gap_ms(),
            self.freezes(),
            self.delay_ms(50),
            self.delay_ms(95),
            self.delay_frames(95),
        )
    }

    /// When frames were shown, between the ends of the part.
    fn times(&self) -> impl Iterator<Item = f64> {
        let times = self.frames.iter().map(|frame| frame.at_ms);
        std::iter::once(self.from_ms).chain(times).chain(std::iter::once(self.to_ms))
    }
}

/// The value that `percent` of them stay under; infinite where there are none.
fn quantile(values: impl Iterator<Item = f64>, percent: usize) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() * percent / 100).copied().unwrap_or(f64::INFINITY)
}
