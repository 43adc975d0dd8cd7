//! A POST that makes something: its body, and the `Idempotency-Key` under which
//! it is done once.

use std::fmt;

use axum::{
    extract::{FromRef, FromRequest, Request},
    http::{HeaderMap, HeaderName, Method, Uri},
};
use callboard_shared::{config::TokenKeyConfig, db::idempotency_keys::IdempotentRequest, mac::mac};
use sha2::{Digest, Sha256};

use super::{BodyLimits, Input, RequestInfo, json};
use crate::{
    auth::Caller,
    error::{Code, Problem},
    state::AppState,
    work::{Begun, Work},
};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Says what the key is for, so that no other use of `TOKEN_KEY` makes the same.
const PURPOSE: &[u8] = b"callboard/idempotency-fingerprint/v1";

/// Longest key, in bytes.
const LONGEST_KEY: usize = 255;

/// The checked JSON body of a POST, and what makes it once only.
#[derive(Debug)]
pub struct Post<T> {
    /// The body.
    pub value: T,
    info: RequestInfo,
    request: KeyedRequest,
}

/// What an `Idempotency-Key` is looked up by, if the request has one.
#[derive(Debug)]
pub(super) struct KeyedRequest {
    route: String,
    key: Option<String>,
    digest: [u8; 32],
}

/// The key that bodies are known again by. A body may hold a password, and a
/// plain hash of it would be easier to guess than the password's own.
#[derive(Clone)]
pub struct FingerprintKey([u8; 32]);

impl FingerprintKey {
    /// The key that belongs to the settings.
    #[must_use]
    pub fn new(settings: &TokenKeyConfig) -> Self {
        Self(mac(settings.token_key.expose(), &[PURPOSE]))
    }
}

impl fmt::Debug for FingerprintKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("FingerprintKey([REDACTED])")
    }
}

impl KeyedRequest {
    /// The request with a body of this SHA-256.
    ///
    /// # Errors
    /// 400 for a key that is none.
    pub(super) fn new(method: &Method, uri: &Uri, headers: &HeaderMap, digest: [u8; 32]) -> Result<Self, Problem> {
        Ok(Self { route: format!("{method} {}", uri.path()), key: key_of(headers)?, digest })
    }

    /// As [`Post::begin`].
    pub(super) async fn begin(&self, state: &AppState, info: &RequestInfo, caller: &Caller) -> Result<Begun, Problem> {
        let request = self.key.as_ref().map(|key| IdempotentRequest {
            principal: caller.principal().to_owned(),
            route: self.route.clone(),
            key: key.clone(),
            fingerprint: mac(&state.fingerprints.0, &[PURPOSE, &self.digest]),
        });
        let begun = Work::by(state, info, caller).await?.once(request).await?;
        if matches!(begun, Begun::Replay(_)) {
            state.metrics.replayed();
        }
        Ok(begun)
    }
}

impl<T> Post<T> {
    /// Begins the caller's work, unless it was done under the same key before.
    ///
    /// # Errors
    /// 409 while the same request is in flight, or when its answer carried a
    /// secret; 422 when the key came with another body; 503 while PostgreSQL is
    /// out of reach.
    pub async fn begin(&self, state: &AppState, caller: &Caller) -> Result<Begun, Problem> {
        self.request.begin(state, &self.info, caller).await
    }
}

impl<S, T> FromRequest<S> for Post<T>
where
    S: Send + Sync,
    T: Input,
    BodyLimits: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let keyed = KeyedRequest::new(request.method(), request.uri(), request.headers(), [0; 32])?;
        let info = request.extensions().get().cloned().unwrap_or_else(|| RequestInfo::from_headers(request.headers()));
        let body = json::read(request, state).await?;
        let request = KeyedRequest { digest: Sha256::digest(&body).into(), ..keyed };
        let value = json::checked(json::from_json(&body)?)?;
        Ok(Self { value, info, request })
    }
}

fn key_of(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut given = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(key) = given.next() else { return Ok(None) };
    let is_fit = |key: &&str| (1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    match (key.to_str().ok().filter(is_fit), given.next()) {
        (Some(key), None) => Ok(Some(key.to_owned())),
        _ => Err(Problem::new(Code::InvalidIdempotencyKey)),
    }
}
