//! The work of a request: one transaction with its rows, its jobs, its lines in
//! the audit log and, under an `Idempotency-Key`, its answer. All of it commits,
//! or none.

use std::{
    net::IpAddr,
    ops::{Deref, DerefMut},
    time::Instant,
};

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use callboard_queue::{Cause, EnqueueOptions, Enqueued, Job, Transaction};
use callboard_shared::{
    db::{
        audit_log::{Act, Origin},
        idempotency_keys::{self, IdempotentRequest, Seen, StoredAnswer},
        requests,
    },
    models::Entity,
};
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    auth::Caller,
    error::{Code, Problem},
    extract::{RequestInfo, etag},
    state::AppState,
};

const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Seconds after which the answer of a request in flight may be there.
const IN_FLIGHT_RETRY: u16 = 1;

/// The work of a request, under way. Dropping it takes everything back.
///
/// It dereferences to a connection, so any function of `db` works on it.
#[derive(Debug)]
pub struct Work {
    tx: Transaction,
    actor: String,
    ip: Option<IpAddr>,
    request_id: String,
    acts: Vec<Act>,
    idempotent: Option<IdempotentRequest>,
}

/// What became of the wish to begin.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "it is matched where it is made")]
pub enum Begun {
    /// It has begun.
    Work(Work),
    /// It was done before; this was the answer.
    Replay(Response),
}

/// Why a request's jobs are enqueued.
fn cause(info: &RequestInfo, owner: Option<String>) -> Cause {
    Cause { owner, request_id: Some(info.id().to_owned()), traceparent: info.traceparent().map(ToOwned::to_owned) }
}

impl Work {
    /// Begins the work of whoever the gate has let in, or of nobody.
    ///
    /// # Errors
    /// 503 while PostgreSQL is out of reach.
    pub async fn begin(state: &AppState, info: &RequestInfo) -> Result<Self, Problem> {
        let principal = info.principal();
        let owner = principal.and_then(|principal| principal.strip_prefix("user:")).map(ToOwned::to_owned);
        Self::of(state, info, principal.unwrap_or("anonymous").to_owned(), owner).await
    }

