//! What a person can set about sessions.

use std::path::PathBuf;

use crate::session::{Limits, registry::shares};

/// The settings of all sessions.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many sessions may be live at once.
    pub sessions: usize,
    /// How many clients may wait for one of these places; 0 for no waiting line.
    pub waiting_line: usize,
    /// How many of them each subject and each address may have.
    pub shares: shares::Settings,
    /// Minutes that the sessions of one subject may last a day, in UTC; 0 is no limit.
    pub minutes_per_day: u64,
    /// How many viewers the headless session may have at once.
    pub viewers: usize,
    /// The time limits of each session.
    pub limits: Limits,
    /// Whether a pipeline without capacity for another session is refused.
    pub admission: bool,
    /// The folder of video files that sessions may play.
    pub video_files: Option<PathBuf>,
    /// The file of usage records.
    pub usage_log: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            sessions: 16,
            waiting_line: 0,
            shares: shares::Settings::default(),
            minutes_per_day: 0,
            viewers: 8,
            limits: Limits::default(),
            admission: true,
            video_files: None,
            usage_log: None,
        }
    }
}
