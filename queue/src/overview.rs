//! Looking at the queue as a whole: lists of jobs, queues, workers.

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    Error, JobFilter, JobPage, Priority, Queue, Transaction, Unaccounted, UnknownKind, WorkerView,
    keys::List,
    ledger::{
        list,
        overview::{self, Known},
        sample,
    },
    pause::checked,
    ready_list::Look,
};

/// A queue as operators see it.
#[derive(Clone, Debug, Serialize)]
pub struct QueueView {
    /// Its name.
    pub name: String,
    /// Since when it is paused, if it is.
    pub paused_at: Option<DateTime<Utc>>,
    /// Who paused it.
    pub paused_by: Option<String>,
    /// How many living workers serve it.
    pub workers: i64,
    /// What waits on its ready lists; `None` while Redis does not answer.
    pub ready: Option<Ready>,
}

/// What waits on a queue's ready lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Ready {
    /// Jobs of high priority.
    pub high: u64,
    /// Jobs of default priority.
    pub default: u64,
    /// Jobs of low priority.
    pub low: u64,
    /// For how many seconds the oldest of them has waited.
    pub oldest_seconds: f64,
}

/// How many jobs there are that have not ended. Never a scan: read from list
/// lengths, worker rows and an index.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct JobCounts {
    /// On the ready lists; `None` while Redis does not answer.
    pub queued: Option<u64>,
    /// Run by living workers, as of their last beats.
    pub running: i64,
    /// Due later, counted up to 10,000.
    pub scheduled: i64,
    /// Waiting for a limit's slot, for other jobs, or for a worker that knows their
    /// kind, counted up to 10,000.
    pub blocked: i64,
}

impl Queue {
    /// The jobs that `filter` leaves in, live and ended, the newest first: at
    /// most `limit` of those before `before`.
    ///
    /// # Errors
    /// [`Error::Ledger`] when PostgreSQL refuses.
    pub async fn jobs(&self, filter: &JobFilter, before: Option<Uuid>, limit: usize) -> Result<JobPage, Error> {
        Ok(list::page(self.pool(), filter, before, limit).await?)
    }

    /// All workers that have beaten within the last hour, the living first.
    ///
    /// # Errors
    /// [`Error::Ledger`] when PostgreSQL refuses.
    pub async fn workers(&self) -> Result<Vec<WorkerView>, Error> {
        Ok(overview::workers(self.pool()).await?)
    }

    /// How many jobs are on no ready list although they should be, by what the
    /// auditor last saw of Redis. While it works, it pushes them within 5 s.
    ///
    /// # Errors
    /// [`Error::Ledger`] when PostgreSQL refuses.
    pub async fn unaccounted(&self) -> Result<Unaccounted, Error> {
        Ok(overview::unaccounted(self.pool()).await?)
    }

    /// Kinds of waiting jobs that no living worker knows, though some serve the
    /// queue: 100 at most. All that a worker has met are found, and those that wait
    /// among the newest 10,000 jobs.
    ///
    /// # Errors
    /// [`Error::Ledger`] when PostgreSQL refuses.
    pub async fn unknown_kinds(&self) -> Result<Vec<UnknownKind>, Error> {
        Ok(overview::unknown_kinds(self.pool()).await?)
    }

    /// The queues that somebody serves, or served within the last hour, that are
    /// paused, or that have jobs, by name. A queue whose jobs are all scheduled or
    /// blocked may be missing, if 10,000 such jobs are before its own.
    ///
    /// # Errors
    /// [`Error::Ledger`] when PostgreSQL refuses.
    pub async fn queues(&self) -> Result<Vec<QueueView>, Error> {
        let mut known = overview::queues(self.pool()).await?;
        let sample = sample::sample(self.pool(), true).await?;
        for name in sample.waiting {
            known.entry(name).or_default();
        }
        let names: Vec<String> = known.keys().cloned().collect();
        let ready = self.ready_of(&names, sample.now).await;
        let views = known
            .into_iter()
            .enumerate()
            .map(|(index, (name, known))| QueueView::of(&name, known, ready.as_ref().map(|ready| ready[index])));
        Ok(views.collect())
    }

