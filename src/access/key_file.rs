//! The file of API keys: names, roles and digests, never the keys themselves. Blocks on the disk.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use super::{
    caller::Role,
    key::{Digest, Key},
};
use crate::state_dir;

/// Characters of a key's name at most.
const NAME_LENGTH: usize = 64;

/// What can go wrong with the file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read or written.
    #[error("{}: {detail}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system or the parser says.
        detail: String,
    },
    /// Another key has that name.
    #[error(
        "there is a key named {0} already; choose another name, or revoke it with `scope keys revoke {0}`"
    )]
    Taken(String),
    /// No key has that name.
    #[error("there is no key named {0:?}; `scope keys list` lists them")]
    Unknown(String),
    /// Not a name.
    #[error(
        "expected a name of 1 to {NAME_LENGTH} letters, digits, dots, dashes, underscores or @, got {0:?}"
    )]
    Name(String),
    /// The system has no random numbers.
    #[error("cannot make a key: {0}")]
    Random(#[from] io::Error),
}

/// One key, without its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Its name, which is also that of what it owns.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// When it was made, RFC 3339 in UTC.
    pub created: String,
    /// The SHA-256 of its text in hexadecimal digits.
    sha256: String,
}

impl Row {
    /// By what the key is known.
    pub fn digest(&self) -> Option<Digest> {
        Digest::from_hex(&self.sha256)
    }
}

/// A state of the file, to tell whether it has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    inode: u64,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default)]
    keys: Vec<Row>,
}

/// The file; it need not exist.
#[derive(Clone, Debug)]
pub struct KeyFile(PathBuf);

impl KeyFile {
    /// At a path.
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Its present state; `None` where there is no such file.
    pub fn stamp(&self) -> Option<Stamp> {
        let about = fs::metadata(&self.0).ok()?;
        Some(Stamp { modified: about.modified().ok(), length: about.len(), inode: about.ino() })
    }

    /// Its keys; none where there is no such file.
    ///
    /// # Errors
    /// [`Error::File`]: it cannot be read, or something in it is wrong.
    pub fn read(&self) -> Result<Vec<Row>, Error> {
        let text = match fs::read_to_string(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            read => read.map_err(|error| self.fault(&error))?,
        };
        let table: Table = toml::from_str(&text).map_err(|error| self.fault(&error.message()))?;
        for (index, row) in table.keys.iter().enumerate() {
            check_name(&row.name)?;
            if row.role == Role::Nobody || row.digest().is_none() {
                let detail =
                    "expected the role operator, user or viewer and 64 hexadecimal digits of SHA-256";
                return Err(self.fault(&format!("key {}: {detail}", row.name)));
            }
            if table.keys[..index].iter().any(|earlier| earlier.name == row.name) {
                return Err(Error::Taken(row.name.clone()));
            }
        }
        Ok(table.keys)
    }

    /// Adds a new key; its text is in the result and nowhere else.
    ///
    /// # Errors
    /// [`Error::Taken`], [`Error::Name`], [`Error::File`].
    pub fn add(&self, name: &str, role: Role) -> Result<Key, Error> {
        check_name(name)?;
        let _lock = self.lock()?;
        let mut keys = self.read()?;
        if keys.iter().any(|row| row.name == name) {
            return Err(Error::Taken(name.to_owned()));
        }
        let key = Key::random()?;
        let (created, sha256) = (jiff::Timestamp::now().to_string(), key.digest().to_hex());
        keys.push(Row { name: name.to_owned(), role, created, sha256 });
        self.write(keys)?;
        Ok(key)
    }

    /// Removes a key; a running server refuses it within seconds.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::File`].
    pub fn revoke(&self, name: &str) -> Result<(), Error> {
        let _lock = self.lock()?;
        let mut keys = self.read()?;
        let before = keys.len();
        keys.retain(|row| row.name != name);
        if keys.len() == before {
            return Err(Error::Unknown(name.to_owned()));
        }
        self.write(keys)
    }

    fn write(&self, keys: Vec<Row>) -> Result<(), Error> {
        let text = toml::to_string(&Table { keys }).map_err(|error| self.fault(&error))?;
        state_dir::replace(&self.0, text.as_bytes()).map_err(|error| self.fault(&error))
    }

    /// Keeps other commands from changing the file; they wait.
    fn lock(&self) -> Result<fs::File, Error> {
        let folder = self.0.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = fs::File::open(folder.unwrap_or(Path::new("."))).map_err(|error| self.fault(&error))?;
        flock(&folder, FlockOperation::LockExclusive).map_err(|error| self.fault(&error))?;
        Ok(folder)
    }

    fn fault(&self, detail: &dyn std::fmt::Display) -> Error {
        Error::File { path: self.0.clone(), detail: detail.to_string() }
    }
}

fn check_name(name: &str) -> Result<(), Error> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte);
    let fits = (1..=NAME_LENGTH).contains(&name.len()) && name.bytes().all(is_plain);
    if fits { Ok(()) } else { Err(Error::Name(name.chars().take(NAME_LENGTH).collect())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(folder: &tempfile::TempDir) -> KeyFile {
        KeyFile::new(folder.path().join("keys.toml"))
    }

    #[test]
    fn a_key_is_in_the_file_as_its_digest_until_it_is_revoked() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(&folder);
        assert_eq!(file.read().unwrap(), []);

        let key = file.add("alice", Role::User).unwrap();
        file.add("bob", Role::Viewer).unwrap();

        let text = fs::read_to_string(file.path()).unwrap();
        assert!(!text.contains(key.expose()), "{text}");
        let rows = file.read().unwrap();
        assert_eq!((rows[0].name.as_str(), rows[0].role), ("alice", Role::User));
        assert_eq!(rows[0].digest(), Some(key.digest()));
        file.revoke("alice").unwrap();
        assert_eq!(file.read().unwrap().len(), 1);
        assert!(matches!(file.revoke("alice"), Err(Error::Unknown(_))));
    }

    #[test]
    fn a_name_is_plain_and_taken_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(&folder);
        file.add("alice", Role::User).unwrap();

        assert!(matches!(file.add("alice", Role::Operator), Err(Error::Taken(_))));
        for name in ["", "a b", "a/b", "a\n", "ä", &"x".repeat(65)] {
            assert!(matches!(file.add(name, Role::User), Err(Error::Name(_))), "{name:?}");
        }
    }

    #[test]
    fn a_file_that_is_wrong_is_refused_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(&folder);
        let row = |role: &str, digest: &str| {
            format!("[[keys]]\nname = \"a\"\nrole = \"{role}\"\ncreated = \"\"\nsha256 = \"{digest}\"\n")
        };
        let digest = "0".repeat(64);

        for text in [
            "nonsense".to_owned(),
            row("admin", &digest),
            row("nobody", &digest),
            row("user", "00"),
            row("user", &digest) + "password = \"x\"\n",
        ] {
            fs::write(file.path(), text).unwrap();

            let fault = file.read().unwrap_err().to_string();

            assert!(fault.contains("keys.toml"), "{fault}");
        }
        fs::write(file.path(), row("user", &digest).repeat(2)).unwrap();
        assert!(matches!(file.read(), Err(Error::Taken(_))));
    }

    #[test]
    fn a_change_shows_in_the_stamp() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(&folder);
        assert_eq!(file.stamp(), None);

        file.add("a", Role::User).unwrap();
        let first = file.stamp();
        file.add("b", Role::User).unwrap();

        assert!(first.is_some() && file.stamp() != first);
    }
}
