//! The hash of the peer's DTLS certificate (RFC 8122), against which the certificate of the handshake is compared.

use sdp_types::{Attribute, HashFunc};

use super::{Error, attributes, limits, text::quote};

/// Hash functions that still bind an identity. SHA-1 and MD5 do not (RFC 8122 section 5.1 names SHA-256 the minimum).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HashAlgorithm {
    /// 32 bytes.
    Sha256,
    /// 48 bytes.
    Sha384,
    /// 64 bytes.
    Sha512,
}

impl HashAlgorithm {
    /// The name on the wire, as in `a=fingerprint:sha-256 …`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha-256",
            Self::Sha384 => "sha-384",
            Self::Sha512 => "sha-512",
        }
    }

    /// Bytes of a digest.
    #[must_use]
    pub fn digest_len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        match HashFunc::new(name) {
            HashFunc::Sha256 => Some(Self::Sha256),
            HashFunc::Sha384 => Some(Self::Sha384),
            HashFunc::Sha512 => Some(Self::Sha512),
            _ => None,
        }
    }
}

/// One `a=fingerprint` line; `value` has exactly the length of the algorithm's digest.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    /// How the value was made.
    pub algorithm: HashAlgorithm,
    /// The digest.
    pub value: Vec<u8>,
}

impl Fingerprint {
    /// Whether this is the digest of a certificate's DER, made with this fingerprint's algorithm.
    #[must_use]
    pub fn matches_digest(&self, digest: &[u8]) -> bool {
        self.value == digest
    }

    /// Parses `sha-256 AB:CD:…`. `Ok(None)` is a hash function that is not accepted.
    fn parse(line: &str, place: &str) -> Result<Option<Self>, Error> {
        let bad = |reason: String| Error::BadFingerprint { place: place.to_owned(), reason };

        let Some((name, hex)) = line.split_once(' ') else {
            return Err(bad(format!("expected a hash function and a value, got {}", quote(line))));
        };
        let Some(algorithm) = HashAlgorithm::from_name(name) else {
            return Ok(None);
        };

        let value: Option<Vec<u8>> = hex.split(':').map(hex_byte).collect();
        let value = value.ok_or_else(|| bad(format!("expected pairs of hex digits, got {}", quote(hex))))?;
        let expected = algorithm.digest_len();
        if value.len() != expected {
            return Err(bad(format!(
                "{}: expected {expected} bytes, got {}",
                algorithm.as_str(),
                value.len()
            )));
        }
        Ok(Some(Self { algorithm, value }))
    }
}

/// The accepted fingerprints of one level, each once, in order. Empty if the level has no `a=fingerprint` at all; an
/// error if it has some and none of them is accepted.
pub(super) fn read(attributes: &[Attribute], place: &str) -> Result<Vec<Fingerprint>, Error> {
    let bad = |reason: String| Error::BadFingerprint { place: place.to_owned(), reason };
    let mut accepted: Vec<Fingerprint> = Vec::new();
    let mut refused = None;

    for line in attributes::values(attributes, "fingerprint") {
        match Fingerprint::parse(line, place)? {
            Some(fingerprint) if accepted.contains(&fingerprint) => {}
            Some(_) if accepted.len() == limits::FINGERPRINTS => {
                return Err(bad(format!("expected at most {}, got more", limits::FINGERPRINTS)));
            }
            Some(fingerprint) => accepted.push(fingerprint),
            None => refused = Some(line),
        }
    }

    match refused {
        Some(line) if accepted.is_empty() => {
            let name = line.split(' ').next().unwrap_or_default();
            Err(bad(format!("expected sha-256, sha-384 or sha-512, got {}", quote(name))))
        }
        _ => Ok(accepted),
    }
}

fn hex_byte(pair: &str) -> Option<u8> {
    let is_pair = pair.len() == 2 && pair.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_pair.then(|| u8::from_str_radix(pair, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(values: &[&str]) -> Vec<Attribute> {
        values.iter().map(|value| Attribute::with_value("fingerprint", value)).collect()
    }

    fn sha256(byte: &str) -> String {
        format!("sha-256 {}", vec![byte; 32].join(":"))
    }

    #[test]
    fn a_fingerprint_matches_its_digest_alone() {
        let read = read(&lines(&[&sha256("aB")]), "session").unwrap();

        assert_eq!(read.len(), 1);
        assert!(read[0].matches_digest(&[0xab; 32]));
        assert!(!read[0].matches_digest(&[0xab; 31]));
        assert!(!read[0].matches_digest(&[0xac; 32]));
    }

    #[test]
    fn a_weak_hash_is_ignored_beside_a_good_one_and_refused_alone() {
        let weak = format!("sha-1 {}", vec!["00"; 20].join(":"));

        assert_eq!(read(&lines(&[&weak, &sha256("01")]), "session").unwrap().len(), 1);
        assert_eq!(read(&lines(&[&weak]), "session").unwrap_err().code(), "bad_fingerprint");
    }

    #[test]
    fn broken_values_are_refused() {
        for value in
            ["ZZ", "sha-256", "sha-256 ", "sha-256 ABCD", "sha-256 ZZ", "sha-256 AB:CD", "sha-256 +1:+2"]
        {
            assert_eq!(read(&lines(&[value]), "session").unwrap_err().code(), "bad_fingerprint", "{value}");
        }
        let joined = sha256("ab").replace(':', "");
        assert_eq!(read(&lines(&[&joined]), "session").unwrap_err().code(), "bad_fingerprint");
    }

    #[test]
    fn repeated_lines_count_once_and_distinct_ones_are_bounded() {
        let same = sha256("ab");
        assert_eq!(read(&lines(&[&same, &same]), "session").unwrap().len(), 1);

        let many: Vec<String> = (0..=limits::FINGERPRINTS).map(|n| sha256(&format!("{n:02x}"))).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(read(&lines(&many), "session").unwrap_err().code(), "bad_fingerprint");
    }
}
