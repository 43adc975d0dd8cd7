//! A job, as the user whose request caused it sees it: never its payload.

use callboard_queue::{JobView, Progress};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

/// A job: work that a request has caused and that runs after its answer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Job)]
pub struct JobBody {
    /// The job's id.
    pub id: Uuid,
    /// What kind of work it is.
    #[schema(example = "email.verify_address")]
    pub kind: String,
    /// The queue it waits in.
    #[schema(example = "mail")]
    pub queue: String,
    /// `high`, `default` or `low`.
    #[schema(example = "high")]
    pub priority: String,
    /// The state in the ledger: `blocked`, `scheduled`, `queued`, `running`,
    /// `completed`, `discarded` or `cancelled`.
    #[schema(example = "completed")]
    pub state: String,
    /// The same in the words of outsiders: `blocked`, `scheduled`, `queued`,
    /// `started`, `finished`, `failed` or `cancelled`.
    #[schema(example = "finished")]
    pub status: String,
    /// Attempts begun.
    #[schema(example = 1)]
    pub attempt: i16,
    /// Attempts allowed.
    #[schema(example = 10)]
    pub max_attempts: i16,
    /// How long an attempt may run, in milliseconds.
    #[schema(example = 60_000)]
    pub timeout_ms: i32,
    /// It does not begin before this time.
    pub run_at: DateTime<Utc>,
    /// Not begun by this time, it is cancelled; null for one that waits as long
    /// as it takes.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was enqueued.
    pub created_at: DateTime<Utc>,
    /// When its latest attempt began.
    pub started_at: Option<DateTime<Utc>>,
    /// How far it is, for kinds that tell.
    pub progress: Option<JobProgress>,
    /// Whether somebody cancels it while it runs.
    pub cancel_requested: bool,
    /// The worker that runs it, or ran it last; for staff only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub worker_id: Option<Uuid>,
    /// The user whose request caused it; for staff only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "019a4f5e-6f0a-7c31-9d7e-2f4f1f0c5a11")]
    pub owner: Option<String>,
    /// The request that caused it; for staff only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub request_id: Option<String>,
    /// The trace that the request belongs to; for staff only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "0af7651916cd43dd8448eb211c80319c")]
    pub trace_id: Option<String>,
    /// The schedule that enqueued it; for staff only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "maintenance.prune_sessions")]
    pub schedule: Option<String>,
    /// The program that enqueued it, and its version; for staff only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "callboard-api 0.1.0")]
    pub enqueuer: Option<String>,
    /// What it waits for while it is blocked: `parents`, `limit`, or `kind`: a
    /// worker that knows its kind; for staff only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "limit")]
    pub blocked_by: Option<String>,
    /// The limit that it shares with others; for staff only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub limit_key: Option<String>,
    /// The key that no other live job of its kind may hold; for staff only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub unique_key: Option<String>,
    /// Which shape its payload has; for staff only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 1)]
    pub payload_version: Option<i16>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// Why it ended, if not by completing; in full for staff only, as it may speak
    /// of our insides, else the state's name.
    pub end_reason: Option<String>,
    /// What it brought, if anything.
    pub result: Option<Value>,
    /// The attempts that failed, the oldest first.
    pub errors: Vec<AttemptError>,
}

/// How far a job is, as it tells by itself.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobProgress {
    /// How much is done, in whatever the job counts.
    #[schema(example = 120)]
    pub done: u64,
    /// How much there is in all, if that is known.
    #[schema(example = 500)]
    pub total: Option<u64>,
    /// What is being done.
    #[schema(example = "rows of the price list")]
    pub message: Option<String>,
}

impl From<Progress> for JobProgress {
    fn from(progress: Progress) -> Self {
        Self { done: progress.done, total: progress.total, message: progress.message }
    }
}

/// An attempt that failed.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct AttemptError {
    /// Which attempt.
    pub attempt: i16,
    /// When it failed.
    pub at: DateTime<Utc>,
    /// How: `error`, `timeout`, `panic` and so on.
    #[serde(default)]
    pub failure: Option<String>,
    /// The worker that ran it; for staff only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub worker: Option<Uuid>,
    /// The message, for staff only: it may speak of our insides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub message: Option<String>,
}

impl JobBody {
    /// The job as its owner sees it, or staff.
    #[must_use]
    pub fn new(job: JobView, for_staff: bool) -> Self {
        let mut errors: Vec<AttemptError> = serde_json::from_value(job.errors.clone()).unwrap_or_default();
        if !for_staff {
            for error in &mut errors {
                (error.worker, error.message) = (None, None);
            }
        }
        let status = job.status().to_owned();
        let staff = |text: Option<String>| text.filter(|_| for_staff);
        let cause = |name: &str| staff(job.meta.get(name).and_then(Value::as_str).map(ToOwned::to_owned));
        Self {
            request_id: cause("request_id"),
            trace_id: cause("traceparent").and_then(|parent| parent.split('-').nth(1).map(ToOwned::to_owned)),
            schedule: cause("schedule"),
            enqueuer: cause("enqueuer"),
            owner: staff(job.owner),
            blocked_by: staff(job.blocked_by),
            limit_key: staff(job.limit_key),
            unique_key: staff(job.unique_key),
            payload_version: for_staff.then_some(job.payload_version),
            status,
            end_reason: job.end_reason.map(|reason| if for_staff { reason } else { job.state.to_string() }),
            id: job.id,
            kind: job.kind,
            queue: job.queue,
            priority: job.priority.to_string(),
            state: job.state.to_string(),
            attempt: job.attempt,
            max_attempts: job.max_attempts,
            timeout_ms: job.timeout_ms,
            run_at: job.run_at,
            expires_at: job.expires_at,
            created_at: job.created_at,
            started_at: job.started_at,
            progress: job.progress.and_then(|told| serde_json::from_value::<Progress>(told).ok()).map(Into::into),
            cancel_requested: job.cancel_requested,
            worker_id: job.worker_id.filter(|_| for_staff),
            finished_at: job.finished_at,
            result: job.result,
            errors,
        }
    }
}
