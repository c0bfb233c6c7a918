//! The codec table: which elements can encode and decode each codec. The first row that passes its trial is used.
//!
//! Runs once, at start, on a blocking thread. The trials also load the codecs' plugins, so that the first session need
//! not. Elements are chosen by name from here, never auto-plugged.

mod rows;
mod trial;

use std::{collections::HashMap, time::Duration};

use gst::prelude::*;

pub use rows::fragments;
pub use trial::package;

use crate::{
    media::{Error, graph::probes},
    signalling::CodecName,
};

/// How an encoder's bitrate is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bitrate {
    /// The property of this name, in bit/s.
    Bit(&'static str),
    /// The property of this name, in kbit/s.
    Kilobit(&'static str),
    /// The V4L2 control `video_bitrate`, in bit/s.
    V4l2Control,
}

/// How an encoder answers a key frame request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeyRequest {
    /// On the event `GstForceKeyUnit`.
    Event,
    /// On that event from 1.24.4 on. Before, the event yields an I frame that is not an IDR, where decoders do not
    /// start (commit 5e24324f, merge request 6857). Setting the bitrate there, even to its current value, restarts
    /// the group of pictures with an IDR: `PROP_BITRATE` sets `reconf`, on which `gst_va_base_enc_reset` calls
    /// `reset_state`.
    VaH264,
    /// On that event from 1.24.5 on. Before, `av1enc` ignores it (merge request 7008) and gets a key frame every
    /// second instead.
    Av1,
}

/// What a bitrate change does to a running encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BitrateChange {
    /// The next frame uses it.
    Smooth,
    /// The next frame is a key frame: VA resets its state (see [`KeyRequest::VaH264`]), NVENC before 1.26 sets
    /// `forceIDR` when it reconfigures. Congestion control changes the bitrate several times a second, so small
    /// changes are skipped.
    KeyFrame,
}

/// Changes of less than one eighth of the bitrate are not worth a key frame.
const WORTH_A_KEY_FRAME: i64 = 8;
/// First release whose `vah264enc` answers a request with an IDR.
const VA_H264_FIXED: (u32, u32, u32, u32) = (1, 24, 4, 0);

/// First release whose `av1enc` answers a request.
const AV1_FIXED: (u32, u32, u32, u32) = (1, 24, 5, 0);
/// One second, in frames: how long a viewer may wait for a key frame from an encoder that ignores requests.
const KEY_FRAME_DISTANCE: &str = "30";

/// The plugin family of an element, and with it its hardware.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Nvidia,
    Va,
    V4l2Stateless,
    V4l2,
    Qsv,
    Msdk,
    Amf,
    Software,
}

/// One way to encode a codec.
#[derive(Debug)]
pub struct Encoder {
    codec: CodecName,
    family: Family,
    /// Factory name of the encoder.
    pub element: &'static str,
    needs: &'static [&'static str],
    path: &'static str,
    /// Text of the fragment.
    pub fragment: &'static str,
    bitrate: Bitrate,
    bitrate_change: BitrateChange,
    key_request: KeyRequest,
}

/// One way to decode a codec.
#[derive(Debug)]
pub struct Decoder {
    codec: CodecName,
    family: Family,
    /// Factory name of the decoder.
    pub element: &'static str,
    needs: &'static [&'static str],
    path: &'static str,
    /// Text of the fragment.
    pub fragment: &'static str,
}

/// A fragment of the table.
#[derive(Clone, Debug)]
pub struct Fragment {
    /// Its file, below `pipelines/codecs`.
    pub path: &'static str,
    /// Its text.
    pub text: &'static str,
    /// The encoder or decoder and the other elements that it needs.
    pub elements: Vec<&'static str>,
}

impl Encoder {
    /// Works around a new encoder that does not answer key frame requests by itself.
    pub fn prepare(&self, encoder: &gst::Element) {
        match self.key_request {
            KeyRequest::VaH264 if gst::version() < VA_H264_FIXED => self.restart_on_request(encoder),
            KeyRequest::Av1 if gst::version() < AV1_FIXED => {
                encoder.set_property_from_str("keyframe-max-dist", KEY_FRAME_DISTANCE);
            }
            KeyRequest::Event | KeyRequest::VaH264 | KeyRequest::Av1 => {}
        }
    }

