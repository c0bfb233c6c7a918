//! A disk of its own that is soon full.

use std::{path::Path, process::Command};

/// A mounted tmpfs, until it is dropped.
pub struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// `None` where this machine lets nobody mount one.
    pub fn mount(size: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let options = format!("size={size}");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(dir.path()).status();
        if !mounted.is_ok_and(|status| status.success()) {
            println!("skip: no mounts");
            return None;
        }
        Some(Self(dir))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(self.path()).status().ok(); // it goes with the machine
    }
}
