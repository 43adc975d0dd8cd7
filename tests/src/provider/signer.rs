//! ID tokens by a key that is made when the provider starts.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use ring::{digest, hmac};
use serde_json::{Value, json};

use super::{CLIENT_SECRET, Signature};

/// Bytes of a coordinate of P-256.
const COORDINATE: usize = 32;

#[derive(Debug)]
pub(super) struct Signer {
    published: EcdsaKeyPair,
    another: EcdsaKeyPair,
    kid: String,
}

impl Signer {
    pub(super) fn generate() -> Self {
        let published = key();
        let kid = base64url(digest::digest(&digest::SHA256, published.public_key().as_ref()).as_ref());
        Self { published, another: key(), kid }
    }

    /// The key as JWKS have it.
    pub(super) fn jwk(&self) -> Value {
        // 4, x and y.
        let point = &self.published.public_key().as_ref()[1..];
        let (x, y) = point.split_at(COORDINATE);
        json!({ "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.kid,
            "x": base64url(x), "y": base64url(y) })
    }

    pub(super) fn token(&self, claims: &Value, signature: Signature) -> String {
        let algorithm = match signature {
            Signature::Right | Signature::OtherKey => "ES256",
            Signature::Shared => "HS256",
            Signature::None => "none",
        };
        let header = json!({ "alg": algorithm, "typ": "JWT", "kid": self.kid });
        let signed = format!("{}.{}", base64url(header.to_string()), base64url(claims.to_string()));
        let by = |key: &EcdsaKeyPair| {
            let signature = key.sign(&SystemRandom::new(), signed.as_bytes()).expect("a signature");
            base64url(signature.as_ref())
        };
        let tag = match signature {
            Signature::Right => by(&self.published),
            Signature::OtherKey => by(&self.another),
            Signature::Shared => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, CLIENT_SECRET.as_bytes());
                base64url(hmac::sign(&key, signed.as_bytes()).as_ref())
            }
            Signature::None => String::new(),
        };
        format!("{signed}.{tag}")
    }
}

/// What the verifier of PKCE must be for this challenge.
pub(super) fn challenge(verifier: &str) -> String {
    base64url(digest::digest(&digest::SHA256, verifier.as_bytes()).as_ref())
}

fn key() -> EcdsaKeyPair {
    let (algorithm, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
    let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
    EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).expect("the key")
}

fn base64url(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}