    /// Whether the queue has jobs that have not ended; those that are scheduled or
    /// blocked are looked for as by [`queues`](Self::queues).
    ///
    /// # Errors
    /// [`Error::Ledger`] when PostgreSQL refuses.
    pub async fn has_jobs(&self, queue: &str) -> Result<bool, Error> {
        let sample = sample::sample(self.pool(), true).await?;
        Ok(sample.waiting.iter().any(|waiting| waiting == queue))
    }

    /// The queue of this name: known or not, it may be paused.
    ///
    /// # Errors
    /// [`Error::NoSuchQueue`] for what can't be a queue's name, and
    /// [`Error::Ledger`] when PostgreSQL refuses.
    pub async fn queue(&self, name: &str) -> Result<QueueView, Error> {
        let known = overview::queue(self.pool(), checked(name)?).await?;
        let now = overview::clock(self.pool()).await?;
        let looks = self.lists.look(&lists_of(name)).await.ok();
        Ok(QueueView::of(name, known, looks.map(|looks| Ready::of(&looks, now))))
    }

    /// How many jobs there are that have not ended.
    ///
    /// # Errors
    /// [`Error::Ledger`] when PostgreSQL refuses.
    pub async fn counts(&self) -> Result<JobCounts, Error> {
        let sample = sample::sample(self.pool(), true).await?;
        let mut names: Vec<String> = sample.queues.into_iter().chain(sample.waiting).collect();
        names.sort();
        names.dedup();
        let ready = self.ready_of(&names, sample.now).await;
        let queued = ready.map(|ready| ready.iter().map(|ready| ready.high + ready.default + ready.low).sum());
        Ok(JobCounts { queued, running: sample.running, scheduled: sample.scheduled, blocked: sample.blocked })
    }

    /// What waits on the lists of each queue; `None` if Redis does not answer.
    async fn ready_of(&self, names: &[String], now: DateTime<Utc>) -> Option<Vec<Ready>> {
        let lists: Vec<List> = names.iter().flat_map(|name| lists_of(name)).collect();
        let looks = self.lists.look(&lists).await.ok()?;
        Some(looks.chunks_exact(Priority::ALL.len()).map(|looks| Ready::of(looks, now)).collect())
    }
}

impl Transaction {
    /// As [`Queue::queue`], inside the transaction. What Redis does not tell within
    /// 50 ms is missing: nobody is to wait for its locks.
    ///
    /// # Errors
    /// The same.
    pub async fn queue(&mut self, name: &str) -> Result<QueueView, Error> {
        let known = overview::queue_in(self, checked(name)?).await?;
        let now = overview::clock_in(self).await?;
        let (queue, _) = self.parts();
        let looks = queue.lists.look_briefly(&lists_of(name)).await;
        Ok(QueueView::of(name, known, looks.map(|looks| Ready::of(&looks, now))))
    }
}

impl QueueView {
    fn of(name: &str, known: Known, ready: Option<Ready>) -> Self {
        let Known { paused_at, paused_by, workers } = known;
        Self { name: name.to_owned(), paused_at, paused_by, workers, ready }
    }
}

impl Ready {
    /// Of the lists of a queue, the most urgent first.
    fn of(looks: &[Look], now: DateTime<Utc>) -> Self {
        let waited = |oldest: DateTime<Utc>| (now - oldest).to_std().unwrap_or_default().as_secs_f64();
        let len = |priority: usize| looks.get(priority).map_or(0, |look| look.len);
        Self {
            high: len(0),
            default: len(1),
            low: len(2),
            oldest_seconds: looks.iter().filter_map(|look| look.oldest).map(waited).fold(0.0, f64::max),
        }
    }
}

fn lists_of(name: &str) -> [List; Priority::ALL.len()] {
    Priority::ALL.map(|priority| List::new(name, priority))
}
