//! What a handler knows of its run.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use serde_json::{Value, json, value::RawValue};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    Cause, Error, Outcome, Progress, Queue, Transaction,
    error::Error::Stale,
    job::MAX_RESULT_BYTES,
    ledger::{
        self,
        claim::Claim,
        finish::{self, EndState, Ended},
        partitions,
    },
    outcome::{FailureKind, Finished},
    policy::Policy,
    progress::Reporter,
    stop::Stop,
    unblock::Wake,
};

/// Messages are cut at this many characters in the error history.
const MAX_MESSAGE: usize = 4_000;

/// What all runs of a worker share.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) worker_id: Uuid,
    pub(crate) queue: Queue,
    pub(crate) progress: Reporter,
    pub(crate) wake: Wake,
}

/// One attempt at one job.
#[derive(Debug)]
pub struct Run {
    pub(crate) id: Uuid,
    pub(crate) claim_id: Uuid,
    pub(crate) kind: &'static str,
    pub(crate) payload_version: i16,
    pub(crate) policy: Policy,
    pub(crate) attempt: i16,
    pub(crate) max_attempts: i16,
    pub(crate) cause: Cause,
    pub(crate) waited: Duration,
    pub(crate) started: Instant,
    pub(crate) timeout: Duration,
    pub(crate) started_at: DateTime<Utc>,
    pub(crate) stop: Arc<Stop>,
    pub(crate) host: Arc<Host>,
}

impl Run {
    /// The job's id.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// The job's kind.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// Which version of its payload the job was enqueued with.
    #[must_use]
    pub fn payload_version(&self) -> i16 {
        self.payload_version
    }

    /// Which attempt this is: 1 is the first.
    #[must_use]
    pub fn attempt(&self) -> i16 {
        self.attempt
    }

    /// Attempts allowed in all.
    #[must_use]
    pub fn max_attempts(&self) -> i16 {
        self.max_attempts
    }

    /// Whether a failure now would discard the job.
    #[must_use]
    pub fn is_last_attempt(&self) -> bool {
        self.attempt >= self.max_attempts
    }

    /// What the job was enqueued for: whose request, which one, and its trace.
    #[must_use]
    pub fn cause(&self) -> &Cause {
        &self.cause
    }

