//! Verifies the peer (RFC 8122): the certificate that DTLS really used must match the offer's `a=fingerprint`.
//! webrtcbin before 1.28.5 does not compare them.
//!
//! Runs on streaming and SCTP threads. Reads the certificate once per session; after that, one atomic load.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use gst::{glib, prelude::*};
use sha2::Digest;

use crate::signalling::{Fingerprint, HashAlgorithm};

const UNKNOWN: u8 = 0;
const VERIFIED: u8 = 1;
const MISMATCH: u8 = 2;

/// What is known about the peer's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// DTLS has not shown a certificate yet.
    Unknown,
    /// The certificate matches the offer.
    Verified,
    /// It does not: nothing from this peer may be used.
    Mismatch,
}

/// The check of one session.
pub struct Check {
    offered: Vec<Fingerprint>,
    transceiver: glib::WeakRef<gst_webrtc::WebRTCRTPTransceiver>,
    verdict: AtomicU8,
}

impl Check {
    /// `transceiver` is any one of the bundle: they share one transport.
    pub fn new(offered: Vec<Fingerprint>, transceiver: &gst_webrtc::WebRTCRTPTransceiver) -> Self {
        Self { offered, transceiver: transceiver.downgrade(), verdict: AtomicU8::new(UNKNOWN) }
    }

    /// Compares as soon as DTLS has shown a certificate, and remembers the verdict.
    pub fn check(&self) -> Verdict {
        match self.verdict.load(Relaxed) {
            VERIFIED => return Verdict::Verified,
            MISMATCH => return Verdict::Mismatch,
            _ => {}
        }
        let Some(certificate) = self.certificate() else { return Verdict::Unknown };
        let verdict = if matches(&self.offered, &certificate) { VERIFIED } else { MISMATCH };
        self.verdict.store(verdict, Relaxed);
        if verdict == VERIFIED { Verdict::Verified } else { Verdict::Mismatch }
    }

    /// The peer's certificate in PEM.
    fn certificate(&self) -> Option<String> {
        let receiver = self.transceiver.upgrade()?.receiver()?;
        let transport: Option<gst_webrtc::WebRTCDTLSTransport> = receiver.property("transport");
        transport?.property::<Option<String>>("remote-certificate").filter(|text| !text.is_empty())
    }
}

fn matches(offered: &[Fingerprint], certificate: &str) -> bool {
    let Ok(certificate) = pem::parse(certificate) else { return false };
    let der = certificate.contents();
    offered.iter().any(|fingerprint| match fingerprint.algorithm {
        HashAlgorithm::Sha256 => fingerprint.matches_digest(&sha2::Sha256::digest(der)),
        HashAlgorithm::Sha384 => fingerprint.matches_digest(&sha2::Sha384::digest(der)),
        HashAlgorithm::Sha512 => fingerprint.matches_digest(&sha2::Sha512::digest(der)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_matches_its_own_digest_and_no_other() {
        let key = rcgen::generate_simple_self_signed(["peer".to_owned()]).unwrap();
        let right = Fingerprint {
            algorithm: HashAlgorithm::Sha256,
            value: sha2::Sha256::digest(key.cert.der()).to_vec(),
        };
        let mut wrong = right.clone();
        wrong.value[0] ^= 1;

        assert!(matches(std::slice::from_ref(&right), &key.cert.pem()));
        assert!(!matches(&[wrong.clone()], &key.cert.pem()));
        assert!(matches(&[wrong, right], &key.cert.pem()));
        assert!(!matches(&[], "no pem"));
    }
}
