//! The messages of `pipelines/python/PROTOCOL.md`: one JSON object a packet. Pure.

use serde::{Deserialize, Serialize};

use super::super::Values;
use crate::frame::Layout;

/// Version of the protocol.
pub const VERSION: u64 = 1;
/// Longest packet.
pub const MESSAGE_BYTES: usize = 131_072;
/// Most frames in one call.
pub const BATCH_LIMIT: u64 = 64;
/// Limit of a worker's texts in characters.
const TEXT_CHARS: usize = 200;
/// A worker's numbers are JSON's: exact below 2^53.
const NUMBER_LIMIT: u64 = 1 << 53;

/// A message of the worker.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum FromWorker {
    Hello(Hello),
    Loading {
        text: String,
    },
    Ready {
        #[serde(default)]
        device: String,
    },
    Done(Done),
    Pong {
        id: u64,
    },
    Log {
        level: Level,
        text: String,
    },
    Fatal {
        message: String,
    },
}

#[derive(Debug, Deserialize, PartialEq)]
pub struct Hello {
    pub protocol: u64,
    pub name: String,
    #[serde(default)]
    pub version: String,
    #[serde(default)]
    pub package: String,
    pub layouts: Vec<Layout>,
    #[serde(default)]
    pub parameters: Option<Values>,
    pub max_batch: u64,
}

#[derive(Debug, Deserialize, PartialEq)]
pub struct Done {
    pub session: u64,
    pub seq: u64,
    pub slot: u64,
    pub status: Status,
    pub version: u64,
    pub compute_us: u64,
    pub batch: u64,
    #[serde(default)]
    pub message: String,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Frame,
    Passthrough,
    Skip,
    Error,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

/// A message of the server.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum ToWorker<'a> {
    Load {
        protocol: u64,
        pipeline: &'a str,
        parameters: &'a Values,
        max_batch: u64,
        batch_wait_us: u64,
    },
    Session {
        session: u64,
        layout: Layout,
        width: u32,
        height: u32,
        slots: usize,
        slot_bytes: usize,
        planes: &'a [Plane],
    },
    Parameters {
        session: u64,
        version: u64,
        values: &'a Values,
    },
    Frame {
        session: u64,
        seq: u64,
        pts_ns: u64,
        input: Option<u32>,
        output: u32,
        version: u64,
    },
    Reset {
        session: u64,
    },
    Close {
        session: u64,
    },
    Ping {
        id: u64,
    },
    Stop,
}

/// The place of a plane in a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Plane {
    pub offset: usize,
    pub stride: usize,
    pub width: usize,
    pub height: usize,
    pub channels: usize,
}

impl FromWorker {
    /// Reads one packet.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence.
    pub fn parse(packet: &[u8]) -> Result<Self, String> {
        if packet.len() > MESSAGE_BYTES {
            return Err(format!("expected packets of at most {MESSAGE_BYTES} bytes, got {}", packet.len()));
        }
        let mut message: Self = serde_json::from_slice(packet).map_err(|error| {
            let start: String = String::from_utf8_lossy(packet).chars().take(40).collect();
            format!("expected a message of the protocol, got {start:?} ({error})")
        })?;
        message.check()?;
        Ok(message)
    }

    fn check(&mut self) -> Result<(), String> {
        match self {
            Self::Hello(hello) => {
                if hello.protocol != VERSION {
                    let got = hello.protocol;
                    return Err(format!(
                        "expected protocol {VERSION}, got {got}; install the server's own package"
                    ));
                }
                if !(1..=BATCH_LIMIT).contains(&hello.max_batch) {
                    return Err(format!("max_batch: expected 1 to {BATCH_LIMIT}, got {}", hello.max_batch));
                }
                for text in [&mut hello.name, &mut hello.version, &mut hello.package] {
                    cut(text);
                }
            }
            Self::Done(done) => {
                for (name, value) in
                    [("seq", done.seq), ("version", done.version), ("compute_us", done.compute_us)]
                {
                    if value >= NUMBER_LIMIT {
                        return Err(format!("{name}: expected less than 2^53, got {value}"));
                    }
                }
                if !(1..=BATCH_LIMIT).contains(&done.batch) {
                    return Err(format!("batch: expected 1 to {BATCH_LIMIT}, got {}", done.batch));
                }
                cut(&mut done.message);
            }
            Self::Loading { text } | Self::Ready { device: text } | Self::Fatal { message: text } => {
                cut(text);
            }
            Self::Pong { .. } | Self::Log { .. } => {}
        }
        Ok(())
    }
}

