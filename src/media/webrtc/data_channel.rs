//! The data channel `parameters`: keeps the peer's messages until the session reads them.
//!
//! Written on webrtcbin's SCTP thread, read by the session's task. The lock is held for one push or one drain.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    Tell,
    fingerprint::{Check, Verdict},
};
use crate::media::Event;

/// Dragging a slider sends a few hundred messages a second; the session reads within milliseconds.
const CAPACITY: usize = 512;
/// Longest message kept, in bytes (`docs/api.md`); of a longer one only its length is kept.
pub const MESSAGE_BYTES: usize = 64 * 1024;

/// One message from the peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mail {
    /// Text, unparsed.
    Text(String),
    /// Binary data, which the contract does not allow.
    Binary,
    /// Longer than [`MESSAGE_BYTES`]; its length.
    TooLong(usize),
}

/// Messages in order; a full inbox drops the oldest.
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

    /// Takes all messages, and how many were dropped since the last call.
    pub fn drain(&self) -> (Vec<Mail>, u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let lost = std::mem::take(&mut state.1);
        (state.0.drain(..).collect(), lost)
    }
}

/// A text message, unless it is too long.
pub fn text(text: &str) -> Mail {
    if text.len() > MESSAGE_BYTES { Mail::TooLong(text.len()) } else { Mail::Text(text.to_owned()) }
}

/// Puts messages on `channel` into the inbox, once the peer's certificate matches its offer.
pub fn read(
    channel: &gst_webrtc::WebRTCDataChannel,
    tell: &Tell,
    fingerprint: &Arc<Check>,
    inbox: &Arc<Inbox>,
) {
    let post = {
        let (tell, fingerprint, inbox) = (tell.clone(), fingerprint.clone(), inbox.clone());
        move |mail: Mail| {
            if fingerprint.check() == Verdict::Verified {
                inbox.push(mail);
                tell(Event::Mail);
            }
        }
    };
    let post_binary = post.clone();
    channel.connect_on_message_string(move |_, message| post(text(message.unwrap_or_default())));
    channel.connect_on_message_data(move |_, _| post_binary(Mail::Binary));
    let told = tell.clone();
    channel.connect_on_open(move |_| told(Event::ChannelOpen));
    let told = tell.clone();
    channel.connect_on_close(move |_| told(Event::ChannelClosed));
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
