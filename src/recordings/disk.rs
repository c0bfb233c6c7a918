//! Disk space: what a disk has, how much of it recordings may take, what a folder takes.

use std::{fs, io, path::Path};

/// Bytes kept free in any case, for closing the files and sidecars of running recordings.
pub const CLOSING: u64 = 2 << 20;
/// Six hours of one session at the highest bitrate; a tenth of a smaller disk.
const QUOTA: u64 = 10_000_000_000;
/// Enough for the system and its log; 5 % of a smaller disk, as file systems keep for root.
const RESERVE: u64 = 1_000_000_000;

/// A disk's space in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Disk {
    total: u64,
    /// What an ordinary user may still write.
    pub free: u64,
}

impl Disk {
    /// The disk of `path`.
    ///
    /// # Errors
    /// The system's.
    pub fn of(path: &Path) -> io::Result<Self> {
        let disk = rustix::fs::statvfs(path)?;
        let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
        Ok(Self { total: bytes(disk.f_blocks), free: bytes(disk.f_bavail) })
    }

    /// Bytes that all recordings may take: as configured, where 0 is no quota, else what fits the disk.
    pub fn quota(self, configured: Option<u64>) -> Option<u64> {
        match configured {
            None => Some(QUOTA.min(self.total / 10)),
            Some(0) => None,
            Some(bytes) => Some(bytes),
        }
    }

    /// Bytes that recordings leave free: as configured, else what fits the disk.
    pub fn reserve(self, configured: Option<u64>) -> u64 {
        configured.unwrap_or_else(|| RESERVE.min(self.total / 20)).max(CLOSING)
    }
}

/// Bytes of the files directly in a folder.
pub fn bytes(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let files = entries.filter_map(|entry| entry.ok()?.metadata().ok());
    files.filter(fs::Metadata::is_file).map(|file| file.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quota_and_reserve_fit_the_disk_unless_they_are_configured() {
        let disk = |total| Disk { total, free: total };

        assert_eq!(disk(1_000_000_000_000).quota(None), Some(10_000_000_000));
        assert_eq!(disk(50_000_000_000).quota(None), Some(5_000_000_000));
        assert_eq!((disk(1000).quota(Some(0)), disk(1000).quota(Some(7))), (None, Some(7)));
        assert_eq!(disk(1_000_000_000_000).reserve(None), 1_000_000_000);
        assert_eq!(disk(10_000_000_000).reserve(None), 500_000_000);
        assert_eq!(disk(2_300_000).reserve(None), CLOSING);
        assert_eq!((disk(1000).reserve(Some(0)), disk(1000).reserve(Some(9 << 20))), (CLOSING, 9 << 20));
    }
}
