//! Access tokens: JWTs of the type `at+jwt` (RFC 9068), signed with HS256.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use callboard_shared::config::AuthConfig;
use chrono::Utc;
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation,
    errors::{Error, ErrorKind},
};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

const TYPE: &str = "at+jwt";

/// How far the clocks of two API processes may be apart, in seconds.
const LEEWAY_SECONDS: u64 = 5;

/// A signed token and for how long it is good.
#[derive(Debug)]
pub struct AccessToken {
    /// The token, for `Authorization: Bearer`.
    pub token: SecretString,
    /// Its lifetime from now on.
    pub expires_in: Duration,
}

/// Signs and checks access tokens.
pub struct AccessTokens {
    signing: EncodingKey,
    checking: DecodingKey,
    key_id: String,
    validation: Validation,
    issuer: String,
    audience: String,
    lifetime: Duration,
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: Uuid,
    jti: Uuid,
    iat: i64,
    nbf: i64,
    exp: i64,
}

impl AccessTokens {
    /// Tokens as the settings say.
    #[must_use]
    pub fn new(settings: &AuthConfig) -> Self {
        let secret = settings.jwt_secret.expose();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = LEEWAY_SECONDS;
        validation.validate_nbf = true;
        validation.set_required_spec_claims(&["exp", "nbf", "aud", "iss", "sub"]);
        validation.set_issuer(&[&settings.jwt_issuer]);
        validation.set_audience(&[&settings.jwt_audience]);
        Self {
            signing: EncodingKey::from_secret(secret),
            checking: DecodingKey::from_secret(secret),
            key_id: key_id(secret),
            validation,
            issuer: settings.jwt_issuer.clone(),
            audience: settings.jwt_audience.clone(),
            lifetime: settings.access_token_ttl,
        }
    }

    /// A token for the user `id`, good from now on.
    ///
    /// # Errors
    /// When signing fails, which a defect alone can cause.
    pub fn issue(&self, id: Uuid) -> Result<AccessToken, Error> {
        let now = Utc::now().timestamp();
        let lifetime = i64::try_from(self.lifetime.as_secs()).unwrap_or(i64::MAX);
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: id,
            jti: Uuid::now_v7(),
            iat: now,
            nbf: now,
            exp: now.saturating_add(lifetime),
        };
        let header =
            Header { typ: Some(TYPE.to_owned()), kid: Some(self.key_id.clone()), ..Header::new(Algorithm::HS256) };
        let token = jsonwebtoken::encode(&header, &claims, &self.signing)?;
        Ok(AccessToken { token: token.into(), expires_in: self.lifetime })
    }

    /// The user whose token this is.
    ///
    /// # Errors
    /// When it is not signed by us, of another type, for another audience, not yet
    /// or no longer good. Clients are not told which.
    pub fn check(&self, token: &str) -> Result<Uuid, Error> {
        let data = jsonwebtoken::decode::<Claims>(token, &self.checking, &self.validation)?;
        let is_ours =
            data.header.typ.as_deref() == Some(TYPE) && data.header.kid.as_deref() == Some(self.key_id.as_str());
        if is_ours { Ok(data.claims.sub) } else { Err(ErrorKind::InvalidToken.into()) }
    }
}

impl std::fmt::Debug for AccessTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("AccessTokens");
        shown.field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

/// Names a key without telling it, the same in each process that has it.
fn key_id(secret: &[u8]) -> String {
    let digest = Sha256::new().chain_update(b"callboard key id\0").chain_update(secret).finalize();
    BASE64_URL_SAFE_NO_PAD.encode(&digest[..8])
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn tokens() -> AccessTokens {
        AccessTokens::new(&AuthConfig {
            jwt_secret: SECRET.parse().unwrap(),
            jwt_issuer: "issuer".into(),
            jwt_audience: "audience".into(),
            access_token_ttl: Duration::from_mins(15),
            verification_token_ttl: Duration::from_hours(24),
            password_hash_concurrency: None,
        })
    }

    fn signed(change: impl FnOnce(&mut Header, &mut Value)) -> String {
        let now = Utc::now().timestamp();
        let mut header =
            Header { typ: Some(TYPE.into()), kid: Some(key_id(SECRET.as_bytes())), ..Header::new(Algorithm::HS256) };
        let mut claims = json!({
            "iss": "issuer", "aud": "audience", "sub": Uuid::nil(), "jti": Uuid::nil(),
            "iat": now, "nbf": now, "exp": now + 60,
        });
        change(&mut header, &mut claims);
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        jsonwebtoken::encode(&header, &claims, &key).unwrap()
    }

    #[test]
    fn an_issued_token_names_its_user() {
        use secrecy::ExposeSecret;
        let id = Uuid::now_v7();
        let issued = tokens().issue(id).unwrap();
        assert_eq!(tokens().check(issued.token.expose_secret()).unwrap(), id);
        assert!(tokens().check(&signed(|_, _| ())).is_ok());
    }

    #[test]
    fn a_token_that_is_off_in_any_way_is_refused() {
        let now = Utc::now().timestamp();
        let refused = [
            signed(|header, _| header.alg = Algorithm::HS512),
            signed(|header, _| header.typ = Some("JWT".into())),
            signed(|header, _| header.typ = None),
            signed(|header, _| header.kid = Some("other".into())),
            signed(|header, _| header.kid = None),
            signed(|_, claims| claims["iss"] = json!("other")),
            signed(|_, claims| claims["aud"] = json!("other")),
            signed(|_, claims| claims["exp"] = json!(now - 60)),
            signed(|_, claims| claims["nbf"] = json!(now + 60)),
            signed(|_, claims| claims["sub"] = json!("no id")),
            signed(|_, claims| drop(claims.as_object_mut().unwrap().remove("exp"))),
            String::new(),
            "a.b.c".to_owned(),
        ];
        for token in refused {
            assert!(tokens().check(&token).is_err(), "{token}");
        }
    }

    #[test]
    fn an_unsigned_token_is_refused() {
        let token = signed(|_, _| ());
        let claims = token.split('.').nth(1).unwrap();
        let header = BASE64_URL_SAFE_NO_PAD.encode(r#"{"typ":"at+jwt","alg":"none"}"#);
        assert!(tokens().check(&format!("{header}.{claims}.")).is_err());
    }
}
