//! The codec table: which elements may do which codec, tried at start; the first row that works is used.
//!
//! Runs once, at start, on a blocking thread. Elements are chosen by name from here, never auto-plugged.

use std::{collections::HashMap, time::Duration};

use gst::prelude::*;

use super::{Error, launch};
use crate::signalling::CodecName;

/// A trial of a few small frames takes 50 ms; a hardware codec that opens its device first takes a second.
const TRIAL_LIMIT: Duration = Duration::from_secs(5);
const TRIAL_SOURCE: &str =
    "videotestsrc num-buffers=10 ! video/x-raw,format=I420,width=320,height=240,framerate=30/1";

/// Bits a second as an encoder's property takes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Bit,
    Kilobit,
}

/// One way to encode a codec.
#[derive(Debug)]
pub struct Encoder {
    codec: CodecName,
    /// Factory name of the encoder.
    pub element: &'static str,
    needs: &'static [&'static str],
    /// Text of the fragment.
    pub fragment: &'static str,
    bitrate: (&'static str, Unit),
}

/// One way to decode a codec.
#[derive(Debug)]
pub struct Decoder {
    codec: CodecName,
    /// Factory name of the decoder.
    pub element: &'static str,
    needs: &'static [&'static str],
    /// Text of the fragment.
    pub fragment: &'static str,
}

const ENCODERS: &[Encoder] = &[
    Encoder {
        codec: CodecName::Vp8,
        element: "vp8enc",
        needs: &["rtpvp8pay"],
        fragment: include_str!("../../pipelines/codecs/encode/vp8.launch"),
        bitrate: ("target-bitrate", Unit::Bit),
    },
    Encoder {
        codec: CodecName::Vp9,
        element: "vp9enc",
        needs: &["rtpvp9pay"],
        fragment: include_str!("../../pipelines/codecs/encode/vp9.launch"),
        bitrate: ("target-bitrate", Unit::Bit),
    },
    Encoder {
        codec: CodecName::H264,
        element: "x264enc",
        needs: &["rtph264pay"],
        fragment: include_str!("../../pipelines/codecs/encode/h264.x264.launch"),
        bitrate: ("bitrate", Unit::Kilobit),
    },
    Encoder {
        codec: CodecName::H264,
        element: "openh264enc",
        needs: &["rtph264pay"],
        fragment: include_str!("../../pipelines/codecs/encode/h264.openh264.launch"),
        bitrate: ("bitrate", Unit::Bit),
    },
    Encoder {
        codec: CodecName::Av1,
        element: "av1enc",
        needs: &["av1parse", "rtpav1pay"],
        fragment: include_str!("../../pipelines/codecs/encode/av1.launch"),
        bitrate: ("target-bitrate", Unit::Kilobit),
    },
];

const DECODERS: &[Decoder] = &[
    Decoder {
        codec: CodecName::Vp8,
        element: "vp8dec",
        needs: &["rtpvp8depay"],
        fragment: include_str!("../../pipelines/codecs/decode/vp8.launch"),
    },
    Decoder {
        codec: CodecName::Vp9,
        element: "vp9dec",
        needs: &["rtpvp9depay"],
        fragment: include_str!("../../pipelines/codecs/decode/vp9.launch"),
    },
    Decoder {
        codec: CodecName::H264,
        element: "avdec_h264",
        needs: &["rtph264depay", "h264parse"],
        fragment: include_str!("../../pipelines/codecs/decode/h264.launch"),
    },
    Decoder {
        codec: CodecName::Av1,
        element: "av1dec",
        needs: &["rtpav1depay", "av1parse"],
        fragment: include_str!("../../pipelines/codecs/decode/av1.launch"),
    },
];

impl Encoder {
    /// Sets the encoder's bitrate, in bit/s; works while it plays.
    pub fn set_bitrate(&self, encoder: &gst::Element, bitrate_bps: u32) {
        // From a string: the property is signed on one encoder and unsigned on the next.
        encoder.set_property_from_str(self.bitrate.0, &self.bitrate_value(bitrate_bps).to_string());
    }

    /// The fragment's line with another bitrate, in bit/s.
    pub fn at_bitrate(&self, line: &str, bitrate_bps: u32) -> String {
        let property = format!("{}=", self.bitrate.0);
        let words = line.split(' ').map(|word| match word.strip_prefix(&property) {
            Some(_) => format!("{property}{}", self.bitrate_value(bitrate_bps)),
            None => word.to_owned(),
        });
        words.collect::<Vec<_>>().join(" ")
    }

    fn bitrate_value(&self, bitrate_bps: u32) -> u32 {
        match self.bitrate.1 {
            Unit::Bit => bitrate_bps,
            Unit::Kilobit => (bitrate_bps / 1000).max(1),
        }
    }
}

/// What a trial said of a row.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The codec.
    pub codec: CodecName,
    /// `encode` or `decode`.
    pub direction: &'static str,
    /// Factory name.
    pub element: &'static str,
    /// Whether it runs on dedicated hardware.
    pub hardware: bool,
    /// Whether sessions use it.
    pub chosen: bool,
    /// Why, or why not.
    pub reason: String,
}

