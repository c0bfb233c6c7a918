//! The file of usage records: one line of JSON each, appended whole or not at all.
//!
//! Owns the thread `usage-log`, which alone touches the disk. Sessions hand their records over and never wait: what a full
//! queue or a full disk loses is counted. The file is opened again for each line, so that it can be moved away at any time.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{self, Receiver, SyncSender},
    },
    thread,
    time::Duration,
};

use rustix::fs::OFlags;
use tokio::sync::oneshot;

use super::Usage;
use crate::metrics::Metrics;

/// Records that wait for the disk: those of all sessions that end at once, and more.
const QUEUE: usize = 1024;
/// The server's user alone: the file says who used the server, and when.
const MODE: u32 = 0o600;

/// The file of usage records cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the usage log {}: {fault}; name a regular file, in a folder that the server can write to", path.display())]
pub struct OpenError {
    path: PathBuf,
    fault: io::Error,
}

/// The file of usage records.
pub struct Log {
    messages: SyncSender<Message>,
    metrics: Arc<Metrics>,
}

enum Message {
    Line(Vec<u8>),
    /// Replies once all lines before it are written, or lost.
    Flush(oneshot::Sender<()>),
}

impl Log {
    /// Opens the file and starts the thread. Blocks on the disk.
    ///
    /// # Errors
    /// The file cannot be appended to, or is a link, a pipe or a device; or there is no thread.
    pub fn open(path: PathBuf, metrics: Arc<Metrics>) -> Result<Self, OpenError> {
        let (messages, read) = mpsc::sync_channel(QUEUE);
        let writer = Writer { path, metrics: metrics.clone(), fails: false };
        let path = writer.path.clone();
        let start = || {
            open(&path)?;
            thread::Builder::new().name("usage-log".into()).spawn(move || writer.run(&read))
        };
        match start() {
            Ok(_) => Ok(Self { messages, metrics }), // it ends with the last sender
            Err(fault) => Err(OpenError { path, fault }),
        }
    }

    /// Hands a record over; one for which the queue has no room is lost, and counted.
    pub fn add(&self, usage: &Usage) {
        let line = serde_json::to_vec(usage).map(|mut line| {
            line.push(b'\n');
            line
        });
        let queued = line.is_ok_and(|line| self.messages.try_send(Message::Line(line)).is_ok());
        if !queued {
            lost(&self.metrics);
        }
    }

    /// Waits, for at most `limit`, until everything that was handed over is on the disk.
    pub async fn flush(&self, limit: Duration) {
        let (done, wait) = oneshot::channel();
        if self.messages.try_send(Message::Flush(done)).is_err()
            || tokio::time::timeout(limit, wait).await.is_err()
        {
            tracing::warn!("usage records may be missing: the disk of the usage log does not respond");
        }
    }
}

struct Writer {
    path: PathBuf,
    metrics: Arc<Metrics>,
    /// Whether the last line failed, which was logged.
    fails: bool,
}

impl Writer {
    fn run(mut self, messages: &Receiver<Message>) {
        for message in messages {
            match message {
                Message::Line(line) => self.write(&line),
                Message::Flush(done) => drop(done.send(())), // the caller may have given up
            }
        }
    }

    fn write(&mut self, line: &[u8]) {
        let written = open(&self.path).and_then(|file| append(file, line));
        match &written {
            Ok(()) => self.metrics.usage_records.with_label_values(&["written"]).inc(),
            Err(error) => {
                lost(&self.metrics);
                if !self.fails {
                    let path = self.path.display();
                    tracing::error!(%error, %path, "cannot write the usage log; records are lost until it can be written");
                }
            }
        }
        self.fails = written.is_err();
    }
}

fn lost(metrics: &Metrics) {
    metrics.usage_records.with_label_values(&["lost"]).inc();
}

fn open(path: &Path) -> io::Result<File> {
    // Without O_NONBLOCK a pipe would block until somebody reads it.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = OpenOptions::new().append(true).create(true).mode(MODE).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is not a regular file")) }
}

/// Appends a line; of one that does not fit, nothing stays.
fn append(mut file: File, line: &[u8]) -> io::Result<()> {
    let before = file.metadata()?.len();
    file.write_all(line).inspect_err(|_| drop(file.set_len(before)))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;
    use crate::session::{EndReason, Id, usage::Media};

    const LIMIT: Duration = Duration::from_secs(20);

    fn usage(session: &str) -> Usage {
        Usage {
            at: "2026-12-01T00:00:00Z".into(),
            session: Id::from(session),
            subject: "key:alice".into(),
            pipelines: vec!["echo".into()],
            seconds: 1.5,
            media: Media { frames_in: 45, ..Media::default() },
            recording_bytes: 7,
            reason: EndReason::ClosedByClient,
        }
    }

    fn count(metrics: &Metrics, outcome: &str) -> u64 {
        metrics.usage_records.with_label_values(&[outcome]).get()
    }

    #[tokio::test]
    async fn each_record_is_a_line_of_a_file_that_is_the_users_alone() {
        let (folder, metrics) = (tempfile::tempdir().unwrap(), Arc::new(Metrics::new().unwrap()));
        let path = folder.path().join("usage.jsonl");
        let log = Log::open(path.clone(), metrics.clone()).unwrap();

        log.add(&usage("one"));
        log.flush(LIMIT).await;
        fs::rename(&path, folder.path().join("moved")).unwrap();
        log.add(&usage("two"));
        log.flush(LIMIT).await;

        let text = fs::read_to_string(&path).unwrap();
        let line: serde_json::Value = serde_json::from_str(text.strip_suffix('\n').unwrap()).unwrap();
        assert_eq!((&line["session"], &line["reason"]), (&"two".into(), &"closed_by_client".into()));
        assert_eq!((&line["frames_in"], &line["subject"]), (&45.into(), &"key:alice".into()));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
        assert_eq!((count(&metrics, "written"), count(&metrics, "lost")), (2, 0));
    }

    #[tokio::test]
    async fn a_disk_that_cannot_be_written_loses_records_and_no_time() {
        let (folder, metrics) = (tempfile::tempdir().unwrap(), Arc::new(Metrics::new().unwrap()));
        let path = folder.path().join("usage.jsonl");
        let log = Log::open(path.clone(), metrics.clone()).unwrap();
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();

        (0..3).for_each(|_| log.add(&usage("lost")));
        log.flush(LIMIT).await;
        fs::remove_dir(&path).unwrap();
        log.add(&usage("written"));
        log.flush(LIMIT).await;

        assert_eq!((count(&metrics, "written"), count(&metrics, "lost")), (1, 3));
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 1);
    }

    #[test]
    fn links_and_pipes_are_refused_at_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let (link, target) = (folder.path().join("link"), folder.path().join("target"));
        fs::write(&target, "").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();

        for path in [link, "/dev/null".into(), folder.path().to_owned()] {
            let refused = Log::open(path.clone(), Arc::new(Metrics::new().unwrap()));
            let sentence = refused.err().unwrap_or_else(|| panic!("{}", path.display())).to_string();
            assert!(
                sentence.contains(path.to_str().unwrap()) && sentence.contains("regular file"),
                "{sentence}"
            );
        }
    }
}
