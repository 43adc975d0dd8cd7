//! Why a job is not running yet.

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    Error, JobView, Queue,
    keys::{Element, List},
    ledger::{
        dependencies,
        inspect::JobState,
        limits,
        overview::{self, Served},
    },
};

/// How far a list is looked through for a job's place.
pub(crate) const PLACES: u64 = 10_000;
/// Within how many seconds the auditor finds a job that is on no list.
const HEALED_WITHIN: u64 = 5;

/// One reason why a job does not run now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Reason {
    /// It has ended: `completed`, `discarded` or `cancelled`.
    Ended {
        /// How.
        state: JobState,
        /// Why, if not by completing.
        end_reason: Option<String>,
    },
    /// It is running.
    Running {
        /// At which worker.
        worker_id: Option<Uuid>,
        /// Since when.
        since: Option<DateTime<Utc>>,
        /// Whether somebody cancels it.
        cancel_requested: bool,
    },
    /// It is not due yet: delayed at its enqueue, put off by its handler, or
    /// waiting for its next attempt.
    DueLater {
        /// Not before this time.
        run_at: DateTime<Utc>,
        /// How many attempts have failed.
        failed_attempts: usize,
    },
    /// Its queue is paused.
    QueuePaused {
        /// Since when.
        since: DateTime<Utc>,
        /// By whom.
        by: Option<String>,
    },
    /// No living worker serves its queue.
    NobodyServesQueue {
        /// The queue.
        queue: String,
    },
    /// No living worker that serves its queue knows its kind, or reads this
    /// version of its payload.
    NobodyKnowsKind {
        /// The kind.
        kind: String,
        /// The payload's version.
        version: i16,
    },
    /// It waits for these jobs to end.
    WaitingForJobs {
        /// Their ids, 100 at most.
        jobs: Vec<Uuid>,
    },
    /// As many jobs of its limit key are admitted as may be, or their starts
    /// are reserved for later.
    LimitReached {
        /// The key.
        key: String,
        /// How many may be admitted at a time.
        allowed: i64,
        /// How many are.
        admitted: i64,
        /// Until when starts are reserved, for a key with a rate.
        reserved_to: Option<DateTime<Utc>>,
    },
    /// Its limit key has a rate, and this start is reserved for it: nothing else
    /// holds it up.
    StartReserved {
        /// The key.
        key: String,
        /// When it starts.
        run_at: DateTime<Utc>,
    },
    /// Others on its list are served first.
    Behind {
        /// How many entries of the list, among them what cancelled and redriven jobs
        /// left behind; if `at_least`, that many or more.
        jobs: u64,
        /// Whether the list was not looked through to the end.
        at_least: bool,
    },
    /// It is its turn: a worker takes it when a slot is free.
    Next,
    /// It is on no list: a push was lost, or a worker has just taken it. The
    /// auditor heals the first.
    Lost {
        /// Within how many seconds.
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

/// A job and all that keeps it from running, the strongest first.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// The job.
    #[serde(skip)]
    pub job: JobView,
    /// Why it does not run; never empty.
    pub reasons: Vec<Reason>,
}

impl Queue {
    /// Says why a job is not running: all that stands in its way now.
    ///
    /// # Errors
    /// [`Error::NoSuchJob`], and [`Error::Ledger`] when PostgreSQL refuses.
    pub async fn why(&self, id: Uuid) -> Result<Explanation, Error> {
        let job = self.job(id).await?.ok_or(Error::NoSuchJob(id))?;
        let reasons = match job.state {
            state @ (JobState::Completed | JobState::Discarded | JobState::Cancelled) => {
                vec![Reason::Ended { state, end_reason: job.end_reason.clone() }]
            }
            JobState::Running => vec![Reason::Running {
                worker_id: job.worker_id,
                since: job.started_at,
                cancel_requested: job.cancel_requested,
            }],
            _ => self.why_waiting(&job).await?,
        };
        Ok(Explanation { job, reasons })
    }

    async fn why_waiting(&self, job: &JobView) -> Result<Vec<Reason>, Error> {
        let mut reasons = Vec::new();
        let Served { by_queue, by_kind, now } =
            overview::who_could_run(self.pool(), &job.queue, &job.readable()).await?;
        if let Some(at) = job.expires_at.filter(|at| job.attempt == 0 && *at <= now) {
            reasons.push(Reason::Expired { at });
        }
        let known = overview::queue(self.pool(), &job.queue).await?;
        if let Some(since) = known.paused_at {
            reasons.push(Reason::QueuePaused { since, by: known.paused_by });
        }
        if !by_queue {
            reasons.push(Reason::NobodyServesQueue { queue: job.queue.clone() });
        } else if !by_kind {
            reasons.push(Reason::NobodyKnowsKind { kind: job.kind.clone(), version: job.payload_version });
        }
        if job.blocked_by.as_deref() == Some("kind") {
            if by_kind {
                reasons.push(Reason::Lost { healed_within_seconds: HEALED_WITHIN });
            }
        } else if job.state == JobState::Blocked {
            reasons.push(self.why_blocked(job).await?);
        } else if job.state == JobState::Scheduled {
            reasons.push(self.why_later(job).await?);
        } else {
            reasons.push(self.place(job).await);
        }
        Ok(reasons)
    }

    async fn why_blocked(&self, job: &JobView) -> Result<Reason, Error> {
        if let Some(key) = job.limit_key.clone().filter(|_| job.blocked_by.as_deref() == Some("limit")) {
            let standing = limits::standing(self.pool(), job.id).await?;
            return Ok(standing.map_or(Reason::Next, |standing| Reason::LimitReached {
                key,
                allowed: standing.allowed,
                admitted: standing.admitted,
                reserved_to: standing.reserved_to,
            }));
        }
        Ok(Reason::WaitingForJobs { jobs: dependencies::waits_for(self.pool(), job.id, 100).await? })
    }

    async fn why_later(&self, job: &JobView) -> Result<Reason, Error> {
        if let Some(key) = job.limit_key.clone()
            && let Some(standing) = limits::standing(self.pool(), job.id).await?
            && standing.is_reserved
        {
            return Ok(Reason::StartReserved { key, run_at: job.run_at });
        }
        let failed_attempts = job.errors.as_array().map_or(0, Vec::len);
        Ok(Reason::DueLater { run_at: job.run_at, failed_attempts })
    }

    /// Where a queued job is on its list.
    async fn place(&self, job: &JobView) -> Reason {
        let list = List::new(&job.queue, job.priority);
        match self.lists.place(&list, Element::new(job.queued_at, job.id), PLACES).await {
            Err(_) => Reason::RedisDown,
            Ok((Some(0), _)) => Reason::Next,
            Ok((Some(jobs), _)) => Reason::Behind { jobs, at_least: false },
            Ok((None, len)) if len > PLACES => Reason::Behind { jobs: PLACES, at_least: true },
            Ok((None, _)) => Reason::Lost { healed_within_seconds: HEALED_WITHIN },
        }
    }
}
