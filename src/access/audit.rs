//! Who changed what: a line for each change of state, refused ones included, on the tracing target `audit`, and in a file
//! of its own where one is configured. Values stay out of it: prompts are private.

use std::{fmt::Display, io, path::Path, sync::OnceLock, time::Duration};

use serde::Serialize;

use super::{audit_file::AuditFile, caller::Caller};

/// The process's one file.
static FILE: OnceLock<AuditFile> = OnceLock::new();

/// A line of the file.
#[derive(Serialize)]
struct Line<'a> {
    /// RFC 3339 in UTC.
    time: String,
    who: String,
    role: &'a str,
    from: String,
    what: &'a str,
    on: &'a str,
    outcome: String,
}

/// Notes that a caller changed something, or was refused to: `what` is a route or a key of an update, `on` the id of what
/// it is about. Never waits.
pub fn note(caller: &Caller, what: &str, on: &str, outcome: &dyn Display) {
    let (who, role, from) = (caller.subject(), caller.role().name(), caller.from());
    tracing::info!(target: "audit", %who, role, %from, what, on, %outcome, "change");
    if let Some(file) = FILE.get() {
        let time = jiff::Timestamp::now().to_string();
        let (who, from, outcome) = (who.to_string(), from.to_string(), outcome.to_string());
        let line = Line { time, who, role, from, what, on, outcome };
        file.write(serde_json::to_string(&line).expect("texts alone") + "\n");
    }
}

/// Keeps the lines in a file too, from now on. Blocks on the disk.
///
/// # Errors
/// The file cannot be opened, or is no file.
pub fn keep(path: &Path) -> io::Result<()> {
    let file = AuditFile::open(path)?;
    FILE.set(file).ok(); // a test's second server: the first one's file stays
    Ok(())
}

/// Lines that did not get to the file.
pub fn lost() -> u64 {
    FILE.get().map_or(0, AuditFile::lost)
}

/// Waits until all lines so far are in the file, at most so long. Blocks.
pub fn flush(limit: Duration) {
    if let Some(file) = FILE.get() {
        file.flush(limit);
    }
}
