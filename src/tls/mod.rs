//! The HTTPS certificate: PEM files, or a self-signed pair that is kept.
//!
//! A browser gives no camera to a plain-HTTP page other than localhost (W3C Secure Contexts), so a server on a local
//! network needs one.

mod live;
mod self_signed;

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

pub use live::start;

use crate::state_dir::StateDir;

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
    /// The system refuses a handler of SIGHUP.
    #[error("cannot listen for SIGHUP: {0}")]
    Signal(std::io::Error),
}

/// Where the HTTPS certificate comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Certificate {
    /// Plain HTTP.
    #[default]
    None,
    /// One that the server makes and keeps.
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
    fn load(&self, state: &StateDir) -> Result<Option<Arc<ServerConfig>>, Error> {
        match self {
            Self::None => Ok(None),
            Self::SelfSigned => self_signed::load(state, jiff::Timestamp::now()).map(Some),
            Self::Files { cert, key } => {
                if !is_private(key) {
                    tracing::warn!(key = %key.display(), "every local user can read the private key; chmod 600 it");
                }
                from_files(cert, key).map(Some)
            }
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

/// Whether only the owner and the group of a private key can read it.
pub fn is_private(key: &Path) -> bool {
    key.metadata().map_or(true, |key| key.permissions().mode() & 0o004 == 0)
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

#[cfg(test)]
mod tests {
    use super::*;

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
        std::fs::set_permissions(&key, PermissionsExt::from_mode(0o644)).unwrap();
        assert!(!is_private(&key));
        std::fs::set_permissions(&key, PermissionsExt::from_mode(0o640)).unwrap();
        assert!(is_private(&key));
        let swapped = from_files(&key, &certificate).unwrap_err().to_string();
        assert!(swapped.contains("key.pem"), "{swapped}");
        assert!(from_files(Path::new("/nowhere"), &key).unwrap_err().to_string().contains("/nowhere"));
    }
}
