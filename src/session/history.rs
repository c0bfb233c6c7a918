//! The signalling of both sides, kept for the inspector without secrets.
//!
//! Shared by the registry's handles; the lock is held for one push or one copy.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::signalling::{self, Candidate};

/// A browser on many networks trickles about twenty candidates; more is a flood.
const KEPT: usize = 100;

/// One message of the signalling.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Description {
    /// When it was received or sent, RFC 3339 in UTC.
    #[schema(format = DateTime)]
    pub at: String,
    /// What it is.
    pub kind: DescriptionKind,
    /// Its text. ICE credentials and addresses are `***`; fingerprints stay, since certificates are public.
    pub sdp: String,
}

/// The kinds of signalling messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DescriptionKind {
    /// The client's description.
    Offer,
    /// The server's description.
    Answer,
    /// A candidate of the client, received after its offer.
    Candidate,
}

/// The start of a session's history.
#[derive(Clone, Default)]
pub struct History(Arc<Mutex<Vec<Description>>>);

impl History {
    /// Keeps a description, redacted.
    pub fn add(&self, kind: DescriptionKind, sdp: &str) {
        let mut all = self.lock();
        if all.len() < KEPT {
            let at = jiff::Timestamp::now().to_string();
            all.push(Description { at, kind, sdp: signalling::redact(sdp) });
        }
    }

    /// Keeps candidates, redacted; an empty one, which ends the list, as `end-of-candidates`.
    pub fn add_candidates(&self, candidates: &[Candidate]) {
        for candidate in candidates {
            let text = if candidate.is_end() { "end-of-candidates" } else { &candidate.candidate };
            self.add(DescriptionKind::Candidate, text);
        }
    }

    /// All of them, the oldest first.
    pub fn all(&self) -> Vec<Description> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Description>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_has_no_secrets_and_an_end() {
        let history = History::default();
        let candidate =
            Candidate::parse("candidate:1 1 udp 2130706431 192.0.2.7 50000 typ host", Some("0"), None);

        history.add(DescriptionKind::Offer, "v=0\r\na=ice-pwd:hunter2\r\na=fingerprint:sha-256 00:11\r\n");
        history.add_candidates(&[candidate.unwrap()]);
        for _ in 0..KEPT {
            history.add(DescriptionKind::Answer, "v=0\r\n");
        }

        let all = history.all();
        let text: String = all.iter().map(|description| description.sdp.as_str()).collect();
        assert_eq!(all.len(), KEPT);
        assert!(!text.contains("hunter2") && !text.contains("192.0.2.7"), "{text}");
        assert!(text.contains("sha-256 00:11") && text.contains("typ host"), "{text}");
        assert_eq!(all[1].kind, DescriptionKind::Candidate);
    }
}
