//! The keys that the server knows: the operator's of the configuration, and those of the file. Requests look them up; the
//! file is read on a blocking thread.

use std::{
    net::IpAddr,
    sync::{PoisonError, RwLock},
};

use super::{
    caller::{Caller, LOCAL, Role, Subject},
    key::{Digest, Key},
    key_file::{self, KeyFile, Row, Stamp},
};

/// The subject of the one key that has no name.
const OPERATOR: &str = "operator";

/// The keys.
pub struct Keys {
    /// The operator's key of the configuration, or the one that the server made.
    own: Option<Digest>,
    /// Whether a person at this machine is the operator.
    trust_loopback: bool,
    file: KeyFile,
    known: RwLock<Known>,
}

/// The file of keys as last read.
struct Known {
    stamp: Option<Stamp>,
    rows: Vec<Row>,
}

impl Keys {
    /// The keys of a file.
    ///
    /// # Errors
    /// As [`KeyFile::read`].
    pub fn load(file: KeyFile) -> Result<Self, key_file::Error> {
        let (stamp, rows) = (file.stamp(), file.read()?);
        Ok(Self { own: None, trust_loopback: false, file, known: RwLock::new(Known { stamp, rows }) })
    }

    /// The same with the operator's own key.
    pub fn with_own(self, own: Option<&Key>) -> Self {
        Self { own: own.map(Key::digest), ..self }
    }

    /// The same where a person at this machine is the operator, or is not.
    pub fn trusting_loopback(self, trust_loopback: bool) -> Self {
        Self { trust_loopback, ..self }
    }

    /// Whether the file has none.
    pub fn is_empty(&self) -> bool {
        self.known.read().unwrap_or_else(PoisonError::into_inner).rows.is_empty()
    }

    /// Whose key it is. Compares with every key, in the same time whichever it is.
    pub fn caller(&self, digest: &Digest, from: IpAddr) -> Option<Caller> {
        let is_own = self.own.is_some_and(|own| own.is(digest));
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut found = is_own.then(|| Caller::new(OPERATOR.into(), OPERATOR, Role::Operator, from));
        for row in &known.rows {
            if row.digest().is_some_and(|known| known.is(digest)) {
                found = Some(Caller::new(subject(&row.name), &row.name, row.role, from));
            }
        }
        found
    }

    /// What tells the present key of a subject from an earlier one of the same name, and its role; `None` where it has
    /// none. A person at this machine needs no key.
    pub fn standing(&self, of: &Subject) -> Option<(String, Role)> {
        if *of == LOCAL.into() {
            return self.trust_loopback.then(|| (LOCAL.to_owned(), Role::Operator));
        }
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let named = known.rows.iter().find(|row| subject(&row.name) == *of);
        let named = named.and_then(|row| Some((row.digest()?, row.role)));
        let own = self.own.filter(|_| *of == OPERATOR.into()).map(|own| (own, Role::Operator));
        // Of the digest, which is no secret of a random key but is one of a short word.
        named.or(own).map(|(digest, role)| (Digest::of(&digest.to_hex()).to_hex(), role))
    }

    /// Takes over the file where it has changed. One that is wrong changes nothing: a person is editing it.
    pub fn reread(&self) {
        let stamp = self.file.stamp();
        if stamp == self.known.read().unwrap_or_else(PoisonError::into_inner).stamp {
            return;
        }
        let read = self.file.read();
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.stamp = stamp;
        match read {
            Ok(rows) => {
                tracing::info!(keys = rows.len(), "keys read again");
                known.rows = rows;
            }
            Err(error) => tracing::warn!(%error, "the earlier keys stay in force"),
        }
    }
}

/// The name under which a key owns things.
fn subject(name: &str) -> Subject {
    format!("key:{name}").as_str().into()
}
