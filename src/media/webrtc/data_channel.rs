//! The data channel `parameters`: keeps the peer's messages until the session reads them.
//!
//! Written on webrtcbin's SCTP thread, read by the session's task. The lock is held for one push or one drain.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use super::{
    Tell,
    fingerprint::{Check, Verdict},
};
use crate::{
    limits,
    media::{Event, gst::state},
    signalling::limits::MESSAGE_BYTES,
};

/// Dragging a slider sends a few hundred messages a second; the session reads within milliseconds.
const CAPACITY: usize = 512;
/// Bytes of text that wait: the messages of two seconds at the session's rate.
const CAPACITY_BYTES: usize = 2_000_000;
/// Silence after which no message is waiting to be sent.
const QUIET: Duration = Duration::from_millis(20);

/// One message from the peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mail {
    /// Text, unparsed.
    Text(String),
    /// Binary data, which the contract does not allow.
    Binary,
    /// Longer than [`MESSAGE_BYTES`]; the length of its first part. The channel gives nothing more.
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

/// A message, unless it is too long.
fn mail(text: Option<&str>, bytes: usize) -> Mail {
    match text {
        _ if bytes > MESSAGE_BYTES => Mail::TooLong(bytes),
        Some(text) => Mail::Text(text.to_owned()),
        None => Mail::Binary,
    }
}

/// Puts messages on `channel` into the inbox, once the peer's certificate matches its offer.
///
/// What follows one that is too long may be the rest of it and is dropped; the session closes the channel.
pub fn read(
    channel: &gst_webrtc::WebRTCDataChannel,
    tell: &Tell,
    fingerprint: &Arc<Check>,
    inbox: &Arc<Inbox>,
) {
    let over = Arc::new(AtomicBool::new(false));
    let post = {
        let (tell, fingerprint, inbox, over) =
            (tell.clone(), fingerprint.clone(), inbox.clone(), over.clone());
        move |mail: Mail| {
            if fingerprint.check() != Verdict::Verified || over.load(Relaxed) {
                return;
            }
            if matches!(mail, Mail::TooLong(_)) {
                limits::MESSAGE_BYTES.refused();
                over.store(true, Relaxed);
            }
            inbox.push(mail);
            tell(Event::Mail);
        }
    };
    let post_binary = post.clone();
    channel.connect_on_message_string(move |_, message| {
        let text = message.unwrap_or_default();
        post(mail(Some(text), text.len()));
    });
    channel
        .connect_on_message_data(move |_, data| post_binary(mail(None, data.map_or(0, |data| data.len()))));
    let told = tell.clone();
    channel.connect_on_open(move |_| told(Event::ChannelOpen));
    let told = tell.clone();
    channel.connect_on_close(move |_| {
        // One that the server closes says nothing about the peer.
        if !over.load(Relaxed) {
            told(Event::ChannelClosed);
        }
    });
}

/// Waits until the data channels have sent `wanted` bytes and then nothing for [`QUIET`], for at most `limit`. Blocks.
///
/// Stopping the graph drops what SCTP still holds, and webrtcbin's `buffered-amount` is 0 too early. Acknowledgements count
/// too and may leave first: three have the bytes of a short message.
pub fn flush(sent: &AtomicU64, wanted: u64, limit: Duration) {
    let mut last = (sent.load(Relaxed), Instant::now());
    let flushed = || {
        let now = sent.load(Relaxed);
        if now != last.0 {
            last = (now, Instant::now());
        }
        now >= wanted && last.1.elapsed() >= QUIET
    };
    state::wait_until(limit, "flush", flushed).ok(); // best effort: the session ends anyway
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_inbox_loses_the_oldest_and_says_how_many() {
        let inbox = Inbox::default();

        for number in 0..=CAPACITY {
            inbox.push(Mail::Text(number.to_string()));
        }

        let (mail, lost) = inbox.take(|_| true);
        assert_eq!(lost, 1);
        assert_eq!(mail.last(), Some(&Mail::Text(CAPACITY.to_string())));
    }

    #[test]
    fn long_messages_fill_an_inbox_sooner() {
        let inbox = Inbox::default();

        for _ in 0..CAPACITY {
            inbox.push(Mail::Text("x".repeat(MESSAGE_BYTES)));
        }

        let (mail, lost) = inbox.take(|_| true);
        assert_eq!(mail.len(), CAPACITY_BYTES / MESSAGE_BYTES);
        assert_eq!(usize::try_from(lost).unwrap() + mail.len(), CAPACITY);
    }

    #[test]
    fn what_may_not_be_taken_yet_stays_in_order() {
        let inbox = Inbox::default();
        for number in 0..3 {
            inbox.push(Mail::Text(number.to_string()));
        }
        let mut allowed = [true, true, false].into_iter();

        let (first, _) = inbox.take(|_| allowed.next() == Some(true));

        assert_eq!(first, [Mail::Text("0".into()), Mail::Text("1".into())]);
        assert_eq!(inbox.take(|_| true).0, [Mail::Text("2".into())]);
    }

    #[test]
    fn a_message_over_the_limit_is_not_kept() {
        let read = |bytes: usize| mail(Some(&"x".repeat(bytes)), bytes);

        assert!(matches!(read(MESSAGE_BYTES), Mail::Text(text) if text.len() == MESSAGE_BYTES));
        assert_eq!(read(MESSAGE_BYTES + 1), Mail::TooLong(MESSAGE_BYTES + 1));
        assert_eq!(mail(None, MESSAGE_BYTES + 1), Mail::TooLong(MESSAGE_BYTES + 1));
        assert_eq!(mail(None, 1), Mail::Binary);
    }

    #[test]
    fn a_message_behind_acknowledgements_is_waited_for() {
        let (message, acknowledgements) = (200, 3 * 69);
        let sent = AtomicU64::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                sent.fetch_add(acknowledgements, Relaxed);
                std::thread::park_timeout(QUIET / 4);
                sent.fetch_add(message, Relaxed);
            });

            flush(&sent, message, Duration::from_secs(10));

            assert_eq!(sent.load(Relaxed), acknowledgements + message);
        });
    }
}
