//! A call over a [`Link`](super::link::Link) by a client in a process of its own, and what it measured.
//!
//! Any client will do that prints JSON: a line `{"second": N}` for each second from its first picture on, and at its
//! end `{"frames": [[at_ms, stamp, delay_ms], ...], "notes": {...}}`, a row for each picture that a person saw, in
//! order. What else it prints is left out.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde::Deserialize;
use serde_json::Value;

/// A picture that stands this long is seen to stand.
pub const FREEZE_MS: f64 = 500.0;

/// A running client; killed when dropped.
pub struct Call {
    child: Child,
    lines: BufReader<ChildStdout>,
}

/// One picture as a person saw it.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Seen {
    /// From the first picture on.
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

    /// Waits until the call is `seconds` old, counted from the first picture.
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
        Part { frames: &self.frames[after..end], from_ms, to_ms }
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

/// The pictures of a part of a call.
#[derive(Clone, Copy)]
pub struct Part<'a> {
    frames: &'a [Seen],
    from_ms: f64,
    to_ms: f64,
}

impl Part<'_> {
    /// How many of the client's own frames came back: 1 is all of them.
    pub fn share(&self) -> f64 {
        let (Some(first), Some(last)) = (self.frames.first(), self.frames.last()) else { return 0.0 };
        // By the time as well, so that a picture that stands at an end of the part counts.
        let covered = (last.at_ms - first.at_ms) / (self.to_ms - self.from_ms);
        self.frames.len() as f64 / f64::from(last.stamp - first.stamp + 1) * covered.min(1.0)
    }

    /// Pictures a second.
    pub fn rate(&self) -> f64 {
        self.frames.len() as f64 * 1000.0 / (self.to_ms - self.from_ms)
    }

    /// The longest time that one picture stood, the ends of the part included.
    pub fn longest_gap_ms(&self) -> f64 {
        self.gaps().fold(0.0, f64::max)
    }

    /// How often the picture stood.
    pub fn freezes(&self) -> usize {
        self.gaps().filter(|gap| *gap > FREEZE_MS).count()
    }

    /// The delay that `percent` of the pictures stay under; infinite where there are none.
    pub fn delay_ms(&self, percent: usize) -> f64 {
        let mut delays: Vec<_> = self.frames.iter().map(|frame| frame.delay_ms).collect();
        delays.sort_by(f64::total_cmp);
        delays.get(delays.len() * percent / 100).copied().unwrap_or(f64::INFINITY)
    }

    /// Whether each picture is newer than the one before.
    pub fn rises(&self) -> bool {
        self.frames.windows(2).all(|pair| pair[0].stamp < pair[1].stamp)
    }

    pub fn summary(&self) -> String {
        format!(
            "{:.1} frames/s, {:.0} % of those sent, longest gap {:.0} ms, {} freezes, delay p50 {:.0} ms p95 {:.0} ms",
            self.rate(),
            self.share() * 100.0,
            self.longest_gap_ms(),
            self.freezes(),
            self.delay_ms(50),
            self.delay_ms(95),
        )
    }

    fn gaps(&self) -> impl Iterator<Item = f64> {
        let times = self.frames.iter().map(|frame| frame.at_ms);
        let from = std::iter::once(self.from_ms).chain(times.clone());
        from.zip(times.chain(std::iter::once(self.to_ms))).map(|(before, after)| after - before)
    }
}
