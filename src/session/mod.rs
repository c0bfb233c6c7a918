//! One viewer's life, from the offer to the end.
//!
//! Owns: the [`Registry`] of live sessions and how they come about, the task that runs one (`run`) out of its `parts`, the
//! rules of its life (`state`), what its client and it say to each other (`control`).
//! Runs on tokio; whatever blocks is sent to a blocking thread. Must never touch HTTP.

mod control;
mod ending;
mod files;
mod history;
mod parts;
mod registry;
mod run;
mod snapshot;
mod state;
mod view;
mod watchdog;

use std::{fmt, sync::Arc};

pub use control::{
    Figures, Message, Recorded, RecordedStatus, RecordingInfo, RecordingState, Request, Source, SourceType,
    UpdateBody,
};
pub use ending::EndReason;
pub use files::{Found, Sources};
pub use history::{Description, DescriptionKind};
pub use parts::Applied;
pub use registry::{Created, Load, Options, Registry, Settings};
use serde::Serialize;
pub use snapshot::{CodecInfo, Drops, Path, Snapshot, StepTimes};
pub use state::{Limits, Phase};

use crate::{media, recordings, stage};

/// A session's name in every URL, log line and metric. Opaque: later it may name a node too.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Id(Arc<str>);

impl Id {
    fn random() -> Self {
        Self(uuid::Uuid::new_v4().to_string().into())
    }

    /// That of the session without a client.
    pub fn headless() -> Self {
        Self("headless".into())
    }
}

impl From<&str> for Id {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What a session cannot do.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// Never knew that id.
    #[error("no session {0}")]
    NotFound(Id),
    /// That session is over.
    #[error("session {id} has ended: {}", .reason.sentence())]
    Ended {
        /// The session.
        id: Id,
        /// Why it ended.
        reason: EndReason,
    },
    /// There is one of its kind already.
    #[error("the session {0} runs already; stop it first")]
    Running(Id),
    /// No permit left.
    #[error("the server is full at {limit} sessions; try again later")]
    Full {
        /// How many fit.
        limit: usize,
    },
    /// Too few file descriptors for one session more.
    #[error(
        "{free} file descriptors are free and a session wants {wanted}; try again later, or raise `ulimit -n`"
    )]
    Descriptors {
        /// How many are free.
        free: usize,
        /// How many have to be.
        wanted: usize,
    },
    /// The server takes no more sessions.
    #[error("the server is shutting down")]
    ShuttingDown,
    /// The session's mailbox is full.
    #[error("the session is busy; try again")]
    Busy,
    /// A step took too long.
    #[error("{step} took too long")]
    Timeout {
        /// Which step.
        step: &'static str,
    },
    /// The graph said no.
    #[error(transparent)]
    Media(#[from] media::Error),
    /// The pipeline said no.
    #[error(transparent)]
    Stage(#[from] stage::Error),
    /// The recordings' folder said no.
    #[error(transparent)]
    Recording(#[from] recordings::Error),
    /// The session's metrics cannot be made.
    #[error("the session's metrics cannot be made: {0}")]
    Metrics(String),
    /// The system gives no thread.
    #[error("the system gives no thread for the stage: {0}")]
    Thread(String),
}

/// What an error means to whoever asked.
#[derive(Clone, Copy, Debug)]
pub enum ErrorKind<'a> {
    /// Never knew that id.
    NotFound,
    /// That session is over.
    Ended(EndReason),
    /// It has to stop first.
    Running,
    /// What is sent has no such stream.
    NoStream,
    /// No place; later there may be one.
    Full,
    /// No place: the host's limit is reached before the server's own.
    OutOfDescriptors,
    /// No place: all ports for media are in use.
    OutOfUdpPorts,
    /// No place any more.
    ShuttingDown,
    /// Ask again.
    Busy,
    /// A step took too long.
    Timeout,
    /// The offer cannot be answered; a stable code.
    BadOffer(&'static str),
    /// The pipeline said no.
    Stage(&'a stage::Error),
    /// The recordings' folder said no.
    Recording(&'a recordings::Error),
    /// The server's own fault.
    Internal,
}

impl Error {
    /// What it means to whoever asked.
    pub fn kind(&self) -> ErrorKind<'_> {
        match self {
            Self::NotFound(_) => ErrorKind::NotFound,
            Self::Ended { reason, .. } => ErrorKind::Ended(*reason),
            Self::Running(_) => ErrorKind::Running,
            Self::Full { .. } => ErrorKind::Full,
            Self::Descriptors { .. } => ErrorKind::OutOfDescriptors,
            Self::ShuttingDown => ErrorKind::ShuttingDown,
            Self::Busy => ErrorKind::Busy,
            Self::Timeout { .. } => ErrorKind::Timeout,
            Self::Stage(error) => ErrorKind::Stage(error),
            Self::Recording(error) => ErrorKind::Recording(error),
            Self::Thread(_) | Self::Metrics(_) => ErrorKind::Internal,
            Self::Media(error) => match error {
                media::Error::NoCommonCodec { .. } => ErrorKind::BadOffer("no_common_codec"),
                media::Error::Negotiation { .. } => ErrorKind::BadOffer("negotiation_failed"),
                media::Error::NoPorts { .. } => ErrorKind::OutOfUdpPorts,
                media::Error::NoStream(_) => ErrorKind::NoStream,
                media::Error::Timeout { .. } => ErrorKind::Timeout,
                media::Error::Missing { .. }
                | media::Error::NoCodec(_)
                | media::Error::Answer(_)
                | media::Error::Graph(_) => ErrorKind::Internal,
            },
        }
    }
}
