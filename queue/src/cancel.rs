//! Cancelling jobs: at once where they wait, by their token where they run.
//!
//! A request wins over retry, snooze, rescue and give-back: however such a run
//! ends, its job is cancelled. A completion that comes first wins over it.

use std::time::Duration;

use uuid::Uuid;

use crate::{
    Cancellation, Error, JobView, Queue,
    ledger::{
        cancel::{self, Cancelled, REQUESTED},
        partitions,
    },
    news::Gone,
    signals::Signal,
};

/// How long a handler whose token has fired may take to end by itself, before
/// its future is dropped.
pub(crate) const HANDLER_GRACE: Duration = Duration::from_secs(1);

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
