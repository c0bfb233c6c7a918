//! Log lines: their destination, their filter, and the newest of them for `GET /api/v1/logs/tail`.
//!
//! Every thread that logs writes to the ring; its lock is held for one push.

use std::{
    collections::VecDeque,
    io::{IsTerminal, Write},
    sync::{Arc, Mutex, PoisonError},
};

use tracing_subscriber::{EnvFilter, Layer, fmt::MakeWriter, layer::SubscriberExt, util::SubscriberInitExt};

/// The API returns at most 1,000; twice that bridges a poll.
const LINES: usize = 2000;
/// Longer lines are cut: a dump must not push everything else out.
const LINE_BYTES: usize = 4096;

/// GStreamer errors of a healthy session: category, text, and why they are harmless.
const HARMLESS: [(&str, &str, &str); 2] = [
    (
        "sctpassociation",
        "Event: SCTP_SEND_FAILED_EVENT (12)",
        "a peer that closes its data channel leaves what was on its way unacknowledged",
    ),
    (
        "sctpassociation",
        "Association not connected yet",
        "webrtcbin resets the streams of an association that the peer has ended",
    ),
];

/// What is logged and how.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// For people or for programs.
    pub format: Format,
    /// Also log lines from libraries, and debug lines of the server.
    pub verbose: bool,
}

/// Form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Whether a GStreamer error is one of a healthy session.
pub fn is_harmless(category: &str, text: &str) -> bool {
    HARMLESS.iter().any(|(known, line, _)| *known == category && *line == text)
}

/// Starts logging to standard error; returns the newest lines. A second call in a process only creates a new ring.
pub fn init(settings: Settings) -> LogTail {
    let tail = LogTail::default();
    let (ours, libraries) = if settings.verbose { ("debug", "info") } else { ("info", "warn") };
    let default = format!("{libraries},scope={ours},audit=info");
    let asked = std::env::var(EnvFilter::DEFAULT_ENV).ok().filter(|asked| !asked.trim().is_empty());
    let asked = asked.map(|asked| EnvFilter::try_new(&asked).map_err(|error| format!("{asked:?}: {error}")));
    let (asked, fault) = match asked {
        Some(Ok(asked)) => (Some(asked), None),
        Some(Err(fault)) => (None, Some(fault)),
        None => (None, None),
    };
    let filter = asked.unwrap_or_else(|| EnvFilter::new(default));
    let writer = Tee { tail: tail.clone() };
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let layer = match settings.format {
        Format::Json => {
            lines.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed()
        }
        Format::Text => {
            let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            lines.with_ansi(colour).boxed()
        }
    };
    tracing_subscriber::registry().with(layer.with_filter(filter)).try_init().ok(); // a test's second server
    if let Some(fault) = fault {
        tracing::warn!(fault, "invalid RUST_LOG ignored");
    }
    tail
}

/// The newest log lines.
#[derive(Clone, Default)]
pub struct LogTail(Arc<Mutex<Ring>>);

#[derive(Default)]
struct Ring {
    lines: VecDeque<String>,
    /// Lines ever written.
    written: u64,
}

impl LogTail {
    /// At most `lines` of the newest lines after offset `since`; and the offset for the next call.
    pub fn tail(&self, lines: usize, since: Option<u64>) -> (Vec<String>, u64) {
        let ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = since.map_or(ring.lines.len(), |since| {
            usize::try_from(ring.written.saturating_sub(since)).unwrap_or(usize::MAX)
        });
        let count = lines.min(fresh).min(ring.lines.len());
        (ring.lines.iter().skip(ring.lines.len() - count).cloned().collect(), ring.written)
    }

    fn push(&self, text: &str) {
        let mut ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for line in text.lines().map(plain) {
            if ring.lines.len() >= LINES {
                ring.lines.pop_front();
            }
            let end = line.floor_char_boundary(LINE_BYTES);
            ring.lines.push_back(line[..end].to_owned());
            ring.written += 1;
        }
    }
}

/// A line without terminal colours.
fn plain(line: &str) -> String {
    let mut parts = line.split('\x1b');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').map_or(part, |(_, rest)| rest))
}

/// Standard error and the ring.
struct Tee {
    tail: LogTail,
}

impl<'a> MakeWriter<'a> for Tee {
    type Writer = TeeWriter;

    fn make_writer(&'a self) -> TeeWriter {
        TeeWriter { tail: self.tail.clone() }
    }
}

/// Writes one event.
struct TeeWriter {
    tail: LogTail,
}

impl Write for TeeWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.tail.push(&String::from_utf8_lossy(bytes));
        std::io::stderr().lock().write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_goes_on_from_an_offset() {
        let tail = LogTail::default();
        tail.push("a\nb\n");
        let (_, offset) = tail.tail(10, None);

        tail.push("c\n");

        assert_eq!(tail.tail(10, Some(offset)), (vec!["c".to_owned()], 3));
        assert_eq!(tail.tail(2, None).0, ["b", "c"]);
        assert_eq!(tail.tail(10, Some(99)).0, Vec::<String>::new());
    }

    #[test]
    fn the_ring_is_bounded_in_lines_and_in_their_length() {
        let tail = LogTail::default();

        (0..LINES + 5).for_each(|number| tail.push(&format!("{number}\n")));
        tail.push(&"ä".repeat(LINE_BYTES));

        let (lines, written) = tail.tail(usize::MAX, None);
        assert_eq!((lines.len(), written), (LINES, LINES as u64 + 6));
        assert!(lines.last().unwrap().len() <= LINE_BYTES);
    }

    #[test]
    fn only_the_known_lines_are_harmless() {
        for (category, text, _) in HARMLESS {
            assert!(is_harmless(category, text));
            assert!(!is_harmless(category, &format!("{text}, and more")));
            assert!(!is_harmless("another", text));
        }
    }

    #[test]
    fn colours_stay_out_of_the_tail() {
        assert_eq!(plain("\x1b[2mtime\x1b[0m \x1b[32mINFO\x1b[0m x"), "time INFO x");
    }
}
