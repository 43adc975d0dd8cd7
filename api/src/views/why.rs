//! Why a job does not run, as the user whose request caused it sees it, or staff.

use callboard_queue::{Explanation, Reason};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A job, and why it does not run now.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Why)]
pub struct WhyBody {
    /// The job's id.
    pub id: Uuid,
    /// The state in the ledger, as the job itself shows it.
    #[schema(example = "queued")]
    pub state: String,
    /// The same in the words of outsiders.
    #[schema(example = "queued")]
    pub status: String,
    /// All that stands in its way, the strongest first; never empty.
    pub reasons: Vec<ReasonBody>,
}

/// One reason why a job does not run now; `reason` says which.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WhyReason)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum ReasonBody {
    /// It has ended.
    Ended {
        /// `completed`, `discarded` or `cancelled`.
        #[schema(example = "discarded")]
        state: String,
        /// Why, if not by completing; in full for staff only, else the state's name.
        end_reason: Option<String>,
    },
    /// It is running.
    Running {
        /// At which worker, for staff only.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        worker_id: Option<Uuid>,
        /// Since when.
        since: Option<DateTime<Utc>>,
        /// Whether somebody cancels it.
        cancel_requested: bool,
    },
    /// It is not due yet: delayed, put off by its handler, or waiting for its
    /// next attempt.
    DueLater {
        /// Not before this time.
        run_at: DateTime<Utc>,
        /// How many attempts have failed.
        #[schema(example = 1)]
        failed_attempts: usize,
    },
    /// Its queue is paused.
    QueuePaused {
        /// Since when.
        since: DateTime<Utc>,
        /// By whom, `user:<id>` or `key:<id>`; for staff only.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false, example = "user:019a4f5e-6f0a-7c31-9d7e-2f4f1f0c5a11")]
        by: Option<String>,
    },
    /// No living worker serves its queue.
    NobodyServesQueue {
        /// The queue.
        #[schema(example = "mail")]
        queue: String,
    },
    /// No living worker that serves its queue knows its kind, or reads this
    /// version of its payload.
    NobodyKnowsKind {
        /// The kind.
        #[schema(example = "email.verify_address")]
        kind: String,
        /// The payload's version.
        #[schema(example = 1)]
        version: i16,
    },
    /// It waits for these jobs to end.
    WaitingForJobs {
        /// Their ids, 100 at most.
        jobs: Vec<Uuid>,
    },
    /// As many jobs of its limit are under way as may be, or their starts are
    /// reserved for later.
    LimitReached {
        /// The limit's key, for staff only.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false, example = "smtp")]
        key: Option<String>,
        /// How many may be under way at a time.
        #[schema(example = 10)]
        allowed: i64,
        /// How many are.
        #[schema(example = 10)]
        admitted: i64,
        /// Until when starts are reserved, for a limit by the minute.
        reserved_to: Option<DateTime<Utc>>,
    },
    /// Its limit has a rate, and this start is reserved for it.
    StartReserved {
        /// The limit's key, for staff only.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false, example = "smtp")]
        key: Option<String>,
        /// When it starts.
        run_at: DateTime<Utc>,
    },
    /// Others are served first.
    Behind {
        /// How many; if `at_least`, that many or more.
        #[schema(example = 17)]
        jobs: u64,
        /// Whether nobody looked farther.
        at_least: bool,
    },
    /// It is its turn: a worker takes it when it has a free place.
    Next,
    /// It is on no ready list: a push was lost, which heals by itself, or a
    /// worker has just taken it.
    Lost {
        /// Within how many seconds.
        #[schema(example = 5)]
        healed_within_seconds: u64,
    },
    /// Redis does not answer; once it does, jobs start again.
    RedisDown,
    /// It was not started in time, and will be cancelled instead of run.
    Expired {
        /// When its time was over.
        at: DateTime<Utc>,
    },
}

impl WhyBody {
    /// The explanation as the job's owner sees it, or staff.
    #[must_use]
    pub fn new(explanation: Explanation, for_staff: bool) -> Self {
        let Explanation { job, reasons } = explanation;
        Self {
            id: job.id,
            state: job.state.to_string(),
            status: job.status().to_owned(),
            reasons: reasons.into_iter().map(|reason| ReasonBody::new(reason, for_staff)).collect(),
        }
    }
}

impl ReasonBody {
    fn new(reason: Reason, for_staff: bool) -> Self {
        match reason {
            Reason::Ended { state, end_reason } => Self::Ended {
                state: state.to_string(),
                end_reason: end_reason.map(|reason| if for_staff { reason } else { state.to_string() }),
            },
            Reason::Running { worker_id, since, cancel_requested } => {
                Self::Running { worker_id: worker_id.filter(|_| for_staff), since, cancel_requested }
            }
            Reason::DueLater { run_at, failed_attempts } => Self::DueLater { run_at, failed_attempts },
            Reason::QueuePaused { since, by } => Self::QueuePaused { since, by: by.filter(|_| for_staff) },
            Reason::NobodyServesQueue { queue } => Self::NobodyServesQueue { queue },
            Reason::NobodyKnowsKind { kind, version } => Self::NobodyKnowsKind { kind, version },
            Reason::WaitingForJobs { jobs } => Self::WaitingForJobs { jobs },
            Reason::LimitReached { key, allowed, admitted, reserved_to } => {
                Self::LimitReached { key: for_staff.then_some(key), allowed, admitted, reserved_to }
            }
            Reason::StartReserved { key, run_at } => Self::StartReserved { key: for_staff.then_some(key), run_at },
            Reason::Behind { jobs, at_least } => Self::Behind { jobs, at_least },
            Reason::Next => Self::Next,
            Reason::Lost { healed_within_seconds } => Self::Lost { healed_within_seconds },
            Reason::RedisDown => Self::RedisDown,
            Reason::Expired { at } => Self::Expired { at },
        }
    }
}
