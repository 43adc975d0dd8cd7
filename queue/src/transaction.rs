//! The transaction that publishes its jobs after its commit.

use std::{
    collections::HashSet,
    fmt,
    ops::{Deref, DerefMut},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{Connection as _, PgConnection, Postgres};
use uuid::Uuid;

use crate::{
    EnqueueOptions, Enqueued, Error, Flow, Job, PayloadKeys, Queue,
    ledger::{cancel::Cancelled, enqueue},
    new_job::NewJob,
    news::Announcement,
    ready_list::TOLD_AT_ONCE,
    signals::Signal,
};

/// Why jobs are enqueued: kept in each job's row, shown with it and logged with its runs.
/// None of the texts may have a NUL character: [`Error::Policy`] names the one that has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// Whose request it was, as the application names its users.
    #[serde(skip)]
    pub owner: Option<String>,
    /// The id of the HTTP request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The W3C trace context of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

impl Cause {
    /// PostgreSQL has no text with NUL, and would refuse the whole transaction.
    pub(crate) fn check(&self, kind: &str) -> Result<(), Error> {
        let texts = [("owner", &self.owner), ("request_id", &self.request_id), ("traceparent", &self.traceparent)];
        match texts.iter().find(|(_, text)| text.as_ref().is_some_and(|text| text.contains('\0'))) {
            Some((field, _)) => {
                let problem = "it has a NUL character".to_owned();
                Err(Error::Policy { kind: kind.to_owned(), field, problem })
            }
            None => Ok(()),
        }
    }
}

/// A PostgreSQL transaction that can enqueue jobs.
///
/// It dereferences to [`PgConnection`], so any function that takes an executor
/// works on it, and jobs commit together with everything else. [`commit`]
/// hands the committed jobs to the workers at once; nobody can forget to.
/// Dropping it rolls back, and the jobs never existed.
///
/// [`commit`]: Self::commit
pub struct Transaction {
    inner: sqlx::Transaction<'static, Postgres>,
    queue: Queue,
    cause: Cause,
    announcement: Announcement,
    acts: Box<Acts>,
}

/// What was done to other jobs than new ones, to be told after the commit. Most
/// transactions only enqueue: it is apart, so that their futures stay small.
#[derive(Default)]
pub(crate) struct Acts {
    /// Jobs that the commit ends as cancelled.
    pub(crate) cancelled: Vec<Cancelled>,
    /// What workers are told.
    pub(crate) signals: Vec<Signal>,
}

impl Acts {
    fn is_empty(&self) -> bool {
        self.cancelled.is_empty() && self.signals.is_empty()
    }
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction")
            .field("cause", &self.cause)
            .field("ready", &self.announcement.ready.len())
            .finish_non_exhaustive()
    }
}

impl Transaction {
    pub(crate) fn new(inner: sqlx::Transaction<'static, Postgres>, queue: Queue) -> Self {
        Self { inner, queue, cause: Cause::default(), announcement: Announcement::default(), acts: Box::default() }
    }

    /// Sets the cause of all jobs that this transaction enqueues from here on.
    #[must_use]
    pub fn caused_by(mut self, cause: Cause) -> Self {
        self.cause = cause;
        self
    }

    /// The cause of the jobs that are enqueued from here on.
    #[must_use]
    pub fn cause(&self) -> &Cause {
        &self.cause
    }

    /// Enqueues `job` by its kind's policy.
    ///
    /// # Errors
    /// [`Error::Policy`], [`Error::Payload`] and [`Error::UniqueKey`] for a job
    /// that can't be stored, [`Error::QueueFull`] for a queue at its depth
    /// limit, [`Error::Contended`] for a key that keeps changing hands, and
    /// [`Error::Ledger`] when PostgreSQL refuses. After the last the transaction
    /// can only be taken back.
    pub async fn enqueue<J: Job>(&mut self, job: &J) -> Result<Enqueued, Error> {
        self.enqueue_with(job, EnqueueOptions::default()).await
    }

