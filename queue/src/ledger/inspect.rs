//! Looking at jobs, for people.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::within_deadline;
use crate::Priority;

/// A job as people and the API see it: without its payload, which is its
/// handler's affair. Times are PostgreSQL's.
#[derive(Clone, Debug, Serialize, sqlx::FromRow)]
pub struct JobView {
    /// Its id: a `UUIDv7`, so ids sort by creation.
    pub id: Uuid,
    /// Its kind, as `email.verify_address`.
    pub kind: String,
    /// Where it waits or waited.
    pub queue: String,
    /// How urgent it is.
    #[sqlx(try_from = "i16")]
    pub priority: Priority,
    /// How far it is.
    #[sqlx(try_from = "String")]
    pub state: JobState,
    /// Attempts begun.
    pub attempt: i16,
    /// Attempts allowed.
    pub max_attempts: i16,
    /// Not before this time.
    pub run_at: DateTime<Utc>,
    /// When it was enqueued.
    pub created_at: DateTime<Utc>,
    /// When it was last put on its ready list.
    pub queued_at: DateTime<Utc>,
    /// When its latest attempt began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// The last errors, the oldest first: `at`, `attempt`, `worker`, `failure`, `message`.
    pub errors: Value,
    /// What the handler returned.
    pub result: Option<Value>,
    /// Why it ended, if not by completing.
    pub end_reason: Option<String>,
    /// Whose request caused it.
    pub owner: Option<String>,
    /// The request id and trace context of its cause.
    pub meta: Value,
    /// Which shape its payload has.
    pub payload_version: i16,
    /// How long an attempt may run, in milliseconds.
    pub timeout_ms: i32,
    /// Not started by then, it is cancelled.
    pub expires_at: Option<DateTime<Utc>>,
    /// How far its handler says that it is: `done`, `total`, `message`.
    pub progress: Option<Value>,
    /// Whether somebody cancels it while it runs.
    pub cancel_requested: bool,
    /// The key that no other live job of its kind may hold.
    pub unique_key: Option<String>,
    /// The worker that runs it, or ran it last.
    pub worker_id: Option<Uuid>,
    /// What it waits for while it is blocked: `parents`, `limit`, or `kind`: a
    /// worker that knows its kind.
    pub blocked_by: Option<String>,
    /// The limit that it shares with others.
    pub limit_key: Option<String>,
}

impl JobView {
    /// The state in the words of outsiders: queued, started (running), finished
    /// (completed), failed (discarded), scheduled, blocked, cancelled.
    #[must_use]
    pub const fn status(&self) -> &'static str {
        self.state.status()
    }

    /// Its kind and version as [`WorkerView::kinds`](crate::WorkerView::kinds)
    /// name what a worker reads: `email.welcome`, from version 2 on
    /// `email.welcome#2`.
    #[must_use]
    pub fn readable(&self) -> String {
        match self.payload_version {
            1 => self.kind.clone(),
            version => format!("{}#{version}", self.kind),
        }
    }
}

/// The states of a job, as the view shows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// On its ready list.
    Queued,
    /// Due later.
    Scheduled,
    /// Waits for other jobs to end, for a slot of its limit key, or for a worker
    /// that knows its kind.
    Blocked,
    /// A worker has it.
    Running,
    /// Done.
    Completed,
    /// Given up: its attempts are used up, or its handler said so.
    Discarded,
    /// Somebody cancelled it, or it was not started in time.
    Cancelled,
}

impl JobState {
    /// All states, in the order of a job's life.
    pub const ALL: [Self; 7] = [
        Self::Blocked,
        Self::Scheduled,
        Self::Queued,
        Self::Running,
        Self::Completed,
        Self::Discarded,
        Self::Cancelled,
    ];

    /// The word of the view and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Scheduled => "scheduled",
            Self::Blocked => "blocked",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Discarded => "discarded",
            Self::Cancelled => "cancelled",
        }
    }

    /// The word for outsiders: see [`JobView::status`].
    #[must_use]
    pub const fn status(self) -> &'static str {
        match self {
            Self::Running => "started",
            Self::Completed => "finished",
            Self::Discarded => "failed",
            other => other.as_str(),
        }
    }
}

impl FromStr for JobState {
    type Err = UnknownState;

    fn from_str(word: &str) -> Result<Self, UnknownState> {
        Self::ALL.into_iter().find(|state| state.as_str() == word).ok_or_else(|| UnknownState(word.to_owned()))
    }
}

impl TryFrom<String> for JobState {
    type Error = UnknownState;

    fn try_from(word: String) -> Result<Self, UnknownState> {
        word.parse()
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl PartialEq<&str> for JobState {
    fn eq(&self, word: &&str) -> bool {
        self.as_str() == *word
    }
}

/// A word that is no state of a job.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no state of a job")]
pub struct UnknownState(String);

/// The columns of a [`JobView`].
macro_rules! columns {
    () => {
        "id, kind, queue, priority, state, attempt, max_attempts, run_at, created_at, queued_at, started_at, \
         finished_at, errors, result, end_reason, owner, meta, payload_version, timeout_ms, expires_at, progress, \
         cancel_requested, unique_key, worker_id, blocked_by, limit_key"
    };
}

pub(crate) use columns;

/// [`job_in`] a transaction of its own.
pub(crate) async fn job(pool: &PgPool, id: Uuid) -> sqlx::Result<Option<JobView>> {
    within_deadline!(pool, |connection| job_in(&mut connection, id))
}

/// The job with this id, live or ended.
pub(crate) async fn job_in(connection: &mut PgConnection, id: Uuid) -> sqlx::Result<Option<JobView>> {
    let job = sqlx::query_as(concat!("SELECT ", columns!(), " FROM queue_jobs_all WHERE id = $1"));
    job.bind(id).fetch_optional(connection).await
}
