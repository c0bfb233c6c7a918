//! The self-signed pair. It is kept in the state folder: a browser's exception holds until the pair is made again.
//!
//! Blocks on the disk.

use std::{io, path::Path, sync::Arc};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair};
use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use sha2::{Digest, Sha256};

use super::{Error, config, from_files, validity};
use crate::{
    state_dir::{self, StateDir},
    system,
};

/// In the state folder.
const CERTIFICATE: &str = "tls-cert.pem";
const KEY: &str = "tls-key.pem";
/// Apple's systems take no certificate that is valid for more than 398 days.
const VALID: SignedDuration = SignedDuration::from_hours(397 * 24);
/// It is made again when it ends within this time.
const RENEWAL: SignedDuration = SignedDuration::from_hours(30 * 24);
/// It is valid from the day before: clocks of clients are wrong.
const BEFORE: SignedDuration = SignedDuration::from_hours(24);

/// The configuration with the kept pair, or with a new one where there is none that is valid for another 30 days.
///
/// # Errors
/// [`Error::Make`], [`Error::Pair`].
pub fn load(state: &StateDir, now: Timestamp) -> Result<Arc<ServerConfig>, Error> {
    let (certificate, key) = (state.path(CERTIFICATE), state.path(KEY));
    if let Ok(kept) = from_files(&certificate, &key)
        && !is_due(&certificate, now)
    {
        return Ok(kept);
    }
    let (made, private) = make(now)?;
    let fingerprint = fingerprint(made.der());
    match keep(state, &made, &private) {
        Ok(()) => tracing::info!(file = %certificate.display(), fingerprint, "self-signed certificate made"),
        Err(error) => tracing::warn!(
            %error,
            fingerprint,
            "the self-signed certificate cannot be kept, so each start makes another; set --state-dir"
        ),
    }
    let private = PrivateKeyDer::try_from(private.serialize_der())
        .map_err(|error| rustls::Error::General(error.to_owned()))?;
    config(vec![made.der().clone()], private)
}

/// Whether it is time for another pair.
pub fn is_due(certificate: &Path, now: Timestamp) -> bool {
    !validity(certificate).is_ok_and(|(from, until)| from <= now && now + RENEWAL < until)
}

/// Whether the kept pair has to be made again.
pub fn kept_is_due(state: &StateDir, now: Timestamp) -> bool {
    is_due(&state.path(CERTIFICATE), now)
}

fn make(now: Timestamp) -> Result<(rcgen::Certificate, KeyPair), Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(names())?;
    let host = system::host_name().unwrap_or_else(|| "localhost".into());
    params.distinguished_name.push(DnType::CommonName, format!("Scope on {host}"));
    params.insert_extended_key_usage(ExtendedKeyUsagePurpose::ServerAuth);
    let from = now - BEFORE;
    let midnight = |time: Timestamp| {
        let day = time.to_zoned(TimeZone::UTC).date();
        let number = |number: i8| u8::try_from(number).expect("months and days are positive");
        rcgen::date_time_ymd(day.year().into(), number(day.month()), number(day.day()))
    };
    (params.not_before, params.not_after) = (midnight(from), midnight(from + VALID));
    Ok((params.self_signed(&key)?, key))
}

fn keep(state: &StateDir, certificate: &rcgen::Certificate, key: &KeyPair) -> io::Result<()> {
    state.prepare()?;
    // A pair that does not match, after a crash between the two, is made again.
    state_dir::replace(&state.path(KEY), key.serialize_pem().as_bytes())?;
    state_dir::replace(&state.path(CERTIFICATE), certificate.pem().as_bytes())
}

/// As browsers show it, to compare before an exception is made.
fn fingerprint(der: &[u8]) -> String {
    Sha256::digest(der).iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

/// localhost, this host's name and its addresses.
fn names() -> Vec<String> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    names.extend(system::host_name());
    names.extend(system::addresses().iter().map(ToString::to_string));
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_pair_is_kept_for_its_time_and_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::from(folder.path().join("state"));
        let read = || std::fs::read(state.path(CERTIFICATE)).unwrap();
        let now = Timestamp::now();
        let day = |days: i64| now + SignedDuration::from_hours(24 * days);

        load(&state, now).unwrap();
        let first = read();
        load(&state, day(300)).unwrap();
        assert_eq!(read(), first, "a restart keeps it");
        load(&state, day(370)).unwrap();
        assert_ne!(read(), first, "it is renewed before its end");

        let mode = |name: &str| state.path(name).metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(KEY), mode("") & 0o700), (0o600, 0o700));
        let (from, until) = validity(&state.path(CERTIFICATE)).unwrap();
        assert_eq!(until.duration_since(from), VALID);
        std::fs::write(state.path(KEY), KeyPair::generate().unwrap().serialize_pem()).unwrap();
        let second = read();
        load(&state, day(371)).unwrap();
        assert_ne!(read(), second, "a pair that does not match is made again");
    }

    #[test]
    fn where_it_cannot_be_kept_there_is_one_all_the_same() {
        let state = StateDir::from(std::path::PathBuf::from("/proc/nowhere"));

        assert!(load(&state, Timestamp::now()).is_ok());
    }

    #[test]
    fn it_names_this_host() {
        let local = |name: &String| name.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback());

        assert!(names().contains(&"localhost".to_owned()) && names().iter().any(local), "{:?}", names());
    }
}
