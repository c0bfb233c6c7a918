//! How much of the disk each owner's recordings take (`--max-recording-bytes-per-subject`).
//!
//! Counted when a recording starts, added to while it runs. Has only owners whose recordings there are.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{About, Error, list};

/// The bytes of all owners.
pub struct Owners {
    /// Bytes of one owner; 0 is no limit.
    quota: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Whose each folder is: reading a sidecar takes longer than listing a folder.
    of_folder: HashMap<PathBuf, String>,
    bytes: HashMap<String, u64>,
}

impl Owners {
    /// Nothing yet; at most `quota` bytes of each, 0 is no limit.
    pub fn new(quota: u64) -> Self {
        Self { quota, state: Mutex::default() }
    }

    /// Counts all recordings again: their folders and bytes.
    pub fn count(&self, recordings: &[(PathBuf, u64)]) {
        if self.quota == 0 {
            return;
        }
        let mut state = self.lock();
        let mut before = std::mem::take(&mut *state);
        for (folder, bytes) in recordings {
            let owner =
                before.of_folder.remove(folder).or_else(|| Some(list::look(folder).ok()?.owner().to_owned()));
            let Some(owner) = owner else { continue };
            *state.bytes.entry(account(&owner).to_owned()).or_default() += bytes;
            state.of_folder.insert(folder.clone(), owner);
        }
    }

    /// Adds to the bytes of a running recording's owner.
    pub fn grow(&self, about: &About, bytes: u64) {
        if let Some(owner) = about.owner.as_deref().filter(|_| self.quota > 0) {
            *self.lock().bytes.entry(account(owner).to_owned()).or_default() += bytes;
        }
    }

    /// Takes a deleted recording away.
    pub fn shrink(&self, folder: &Path, bytes: u64) {
        let mut state = self.lock();
        if let Some(owner) = state.of_folder.remove(folder)
            && let Some(all) = state.bytes.get_mut(account(&owner))
        {
            *all = all.saturating_sub(bytes);
        }
    }

    /// Checks that a recording's owner may have more.
    ///
    /// # Errors
    /// [`Error::OwnQuota`].
    pub fn check(&self, about: &About) -> Result<(), Error> {
        let Some(owner) = about.owner.as_deref().filter(|_| self.quota > 0 && about.limited) else {
            return Ok(());
        };
        let used = self.lock().bytes.get(account(owner)).copied().unwrap_or_default();
        if used < self.quota { Ok(()) } else { Err(Error::OwnQuota { used, quota: self.quota }) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The one whose quota counts: a token's minter, whose name stands before that of the token.
fn account(owner: &str) -> &str {
    owner.split_once('/').map_or(owner, |(minter, _)| minter)
}