    /// Begins the work of a caller.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub async fn by(state: &AppState, info: &RequestInfo, caller: &Caller) -> Result<Self, Problem> {
        Self::of(state, info, caller.principal().to_owned(), Some(caller.user_id().to_string())).await
    }

    async fn of(state: &AppState, info: &RequestInfo, actor: String, owner: Option<String>) -> Result<Self, Problem> {
        let request_id = info.id().to_owned();
        let cause = cause(info, owner);
        let asked = Instant::now();
        let tx = state.queue.begin_with(state.begin.clone()).await?.caused_by(cause);
        state.metrics.pool_waited(asked.elapsed());
        Ok(Self { tx, actor, ip: info.client_ip(), request_id, acts: Vec::new(), idempotent: None })
    }

    /// The same work, done by a user who is known only now, as at a login.
    #[must_use]
    pub fn acting_as(self, user_id: Uuid) -> Self {
        Self { actor: format!("user:{user_id}"), ..self.on_behalf_of(user_id) }
    }

    /// The same work for a user by whoever it is, such as a mail that a visitor
    /// asks for: its jobs are the user's.
    #[must_use]
    pub fn on_behalf_of(self, user_id: Uuid) -> Self {
        let cause = Cause { owner: Some(user_id.to_string()), ..self.tx.cause().clone() };
        Self { tx: self.tx.caused_by(cause), ..self }
    }

    /// Looks for the answer of an earlier request with the same key, and keeps
    /// others out until this one has ended.
    ///
    /// # Errors
    /// 409 while the same request is in flight, or when its answer carried a
    /// secret; 422 when the key came with another body.
    pub(crate) async fn once(mut self, request: Option<IdempotentRequest>) -> Result<Begun, Problem> {
        let Some(request) = request else { return Ok(Begun::Work(self)) };
        match idempotency_keys::claim(&mut self.tx, &request).await? {
            Seen::Never => {
                self.idempotent = Some(request);
                Ok(Begun::Work(self))
            }
            Seen::InFlight => Err(in_flight()),
            Seen::OtherBody => Err(Problem::new(Code::IdempotencyKeyReused)),
            Seen::Answered(StoredAnswer { body: None, .. }) => Err(Problem::new(Code::SecretAlreadyShown)),
            Seen::Answered(answer) => {
                let mut response = respond(answer);
                response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
                Ok(Begun::Replay(response))
            }
        }
    }

    /// Notes what is done, `<thing>.<verb in the past>`, for the audit log.
    pub fn audit(&mut self, action: &'static str, subject: impl Into<Option<(&'static str, Uuid)>>) {
        self.audit_with(action, subject, json!({}));
    }

    /// The same with details: an object without secrets or personal data.
    pub fn audit_with(
        &mut self,
        action: &'static str,
        subject: impl Into<Option<(&'static str, Uuid)>>,
        details: Value,
    ) {
        self.acts.push(Act { action, subject: subject.into(), details });
    }

    /// Enqueues a job, which begins once the work is committed.
    ///
    /// # Errors
    /// 503 while PostgreSQL is out of reach.
    pub async fn enqueue<J: Job>(&mut self, job: &J) -> Result<Enqueued, Problem> {
        Ok(self.tx.enqueue(job).await?)
    }

    /// The same with deviations from the kind's policy.
    ///
    /// # Errors
    /// As [`enqueue`](Self::enqueue).
    pub async fn enqueue_with<J: Job>(&mut self, job: &J, options: EnqueueOptions) -> Result<Enqueued, Problem> {
        Ok(self.tx.enqueue_with(job, options).await?)
    }

    /// The transaction, for what operators do to the queue.
    pub fn queue(&mut self) -> &mut Transaction {
        &mut self.tx
    }

    /// Commits.
    ///
    /// # Errors
    /// 503 while PostgreSQL is out of reach; if it went away during the commit,
    /// the work may have been done all the same.
    pub async fn commit(self) -> Result<(), Problem> {
        self.commit_with(None).await
    }

    async fn commit_with(mut self, answer: Option<&StoredAnswer>) -> Result<(), Problem> {
        let request = self.idempotent.take();
        let answered = request.as_ref().zip(answer);
        if !self.acts.is_empty() || answered.is_some() {
            let origin = Origin { actor: &self.actor, ip: self.ip, request_id: Some(&self.request_id) };
            if !requests::leave(&mut *self.tx, origin, &self.acts, answered).await? {
                return Err(in_flight());
            }
        }
        Ok(self.tx.commit().await?)
    }

    /// Commits what made `entity`, and answers 201 with it.
    ///
    /// # Errors
    /// As [`commit`](Self::commit); 409 when the same request was done in
    /// parallel after all.
    pub async fn commit_created<T: Entity>(self, collection: &str, entity: &T) -> Result<Response, Problem> {
        let answer = StoredAnswer {
            status: StatusCode::CREATED.as_u16(),
            location: Some(format!("{collection}/{}", entity.id())),
            etag: Some(etag(entity.version())),
            body: Some(serde_json::to_vec(entity).map_err(Problem::internal)?),
        };
        self.commit_as(answer, true).await
    }

    /// Commits, and answers so.
    ///
    /// # Errors
    /// As [`commit_created`](Self::commit_created).
    pub async fn commit_answer<T: Serialize>(
        self,
        status: StatusCode,
        location: Option<String>,
        body: &T,
    ) -> Result<Response, Problem> {
        let body = Some(serde_json::to_vec(body).map_err(Problem::internal)?);
        self.commit_as(StoredAnswer { status: status.as_u16(), location, etag: None, body }, true).await
    }

    /// Commits, and answers 201 with a body that is shown this once: it is not
    /// stored, and a replay is refused.
    ///
    /// # Errors
    /// As [`commit_created`](Self::commit_created).
    pub async fn commit_secret<T: Serialize>(self, location: String, body: &T) -> Result<Response, Problem> {
        let answer = StoredAnswer {
            status: StatusCode::CREATED.as_u16(),
            location: Some(location),
            etag: None,
            body: Some(serde_json::to_vec(body).map_err(Problem::internal)?),
        };
        self.commit_as(answer, false).await
    }

    async fn commit_as(self, answer: StoredAnswer, keeps_body: bool) -> Result<Response, Problem> {
        if keeps_body {
            self.commit_with(Some(&answer)).await?;
        } else {
            self.commit_with(Some(&StoredAnswer { body: None, ..answer.clone() })).await?;
        }
        Ok(respond(answer))
    }
}

fn in_flight() -> Problem {
    Problem::new(Code::IdempotencyInFlight).with_header(header::RETRY_AFTER, HeaderValue::from(IN_FLIGHT_RETRY))
}

fn respond(answer: StoredAnswer) -> Response {
    let mut response = Body::from(answer.body.unwrap_or_default()).into_response();
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::CREATED);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in [(header::LOCATION, answer.location), (header::ETAG, answer.etag)] {
        // Both are made from ids and numbers.
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            headers.insert(name, value);
        }
    }
    response
}

impl Deref for Work {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.tx
    }
}

impl DerefMut for Work {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.tx
    }
}
