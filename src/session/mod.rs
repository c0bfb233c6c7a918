//! The life of one session, from the offer to the end.
//!
//! Owns: the [`Registry`] of live sessions and their creation, the task that runs one (`run`) with its `parts`, the rules
//! of its life (`state`), and the protocol with its client (`control`).
//! Runs on tokio; blocking work goes to a blocking thread. Must never touch HTTP.

mod control;
mod ending;
mod files;
mod history;
mod line;
mod minutes;
mod parts;
mod registry;
mod rights;
mod run;
mod snapshot;
mod state;
mod usage;
mod view;
mod watchdog;

use std::{fmt, sync::Arc, time::Duration};

pub use control::{
    Figures, Message, Recorded, RecordedStatus, RecordingInfo, RecordingState, Request, Source, SourceType,
    UpdateBody,
};
pub use ending::EndReason;
pub use files::{Found, Sources};
pub use history::{Description, DescriptionKind};
pub use line::{Line, Standing};
pub use parts::Applied;
pub use registry::{Created, Load, Options, Registry, Settings, Shares, Viewer};
use serde::Serialize;
pub use snapshot::{CodecInfo, Drops, Path, Snapshot, StepTimes};
pub use state::{Limits, Phase};
pub use usage::OpenError as UsageLogError;

use crate::{limits::Limit, media, recordings, stage};

/// A session's name in every URL, log line and metric. Opaque, so that it can name a node later.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Id(Arc<str>);

impl Id {
    fn random() -> Self {
        Self(uuid::Uuid::new_v4().to_string().into())
    }

    /// The id of the session without a client.
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

/// Why a request to a session failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// No session ever had that id.
    #[error("no session {0}")]
    NotFound(Id),
    /// The session has ended.
    #[error("session {id} has ended: {}", .reason.sentence())]
    Ended {
        /// The session.
        id: Id,
        /// Why it ended.
        reason: EndReason,
    },
    /// A session of this kind runs already.
    #[error("session {0} is already running; stop it first")]
    Running(Id),
    /// No permit left.
    #[error("the server is full at {limit} sessions; try again later")]
    Full {
        /// The limit.
        limit: usize,
    },
    /// The server is full, and so is its waiting line, or the caller's part of it.
    #[error("{0}")]
    LineFull(&'static Limit),
    /// The caller has no such ticket.
    #[error("no such ticket: it was used, dropped or never made; send an offer again")]
    NoTicket,
    /// As many sessions of one subject as it may have.
    #[error("expected at most {limit} sessions of this user at once, got another one; end one")]
    SubjectSessions {
        /// The limit.
        limit: usize,
    },
    /// As many sessions of one address as it may have.
    #[error("expected at most {limit} sessions of this address at once, got another one; end one")]
    AddressSessions {
        /// The limit.
        limit: usize,
    },
    /// The caller's time of this day is used up.
    #[error(
        "expected at most {limit} minutes a day of this user's sessions, which are used up; come back after midnight UTC, \
         or ask the server's operator for more"
    )]
    Minutes {
        /// The limit.
        limit: u64,
        /// Until then.
        wait: Duration,
    },
    /// Too few file descriptors are free for another session.
    #[error(
        "{free} file descriptors are free, a session needs {needed}; try again later, or raise `ulimit -n`"
    )]
    Descriptors {
        /// How many are free.
        free: usize,
        /// How many a session needs.
        needed: usize,
    },
    /// Too few threads may be started for another session.
    #[error(
        "{free} more threads may be started ({limit}), a session needs {needed}; try again later, or raise that limit"
    )]
    Threads {
        /// How many may be started.
        free: usize,
        /// What limits them.
        limit: &'static str,
        /// How many a session needs.
        needed: usize,
    },
    /// As many viewers as there may be.
    #[error(
        "expected at most {limit} viewers of a session's output, got another one; try again when one has left"
    )]
    Viewers {
        /// The limit.
        limit: usize,
    },
    /// The server accepts no new sessions.
    #[error("the server is shutting down")]
    ShuttingDown,
    /// The session's mailbox is full.
    #[error("the session is busy; try again")]
    Busy,
    /// A step timed out.
    #[error("{step} timed out")]
    Timeout {
        /// The step.
        step: &'static str,
    },
    /// An error of the media graph.
    #[error(transparent)]
    Media(#[from] media::Error),
    /// An error of the pipeline.
    #[error(transparent)]
    Stage(#[from] stage::Error),
    /// An error of the recordings' folder.
    #[error(transparent)]
    Recording(#[from] recordings::Error),
    /// The session's metrics cannot be created.
    #[error("cannot create the session's metrics: {0}")]
    Metrics(String),
    /// The system refused a thread.
    #[error("cannot start the stage's thread: {0}")]
    Thread(String),
}

/// The kind of an error, for the caller.
#[derive(Clone, Copy, Debug)]
pub enum ErrorKind<'a> {
    /// No session ever had that id.
    NotFound,
    /// The session has ended.
    Ended(EndReason),
    /// Another session has to stop first.
    Running,
    /// The session sends no such stream.
    NoStream,
    /// All permits are taken; retry later.
    Full,
    /// The waiting line is full; retry later.
    LineFull,
    /// The caller has no such ticket.
    NoTicket,
    /// The caller has all that it may have; with a stable code, and when to come back where that is known.
    TooMany(&'static str, Option<Duration>),
    /// The host's limit is reached before the server's own.
    OutOfDescriptors,
    /// Likewise, for threads.
    OutOfThreads,
    /// As many viewers as there may be; retry later.
    ViewersFull,
    /// All ports for media are in use.
    OutOfUdpPorts,
    /// The server is shutting down.
    ShuttingDown,
    /// The session is busy; retry.
    Busy,
    /// A step timed out.
    Timeout,
    /// The offer cannot be answered; with a stable code.
    BadOffer(&'static str),
    /// An error of the pipeline.
    Stage(&'a stage::Error),
    /// An error of the recordings' folder.
    Recording(&'a recordings::Error),
    /// An internal error.
    Internal,
}

impl Error {
    /// Its kind, for the caller.
    pub fn kind(&self) -> ErrorKind<'_> {
        match self {
            Self::NotFound(_) => ErrorKind::NotFound,
            Self::Ended { reason, .. } => ErrorKind::Ended(*reason),
            Self::Running(_) => ErrorKind::Running,
            Self::Full { .. } => ErrorKind::Full,
            Self::LineFull(_) => ErrorKind::LineFull,
            Self::NoTicket => ErrorKind::NoTicket,
            Self::SubjectSessions { .. } => ErrorKind::TooMany("too_many_sessions", None),
            Self::AddressSessions { .. } => ErrorKind::TooMany("too_many_sessions_of_address", None),
            Self::Minutes { wait, .. } => ErrorKind::TooMany("minutes_used_up", Some(*wait)),
            Self::Descriptors { .. } => ErrorKind::OutOfDescriptors,
            Self::Threads { .. } => ErrorKind::OutOfThreads,
            Self::Viewers { .. } => ErrorKind::ViewersFull,
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
                | media::Error::FrameTooLarge { .. }
                | media::Error::Graph(_) => ErrorKind::Internal,
            },
        }
    }
}
