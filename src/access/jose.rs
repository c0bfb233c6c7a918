//! The signatures of JWTs by ring, which TLS uses already: the JWT crate's own choices would bring a second library of
//! each algorithm. Pure.

use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind, EncodingKey,
    crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils},
    errors::{ErrorKind, Result},
};
use ring::{
    hmac,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
        RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
        RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
        UnparsedPublicKey, VerificationAlgorithm,
    },
};
use signature::{Signer, Verifier};

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| Ok(Box::new(HmacKey::to_sign(*algorithm, key)?)),
    verifier_factory: |algorithm, key| match key.family() {
        AlgorithmFamily::Hmac => Ok(Box::new(HmacKey::to_verify(*algorithm, key)?)),
        _ => Ok(Box::new(PublicKey::new(*algorithm, key)?)),
    },
    key_utils: KeyUtils::new_unimplemented(), // for making JWKs, which the server only reads
};

/// Makes ring sign and verify all JWTs of the process.
pub fn install() {
    PROVIDER.install_default().ok(); // a test's second server: installed already
}

/// HS256 (RFC 7518, section 3.2): the server's own tokens.
struct HmacKey(hmac::Key);

impl HmacKey {
    fn to_sign(algorithm: Algorithm, key: &EncodingKey) -> Result<Self> {
        Self::new(algorithm, key.family(), key.as_bytes())
    }

    fn to_verify(algorithm: Algorithm, key: &DecodingKey) -> Result<Self> {
        Self::new(algorithm, key.family(), key.try_get_as_bytes()?)
    }

    fn new(algorithm: Algorithm, family: AlgorithmFamily, secret: &[u8]) -> Result<Self> {
        if algorithm != Algorithm::HS256 || family != AlgorithmFamily::Hmac {
            return Err(ErrorKind::InvalidAlgorithm.into());
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, secret)))
    }
}

impl Signer<Vec<u8>> for HmacKey {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, signature::Error> {
        Ok(hmac::sign(&self.0, message).as_ref().to_vec())
    }
}

impl JwtSigner for HmacKey {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl Verifier<Vec<u8>> for HmacKey {
    fn verify(&self, message: &[u8], tag: &Vec<u8>) -> std::result::Result<(), signature::Error> {
        hmac::verify(&self.0, message, tag).map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for HmacKey {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

/// The public key of an issuer, for one algorithm (RFC 7518, sections 3.3 to 3.5; RFC 8037).
struct PublicKey {
    algorithm: Algorithm,
    scheme: Scheme,
    key: DecodingKey,
}

enum Scheme {
    Rsa(&'static RsaParameters),
    Curve(&'static dyn VerificationAlgorithm),
}

impl PublicKey {
    fn new(algorithm: Algorithm, key: &DecodingKey) -> Result<Self> {
        let scheme = match (key.family(), algorithm) {
            (AlgorithmFamily::Rsa, Algorithm::RS256) => Scheme::Rsa(&RSA_PKCS1_2048_8192_SHA256),
            (AlgorithmFamily::Rsa, Algorithm::RS384) => Scheme::Rsa(&RSA_PKCS1_2048_8192_SHA384),
            (AlgorithmFamily::Rsa, Algorithm::RS512) => Scheme::Rsa(&RSA_PKCS1_2048_8192_SHA512),
            (AlgorithmFamily::Rsa, Algorithm::PS256) => Scheme::Rsa(&RSA_PSS_2048_8192_SHA256),
            (AlgorithmFamily::Rsa, Algorithm::PS384) => Scheme::Rsa(&RSA_PSS_2048_8192_SHA384),
            (AlgorithmFamily::Rsa, Algorithm::PS512) => Scheme::Rsa(&RSA_PSS_2048_8192_SHA512),
            (AlgorithmFamily::Ec, Algorithm::ES256) => Scheme::Curve(&ECDSA_P256_SHA256_FIXED),
            (AlgorithmFamily::Ec, Algorithm::ES384) => Scheme::Curve(&ECDSA_P384_SHA384_FIXED),
            (AlgorithmFamily::Ed, Algorithm::EdDSA) => Scheme::Curve(&ED25519),
            _ => return Err(ErrorKind::InvalidAlgorithm.into()),
        };
        Ok(Self { algorithm, scheme, key: key.clone() })
    }
}

impl Verifier<Vec<u8>> for PublicKey {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), signature::Error> {
        let verified = match (&self.scheme, self.key.kind()) {
            (Scheme::Rsa(scheme), DecodingKeyKind::RsaModulusExponent { n, e }) => {
                RsaPublicKeyComponents { n, e }.verify(scheme, message, signature)
            }
            (Scheme::Curve(scheme), DecodingKeyKind::SecretOrDer(key)) => {
                UnparsedPublicKey::new(*scheme, key).verify(message, signature)
            }
            _ => return Err(signature::Error::new()),
        };
        verified.map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for PublicKey {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}
