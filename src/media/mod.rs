//! GStreamer: everything between the peer's packets and a [`Frame`](crate::frame::Frame).
//!
//! Owns the codec table and one graph per session, behind [`Peer`]. Only this module imports `gstreamer*`.
//! [`Engine::open`], [`Peer::stats`] and [`Peer::close`] block: never call them on a tokio worker.

mod bins;
mod codec;
mod error;
mod files;
mod frame_size;
mod graph;
mod gst;
mod inventory;
mod outputs;
mod receive;
mod recording;
mod send;
mod settings;
mod webrtc;

use std::sync::Arc;

pub use bins::Bins;
pub use codec::{Fragment, Trial, fragments, package};
pub use error::Error;
pub use files::{Keep, Over, Playback, Reader, Writer};
pub use graph::{Counters, failures::Replaced};
pub use inventory::{Inventory, inventory, try_codecs};
pub use outputs::{Give, TsStream};
pub use receive::{Receiver, Remedy};
pub use recording::{Progress, Recording, count_refusal as count_recording_refusal};
pub use send::Sender;
pub use settings::{CodecPolicy, Settings};
pub use webrtc::{CandidatePair, Inbox, Mail, Open, Opened, Peer, Stats};

use self::{gst::init, send::EncodeLimit};
use crate::{frame::MaxFrame, memory};

/// STUN and TURN servers in webrtcbin's own URL form.
#[derive(Clone, Debug, Default)]
pub struct IceServers {
    /// `stun://host:port`
    pub stun: Option<String>,
    /// `turn://user:password@host:port?transport=udp`
    pub turn: Vec<String>,
}

/// What a graph reports to its session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// ICE and DTLS are connected.
    Connected,
    /// The peer's certificate matches the fingerprint in its offer.
    Identified,
    /// The peer's certificate does not match the fingerprint in its offer.
    FingerprintMismatch,
    /// ICE found no candidate pair that works, or lost it for good.
    IceFailed,
    /// The peer closed DTLS.
    Closed,
    /// The data channel `parameters` is open.
    ChannelOpen,
    /// The peer closed the data channel.
    ChannelClosed,
    /// Messages are waiting in the [`Inbox`].
    Mail,
    /// The peer opens more data channels than it may.
    TooManyChannels,
    /// The encoder failed; [`Peer::replace_encoder`] replaces it.
    EncoderFault {
        /// Name of its bin.
        bin: String,
        /// The error that it posted.
        detail: String,
    },
    /// The decoder failed; [`Peer::mend_decoder`] replaces it.
    DecoderFault {
        /// Name of its bin.
        bin: String,
        /// The error that it posted.
        detail: String,
    },
    /// The peer sends frames of this size, which are too large to be decoded.
    FrameTooLarge {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// Another element failed.
    Fault {
        /// Its path in the graph.
        element: String,
        /// The error that it posted.
        detail: String,
    },
}

/// Receives a graph's events; must not block.
pub type Tell = Arc<dyn Fn(Event) + Send + Sync>;

/// GStreamer, started, with the codecs that passed their trials.
#[derive(Clone)]
pub struct Engine {
    table: Arc<codec::Table>,
    settings: Arc<Settings>,
    encode_limit: Arc<EncodeLimit>,
}

impl Engine {
    /// Starts GStreamer, checks that its elements are installed and tries the codecs. Blocks for about a second.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::NoCodec`]: the server cannot do its job on this host.
    pub fn start(settings: Settings) -> Result<Self, Error> {
        init::check()?;
        let table = codec::Table::probe(&settings.codecs, &settings.forced_encoders)?;
        init::warm_up();
        memory::trim(); // the trials leave about 20 MB behind
        let encode_limit = Arc::new(EncodeLimit::of_host());
        Ok(Self { table: Arc::new(table), settings: Arc::new(settings), encode_limit })
    }

    /// Every codec row that was tried, with why it works or fails.
    pub fn trials(&self) -> &[Trial] {
        self.table.trials()
    }

    /// The largest frame that a session decodes, plays or sends.
    pub fn max_frame(&self) -> MaxFrame {
        self.settings.max_frame
    }

    /// Builds a session's graph and answers its offer, if it has one. Blocks for a few seconds at most.
    ///
    /// # Errors
    /// Why the offer cannot be answered.
    #[expect(clippy::needless_pass_by_value, reason = "a description that is used once")]
    pub fn open(&self, open: Open<'_>) -> Result<Opened, Error> {
        match open.offer {
            Some(offer) => webrtc::open(self, &open, offer),
            None => webrtc::open_headless(self, &open),
        }
    }
}
