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
/// Bytes of text that wait: the messages of two seconds at the session's rate.
const CAPACITY_BYTES: usize = 2_000_000;
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

impl Mail {
    /// Bytes of text that it holds.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary | Self::TooLong(_) => 0,
        }
    }
}

/// Messages in order; a full inbox drops the oldest.
#[derive(Debug, Default)]
pub struct Inbox {
    state: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    mail: VecDeque<Mail>,
    bytes: usize,
    /// Messages dropped since the last read.
    lost: u64,
}

impl Waiting {
    fn pop(&mut self) -> Option<Mail> {
        let mail = self.mail.pop_front()?;
        self.bytes -= mail.bytes();
        Some(mail)
    }
}

impl Inbox {
    /// Keeps a message.
    pub fn push(&self, mail: Mail) {
        let mut waiting = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.bytes += mail.bytes();
        waiting.mail.push_back(mail);
        while waiting.mail.len() > CAPACITY || waiting.bytes > CAPACITY_BYTES {
            waiting.pop();
            waiting.lost += 1;
        }
    }

    /// Takes messages for as long as `allows` the next one, and how many were dropped since the last call.
    pub fn take(&self, mut allows: impl FnMut(&Mail) -> bool) -> (Vec<Mail>, u64) {
        let mut waiting = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = Vec::new();
        while waiting.mail.front().is_some_and(&mut allows) {
            taken.extend(waiting.pop());
        }
        (taken, std::mem::take(&mut waiting.lost))
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

        let (mail, lost) = inbox.take(|_| true);
        assert_eq!(lost, 1);
        assert_eq!(mail.last(), Some(&Mail::Text(CAPACITY.to_string())));
    }

    #[test]
    fn long_messages_fill_an_inbox_sooner() {
        let inbox = Inbox::default();

        for _ in 0..CAPACITY {
            inbox.push(text(&"x".repeat(MESSAGE_BYTES)));
        }

        let (mail, lost) = inbox.take(|_| true);
        assert_eq!(mail.len(), CAPACITY_BYTES / MESSAGE_BYTES);
        assert_eq!(usize::try_from(lost).unwrap() + mail.len(), CAPACITY);
    }

    #[test]
    fn what_may_not_be_taken_yet_stays_in_order() {
        let inbox = Inbox::default();
        for number in 0..3 {
            inbox.push(text(&number.to_string()));
        }
        let mut allowed = [true, true, false].into_iter();

        let (first, _) = inbox.take(|_| allowed.next() == Some(true));

        assert_eq!(first, [Mail::Text("0".into()), Mail::Text("1".into())]);
        assert_eq!(inbox.take(|_| true).0, [Mail::Text("2".into())]);
    }

    #[test]
    fn a_message_over_the_limit_is_not_kept() {
        assert_eq!(text(&"x".repeat(MESSAGE_BYTES + 1)), Mail::TooLong(MESSAGE_BYTES + 1));
    }
}