    /// The id of the HTTP request that caused the job, if one did.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.cause.request_id.as_deref()
    }

    /// The W3C trace context of the request that caused the job, if it had one.
    #[must_use]
    pub fn traceparent(&self) -> Option<&str> {
        self.cause.traceparent.as_deref()
    }

    /// The trace's id in it: 32 hexadecimal digits.
    #[must_use]
    pub fn trace_id(&self) -> Option<&str> {
        self.cause.traceparent.as_deref()?.get(3..35)
    }

    /// When this attempt began, by PostgreSQL's clock.
    #[must_use]
    pub fn started_at(&self) -> DateTime<Utc> {
        self.started_at
    }

    /// When this attempt's time is up.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.started + self.timeout
    }

    /// Fires when the run is to stop.
    ///
    /// If somebody has cancelled the job, the handler has a second to end by
    /// itself; then its future is dropped at its next await point. If the run
    /// has lost its job or the worker stops for good, it is dropped at once.
    /// For work outside the future, as on a blocking thread, this is the only
    /// way to learn of it.
    #[must_use]
    pub fn cancelled(&self) -> CancellationToken {
        self.stop.token().clone()
    }

    /// Tells how far the job is, for people: in its row and, live, to those who
    /// listen. Costs nothing but memory; what is told within a second of the
    /// last is kept until that second is over, and only the newest is written.
    ///
    /// # Example
    ///
    /// ```no_run
    /// # fn import(run: &callboard_queue::Run, rows: &[u8]) {
    /// for (done, row) in rows.iter().enumerate() {
    ///     run.progress(callboard_queue::Progress::of(done, rows.len()).saying("rows imported"));
    /// }
    /// # }
    /// ```
    pub fn progress(&self, progress: Progress) {
        self.host.progress.tell(self.claim(), progress);
    }

    /// Begins a transaction, for [`complete_in`](Self::complete_in) and other
    /// work. What it enqueues has the same [cause](Self::cause) as this job.
    ///
    /// # Errors
    /// [`Error::Ledger`] when no connection is to be had.
    pub async fn begin(&self) -> Result<Transaction, Error> {
        Ok(self.host.queue.begin().await?.caused_by(self.cause.clone()))
    }

    /// Completes the job inside `transaction` and commits it, so that the
    /// handler's writes and the completion stand or fall together: they are
    /// committed exactly once.
    ///
    /// # Errors
    /// [`Error::Stale`] when this run no longer holds the job, and
    /// [`Error::Ledger`] when PostgreSQL refuses. Either way nothing of the
    /// transaction remains (but see [`Transaction::commit`]).
    pub async fn complete_in(&self, mut transaction: Transaction, result: Option<Value>) -> Result<Outcome, Error> {
        let ended = self.ended(EndState::Completed, result.map(checked_result), None, None);
        ledger::last_write(&mut transaction).await?;
        match finish::end(&mut transaction, std::slice::from_ref(&ended)).await {
            Ok(held) if held.is_empty() => {
                transaction.rollback().await?;
                Err(Stale(self.id))
            }
            Ok(held) => {
                transaction.commit().await?;
                self.host.wake.gone(&held);
                Ok(Outcome::Committed(Finished(())))
            }
            Err(error) => {
                drop(transaction);
                if partitions::is_missing(&error) {
                    // The next attempt will find it.
                    let made = partitions::ensure_ahead(self.host.queue.pool(), [self.policy.completed_days()]).await;
                    if let Err(error) = made {
                        tracing::warn!(%error, "could not make a partition of the history yet");
                    }
                }
                Err(error.into())
            }
        }
    }

    /// The payload as it was before it was encrypted, if it was.
    pub(crate) fn open(&self, payload: Box<RawValue>) -> Result<Box<RawValue>, String> {
        self.host.queue.keys().open(self.kind, payload)
    }

    pub(crate) fn claim(&self) -> Claim {
        (self.id, self.claim_id)
    }

    pub(crate) fn ended(
        &self,
        state: EndState,
        result: Option<Value>,
        error: Option<Value>,
        reason: Option<String>,
    ) -> Ended {
        let keep_days = match state {
            EndState::Completed => self.policy.completed_days(),
            EndState::Discarded | EndState::Cancelled | EndState::Failed => self.policy.discarded_days(),
        };
        Ended { id: self.id, claim_id: self.claim_id, state, keep_days: keep_days.into(), result, error, reason }
    }

    /// This attempt's entry in the error history.
    pub(crate) fn error_entry(&self, failure: FailureKind, message: &str) -> Value {
        error_entry(self.attempt, self.host.worker_id, failure, message)
    }
}

/// An entry of the error history; the ledger adds when.
pub(crate) fn error_entry(attempt: i16, worker_id: Uuid, failure: FailureKind, message: &str) -> Value {
    json!({
        "attempt": attempt,
        "worker": worker_id,
        "failure": failure.as_str(),
        "message": clean(message),
    })
}

/// Text that `jsonb` and `text` take: without NUL, of bounded length.
pub(crate) fn clean(message: &str) -> String {
    message.chars().take(MAX_MESSAGE).map(|c| if c == '\0' { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// The result, or a note in its place if the ledger would not take it.
pub(crate) fn checked_result(result: Value) -> Value {
    let text = result.to_string();
    if text.len() > MAX_RESULT_BYTES {
        return json!({ "omitted": format!("{} bytes; {MAX_RESULT_BYTES} are kept", text.len()) });
    }
    if crate::new_job::has_nul(&text) {
        return json!({ "omitted": "a string in it has a NUL character" });
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_that_the_ledger_would_refuse_are_replaced() {
        assert_eq!(checked_result(json!({"sent": 1})), json!({"sent": 1}));
        assert!(checked_result(json!("x".repeat(MAX_RESULT_BYTES)))["omitted"].is_string());
        assert!(checked_result(json!("a\0b"))["omitted"].is_string());
    }

    #[test]
    fn messages_are_cut_and_cleaned() {
        assert_eq!(clean("a\0b"), "a\u{FFFD}b");
        assert_eq!(clean(&"ä".repeat(5_000)).chars().count(), MAX_MESSAGE);
    }
}