    /// Enqueues `job` with deviations from its kind's policy.
    ///
    /// # Errors
    /// As [`enqueue`](Self::enqueue); [`Error::NoSuchParent`] and
    /// [`Error::ParentFailed`] for one of [`after`](EnqueueOptions::after).
    pub async fn enqueue_with<J: Job>(&mut self, job: &J, options: EnqueueOptions) -> Result<Enqueued, Error> {
        let new = NewJob::new(job, &options)?;
        let id = new.id;
        let enqueued = self.insert(vec![new]).await?;
        Ok(enqueued.first().copied().unwrap_or(Enqueued { id, existing: false }))
    }

    /// Enqueues many jobs of one kind in one statement, and tells what became
    /// of each, in order.
    ///
    /// # Errors
    /// As [`enqueue`](Self::enqueue); then none is enqueued once the
    /// transaction is dropped.
    pub async fn enqueue_many<J: Job>(&mut self, jobs: &[J]) -> Result<Vec<Enqueued>, Error> {
        let options = EnqueueOptions::default();
        let new = jobs.iter().map(|job| NewJob::new(job, &options)).collect::<Result<Vec<_>, _>>()?;
        if new.is_empty() {
            return Ok(Vec::new());
        }
        self.insert_all(new, |_| Ok(())).await
    }

    /// Enqueues jobs that wait for one another, as one unit; returns their ids
    /// in the order in which they were added. Where the flow is refused, none of
    /// it is enqueued, and what the transaction did before stays.
    ///
    /// # Errors
    /// As [`enqueue`](Self::enqueue), and [`Error::NoSuchParent`] for a
    /// [`Node`](crate::Node) of another flow; a job of a flow can't have a
    /// unique key that another job holds ([`Error::KeyHeld`]): what waits for it
    /// would wait for another.
    pub async fn enqueue_flow(&mut self, flow: Flow) -> Result<Vec<Uuid>, Error> {
        let jobs = flow.into_jobs()?;
        let ids: Vec<Uuid> = jobs.iter().map(|job| job.id).collect();
        let all_new = |enqueued: &[Enqueued]| match ids.iter().zip(enqueued).find(|(_, enqueued)| enqueued.existing) {
            Some((id, holder)) => Err(Error::KeyHeld { id: *id, holder: holder.id }),
            None => Ok(()),
        };
        self.insert_all(jobs, all_new).await?;
        Ok(ids)
    }

    async fn insert(&mut self, mut jobs: Vec<NewJob>) -> Result<Vec<Enqueued>, Error> {
        self.queue.prepare(&mut jobs).await?;
        let (enqueued, announcement) = insert(&mut self.inner, jobs, &self.cause, self.queue.enqueuer()).await?;
        self.announce(announcement);
        Ok(enqueued)
    }

    /// Inserts all of `jobs`, or, where something refuses one of them, none.
    async fn insert_all(
        &mut self,
        mut jobs: Vec<NewJob>,
        accept: impl FnOnce(&[Enqueued]) -> Result<(), Error> + Send,
    ) -> Result<Vec<Enqueued>, Error> {
        // Without keys and parents nothing is left behind: one statement inserts them all.
        if jobs.iter().all(|job| job.unique.is_none() && job.after.is_empty()) {
            return self.insert(jobs).await;
        }
        self.queue.prepare(&mut jobs).await?;
        let mut savepoint = self.inner.begin().await?;
        let inserted = insert(&mut savepoint, jobs, &self.cause, self.queue.enqueuer()).await;
        let accepted = inserted.and_then(|(enqueued, announcement)| {
            accept(&enqueued)?;
            Ok((enqueued, announcement))
        });
        match accepted {
            Ok((enqueued, announcement)) => {
                savepoint.commit().await?;
                self.announce(announcement);
                Ok(enqueued)
            }
            Err(refused) => {
                savepoint.rollback().await?;
                Err(refused)
            }
        }
    }

