//! GStreamer: everything between the peer's packets and a [`Frame`](crate::frame::Frame).
//!
//! Owns: the codec table, one graph a session behind [`Peer`]. This module alone imports `gstreamer*`.
//! [`Engine::open`], [`Peer::stats`] and [`Peer::close`] block: never call them on a tokio worker.

mod bins;
mod codec;
mod error;
mod files;
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
pub use recording::{Progress, Recording};
pub use send::Sender;
pub use settings::{CodecPolicy, Settings};
pub use webrtc::{CandidatePair, Inbox, Mail, Open, Opened, Peer, Stats};

use self::{gst::init, send::EncodeLimit};
use crate::memory;

/// STUN and TURN servers in webrtcbin's own URL form.
#[derive(Clone, Debug, Default)]
pub struct IceServers {
    /// `stun://host:port`
    pub stun: Option<String>,
    /// `turn://user:password@host:port?transport=udp`
    pub turn: Vec<String>,
}

/// What a graph tells its session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// ICE and DTLS stand.
    Connected,
    /// The peer's certificate is the offered one.
    Identified,
    /// The peer's certificate is not the offered one.
    FingerprintMismatch,
    /// ICE found no way, or lost it for good.
    IceFailed,
    /// The peer closed DTLS.
    Closed,
    /// The data channel `parameters` is open.
    ChannelOpen,
    /// The data channel was closed by the peer.
    ChannelClosed,
    /// There is mail in the [`Inbox`].
    Mail,
    /// The encoder gave up; [`Peer::replace_encoder`] puts another in its place.
    EncoderFault {
        /// The bin that it is in.
        bin: String,
        /// What it said.
        detail: String,
    },
    /// The decoder gave up; [`Peer::mend_decoder`] puts another in its place.
    DecoderFault {
        /// The bin that it is in.
        bin: String,
        /// What it said.
        detail: String,
    },
    /// An element gave up.
    Fault {
        /// Its path in the graph.
        element: String,
        /// What it said.
        detail: String,
    },
}

/// GStreamer, started and tried out.
#[derive(Clone)]
pub struct Engine {
    table: Arc<codec::Table>,
    settings: Arc<Settings>,
    encode_limit: Arc<EncodeLimit>,
}

impl Engine {
    /// Starts GStreamer, checks its elements and tries the codecs. Blocks for about a second.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::NoCodec`]: the server cannot do its job on this host.
    pub fn start(settings: Settings) -> Result<Self, Error> {
        init::check()?;
        let table = codec::Table::probe(&settings.codecs, &settings.forced_encoders)?;
        init::warm_up();
        memory::trim(); // the trials leave some 20 MB
        let encode_limit = Arc::new(EncodeLimit::of_host());
        Ok(Self { table: Arc::new(table), settings: Arc::new(settings), encode_limit })
    }

    /// Every codec row that was tried, with the reason for its fate.
    pub fn trials(&self) -> &[Trial] {
        self.table.trials()
    }

    /// Builds a session's graph and answers its offer, where there is one. Blocks, for at most some seconds.
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
