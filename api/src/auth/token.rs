//! Access tokens: JWTs of the type `at+jwt` (RFC 9068), signed with `HS256` or
//! `EdDSA`; and `mfa+jwt`, which says that a password was right already.
//!
//! A key has one algorithm, and the `kid` of a token names its key: what the
//! token says of its algorithm can only agree or be refused. Old keys check
//! until their tokens have expired, and never sign.

use std::{fmt, time::Duration};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use callboard_shared::config::{AuthConfig, JwtAlgorithm};
use chrono::Utc;
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation,
    errors::{Error, ErrorKind},
    jwk::{AlgorithmParameters, Jwk},
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

const ACCESS: &str = "at+jwt";
const MFA: &str = "mfa+jwt";

/// How far the clocks of two API processes may be apart, in seconds.
const LEEWAY_SECONDS: u64 = 5;

/// How long one may take to type the code of the second factor.
pub const MFA_LIFETIME: Duration = Duration::from_mins(5);

/// A signed token and for how long it is good.
#[derive(Debug)]
pub struct AccessToken {
    /// The token, for `Authorization: Bearer`.
    pub token: SecretString,
    /// Its lifetime from now on.
    pub expires_in: Duration,
}

/// What a good access token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claims {
    /// Whose token it is.
    pub sub: Uuid,
    /// The session that it belongs to.
    pub sid: Uuid,
}

/// What a good `mfa_token` says: this user gave the password that they had then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstStep {
    /// Who gave it.
    pub user_id: Uuid,
    /// Which one it was.
    password: String,
}

impl FirstStep {
    /// Whether the user's password is still the one that was given: a reset or a
    /// change since then ends the login that was begun before it.
    #[must_use]
    pub fn is_of(&self, password_hash: Option<&SecretString>) -> bool {
        self.password == password_mark(self.user_id, password_hash)
    }
}

/// Signs and checks access tokens.
pub struct AccessTokens {
    signing: EncodingKey,
    /// The first is that of `signing`; the others are old.
    keys: Vec<Key>,
    issuer: String,
    audience: String,
    lifetime: Duration,
}

/// A key that tokens are checked with, and its one algorithm.
struct Key {
    id: String,
    checking: DecodingKey,
    validation: Validation,
}

#[derive(Debug, Serialize, Deserialize)]
struct AllClaims {
    iss: String,
    aud: String,
    sub: Uuid,
    /// Of access tokens only.
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<Uuid>,
    /// Of `mfa_token`s only: which password was right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pwd: Option<String>,
    jti: Uuid,
    iat: i64,
    nbf: i64,
    exp: i64,
}

impl AccessTokens {
    /// Tokens as the settings say.
    ///
    /// # Errors
    /// When there is no private key for `EdDSA`, or it is not one.
    pub fn new(settings: &AuthConfig) -> Result<Self, Error> {
        let hmac = |secret: &[u8]| Key::new(settings, Algorithm::HS256, secret, DecodingKey::from_secret(secret));
        let eddsa = |public: &[u8]| Key::new(settings, Algorithm::EdDSA, public, DecodingKey::from_ed_der(public));
        let secret = settings.jwt_secret.expose();
        let (signing, first) = match settings.jwt_algorithm {
            JwtAlgorithm::Hs256 => (EncodingKey::from_secret(secret), hmac(secret)),
            JwtAlgorithm::EdDsa => {
                let private = settings.jwt_private_key.as_ref().ok_or(ErrorKind::InvalidEddsaKey)?;
                let signing = EncodingKey::from_ed_der(private.expose_der());
                let public = public_key(&signing)?;
                (signing, eddsa(&public))
            }
        };
        let old_secrets = settings.jwt_old_secrets.0.iter().map(|old| hmac(old.expose()));
        let old_publics = settings.jwt_old_public_keys.0.iter().map(|old| eddsa(old.as_bytes()));
        Ok(Self {
            signing,
            keys: std::iter::once(first).chain(old_secrets).chain(old_publics).collect(),
            issuer: settings.jwt_issuer.clone(),
            audience: settings.jwt_audience.clone(),
            lifetime: settings.access_token_ttl,
        })
    }

    /// A token for a user's session, good from now on.
    ///
    /// # Errors
    /// When signing fails, which a defect alone can cause.
    pub fn issue(&self, user_id: Uuid, session_id: Uuid) -> Result<AccessToken, Error> {
        let token = self.sign(ACCESS, user_id, Some(session_id), None, self.lifetime)?;
        Ok(AccessToken { token, expires_in: self.lifetime })
    }