    /// Whether a request yields a key frame at once.
    fn answers_requests(&self) -> bool {
        self.key_request != KeyRequest::Av1 || gst::version() >= AV1_FIXED
    }

    fn restart_on_request(&self, encoder: &gst::Element) {
        let Some(pad) = encoder.static_pad("src") else { return };
        let (property, _) = self.at(0);
        probes::KEY_FRAME_BY_RESTART.upstream(&pad, move |pad, event| {
            if gst_video::UpstreamForceKeyUnitEvent::parse(event).is_ok()
                && let Some(encoder) = pad.parent_element()
            {
                let same = encoder.property_value(property);
                encoder.set_property_from_value(property, &same);
            }
            gst::PadProbeReturn::Ok
        });
    }

    /// Sets the encoder's bitrate, in bit/s, also while it runs.
    pub fn set_bitrate(&self, encoder: &gst::Element, bitrate_bps: u32) {
        let (property, value) = self.at(bitrate_bps);
        if self.bitrate_change == BitrateChange::KeyFrame {
            let current = encoder.property_value(property).transform::<i64>().ok();
            let current = current.and_then(|current| current.get::<i64>().ok()).unwrap_or_default();
            let value = value.parse::<i64>().unwrap_or(current);
            if (current - value).abs() < current / WORTH_A_KEY_FRAME {
                return;
            }
        }
        // From a string: the property is signed on one encoder and unsigned on the next.
        encoder.set_property_from_str(property, &value);
    }

    /// `line` with its bitrate replaced, in bit/s.
    pub fn at_bitrate(&self, line: &str, bitrate_bps: u32) -> String {
        let (property, value) = self.at(bitrate_bps);
        let property = format!("{property}=");
        let words = line.split(' ').map(|word| match word.strip_prefix(&property) {
            Some(_) => format!("{property}{value}"),
            None => word.to_owned(),
        });
        words.collect::<Vec<_>>().join(" ")
    }

    /// The bitrate property, and `bitrate_bps` in its unit.
    fn at(&self, bitrate_bps: u32) -> (&'static str, String) {
        match self.bitrate {
            Bitrate::Bit(property) => (property, bitrate_bps.to_string()),
            Bitrate::Kilobit(property) => (property, (bitrate_bps / 1000).max(1).to_string()),
            Bitrate::V4l2Control => ("extra-controls", format!("controls,video_bitrate={bitrate_bps}")),
        }
    }
}

/// The result of a row's trial.
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
    /// Whether sessions use it first.
    pub chosen: bool,
    /// Whether its trial passed: the first such row is chosen, the others stand by.
    pub works: bool,
    /// Why, or why not.
    pub reason: String,
    /// How long the trial took; `None` if it was not tried.
    pub milliseconds: Option<u64>,
}

/// The outcome of a row: how long its trial took, and why it was rejected.
struct Outcome {
    took: Option<Duration>,
    refusal: Option<String>,
}

impl Outcome {
    fn untried(refusal: String) -> Self {
        Self { took: None, refusal: Some(refusal) }
    }
}

/// The rows that sessions use.
#[derive(Debug, Default)]
pub struct Table {
    encoders: HashMap<CodecName, Vec<&'static Encoder>>,
    decoders: HashMap<CodecName, Vec<&'static Decoder>>,
    trials: Vec<Trial>,
}

impl Table {
    /// Tries the rows of `codecs`; `forced` names the only encoder allowed for a codec.
    ///
    /// # Errors
    /// [`Error::NoCodec`] with every reason, if no codec works both ways.
    pub fn probe(codecs: &[CodecName], forced: &HashMap<CodecName, String>) -> Result<Self, Error> {
        let table = Self::tried(codecs, forced);
        if codecs.iter().any(|&codec| table.works(codec)) {
            return Ok(table);
        }
        let refusals = table.trials.iter().map(|trial| format!("{}: {}", trial.element, trial.reason));
        Err(Error::NoCodec(refusals.collect::<Vec<_>>().join("; ")))
    }

    /// Like [`Table::probe`], even if no codec works.
    pub fn tried(codecs: &[CodecName], forced: &HashMap<CodecName, String>) -> Self {
        let mut table = Self::default();
        for &codec in codecs {
            table.probe_encoders(codec, forced.get(&codec).map(String::as_str));
            table.probe_decoders(codec);
        }
        table
    }

