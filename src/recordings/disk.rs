//! Disk space: what is free, what a folder takes.

use std::{fs, io, path::Path};

/// Bytes kept free for closing the files and sidecars of running recordings.
pub const RESERVE: u64 = 2 << 20;

/// Bytes that an ordinary user may still write on the disk of `path`.
pub fn free(path: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(path)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Bytes of the files directly in a folder.
pub fn bytes(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let files = entries.filter_map(|entry| entry.ok()?.metadata().ok());
    files.filter(fs::Metadata::is_file).map(|file| file.len()).sum()
}
