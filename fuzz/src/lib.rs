//! The server's own parsers, compiled from its own files, and the checks that all targets share.
//!
//! `control` and `ending` stand at the root here and below `session` in the server, `frame_sizes` is `units` of
//! `media::frame_size` there; all else has the server's paths.

#![allow(dead_code, reason = "the server uses what the targets do not")]

#[path = "../../src/session/control/mod.rs"]
pub mod control;
#[path = "../../src/session/ending.rs"]
mod ending;
#[path = "../../src/frame/mod.rs"]
pub mod frame;
#[path = "../../src/media/frame_size/units/mod.rs"]
pub mod frame_sizes;
#[path = "../../src/limits.rs"]
pub mod limits;
#[path = "../../src/metrics/mod.rs"]
pub mod metrics;
#[path = "../../src/signalling/mod.rs"]
pub mod signalling;
pub mod stage;

pub use ending::EndReason;

/// Longest sentence of an error, in characters: a few quoted words of the peer, never one of its lines.
const SENTENCE_CHARS: usize = 1000;

/// An error is one bounded line for the log and the peer, has a code, and reveals no secret of `text`.
pub fn check_error(error: &signalling::Error, text: &str) {
    let sentence = error.to_string();
    assert!(sentence.chars().count() < SENTENCE_CHARS, "{} characters: {sentence}", sentence.len());
    assert!(!sentence.chars().any(char::is_control), "a control character: {sentence:?}");
    assert!(!error.code().is_empty());
    for secret in secrets(text) {
        assert!(!sentence.contains(secret), "the secret {secret} in: {sentence}");
    }
}

/// The ICE passwords of a description (RFC 8839, 5.4: letters, digits, `+` and `/`) that occur nowhere else in it: other
/// occurrences are ordinary words, and anything that is not a password may be part of an error's own sentence.
pub fn secrets(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter_map(|line| line.strip_prefix("a=ice-pwd:"))
        .filter(|secret| secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(&byte)))
        .filter(|secret| secret.len() >= 22 && text.matches(secret).count() == 1)
}
