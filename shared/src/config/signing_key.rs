//! Ed25519 keys in PEM, as `openssl genpkey -algorithm ed25519` and
//! `openssl pkey -pubout` write them.

use std::str::FromStr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretBox};

use super::value::{self, SecretKey};

/// What stands before the 32 bytes of a key in PKCS #8 (RFC 8410 § 7).
const PRIVATE_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// What stands before the 32 bytes of a public key (RFC 8410 § 4).
const PUBLIC_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// How a PEM text begins; any other text is the path of a file with one.
const PEM: &str = "-----BEGIN ";

/// A private key that signs with Ed25519, never printed.
#[derive(Debug, Clone)]
pub struct Ed25519PrivateKey(Arc<SecretBox<[u8; 48]>>);

impl Ed25519PrivateKey {
    /// The key in PKCS #8 DER, for the code that signs.
    #[must_use]
    pub fn expose_der(&self) -> &[u8] {
        self.0.expose_secret()
    }
}

impl FromStr for Ed25519PrivateKey {
    type Err = String;

    fn from_str(raw: &str) -> Result<Self, String> {
        let der: [u8; 48] = pem(raw, "PRIVATE KEY")
            .and_then(|der| der.try_into().ok())
            .filter(|der: &[u8; 48]| der.starts_with(&PRIVATE_PREFIX))
            .ok_or("must be an Ed25519 key in PKCS #8 PEM, or the path of a file with one; make one with `openssl genpkey -algorithm ed25519`")?;
        Ok(Self(Arc::new(SecretBox::new(Box::new(der)))))
    }
}

/// The public half of such a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ed25519PublicKey([u8; 32]);

impl Ed25519PublicKey {
    /// The key's 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl FromStr for Ed25519PublicKey {
    type Err = String;

    fn from_str(raw: &str) -> Result<Self, String> {
        pem(raw, "PUBLIC KEY")
            .and_then(|der| der.strip_prefix(&PUBLIC_PREFIX).map(<[u8]>::to_vec))
            .and_then(|key| key.try_into().ok())
            .map(Self)
            .ok_or_else(|| {
                "must be Ed25519 public keys in PEM, or paths of files with one each, separated by commas; \
                 `openssl pkey -in key.pem -pubout` shows the one of a private key"
                    .to_owned()
            })
    }
}

/// Public keys that are checked with and never sign, separated by commas.
#[derive(Debug, Clone, Default)]
pub struct OldPublicKeys(pub Vec<Ed25519PublicKey>);

impl FromStr for OldPublicKeys {
    type Err = String;

    fn from_str(raw: &str) -> Result<Self, String> {
        value::list(raw).map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

/// Secrets that are checked with and never sign, separated by commas.
#[derive(Debug, Clone, Default)]
pub struct OldSecrets(pub Vec<SecretKey>);

impl FromStr for OldSecrets {
    type Err = String;

    fn from_str(raw: &str) -> Result<Self, String> {
        value::list(raw).map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

/// The DER inside a PEM text, or inside the file that `raw` names. In variables
/// that can't have several lines, `\n` stands for the end of one.
fn pem(raw: &str, label: &str) -> Option<Vec<u8>> {
    let text = if raw.trim_start().starts_with(PEM) { raw.to_owned() } else { std::fs::read_to_string(raw).ok()? };
    let text = text.replace("\\n", "\n");
    let body = text.trim().strip_prefix(&format!("{PEM}{label}-----"))?;
    let body = body.strip_suffix(&format!("-----END {label}-----"))?;
    STANDARD.decode(body.split_whitespace().collect::<String>()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
        -----END PRIVATE KEY-----\n";
    const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
        -----END PUBLIC KEY-----";

    #[test]
    fn keys_are_read_from_text_and_from_files() {
        let key: Ed25519PrivateKey = PRIVATE.parse().unwrap();
        assert_eq!(key.expose_der()[16..20], [0xd4, 0xee, 0x72, 0xdb]);
        assert_eq!(format!("{key:?}").matches("REDACTED").count(), 1, "{key:?}");
        let flat: Ed25519PrivateKey = PRIVATE.replace('\n', "\\n").parse().unwrap();
        assert_eq!(flat.expose_der(), key.expose_der());
        let file = std::env::temp_dir().join(format!("{}.pem", uuid::Uuid::now_v7()));
        std::fs::write(&file, PRIVATE).unwrap();
        let read = file.to_str().unwrap().parse::<Ed25519PrivateKey>();
        std::fs::remove_file(&file).unwrap();
        assert_eq!(read.unwrap().expose_der(), key.expose_der());
        assert_eq!(PUBLIC.parse::<OldPublicKeys>().unwrap().0[0].as_bytes()[0], 0x19);
    }

    #[test]
    fn other_texts_are_refused_without_being_repeated() {
        for wrong in ["", "hunter2", PUBLIC, "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----"] {
            let refusal = wrong.parse::<Ed25519PrivateKey>().unwrap_err();
            assert!(!refusal.contains("hunter2"), "{refusal}");
        }
        assert!(PRIVATE.parse::<OldPublicKeys>().is_err());
        assert!("too short".parse::<OldSecrets>().is_err());
        assert!("".parse::<OldSecrets>().unwrap().0.is_empty());
    }
}