    /// The first encoder and decoder of a codec that works both ways.
    pub fn rows(&self, codec: CodecName) -> Option<(&'static Encoder, &'static Decoder)> {
        Some((*self.encoders(codec).first()?, *self.decoders(codec).first()?))
    }

    /// The encoders that work, best first: a session falls back to the next one if its encoder fails.
    pub fn encoders(&self, codec: CodecName) -> &[&'static Encoder] {
        self.encoders.get(&codec).map_or(&[], Vec::as_slice)
    }

    /// The decoders that work, best first.
    pub fn decoders(&self, codec: CodecName) -> &[&'static Decoder] {
        self.decoders.get(&codec).map_or(&[], Vec::as_slice)
    }

    /// A codec's relative cost here: hardware first, then by the CPU time that the same quality takes in
    /// software (`tests/bench/run --presets`).
    pub fn cost(&self, codec: CodecName) -> (bool, u8) {
        let software = self.encoders(codec).first().is_none_or(|row| row.family == Family::Software);
        let rank = match codec {
            CodecName::H264 => 0,
            CodecName::Vp8 => 1,
            CodecName::Vp9 => 2,
            CodecName::Av1 | CodecName::Opus => 3,
        };
        (software, rank)
    }

    /// Whether a codec works both ways.
    pub fn works(&self, codec: CodecName) -> bool {
        self.rows(codec).is_some()
    }

    /// Elements of the hardware rows. They exist only if their plugin finds a device.
    pub fn hardware_elements() -> Vec<&'static str> {
        let encoders = rows::ENCODERS.iter().map(|row| (row.family, row.element));
        let decoders = rows::DECODERS.iter().map(|row| (row.family, row.element));
        let hardware = encoders.chain(decoders).filter(|(family, _)| *family != Family::Software);
        hardware.map(|(_, element)| element).collect()
    }

    /// Every row that was considered, with why it works or fails.
    pub fn trials(&self) -> &[Trial] {
        &self.trials
    }

    fn probe_encoders(&mut self, codec: CodecName, forced: Option<&str>) {
        let mut working: Vec<&'static Encoder> = Vec::new();
        for row in rows::ENCODERS.iter().filter(|row| row.codec == codec) {
            let outcome = match forced {
                Some(other) if other != row.element => {
                    Outcome::untried(format!("the configuration forces {other}"))
                }
                _ => trial::encode(row),
            };
            let best = working.first().map(|best| best.element);
            self.note(codec, "encode", (row.element, row.family), best, &outcome);
            if outcome.refusal.is_none() {
                working.push(row);
            }
        }
        self.encoders.insert(codec, working);
    }

    fn probe_decoders(&mut self, codec: CodecName) {
        // A software encoder makes the stream if possible, so that a failure is the decoder's own.
        let encoders = self.encoders(codec);
        let source = encoders.iter().find(|row| row.family == Family::Software).or(encoders.first()).copied();
        let mut working: Vec<&'static Decoder> = Vec::new();
        for row in rows::DECODERS.iter().filter(|row| row.codec == codec) {
            let outcome = match source {
                Some(source) => trial::decode(source, row),
                None => Outcome::untried("no encoder for this codec works here".to_owned()),
            };
            let best = working.first().map(|best| best.element);
            self.note(codec, "decode", (row.element, row.family), best, &outcome);
            if outcome.refusal.is_none() {
                working.push(row);
            }
        }
        self.decoders.insert(codec, working);
    }

    fn note(
        &mut self,
        codec: CodecName,
        direction: &'static str,
        (element, family): (&'static str, Family),
        best: Option<&str>,
        outcome: &Outcome,
    ) {
        let works = outcome.refusal.is_none();
        let chosen = works && best.is_none();
        let reason = match (&outcome.refusal, best) {
            (Some(refusal), _) => refusal.clone(),
            (None, Some(best)) => format!("works; {best} comes first"),
            (None, None) => "first that works".into(),
        };
        let milliseconds = outcome.took.and_then(|took| u64::try_from(took.as_millis()).ok());
        tracing::debug!(%codec, direction, element, chosen, reason, milliseconds, "codec row tried");
        let hardware = family != Family::Software;
        self.trials.push(Trial { codec, direction, element, hardware, chosen, works, reason, milliseconds });
    }
}
