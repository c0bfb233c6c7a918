//! The data channel `parameters`: what the peer says, kept until the session reads it.
//!
//! Written on webrtcbin's SCTP thread, read by the session's task; the lock is held for one push or one swap.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

/// A burst of a slider is some hundred messages a second; the session reads within milliseconds.
const CAPACITY: usize = 512;
/// Longest message kept, in bytes (API.md); a longer one is remembered as such.
pub const MESSAGE_BYTES: usize = 64 * 1024;

/// One message of the peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mail {
    /// Text, as it came.
    Text(String),
    /// Not text, which the contract does not have.
    Binary,
    /// Over [`MESSAGE_BYTES`].
    TooLong(usize),
}

/// Messages in order; when it is full the oldest goes, never the newest.
#[derive(Debug, Default)]
pub struct Inbox {
    state: Mutex<(VecDeque<Mail>, u64)>,
}

impl Inbox {
    /// Keeps a message.
    pub fn push(&self, mail: Mail) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.0.len() >= CAPACITY {
            state.0.pop_front();
            state.1 += 1;
        }
        state.0.push_back(mail);
    }

    /// Takes everything, and how many were lost since the last time.
    pub fn drain(&self) -> (Vec<Mail>, u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let lost = std::mem::take(&mut state.1);
        (state.0.drain(..).collect(), lost)
    }
}

/// A text message, or what is wrong with its length.
pub fn text(text: &str) -> Mail {
    if text.len() > MESSAGE_BYTES { Mail::TooLong(text.len()) } else { Mail::Text(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_inbox_loses_the_oldest_and_says_how_many() {
        let inbox = Inbox::default();

        for number in 0..=CAPACITY {
            inbox.push(text(&number.to_string()));
        }

        let (mail, lost) = inbox.drain();
        assert_eq!(lost, 1);
        assert_eq!(mail.last(), Some(&Mail::Text(CAPACITY.to_string())));
    }

    #[test]
    fn a_message_over_the_limit_is_not_kept() {
        assert_eq!(text(&"x".repeat(MESSAGE_BYTES + 1)), Mail::TooLong(MESSAGE_BYTES + 1));
    }
}
