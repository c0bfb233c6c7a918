//! What can go wrong with recordings, each with its sentence.

use super::disk;

/// What can go wrong with recordings.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// There is no such recording, or it has no such file.
    #[error("no recording {0}; GET /api/v1/recordings lists them")]
    NotFound(String),
    /// It is being written.
    #[error("recording {0} is running; stop it first")]
    Running(String),
    /// The session sends no video.
    #[error("this session sends no video, so there is nothing to record")]
    Nothing,
    /// The folder cannot be used.
    #[error(
        "cannot use the recordings folder {folder}: {detail}; make it a folder that the server can write to"
    )]
    Folder {
        /// Its path.
        folder: String,
        /// What the system said.
        detail: String,
    },
    /// The disk has no room.
    #[error(
        "the recordings disk is full: expected at least {reserve} bytes free, got {free}; delete recordings, free \
         some space, or lower --recordings-reserve"
    )]
    Full {
        /// Bytes that are left.
        free: u64,
        /// Bytes that recordings leave free.
        reserve: u64,
    },
    /// The quota is used up.
    #[error("recordings take {used} of {quota} bytes; delete some, or raise --recordings-quota")]
    Quota {
        /// Bytes that they take.
        used: u64,
        /// Bytes that they may take.
        quota: u64,
    },
    /// The quota of their owner is used up.
    #[error("the recordings of this user take {used} of {quota} bytes; delete some")]
    OwnQuota {
        /// Bytes that they take.
        used: u64,
        /// Bytes that they may take.
        quota: u64,
    },
    /// Too many are kept.
    #[error(
        "expected at most {limit} recordings in the folder, got one more; delete some, or set --recordings-retention"
    )]
    Kept {
        /// How many may be kept.
        limit: usize,
    },
    /// Too many run.
    #[error("expected at most {limit} recordings at once, got one more; end one, or raise --max-recordings")]
    AtOnce {
        /// How many may run.
        limit: usize,
    },
    /// One has too many files.
    #[error(
        "expected at most {limit} files in a recording, got one more: the size or codec parameters of the video change \
         too often; start another recording"
    )]
    Files {
        /// How many it may have.
        limit: usize,
    },
    /// The parameters, or what is new of them, are too long.
    #[error(
        "expected at most {limit} bytes of parameters at once in a recording, got {bytes}; send shorter values, then \
         start another recording"
    )]
    Change {
        /// How long they are.
        bytes: u64,
        /// How long they may be.
        limit: u64,
    },
    /// Too much has changed.
    #[error("expected at most {limit} bytes of changes in a recording, got more; start another recording")]
    Changes {
        /// How long all changes may be.
        limit: u64,
    },
    /// A file cannot be written.
    #[error("cannot write the recording: {0}")]
    Write(String),
    /// The disk is slower than the session.
    #[error("the recording ended: the disk cannot keep up with the video")]
    Slow,
}

impl Error {
    /// What the system says when nothing more can be written.
    pub fn no_space() -> Self {
        Self::Full { free: 0, reserve: disk::CLOSING }
    }
}
