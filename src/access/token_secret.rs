//! The secret that signs tokens, kept in the state folder for the server's user alone. Blocks on the disk.

use std::{fs, io, path::Path};

use super::key::random_text;
use crate::state_dir::{self, StateDir};

const FILE: &str = "token.secret";
/// What [`random_text`] gives: a shorter secret could be guessed from a token (RFC 7518, section 3.2).
const LENGTH: usize = 43;

/// The secret that an earlier run made.
///
/// # Errors
/// The file cannot be read, or is none of this server's.
pub fn read(state: &StateDir) -> io::Result<Option<String>> {
    let path = state.path(FILE);
    let fault = |detail: String| {
        io::Error::other(format!("{}: {detail}; delete it to end all tokens", path.display()))
    };
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fault(error.to_string())),
        Ok(text) => text.trim().to_owned(),
    };
    if text.len() < LENGTH {
        return Err(fault(format!("expected a secret of {LENGTH} characters, got {}", text.len())));
    }
    Ok(Some(text))
}

/// A new secret, or the one of another server that was first. On a disk that cannot be written it is for this run.
///
/// # Errors
/// The system has no random numbers, or as [`read`].
pub fn make(state: &StateDir) -> io::Result<String> {
    let new = random_text()?;
    let path = state.path(FILE);
    match state.prepare().and_then(|()| state_dir::create(&path, new.as_bytes())) {
        Ok(()) => Ok(new),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(read(state)?.unwrap_or(new)),
        Err(error) => {
            warn(&error, &path);
            Ok(new)
        }
    }
}

fn warn(error: &io::Error, path: &Path) {
    let path = path.display();
    tracing::warn!(%error, %path, "cannot keep the tokens' secret: they end with this run; set SCOPE_STATE_DIR");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_is_kept_and_a_short_one_refused() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::from(folder.path().to_owned());
        assert_eq!(read(&state).unwrap(), None);

        let made = make(&state).unwrap();

        assert_eq!((make(&state).unwrap(), read(&state).unwrap()), (made.clone(), Some(made)));
        fs::write(state.path(FILE), "short").unwrap();
        assert!(read(&state).unwrap_err().to_string().contains("expected a secret of 43 characters, got 5"));
    }
}