    /// The user and the session whose token this is. That both still are what
    /// they were is for [`Identities`](super::Identities) to say.
    ///
    /// # Errors
    /// When it is not signed by us, of another type, for another audience, not yet
    /// or no longer good. Clients are not told which.
    pub fn check(&self, token: &str) -> Result<Claims, Error> {
        let claims = self.verify(ACCESS, token)?;
        let sid = claims.sid.ok_or(ErrorKind::InvalidToken)?;
        Ok(Claims { sub: claims.sub, sid })
    }

    /// A token that says that this user gave the right password, the one with this
    /// hash (none, where a provider has told who it is). It is good for
    /// [`MFA_LIFETIME`] and while the password stays the same, and opens nothing but
    /// the second step of the login.
    ///
    /// # Errors
    /// When signing fails, which a defect alone can cause.
    pub fn issue_mfa(&self, user_id: Uuid, password_hash: Option<&SecretString>) -> Result<SecretString, Error> {
        self.sign(MFA, user_id, None, Some(password_mark(user_id, password_hash)), MFA_LIFETIME)
    }

    /// Who gave the right password, and which that was. That it still is the
    /// user's is for [`FirstStep::is_of`] to say.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn check_mfa(&self, token: &str) -> Result<FirstStep, Error> {
        let claims = self.verify(MFA, token)?;
        let password = claims.pwd.ok_or(ErrorKind::InvalidToken)?;
        Ok(FirstStep { user_id: claims.sub, password })
    }

    fn sign(
        &self,
        typ: &str,
        sub: Uuid,
        sid: Option<Uuid>,
        pwd: Option<String>,
        lifetime: Duration,
    ) -> Result<SecretString, Error> {
        let key = self.keys.first().ok_or(ErrorKind::InvalidKeyFormat)?;
        let now = Utc::now().timestamp();
        let lifetime = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
        let claims = AllClaims {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub,
            sid,
            pwd,
            jti: Uuid::now_v7(),
            iat: now,
            nbf: now,
            exp: now.saturating_add(lifetime),
        };
        let header = Header { typ: Some(typ.to_owned()), kid: Some(key.id.clone()), ..Header::new(key.algorithm()) };
        Ok(jsonwebtoken::encode(&header, &claims, &self.signing)?.into())
    }

    fn verify(&self, typ: &str, token: &str) -> Result<AllClaims, Error> {
        let header = jsonwebtoken::decode_header(token)?;
        let kid = header.kid.as_deref().filter(|_| header.typ.as_deref() == Some(typ));
        let key = self.keys.iter().find(|key| Some(key.id.as_str()) == kid).ok_or(ErrorKind::InvalidToken)?;
        Ok(jsonwebtoken::decode::<AllClaims>(token, &key.checking, &key.validation)?.claims)
    }
}

impl Key {
    /// `named_by` is what the id is made from.
    fn new(settings: &AuthConfig, algorithm: Algorithm, named_by: &[u8], checking: DecodingKey) -> Self {
        let mut validation = Validation::new(algorithm);
        validation.leeway = LEEWAY_SECONDS;
        validation.validate_nbf = true;
        validation.set_required_spec_claims(&["exp", "nbf", "aud", "iss", "sub"]);
        validation.set_issuer(&[&settings.jwt_issuer]);
        validation.set_audience(&[&settings.jwt_audience]);
        Self { id: key_id(named_by), checking, validation }
    }

    fn algorithm(&self) -> Algorithm {
        self.validation.algorithms.first().copied().unwrap_or_default()
    }
}

impl fmt::Debug for AccessTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<_> = self.keys.iter().map(|key| &key.id).collect();
        f.debug_struct("AccessTokens").field("key_ids", &ids).finish_non_exhaustive()
    }
}

/// Names a key without telling it, the same in each process that has it.
fn key_id(key: &[u8]) -> String {
    let digest = Sha256::new().chain_update(b"callboard key id\0").chain_update(key).finalize();
    BASE64_URL_SAFE_NO_PAD.encode(&digest[..8])
}

/// Names a password of a user without telling anything of it: its hash, which is
/// hashed again here, has a random salt.
fn password_mark(user_id: Uuid, password_hash: Option<&SecretString>) -> String {
    let mark = Sha256::new().chain_update(b"callboard password mark\0").chain_update(user_id.as_bytes());
    let hash = password_hash.map_or("", |hash| hash.expose_secret());
    BASE64_URL_SAFE_NO_PAD.encode(&mark.chain_update(hash).finalize()[..16])
}

/// The public half of an Ed25519 key.
fn public_key(private: &EncodingKey) -> Result<Vec<u8>, Error> {
    match Jwk::from_encoding_key(private, Algorithm::EdDSA)?.algorithm {
        AlgorithmParameters::OctetKeyPair(pair) => {
            Ok(BASE64_URL_SAFE_NO_PAD.decode(pair.x).map_err(|_| ErrorKind::InvalidEddsaKey)?)
        }
        _ => Err(ErrorKind::InvalidEddsaKey.into()),
    }
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
