//! Cancelling jobs: at once where they wait, by their token where they run.
//!
//! A request wins over retry, snooze, rescue and give-back: however such a run
//! ends, its job is cancelled. A completion that comes first wins over it.

use std::{
    collections::HashSet,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    Error, JobView, Queue,
    ledger::{
        cancel::{self, Cancelled},
        finish::Gone,
        partitions,
    },
    ready_list::TOLD_AT_ONCE,
    signals::Signal,
    transaction::Acts,
};

/// How long a handler whose token has fired may take to end by itself, before
/// its future is dropped.
pub(crate) const HANDLER_GRACE: Duration = Duration::from_secs(1);

/// The reason that jobs end with when somebody has cancelled them.
pub(crate) const REQUESTED: &str = "cancelled on request";

/// What a run and its worker tell each other: that it has begun, and that it is to stop.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    token: CancellationToken,
    requested: AtomicBool,
    began: AtomicBool,
}

impl Stop {
    /// Says that the handler is about to be called.
    pub(crate) fn begin(&self) {
        self.began.store(true, Ordering::Release);
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.began.load(Ordering::Acquire)
    }

    /// Stops the run at once: it has lost its job, or the worker ends.
    pub(crate) fn now(&self) {
        self.token.cancel();
    }

    /// Stops the run because somebody cancels its job. True if that is news.
    pub(crate) fn on_request(&self) -> bool {
        let news = !self.requested.swap(true, Ordering::AcqRel);
        self.token.cancel();
        news
    }

    pub(crate) fn is_requested(&self) -> bool {
        self.requested.load(Ordering::Acquire)
    }

    pub(crate) fn token(&self) -> &CancellationToken {
        &self.token
    }
}

/// What became of a request to cancel a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancellation {
    /// It waited, and has ended as cancelled.
    Ended,
    /// It runs: its handler is told, and it will end as cancelled, unless it
    /// completes first.
    Requested,
    /// As [`Requested`](Self::Requested), and somebody has asked for it before.
    AlreadyRequested,
}

impl Queue {
    /// Cancels a job.
    ///
    /// One that waits (queued, scheduled, blocked) has ended when this returns.
    /// One that runs is told by [`Run::cancelled`](crate::Run::cancelled), at
    /// once by a signal over Redis, without Redis with its worker's next beat
    /// (5 s). A handler that does not end within a second is dropped at its next
    /// await point. Asking twice is the same as asking once.
    ///
    /// # Errors
    /// [`Error::NoSuchJob`], [`Error::WrongState`] for a job that has ended, and
    /// [`Error::Ledger`] when PostgreSQL refuses.
    pub async fn cancel(&self, id: Uuid) -> Result<Cancellation, Error> {
        let kept = self.days_of_cancelled();
        let cancel = || cancel::cancel(self.pool(), id, REQUESTED, kept);
        match partitions::or_made(self, cancel).await? {
            Some((Cancellation::Ended, cancelled)) => {
                self.lists.tell_gone(&self.count_cancelled(cancelled, "cancelled")).await;
                Ok(Cancellation::Ended)
            }
            Some((requested, _)) => {
                self.lists.signal(Signal::Cancel(id)).await;
                Ok(requested)
            }
            None => Err(not_live(id, self.job(id).await?)),
        }
    }

    /// Cancels those of `ids` that wait and whose time to start is over.
    pub(crate) async fn expire(&self, ids: &[Uuid]) -> Result<usize, Error> {
        let kept = self.days_of_cancelled();
        let expired = partitions::or_made(self, || cancel::expire(self.pool(), ids, kept)).await?;
        let expired = self.count_cancelled(expired, "expired");
        self.lists.tell_gone(&expired).await;
        Ok(expired.len())
    }

    /// Tells what somebody did in a transaction that is committed.
    pub(crate) async fn tell(&self, Acts { cancelled, mut signals }: Acts) {
        let mut told = HashSet::new();
        signals.retain(|signal| told.insert(signal.clone()));
        signals.truncate(TOLD_AT_ONCE);
        let gone = self.count_cancelled(cancelled, "cancelled");
        tokio::join!(self.lists.tell_gone(&gone), self.lists.signal_all(signals));
    }

    /// Counts jobs that were cancelled while they waited.
    pub(crate) fn count_cancelled(&self, cancelled: Vec<Cancelled>, outcome: &'static str) -> Vec<Gone> {
        for job in &cancelled {
            self.metrics().ended(&job.kind, outcome);
        }
        cancelled.into_iter().map(Gone::from).collect()
    }
}

/// Why the job, as it was found, can't be worked on.
pub(crate) fn not_live(id: Uuid, found: Option<JobView>) -> Error {
    found.map_or(Error::NoSuchJob(id), |job| Error::WrongState { id, state: job.state })
}
