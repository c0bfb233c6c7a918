//! An issuer's public keys (RFC 7517) and the verification of its JWTs. Pure.

use std::str::FromStr;

use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey, Validation, decode, decode_header,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, PublicKeyUse},
};
use serde_json::{Map, Value};

/// Clocks may differ by this many seconds.
const SKEW: u64 = 60;
/// Keys that are tried for a token that names none.
const TRIED: usize = 8;
/// Bytes of a token at most; the issuers of large companies put all groups of a person into one.
const BYTES: usize = 16 * 1024;

/// What a token has to name.
pub struct Rules {
    /// Its issuer.
    pub issuer: String,
    /// One of its audiences.
    pub audiences: Vec<String>,
}

/// The public keys.
#[derive(Default)]
pub struct Keys(Vec<Key>);

struct Key {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    public: DecodingKey,
}

impl Keys {
    /// Reads a set. Keys that sign nothing here are left out: those for encryption, and every symmetric one. One without
    /// any is no fault: the issuer has taken them away.
    ///
    /// # Errors
    /// It is no set.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let set: JwkSet =
            serde_json::from_slice(bytes).map_err(|error| format!("no set of keys: {error}"))?;
        Ok(Self(set.keys.iter().filter_map(Key::of).collect()))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether a text is a token that names a key that is not among these.
    pub fn lacks_key_of(&self, token: &str) -> bool {
        token.len() <= BYTES
            && decode_header(token)
                .ok()
                .filter(|header| header.alg.family() != AlgorithmFamily::Hmac)
                .and_then(|header| header.kid)
                .is_some_and(|id| self.0.iter().all(|key| key.id.as_ref() != Some(&id)))
    }

    /// The claims of a token that one of these keys signed, for these rules, and that is valid at the moment.
    pub fn verify(&self, token: &str, rules: &Rules) -> Option<Map<String, Value>> {
        if token.len() > BYTES {
            return None;
        }
        let header = decode_header(token).ok()?;
        let mut validation = Validation::new(header.alg);
        validation.leeway = SKEW;
        validation.validate_nbf = true;
        validation.set_issuer(&[&rules.issuer]);
        validation.set_audience(&rules.audiences);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let is_meant =
            |key: &&Key| header.kid.as_ref().is_none_or(|id| key.id.is_none() || key.id.as_ref() == Some(id));
        let fits = self.0.iter().filter(is_meant).filter(|key| key.algorithms.contains(&header.alg));
        let decoded = fits
            .take(TRIED)
            .find_map(|key| decode::<Map<String, Value>>(token, &key.public, &validation).ok());
        decoded.map(|token| token.claims)
    }
}

