//! The tokens that were revoked, each remembered until it would have expired. Asked in memory; written to the state folder
//! on blocking threads, so that a restart forgets none.

use std::{
    collections::HashMap,
    fs, io,
    path::PathBuf,
    sync::{Mutex, PoisonError, RwLock},
};

use crate::{
    limits,
    state_dir::{self, StateDir},
};

const FILE: &str = "revoked_tokens.json";
/// Revoked tokens that are remembered for each minter, so that none takes the place of others'.
const OF_ONE: usize = 1000;

/// Why a token was not revoked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Too many of this minter are remembered.
    #[error("too many")]
    TooMany,
    /// It is refused by this run, and may not be by the next.
    #[error(transparent)]
    Disk(#[from] io::Error),
}

/// The revoked tokens. `writing` is taken before `all`.
pub struct Revoked {
    path: PathBuf,
    /// When each can be forgotten, in seconds since 1970, by `minter/id`; an operator's are for all minters.
    all: RwLock<HashMap<String, u64>>,
    /// One writes at a time, so that no earlier state takes the place of a later one.
    writing: Mutex<()>,
}

impl Revoked {
    /// Those of an earlier run.
    ///
    /// # Errors
    /// The file cannot be read, or is none of this server's.
    pub fn load(state: &StateDir) -> io::Result<Self> {
        let path = state.path(FILE);
        let read = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(HashMap::new()),
            Err(error) => Err(error.to_string()),
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| error.to_string()),
        };
        let all = read.map_err(|detail| io::Error::other(format!("{}: {detail}", path.display())))?;
        Ok(Self { path, all: RwLock::new(all), writing: Mutex::new(()) })
    }

    /// Revokes the token `id` of one minter, or with none of any, until then.
    ///
    /// # Errors
    /// [`Error`].
    pub fn add(&self, minter: Option<&str>, id: &str, now: u64, until: u64) -> Result<(), Error> {
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, until| *until > now);
        let (own, of_minter) = (name(minter, id), name(minter, ""));
        if all.keys().filter(|name| name.starts_with(&of_minter)).count() >= OF_ONE {
            limits::REVOKED_TOKENS.refused();
            return Err(Error::TooMany);
        }
        all.insert(own, until);
        let text = serde_json::to_vec(&*all).map_err(io::Error::from)?;
        drop(all); // in force at once, whatever the disk says
        Ok(state_dir::replace(&self.path, &text)?)
    }

    /// Whether the token is revoked.
    pub fn has(&self, minter: &str, id: &str) -> bool {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        all.contains_key(&name(Some(minter), id)) || all.contains_key(&name(None, id))
    }
}

/// No minter's name is empty or has a slash.
fn name(minter: Option<&str>, id: &str) -> String {
    format!("{}/{id}", minter.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_revokes_ones_own_and_an_operator_any_and_a_restart_forgets_none() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::from(folder.path().to_owned());
        let revoked = Revoked::load(&state).unwrap();

        revoked.add(Some("key:a"), "1", 0, 10).unwrap();
        revoked.add(Some("key:b"), "1", 0, 5).unwrap();
        revoked.add(None, "2", 0, 10).unwrap();

        let again = Revoked::load(&state).unwrap();
        for revoked in [&revoked, &again] {
            assert!(revoked.has("key:a", "1") && revoked.has("key:b", "1") && revoked.has("key:c", "2"));
            assert!(!revoked.has("key:c", "1"));
        }
        again.add(None, "3", 7, 10).unwrap();
        assert!(again.has("key:a", "1") && !again.has("key:b", "1"), "expired");
        fs::write(state.path(FILE), "{").unwrap();
        assert!(Revoked::load(&state).err().unwrap().to_string().contains(FILE));
    }

    #[test]
    fn who_revokes_too_many_takes_nothing_from_others() {
        let folder = tempfile::tempdir().unwrap();
        let revoked = Revoked::load(&StateDir::from(folder.path().to_owned())).unwrap();
        let known = (0..OF_ONE).map(|id| (name(Some("key:a"), &id.to_string()), 10)).collect();
        *revoked.all.write().unwrap() = known;

        assert!(matches!(revoked.add(Some("key:a"), "x", 0, 10), Err(Error::TooMany)));
        assert!(revoked.add(Some("key:b"), "x", 0, 10).is_ok());
        assert!(revoked.add(Some("key:a"), "x", 11, 20).is_ok(), "the earlier ones have expired");
    }
}
