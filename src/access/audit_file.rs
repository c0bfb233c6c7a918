//! The file of the audit: appended to by a thread of its own, so that a slow or full disk keeps nobody waiting.
//!
//! Where another program has moved the file away (logrotate), the next line goes to a new one of that name. A line that
//! cannot be written is lost and counted; the log says it once, and again when lines arrive. Must never end the process.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use rustix::fs::OFlags;

/// Lines that wait for the disk. More than a second of changes; a disk that is slower than that loses some.
const WAITING: usize = 1024;
/// The server's user alone.
const MODE: u32 = 0o600;

/// The file, as those see it who write to it.
pub struct AuditFile {
    orders: SyncSender<Order>,
    lost: Arc<AtomicU64>,
}

enum Order {
    Write(String),
    Flush(SyncSender<()>),
}

impl AuditFile {
    /// Opens the file and starts its thread, which lives as long as the process.
    ///
    /// # Errors
    /// The system's error, or what the path leads to is no file.
    pub fn open(path: &Path) -> io::Result<Self> {
        let (orders, received) = sync_channel(WAITING);
        let lost = Arc::new(AtomicU64::default());
        let file = Some(open(path)?);
        let writer = Writer { path: path.to_owned(), file, torn: false, failing: 0, lost: lost.clone() };
        thread::Builder::new().name("audit".into()).spawn(move || writer.run(&received))?;
        Ok(Self { orders, lost })
    }

    /// Hands a line over. Never waits.
    pub fn write(&self, line: String) {
        if self.orders.try_send(Order::Write(line)).is_err() {
            self.lost.fetch_add(1, Relaxed);
        }
    }

    /// Lines that did not get to the disk.
    pub fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }

    /// Waits until the lines before are written, at most so long.
    pub fn flush(&self, limit: Duration) {
        let (done, wait) = sync_channel(1);
        // A queue that is full is one whose disk hangs.
        if self.orders.try_send(Order::Flush(done)).is_ok() {
            wait.recv_timeout(limit).ok(); // late: the rest is lost with the process
        }
    }
}

/// The thread's own part.
struct Writer {
    path: PathBuf,
    file: Option<File>,
    /// Whether the file ends within a line.
    torn: bool,
    /// Lines lost since the last that was written.
    failing: u64,
    lost: Arc<AtomicU64>,
}

impl Writer {
    fn run(mut self, orders: &Receiver<Order>) {
        for order in orders {
            match order {
                Order::Write(line) => self.note(&line),
                Order::Flush(done) => drop(done.send(())), // nobody waits any more
            }
        }
    }

    fn note(&mut self, line: &str) {
        match self.write(line) {
            Ok(()) if self.failing > 0 => {
                tracing::warn!(lost = self.failing, "the audit log is written again");
                self.failing = 0;
            }
            Ok(()) => {}
            Err(error) => {
                if self.failing == 0 {
                    let path = self.path.display();
                    tracing::error!(%error, %path, "the audit log cannot be written; lines are lost");
                }
                self.failing += 1;
                self.lost.fetch_add(1, Relaxed);
            }
        }
    }

    fn write(&mut self, line: &str) -> io::Result<()> {
        self.follow()?;
        let Some(file) = &mut self.file else { return Err(io::ErrorKind::NotFound.into()) };
        let line = if self.torn { format!("\n{line}") } else { line.to_owned() };
        let mut rest = line.as_bytes();
        while !rest.is_empty() {
            match file.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            self.torn = !rest.is_empty();
        }
        Ok(())
    }

    /// Opens the file that the path leads to, where that is another one: the earlier was moved or deleted.
    fn follow(&mut self) -> io::Result<()> {
        let is_there = |file: &File| {
            let (open, named) = (file.metadata().ok()?, self.path.symlink_metadata().ok()?);
            Some((open.dev(), open.ino()) == (named.dev(), named.ino()))
        };
        if self.file.as_ref().and_then(is_there) != Some(true) {
            self.file = Some(open(&self.path)?);
            self.torn = false;
        }
        Ok(())
    }
}

/// Opens a file to append to it: no link, and nothing that would make the opener wait, such as a pipe.
fn open(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = OpenOptions::new().append(true).create(true).mode(MODE).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::other("expected a regular file, got something else of that name"))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    fn written(file: &AuditFile, path: &Path) -> String {
        file.flush(LIMIT);
        fs::read_to_string(path).unwrap()
    }

    #[test]
    fn lines_are_appended_to_a_file_of_the_user_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        AuditFile::open(&path).unwrap().write("one\n".into());

        let file = AuditFile::open(&path).unwrap();
        let earlier = || written(&file, &path) == "one\n";
        while !earlier() {
            thread::yield_now(); // the first one's thread
        }
        file.write("two\n".into());

        assert_eq!((written(&file, &path).as_str(), file.lost()), ("one\ntwo\n", 0));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_is_moved_away_is_followed_by_a_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let (path, old) = (folder.path().join("audit.log"), folder.path().join("audit.log.1"));
        let file = AuditFile::open(&path).unwrap();
        file.write("one\n".into());
        file.flush(LIMIT);

        fs::rename(&path, &old).unwrap();
        file.write("two\n".into());

        assert_eq!(written(&file, &path), "two\n");
        assert_eq!(fs::read_to_string(&old).unwrap(), "one\n");
    }

    #[test]
    fn neither_a_link_nor_a_pipe_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link, pipe) =
            (folder.path().join("target"), folder.path().join("link"), folder.path().join("pipe"));
        fs::write(&target, "").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();

        for path in [&link, &pipe, &folder.path().to_owned()] {
            assert!(AuditFile::open(path).is_err(), "{}", path.display());
        }
    }

    #[test]
    fn lines_that_cannot_be_written_are_counted_and_later_ones_arrive() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        let file = AuditFile::open(&path).unwrap();
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();

        (0..3).for_each(|_| file.write("lost\n".into()));
        file.flush(LIMIT);
        assert_eq!(file.lost(), 3);

        fs::remove_dir(&path).unwrap();
        file.write("kept\n".into());
        assert_eq!((written(&file, &path).as_str(), file.lost()), ("kept\n", 3));
    }
}