impl ToWorker<'_> {
    /// The packet.
    ///
    /// # Errors
    /// It would be longer than a packet may be.
    pub fn packet(&self) -> Result<Vec<u8>, String> {
        let packet = serde_json::to_vec(self).map_err(|error| error.to_string())?;
        if packet.len() > MESSAGE_BYTES {
            return Err(format!(
                "expected at most {MESSAGE_BYTES} bytes of parameters, got {}; send shorter texts",
                packet.len()
            ));
        }
        Ok(packet)
    }
}

/// One line of at most [`TEXT_CHARS`].
fn cut(text: &mut String) {
    if text.chars().count() > TEXT_CHARS || text.contains(char::is_control) {
        let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
        *text = text.chars().take(TEXT_CHARS).map(plain).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DONE: &str = r#"{"type":"done","session":7,"seq":120,"slot":3,"status":"frame","version":4,"compute_us":8200,"batch":2}"#;
    const HELLO: &str =
        r#"{"type":"hello","protocol":1,"name":"A","layouts":["RGB"],"max_batch":8,"later":true}"#;

    #[test]
    fn messages_of_the_page_are_read() {
        let Ok(FromWorker::Done(done)) = FromWorker::parse(DONE.as_bytes()) else {
            panic!("expected a done")
        };
        assert_eq!((done.session, done.seq, done.slot, done.status), (7, 120, 3, Status::Frame));
        assert!(matches!(FromWorker::parse(HELLO.as_bytes()), Ok(FromWorker::Hello(_))));
        assert!(matches!(FromWorker::parse(br#"{"type":"ready"}"#), Ok(FromWorker::Ready { .. })));
    }

    #[test]
    fn what_is_no_message_is_refused_with_a_sentence() {
        for (packet, word) in [
            ("rubbish".to_owned(), "rubbish"),
            ("{}".to_owned(), "type"),
            (r#"{"type":"dance"}"#.to_owned(), "dance"),
            (DONE.replace("120", "-1"), "-1"),
            (DONE.replace("120", "9007199254740992"), "seq"),
            (DONE.replace("\"batch\":2", "\"batch\":0"), "batch"),
            (HELLO.replace("\"protocol\":1", "\"protocol\":2"), "expected protocol 1, got 2"),
            (HELLO.replace('8', "65"), "max_batch"),
            ("x".repeat(MESSAGE_BYTES + 1), "bytes"),
        ] {
            let fault = FromWorker::parse(packet.as_bytes()).unwrap_err();

            assert!(fault.contains(word) && fault.len() < 400, "{fault}");
        }
    }

    #[test]
    fn a_workers_words_are_one_short_line() {
        let text = "x\\n".repeat(300);

        let said = FromWorker::parse(format!(r#"{{"type":"fatal","message":"{text}"}}"#).as_bytes()).unwrap();

        let FromWorker::Fatal { message } = said else { panic!("{said:?}") };
        assert!(message.chars().count() == TEXT_CHARS && !message.contains('\n'), "{message}");
    }

    #[test]
    fn parameters_that_fit_no_packet_are_refused() {
        let mut values = Values::new();
        values.insert("prompt".into(), "x".repeat(MESSAGE_BYTES).into());

        let fault = ToWorker::Parameters { session: 1, version: 1, values: &values }.packet().unwrap_err();

        assert!(fault.contains("shorter"), "{fault}");
    }
}
