//! The HTTPS certificate: PEM files, or one made at start. Pure but for the reading of files.
//!
//! A browser gives no camera to a plain-HTTP page other than localhost (W3C Secure Contexts), so a server on a local
//! network needs one.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

/// What can be wrong with a certificate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file that cannot be read as PEM.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Certificate and key do not match, or are of a kind that rustls does not support.
    #[error("the certificate and its key cannot be used: {0}")]
    Pair(#[from] rustls::Error),
    /// The self-signed certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    Make(#[from] rcgen::Error),
}

/// Where the HTTPS certificate comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Certificate {
    /// Plain HTTP.
    #[default]
    None,
    /// One that is made at start.
    SelfSigned,
    /// PEM files.
    Files {
        /// Certificate chain.
        cert: PathBuf,
        /// Private key.
        key: PathBuf,
    },
}

impl Certificate {
    /// The TLS configuration with this certificate; none for plain HTTP.
    ///
    /// # Errors
    /// As [`from_files`] and [`self_signed`].
    pub fn load(&self) -> Result<Option<Arc<ServerConfig>>, Error> {
        match self {
            Self::None => Ok(None),
            Self::SelfSigned => self_signed().map(Some),
            Self::Files { cert, key } => from_files(cert, key).map(Some),
        }
    }
}

/// Makes ring the crypto provider of all of rustls, here and in the HTTP client.
pub fn install_provider() {
    rustls::crypto::ring::default_provider().install_default().ok(); // a test's second server: installed already
}

/// A server configuration from PEM files.
///
/// # Errors
/// [`Error::File`], [`Error::Pair`].
pub fn from_files(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, Error> {
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| fault(certificate, &error))?;
    if chain.is_empty() {
        return Err(fault(certificate, &"it contains no certificate"));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| fault(key, &error))?;
    config(chain, private)
}

/// From when and until when the first certificate of the file is valid.
///
/// # Errors
/// [`Error::File`].
pub fn validity(certificate: &Path) -> Result<(jiff::Timestamp, jiff::Timestamp), Error> {
    let first = CertificateDer::from_pem_file(certificate).map_err(|error| fault(certificate, &error))?;
    let (_, parsed) =
        x509_parser::parse_x509_certificate(&first).map_err(|error| fault(certificate, &error))?;
    let time = |time: x509_parser::time::ASN1Time| {
        jiff::Timestamp::from_second(time.timestamp()).map_err(|error| fault(certificate, &error))
    };
    let validity = parsed.validity();
    Ok((time(validity.not_before)?, time(validity.not_after)?))
}

/// A server configuration with a certificate made now, for localhost, this host's name and its addresses.
///
/// # Errors
/// [`Error::Make`].
pub fn self_signed() -> Result<Arc<ServerConfig>, Error> {
    let made = rcgen::generate_simple_self_signed(names())?;
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())
        .map_err(|error| rustls::Error::General(error.to_owned()))?;
    config(vec![made.cert.der().clone()], key)
}

fn config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ServerConfig>, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn fault(path: &Path, reason: &dyn std::fmt::Display) -> Error {
    Error::File { path: path.to_owned(), reason: reason.to_string() }
}

fn names() -> Vec<String> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    names.extend(std::fs::read_to_string("/proc/sys/kernel/hostname").map(|name| name.trim().to_owned()));
    let networks = sysinfo::Networks::new_with_refreshed_list();
    let addresses =
        networks.iter().flat_map(|networks| networks.values()).flat_map(sysinfo::NetworkData::ip_networks);
    names.extend(addresses.map(|network| network.addr.to_string()));
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_made_for_this_host() {
        assert!(self_signed().is_ok());
        let local = |name: &String| name.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback());
        assert!(names().contains(&"localhost".to_owned()) && names().iter().any(local), "{:?}", names());
    }

    #[test]
    fn files_are_read_and_their_faults_named() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        let made = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap();
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();

        assert!(from_files(&certificate, &key).is_ok());
        let (from, until) = validity(&certificate).unwrap();
        assert!(from < jiff::Timestamp::now() && until > jiff::Timestamp::now());
        assert!(validity(&key).is_err());
        let swapped = from_files(&key, &certificate).unwrap_err().to_string();
        assert!(swapped.contains("key.pem"), "{swapped}");
        assert!(from_files(Path::new("/nowhere"), &key).unwrap_err().to_string().contains("/nowhere"));
    }
}