    /// What is to be told after the commit.
    pub(crate) fn announce(&mut self, announcement: Announcement) {
        self.announcement.ready.extend(announcement.ready);
        self.announcement.limit_keys.extend(announcement.limit_keys);
    }

    /// The queue, and a connection inside the transaction.
    pub(crate) fn parts(&mut self) -> (&Queue, &mut PgConnection) {
        (&self.queue, &mut self.inner)
    }

    /// What is done to others than new jobs.
    pub(crate) fn acts(&mut self) -> &mut Acts {
        &mut self.acts
    }

    /// Commits, then hands the jobs to Redis, and tells workers what was done to
    /// others. That takes a fraction of a second at most and can't fail the call:
    /// what could not be handed over is found by the auditor within seconds.
    ///
    /// # Errors
    /// [`Error::Ledger`] when the commit failed. If the connection broke while
    /// it was sent, it may have happened all the same.
    pub async fn commit(self) -> Result<(), Error> {
        self.commit_then(|| ()).await
    }

    /// [`commit`](Self::commit), with something done right between the commit and the push.
    pub(crate) async fn commit_then<T>(self, committed: impl FnOnce() -> T) -> Result<T, Error> {
        self.inner.commit().await?;
        let done = committed();
        self.queue.lists.announce(&self.announcement).await;
        if !self.acts.is_empty() {
            Box::pin(self.queue.tell(*self.acts)).await;
        }
        Ok(done)
    }

    /// Takes everything back, the jobs included.
    ///
    /// # Errors
    /// [`Error::Ledger`] when the connection broke; the server then rolls back by itself.
    pub async fn rollback(self) -> Result<(), Error> {
        Ok(self.inner.rollback().await?)
    }
}

impl Deref for Transaction {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.inner
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.inner
    }
}

impl Queue {
    /// Tells what somebody did in a transaction that is committed.
    async fn tell(&self, Acts { cancelled, mut signals }: Acts) {
        let mut told = HashSet::new();
        signals.retain(|signal| told.insert(signal.clone()));
        signals.truncate(TOLD_AT_ONCE);
        let gone = self.count_cancelled(cancelled, "cancelled");
        tokio::join!(self.lists.tell_gone(&gone), self.lists.signal_all(signals));
    }
}

/// Enqueues `job` on a bare connection, in whatever transaction it is in.
///
/// Nothing is handed to Redis: the auditor finds the job within seconds of the
/// commit. Prefer [`Transaction`], which hands over at once, knows the keys of
/// encrypted kinds and heeds depth limits.
///
/// # Errors
/// As [`Transaction::enqueue`].
pub async fn enqueue<J: Job>(connection: &mut PgConnection, job: &J, cause: &Cause) -> Result<Enqueued, Error> {
    let mut new = NewJob::new(job, &EnqueueOptions::default())?;
    new.seal(&PayloadKeys::default())?;
    let id = new.id;
    let (enqueued, _) = insert(connection, vec![new], cause, None).await?;
    Ok(enqueued.first().copied().unwrap_or(Enqueued { id, existing: false }))
}

async fn insert(
    connection: &mut PgConnection,
    jobs: Vec<NewJob>,
    cause: &Cause,
    enqueuer: Option<&str>,
) -> Result<(Vec<Enqueued>, Announcement), Error> {
    if let Some(job) = jobs.first() {
        cause.check(&job.kind)?;
    }
    let meta = with_enqueuer(serde_json::json!(cause), enqueuer);
    enqueue::insert(connection, jobs, cause.owner.as_deref(), &meta).await
}

/// The `meta` of a job, with who enqueues it.
pub(crate) fn with_enqueuer(mut meta: Value, enqueuer: Option<&str>) -> Value {
    if let Some(enqueuer) = enqueuer {
        meta["enqueuer"] = enqueuer.into();
    }
    meta
}
