//! A worker's standard output and standard error: split into lines, cut and counted. Pure; time is an argument.

use std::time::{Duration, Instant};

/// Longest line that is logged.
const LINE_BYTES: usize = 1024;
/// A log with more lines per second is useless.
const LINES_A_SECOND: u32 = 50;
const SECOND: Duration = Duration::from_secs(1);

/// The lines of one worker.
pub struct Lines {
    pending: Vec<u8>,
    second: Instant,
    in_second: u32,
    left_out: u64,
    /// The last line that is not empty, logged or not.
    pub last: String,
}

impl Lines {
    pub fn new(now: Instant) -> Self {
        Self { pending: Vec::new(), second: now, in_second: 0, left_out: 0, last: String::new() }
    }

    /// Takes output; passes each line to be logged to `log`.
    pub fn feed(&mut self, bytes: &[u8], now: Instant, log: &mut dyn FnMut(&str)) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = match part.split_last() {
                Some((b'\n', text)) => (text, true),
                _ => (part, false),
            };
            let room = LINE_BYTES - self.pending.len();
            self.pending.extend_from_slice(&text[..text.len().min(room)]);
            if ends {
                self.end_line(now, log);
            }
        }
    }

    /// Logs a line that was received whole from elsewhere.
    pub fn line(&mut self, text: &str, now: Instant, log: &mut dyn FnMut(&str)) {
        let text = text.replace('\n', " ") + "\n";
        self.feed(text.as_bytes(), now, log);
    }

    /// Logs the unfinished line, and how many lines were left out.
    pub fn finish(&mut self, now: Instant, log: &mut dyn FnMut(&str)) {
        if !self.pending.is_empty() {
            self.end_line(now, log);
        }
        self.log_left_out(log);
    }

    fn end_line(&mut self, now: Instant, log: &mut dyn FnMut(&str)) {
        let line = String::from_utf8_lossy(&self.pending).trim_end().replace(char::is_control, " ");
        self.pending.clear();
        if line.trim().is_empty() {
            return;
        }
        self.last.clone_from(&line);
        if now.duration_since(self.second) >= SECOND {
            self.log_left_out(log);
            (self.second, self.in_second) = (now, 0);
        }
        if self.in_second >= LINES_A_SECOND {
            self.left_out += 1;
            return;
        }
        self.in_second += 1;
        log(&line);
    }

    fn log_left_out(&mut self, log: &mut dyn FnMut(&str)) {
        let left_out = std::mem::take(&mut self.left_out);
        if left_out > 0 {
            log(&format!("{left_out} lines more are left out"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_however_they_are_read() {
        let now = Instant::now();
        let (mut lines, mut said) = (Lines::new(now), Vec::new());

        for part in ["on", "e\ntw", "o\n\n", "end"] {
            lines.feed(part.as_bytes(), now, &mut |line| said.push(line.to_owned()));
        }
        assert_eq!(said, ["one", "two"]);
        lines.finish(now, &mut |line| said.push(line.to_owned()));

        assert_eq!(said, ["one", "two", "end"]);
        assert_eq!(lines.last, "end");
    }

    #[test]
    fn a_long_line_is_cut_and_a_flood_is_counted() {
        let now = Instant::now();
        let (mut lines, mut said) = (Lines::new(now), Vec::new());

        lines.feed(&vec![b'x'; 100_000], now, &mut |line| said.push(line.to_owned()));
        lines.feed(b"\n", now, &mut |line| said.push(line.to_owned()));
        assert_eq!(said[0].len(), LINE_BYTES);
        for _ in 0..1000 {
            lines.feed(b"y\n", now, &mut |line| said.push(line.to_owned()));
        }
        lines.feed(b"z\n", now + SECOND, &mut |line| said.push(line.to_owned()));

        assert_eq!(said.len(), LINES_A_SECOND as usize + 2);
        assert_eq!(said[said.len() - 2..], ["951 lines more are left out", "z"]);
    }
}