/// The rows that sessions use.
#[derive(Debug, Default)]
pub struct Table {
    encoders: HashMap<CodecName, &'static Encoder>,
    decoders: HashMap<CodecName, &'static Decoder>,
    trials: Vec<Trial>,
}

impl Table {
    /// Tries the rows of `codecs`; `forced` names the one encoder that may be used for a codec.
    ///
    /// # Errors
    /// [`Error::NoCodec`] where not one codec works both ways, with every refusal.
    pub fn probe(codecs: &[CodecName], forced: &HashMap<CodecName, String>) -> Result<Self, Error> {
        let table = Self::tried(codecs, forced);
        if codecs.iter().any(|&codec| table.works(codec)) {
            return Ok(table);
        }
        let refusals = table.trials.iter().map(|trial| format!("{}: {}", trial.element, trial.reason));
        Err(Error::NoCodec(refusals.collect::<Vec<_>>().join("; ")))
    }

    /// The same, whatever comes out.
    pub fn tried(codecs: &[CodecName], forced: &HashMap<CodecName, String>) -> Self {
        let mut table = Self::default();
        for &codec in codecs {
            table.probe_codec(codec, forced.get(&codec).map(String::as_str));
        }
        table
    }

    /// The rows for a codec that works both ways.
    pub fn rows(&self, codec: CodecName) -> Option<(&'static Encoder, &'static Decoder)> {
        Some((*self.encoders.get(&codec)?, *self.decoders.get(&codec)?))
    }

    /// Whether a codec works both ways.
    pub fn works(&self, codec: CodecName) -> bool {
        self.rows(codec).is_some()
    }

    /// Every row that was looked at, with the reason for its fate.
    pub fn trials(&self) -> &[Trial] {
        &self.trials
    }

    fn probe_codec(&mut self, codec: CodecName, forced: Option<&str>) {
        for row in ENCODERS.iter().filter(|row| row.codec == codec) {
            let outcome = match (self.encoders.get(&codec), forced) {
                (Some(better), _) => Err(format!("{} comes first", better.element)),
                (None, Some(other)) if other != row.element => {
                    Err(format!("the configuration asks for {other}"))
                }
                (None, _) => missing(row.element, row.needs)
                    .and_then(|()| trial(&format!("{TRIAL_SOURCE} ! {}", launch::strip(row.fragment)))),
            };
            if outcome.is_ok() {
                self.encoders.insert(codec, row);
            }
            self.note(codec, "encode", row.element, outcome);
        }
        for row in DECODERS.iter().filter(|row| row.codec == codec) {
            let outcome = match (self.decoders.get(&codec), self.encoders.get(&codec)) {
                (Some(better), _) => Err(format!("{} comes first", better.element)),
                (None, None) => Err("nothing encodes this codec here".to_owned()),
                (None, Some(encoder)) => missing(row.element, row.needs).and_then(|()| {
                    let encode = launch::strip(encoder.fragment);
                    trial(&format!("{TRIAL_SOURCE} ! {encode} ! {}", launch::strip(row.fragment)))
                }),
            };
            if outcome.is_ok() {
                self.decoders.insert(codec, row);
            }
            self.note(codec, "decode", row.element, outcome);
        }
    }

    fn note(
        &mut self,
        codec: CodecName,
        direction: &'static str,
        element: &'static str,
        outcome: Result<(), String>,
    ) {
        let chosen = outcome.is_ok();
        let reason = outcome.err().unwrap_or_else(|| "first that works".into());
        tracing::debug!(%codec, direction, element, chosen, reason, "codec row tried");
        let hardware = gst::ElementFactory::find(element)
            .is_some_and(|factory| factory.metadata("klass").is_some_and(|class| class.contains("Hardware")));
        self.trials.push(Trial { codec, direction, element, hardware, chosen, reason });
    }
}

fn missing(element: &str, needs: &[&str]) -> Result<(), String> {
    let absent =
        std::iter::once(&element).chain(needs).find(|name| gst::ElementFactory::find(name).is_none());
    absent.map_or(Ok(()), |name| Err(format!("element {name} is not installed")))
}

/// Runs a description to its end.
fn trial(description: &str) -> Result<(), String> {
    let graph =
        gst::parse::launch(&format!("{description} ! fakesink")).map_err(|error| error.to_string())?;
    let bus = graph.bus().ok_or("a pipeline without a bus")?;
    let outcome = if let Err(error) = graph.set_state(gst::State::Playing) {
        Err(error.to_string())
    } else {
        let limit = gst::ClockTime::try_from(TRIAL_LIMIT).ok();
        match bus.timed_pop_filtered(limit, &[gst::MessageType::Eos, gst::MessageType::Error]) {
            None => Err(format!("10 frames took over {TRIAL_LIMIT:?}")),
            Some(message) => match message.view() {
                gst::MessageView::Error(error) => Err(error.error().to_string()),
                _ => Ok(()),
            },
        }
    };
    graph.set_state(gst::State::Null).ok(); // a trial graph: whatever it answers, it is dropped here
    outcome
}
