//! Payloads that nobody can read in the database.
//!
//! A kind whose payload holds a secret declares [`Job::ENCRYPTED`]. Its payload
//! is then stored as `{"$encrypted": {"key": "<name>", "data": "<base64>"}}`:
//! AES-256-GCM (NIST SP 800-38D) under a key of its own, derived by
//! HKDF-SHA-256 (RFC 5869) from the named key and 16 random bytes that stand
//! before the ciphertext. A derived key seals one message, so its nonce is zero
//! and no number of jobs wears a key out. The kind is authenticated too: a
//! payload can't be moved to another kind.
//!
//! Unique keys, limit keys, results and errors are not encrypted.
//!
//! [`Job::ENCRYPTED`]: crate::Job::ENCRYPTED

use std::{fmt, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf::{HKDF_SHA256, Salt},
    rand::{SecureRandom, SystemRandom},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::Error;

const SALT: usize = 16;
const KEY: usize = 32;

/// The keys for encrypted payloads. The first seals; all open, so that jobs of
/// an older key still run after a rotation.
#[derive(Clone, Default)]
pub struct PayloadKeys(Arc<Vec<(String, [u8; KEY])>>);

/// Names only.
impl fmt::Debug for PayloadKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

#[derive(Serialize, Deserialize)]
struct Envelope {
    #[serde(rename = "$encrypted")]
    sealed: Sealed,
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    key: String,
    data: String,
}

impl PayloadKeys {
    /// Reads `name=key` pairs, separated by commas, the newest first. A name has
    /// 1 to 50 of `[A-Za-z0-9_-]`; a key is 32 bytes in base64
    /// (`openssl rand -base64 32`).
    ///
    /// To rotate, append the new pair everywhere, so that all can open what it
    /// seals; then move it to the front; drop the old one when the history has no
    /// job of it any more.
    ///
    /// # Errors
    /// [`Error::Setting`] says which pair is not usable, and never its key.
    pub fn parse(pairs: &str) -> Result<Self, Error> {
        let mut keys: Vec<(String, [u8; KEY])> = Vec::new();
        for (place, pair) in pairs.split(',').map(str::trim).filter(|pair| !pair.is_empty()).enumerate() {
            let refuse = |problem: &str| Error::Setting {
                name: "payload_keys",
                problem: format!("pair {}: {problem}", place + 1),
            };
            let (name, key) = pair.split_once('=').ok_or_else(|| refuse("it must be name=key"))?;
            let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
            if !(1..=50).contains(&name.len()) || !name.chars().all(allowed) {
                return Err(refuse("the name must be 1 to 50 letters, digits, dashes or underscores"));
            }
            if keys.iter().any(|(known, _)| known == name) {
                return Err(refuse("the name is there twice"));
            }
            let bytes = STANDARD.decode(key).ok().and_then(|bytes| <[u8; KEY]>::try_from(bytes).ok());
            let bytes = bytes
                .ok_or_else(|| refuse("the key must be 32 bytes in base64; make one with `openssl rand -base64 32`"))?;
            keys.push((name.to_owned(), bytes));
        }
        Ok(Self(Arc::new(keys)))
    }

    /// Whether there is a key to seal with.
    #[must_use]
    pub fn can_seal(&self) -> bool {
        !self.0.is_empty()
    }

    /// Seals the payload of a job of `kind`.
    pub(crate) fn seal(&self, kind: &str, payload: &RawValue) -> Result<Box<RawValue>, Error> {
        let unusable = |problem: &str| Error::Payload { kind: kind.to_owned(), problem: problem.to_owned() };
        let (name, key) = self.0.first().ok_or_else(|| {
            unusable("its kind is encrypted, and no key is set (Queue::with_payload_keys); a bare connection has none")
        })?;
        let mut salt = [0; SALT];
        SystemRandom::new().fill(&mut salt).map_err(|_| unusable("the system gives no random bytes"))?;
        let mut sealed = payload.get().as_bytes().to_vec();
        derived(key, &salt)
            .and_then(|key| key.seal_in_place_append_tag(once(), Aad::from(kind), &mut sealed).ok())
            .ok_or_else(|| unusable("it could not be encrypted"))?;
        let data = STANDARD.encode([&salt[..], &sealed].concat());
        let envelope = Envelope { sealed: Sealed { key: name.clone(), data } };
        serde_json::value::to_raw_value(&envelope).map_err(|error| unusable(&error.to_string()))
    }

    /// Opens a payload of `kind`; what is not sealed is returned as it is, so
    /// that jobs from before a kind was encrypted still run. The error says
    /// what is wrong, and nothing of the payload.
    pub(crate) fn open(&self, kind: &str, payload: Box<RawValue>) -> Result<Box<RawValue>, String> {
        if !is_sealed(&payload) {
            return Ok(payload);
        }
        let Ok(Envelope { sealed }) = serde_json::from_str(payload.get()) else { return Ok(payload) };
        let (_, key) =
            self.0.iter().find(|(name, _)| *name == sealed.key).ok_or_else(|| {
                format!("it is encrypted with the key `{}`, which this worker does not have", sealed.key)
            })?;
        let open = || {
            let bytes = STANDARD.decode(&sealed.data).ok()?;
            let (salt, text) = bytes.split_at_checked(SALT)?;
            let mut text = text.to_vec();
            let text = derived(key, salt)?.open_in_place(once(), Aad::from(kind), &mut text).ok()?;
            RawValue::from_string(String::from_utf8(text.to_vec()).ok()?).ok()
        };
        open().ok_or_else(|| format!("it does not open with the key `{}`: changed, or of another kind", sealed.key))
    }
}

/// Whether the payload looks sealed.
pub(crate) fn is_sealed(payload: &RawValue) -> bool {
    payload.get().starts_with("{\"$encrypted\"")
}

/// The key of one message.
fn derived(key: &[u8; KEY], salt: &[u8]) -> Option<LessSafeKey> {
    let pseudorandom = Salt::new(HKDF_SHA256, salt).extract(key);
    let expanded = pseudorandom.expand(&[b"callboard queue payload"], &AES_256_GCM).ok()?;
    Some(LessSafeKey::new(UnboundKey::from(expanded)))
}

/// The nonce of a key that seals one message.
fn once() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OLD: &str = "old=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    const NEW: &str = "new=AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn what_an_old_key_sealed_opens_after_a_rotation_and_not_without_it() {
        let old = PayloadKeys::parse(OLD).unwrap();
        let rotated = PayloadKeys::parse(&format!("{NEW}, {OLD}")).unwrap();
        let sealed = old.seal("a.kind", &raw(r#"{"token":"secret"}"#)).unwrap();
        assert!(!sealed.get().contains("secret"));
        assert_eq!(rotated.open("a.kind", sealed.clone()).unwrap().get(), r#"{"token":"secret"}"#);
        assert!(rotated.seal("a.kind", &raw("1")).unwrap().get().contains(r#""key":"new""#), "the first seals");
        let error = PayloadKeys::parse(NEW).unwrap().open("a.kind", sealed).unwrap_err();
        assert_eq!(error, "it is encrypted with the key `old`, which this worker does not have");
    }

    #[test]
    fn what_was_changed_or_is_of_another_kind_does_not_open() {
        let keys = PayloadKeys::parse(OLD).unwrap();
        let sealed = keys.seal("a.kind", &raw("42")).unwrap();
        assert!(keys.open("another.kind", sealed.clone()).is_err());
        let mut envelope: Envelope = serde_json::from_str(sealed.get()).unwrap();
        let mut bytes = STANDARD.decode(&envelope.sealed.data).unwrap();
        for place in 0..bytes.len() {
            bytes[place] ^= 1;
            envelope.sealed.data = STANDARD.encode(&bytes);
            let changed = serde_json::value::to_raw_value(&envelope).unwrap();
            assert!(keys.open("a.kind", changed).is_err(), "byte {place}");
            bytes[place] ^= 1;
        }
        for short in ["", "AAAA", "!"] {
            let text = format!(r#"{{"$encrypted":{{"key":"old","data":"{short}"}}}}"#);
            assert!(keys.open("a.kind", raw(&text)).is_err(), "{short}");
        }
        assert_eq!(keys.open("a.kind", raw("[1]")).unwrap().get(), "[1]", "what is not sealed is as it is");
    }

    #[test]
    fn pairs_that_can_not_be_used_are_refused_without_their_key() {
        let twice = format!("{OLD},{OLD}");
        for bad in ["x", "=AAAA", "a b=AAAA", "k=AAAA", "k=not base64", &twice] {
            let error = PayloadKeys::parse(bad).unwrap_err().to_string();
            assert!(error.contains("payload_keys") && !error.contains("AAAA"), "{error}");
        }
        assert!(!PayloadKeys::parse("").unwrap().can_seal());
        assert_eq!(format!("{:?}", PayloadKeys::parse(OLD).unwrap()), r#"{"old"}"#);
        assert!(PayloadKeys::default().seal("a.kind", &raw("1")).is_err());
    }

    proptest! {
        #[test]
        fn whatever_is_sealed_opens_and_never_twice_the_same(text in ".{0,200}") {
            let keys = PayloadKeys::parse(OLD).unwrap();
            let payload = serde_json::value::to_raw_value(&text).unwrap();
            let sealed = keys.seal("a.kind", &payload).unwrap();
            let again = keys.seal("a.kind", &payload).unwrap();
            prop_assert_ne!(sealed.get(), again.get());
            let opened = keys.open("a.kind", sealed).unwrap();
            prop_assert_eq!(opened.get(), payload.get());
        }
    }
}