impl Key {
    fn of(jwk: &Jwk) -> Option<Self> {
        if jwk.common.public_key_use.as_ref().is_some_and(|it| *it != PublicKeyUse::Signature) {
            return None;
        }
        let all: &[Algorithm] = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => AlgorithmFamily::Rsa.algorithms(),
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
                &[Algorithm::ES256]
            }
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => {
                &[Algorithm::ES384]
            }
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
                &[Algorithm::EdDSA]
            }
            _ => return None,
        };
        let named = jwk.common.key_algorithm.map(|named| Algorithm::from_str(&named.to_string()));
        let named = match named {
            Some(Err(_)) => return None, // one for something else
            Some(Ok(named)) => Some(named),
            None => None,
        };
        let algorithms: Vec<_> =
            all.iter().copied().filter(|algorithm| named.is_none_or(|named| named == *algorithm)).collect();
        let public = DecodingKey::from_jwk(jwk).ok().filter(|_| !algorithms.is_empty())?;
        Some(Self { id: jwk.common.key_id.clone(), algorithms, public })
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
    use ring::{
        rand::SystemRandom,
        signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
    };
    use serde_json::json;

    use super::*;

    struct Signer(EcdsaKeyPair);

    impl Signer {
        fn new() -> Self {
            crate::access::jose::install();
            let random = SystemRandom::new();
            let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
            Self(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap())
        }

        fn jwk(&self, id: &str) -> Value {
            let point = self.0.public_key().as_ref();
            let (x, y) = (BASE64.encode(&point[1..33]), BASE64.encode(&point[33..]));
            json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": id, "use": "sig"})
        }

        fn sign(&self, header: &Value, claims: &Value) -> String {
            let part = |value: &Value| BASE64.encode(value.to_string());
            let message = format!("{}.{}", part(header), part(claims));
            let signature = self.0.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
            format!("{message}.{}", BASE64.encode(signature))
        }
    }

    fn keys(all: &[Value]) -> Keys {
        Keys::parse(json!({"keys": all}).to_string().as_bytes()).unwrap()
    }

    fn rules() -> Rules {
        Rules { issuer: "https://a.example".into(), audiences: vec!["scope".into()] }
    }

    fn now() -> u64 {
        jsonwebtoken::get_current_timestamp()
    }

    fn claims() -> Value {
        json!({"iss": "https://a.example", "aud": ["other", "scope"], "sub": "1", "exp": now() + 30})
    }

    #[test]
    fn a_token_of_the_issuer_gets_in_and_what_differs_from_it_does_not() {
        let (signer, other) = (Signer::new(), Signer::new());
        let keys = keys(&[signer.jwk("1")]);
        let header = json!({"alg": "ES256", "kid": "1"});
        let passes = |token: &str| keys.verify(token, &rules()).is_some();
        assert!(passes(&signer.sign(&header, &claims())));
        assert!(passes(&signer.sign(&json!({"alg": "ES256"}), &claims())), "it names no key");

        for (name, value) in [
            ("iss", json!("https://b.example")),
            ("aud", json!("other")),
            ("exp", json!(now() - SKEW - 5)),
            ("nbf", json!(now() + SKEW + 5)),
            ("iss", Value::Null),
            ("aud", Value::Null),
            ("exp", Value::Null),
            ("sub", Value::Null),
        ] {
            let mut claims = claims();
            claims[name] = value;
            assert!(!passes(&signer.sign(&header, &claims)), "{claims}");
        }
        let skewed = json!({"iss": "https://a.example", "aud": "scope", "sub": "1", "exp": now() - SKEW / 2});
        assert!(passes(&signer.sign(&header, &skewed)), "clocks differ");
        assert!(!passes(&other.sign(&header, &claims())), "another key");
        for algorithm in ["none", "HS256", "RS256", "ES384", "EdDSA"] {
            assert!(!passes(&signer.sign(&json!({"alg": algorithm, "kid": "1"}), &claims())), "{algorithm}");
        }
    }

    #[test]
    fn the_public_key_is_no_secret_of_a_symmetric_algorithm() {
        let signer = Signer::new();
        let keys = keys(&[signer.jwk("1")]);
        let part = |value: &Value| BASE64.encode(value.to_string());
        let message = format!("{}.{}", part(&json!({"alg": "HS256", "kid": "1"})), part(&claims()));
        let secret = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, signer.0.public_key().as_ref());
        let forged = format!("{message}.{}", BASE64.encode(ring::hmac::sign(&secret, message.as_bytes())));

        assert!(keys.verify(&forged, &rules()).is_none() && !keys.lacks_key_of(&forged));
    }

    #[test]
    fn keys_that_sign_nothing_here_are_left_out() {
        let key = Signer::new().jwk("1");
        let with = |name: &str, value: &str| {
            let mut key = key.clone();
            key[name] = json!(value);
            key
        };
        let symmetric = json!({"kty": "oct", "k": "c2VjcmV0", "kid": "2"});
        let unknown = json!({"kty": "new", "kid": "3"});

        for alone in [&symmetric, &unknown, &with("use", "enc"), &with("alg", "ES384"), &with("alg", "HS256")]
        {
            assert_eq!(keys(std::slice::from_ref(alone)).len(), 0, "{alone}");
        }
        assert_eq!(keys(&[symmetric, unknown, with("alg", "ES256")]).len(), 1);
        assert_eq!(keys(&[]).len(), 0, "the issuer took them away");
        assert!(Keys::parse(b"<html>").is_err() && Keys::parse(b"{}").is_err());
    }

    #[test]
    fn a_token_of_an_unknown_key_is_noticed() {
        let signer = Signer::new();
        let keys = keys(&[signer.jwk("1")]);
        let named = |id: &str| signer.sign(&json!({"alg": "ES256", "kid": id}), &claims());

        assert!(keys.lacks_key_of(&named("2")) && !keys.lacks_key_of(&named("1")));
        for text in ["", "scope_abc", "a.b.c", &"x".repeat(BYTES + 1)] {
            assert!(!keys.lacks_key_of(text), "{text}");
        }
    }

    #[test]
    fn of_ten_thousand_changed_tokens_none_gets_in() {
        let signer = Signer::new();
        let keys = keys(&[signer.jwk("1")]);
        let token = signer.sign(&json!({"alg": "ES256", "kid": "1"}), &claims());

        for seed in 0..10_000_usize {
            let mut bytes = token.as_bytes().to_vec();
            let place = seed % bytes.len();
            match seed / bytes.len() % 8 {
                bit @ 0..7 => bytes[place] ^= 1 << bit,
                _ => bytes.truncate(place),
            }
            let changed = String::from_utf8_lossy(&bytes).into_owned();

            assert!(keys.verify(&changed, &rules()).is_none(), "{changed}");
        }
    }
}
