//! A POST that acts on the queue.

use axum::{
    extract::{FromRef as _, FromRequest, FromRequestParts as _, Request},
    http::StatusCode,
    response::Response,
};
use callboard_queue::Cause;
use callboard_shared::db::audit_log::Act;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{BodyLimits, RequestInfo, json, post::KeyedRequest};
use crate::{
    auth::Caller,
    error::{Code, Problem},
    state::AppState,
    work::{Begun, Work, cause},
};

/// A POST that acts on the queue: it has no body, or an empty object, and is done
/// once under an `Idempotency-Key`.
///
/// The queue acts in transactions of its own, so an act and what the API keeps of
/// it can't commit together. First the key is looked up, then the act is done,
/// then its line in the audit log and its answer are written, in one transaction.
/// No two connections are held at a time, and all of it runs to its end when the
/// client goes away. What can happen:
///
/// - The process dies, or PostgreSQL goes away, in between: the act is done, and
///   neither the log nor the key know of it. It may be repeated.
/// - Two requests under one key come at the same moment: both act. One of them
///   has its answer stored, and both are in the log.
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

/// What was done, and how it is answered.
#[derive(Debug)]
pub struct Done<T> {
    /// The line in the audit log; none where nothing changed.
    pub act: Option<Act>,
    /// The status.
    pub status: StatusCode,
    /// The header `Location`.
    pub location: Option<String>,
    /// The body.
    pub body: T,
}

impl<T> Done<T> {
    /// What is answered 200 with `body`.
    #[must_use]
    pub const fn ok(act: Option<Act>, body: T) -> Self {
        Self { act, status: StatusCode::OK, location: None, body }
    }
}

impl Action {
    /// Why the act's jobs are enqueued.
    #[must_use]
    pub fn cause(&self) -> Cause {
        cause(&self.info, Some(self.caller.user_id().to_string()))
    }

    /// Does what `act` does, unless it was done under the same key before; the
    /// answer of then is the answer in that case.
    ///
    /// # Errors
    /// Those of `act`; 409 while the same request is in flight; 503 while
    /// PostgreSQL is out of reach.
    pub async fn perform<T, F>(self, state: &AppState, act: F) -> Result<Response, Problem>
    where
        T: Serialize + Send + Sync + 'static,
        F: Future<Output = Result<Done<T>, Problem>> + Send + 'static,
    {
        if self.request.has_key()
            && let Begun::Replay(answer) = self.begin(state).await?
        {
            return Ok(answer);
        }
        let (commits, state) = (state.commits.clone(), state.clone());
        commits.finish(async move { self.record(&state, act.await?).await }).await
    }

    async fn record<T: Serialize>(&self, state: &AppState, done: Done<T>) -> Result<Response, Problem> {
        let begun = self.begin(state).await;
        let noted = |mut work: Work| {
            if let Some(Act { action, subject, details }) = done.act {
                work.audit_with(action, subject, details);
            }
            work
        };
        let duplicate = match begun {
            Ok(Begun::Work(work)) => {
                return noted(work).commit_answer(done.status, done.location, &done.body).await;
            }
            Ok(Begun::Replay(answer)) => Ok(answer),
            Err(problem) => Err(problem),
        };
        // It was quicker. What was done here is told all the same.
        noted(Work::by(state, &self.info, &self.caller).await?).commit().await?;
        duplicate
    }

    async fn begin(&self, state: &AppState) -> Result<Begun, Problem> {
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
