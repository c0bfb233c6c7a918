//! The text of an API key, and the digest by which the server knows it. Pure but for the system's random numbers.

use std::{fmt, io};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

/// In front of every key that this server makes, so that scanners of repositories and logs can find lost ones.
const PREFIX: &str = "scope_";
/// Bytes of randomness: nothing to guess, so that a plain SHA-256 of it gives nothing away.
const RANDOM_BYTES: usize = 32;
/// Characters of a key that a person chose, at least.
const SHORTEST: usize = 16;
/// Characters of a key at most; a longer one is a mistake.
const LONGEST: usize = 256;

/// A key. `Debug` shows `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// A new key of 256 random bits.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn random() -> io::Result<Self> {
        Ok(Self(format!("{PREFIX}{}", random_text()?)))
    }

    /// A key that somebody chose or brings.
    ///
    /// # Errors
    /// A sentence without the key: it is too short, too long, or has characters that a header cannot carry.
    pub fn parse(text: &str) -> Result<Self, String> {
        let length = text.chars().count();
        if !(SHORTEST..=LONGEST).contains(&length) {
            return Err(format!("expected a key of {SHORTEST} to {LONGEST} characters, got {length}"));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(
                "expected a key of letters, digits and ASCII punctuation, got other characters".into()
            );
        }
        Ok(Self(text.to_owned()))
    }

    /// The text itself, to show it once or to keep it in a file of the server's own.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What the server keeps of it.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

/// 256 random bits as text for a URL.
///
/// # Errors
/// The system has no random numbers.
pub fn random_text() -> io::Result<String> {
    let mut bytes = [0; RANDOM_BYTES];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// The SHA-256 of a secret text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Of any text.
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// From 64 hexadecimal digits, as `sha256sum` prints them.
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        let mut bytes = [0; 32];
        if digits.len() != 2 * bytes.len() {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |index: usize| char::from(pair[index]).to_digit(16);
            *byte = u8::try_from(digit(0)? * 16 + digit(1)?).ok()?;
        }
        Some(Self(bytes))
    }

    /// As `sha256sum` prints it.
    pub fn to_hex(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
    }

    /// Compares in the same time whatever the difference.
    pub fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_new_each_time_and_stays_out_of_debug() {
        let (one, other) = (Key::random().unwrap(), Key::random().unwrap());

        assert!(one != other && one.expose().len() == PREFIX.len() + 43);
        assert_eq!(Key::parse(one.expose()), Ok(one.clone()));
        assert_eq!(format!("{one:?}"), "***");
    }

    #[test]
    fn a_key_that_a_header_cannot_carry_is_refused_without_being_shown() {
        for text in ["short", "a key with spaces in it", "schlüssel-schlüssel-schlüssel", &"x".repeat(257)]
        {
            let fault = Key::parse(text).unwrap_err();

            assert!(!fault.contains(text), "{fault}");
        }
    }

    #[test]
    fn a_digest_is_what_sha256sum_prints() {
        let digest = Digest::of("abc");

        // FIPS 180-4, appendix B.1.
        let hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest.to_hex(), hex);
        assert_eq!(Digest::from_hex(hex), Some(digest));
        assert!(digest.is(&Digest::of("abc")) && !digest.is(&Digest::of("abd")));
        for wrong in ["", "ba", &hex[1..], &hex.replace('b', "g"), &"é".repeat(32)] {
            assert_eq!(Digest::from_hex(wrong), None, "{wrong}");
        }
    }
}
