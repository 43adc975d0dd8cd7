//! A POST that acts on the queue.

use axum::extract::{FromRef as _, FromRequest, FromRequestParts as _, Request};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{BodyLimits, RequestInfo, json, post::KeyedRequest};
use crate::{
    auth::Caller,
    error::{Code, Problem},
    state::AppState,
    work::Begun,
};

/// A POST that acts on the queue: it has no body, or an empty object, and is done
/// once under an `Idempotency-Key`.
#[derive(Debug)]
pub struct Action {
    /// Who acts.
    pub caller: Caller,
    info: RequestInfo,
    request: KeyedRequest,
}

/// The body of such a POST: what it names would be ignored, and is refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl Action {
    /// Begins the caller's work, unless it was done under the same key before.
    ///
    /// # Errors
    /// As [`Post::begin`](super::Post::begin).
    pub async fn begin(&self, state: &AppState) -> Result<Begun, Problem> {
        self.request.begin(state, &self.info, &self.caller).await
    }
}

impl FromRequest<AppState> for Action {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let caller = Caller::from_request_parts(&mut parts, state).await?;
        let keyed = KeyedRequest::new(&parts.method, &parts.uri, &parts.headers, Sha256::digest([]).into())?;
        let info = match RequestInfo::from_request_parts(&mut parts, state).await {
            Ok(info) => info,
            Err(impossible) => match impossible {},
        };
        read_nothing(Request::from_parts(parts, body), state).await?;
        Ok(Self { caller, info, request: keyed })
    }
}

/// Reads the body, and refuses one that says anything.
async fn read_nothing(request: Request, state: &AppState) -> Result<(), Problem> {
    let is_json = json::is_json(&request);
    let body = BodyLimits::from_ref(state).read_text(request).await?;
    if body.trim().is_empty() {
        return Ok(());
    }
    if !is_json {
        return Err(Problem::new(Code::UnsupportedMediaType));
    }
    json::from_json::<Nothing>(&body).map(drop)
}
