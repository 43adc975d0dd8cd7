//! The application's handle to its queue.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
    time::Duration,
};

use serde_json::Value;
use sqlx::{PgPool, SqlSafeStr};
use tokio::{sync::Mutex, time::Instant};
use uuid::Uuid;

use crate::{
    Error, Kinds, Metrics, PayloadKeys, Transaction,
    backpressure::DepthLimits,
    keys::{List, Prefix},
    ledger::{
        inspect::{self, JobView},
        sample,
    },
    new_job::NewJob,
    priority::Priority,
    ready_list::ReadyLists,
};

/// How often queues are looked for that no worker serves.
const SCAN_EVERY: Duration = Duration::from_secs(30);
/// Gauges are read from the ledger at most once in this time.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);

/// A cheap, cloneable handle: PostgreSQL's pool, the ready lists and the metrics.
#[derive(Clone)]
pub struct Queue {
    pool: PgPool,
    pub(crate) lists: ReadyLists,
    metrics: Metrics,
    kinds: Arc<Kinds>,
    /// See [`Kinds::days_of_cancelled`]; made once, as every finish may want it.
    days_of_cancelled: Arc<Value>,
    keys: PayloadKeys,
    depths: DepthLimits,
    /// Who enqueues by it.
    enqueuer: Option<Arc<str>>,
    sampled: Arc<Mutex<Sampled>>,
}

#[derive(Default)]
struct Sampled {
    at: Option<Instant>,
    scanned: Option<Instant>,
    lists: BTreeSet<List>,
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("prefix", self.lists.prefix()).finish_non_exhaustive()
    }
}

impl Queue {
    /// Makes a handle. It connects to nothing yet, so it can't fail because a
    /// server is down.
    ///
    /// # Errors
    /// [`Error::Setting`] for a Redis URL or a prefix that can't be used.
    pub fn connect(pool: PgPool, redis_url: &str, prefix: &str, metrics: Metrics) -> Result<Self, Error> {
        let lists = ReadyLists::new(redis_url, Prefix::parse(prefix)?, metrics.clone())?;
        Ok(Self {
            pool,
            lists,
            metrics,
            kinds: Arc::default(),
            days_of_cancelled: Arc::default(),
            keys: PayloadKeys::default(),
            depths: DepthLimits::default(),
            enqueuer: None,
            sampled: Arc::default(),
        })
    }

    /// The pool that transactions come from.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// The same handle, of the program `name` in this version: each job that it
    /// enqueues says so in its `meta`, as `"enqueuer": "callboard-api 1.2.3"`. Where
    /// several programs or versions share a ledger, it tells who wrote a payload
    /// that nobody can read.
    #[must_use]
    pub fn named(self, name: &'static str, version: &'static str) -> Self {
        Self { enqueuer: Some(format!("{name} {version}").into()), ..self }
    }

    /// The same handle, knowing the policies of these kinds too.
    #[must_use]
    pub fn with_kinds(mut self, kinds: &Kinds) -> Self {
        let mut all = Kinds::clone(&self.kinds);
        all.extend(kinds);
        self.days_of_cancelled = Arc::new(all.days_of_cancelled());
        self.kinds = Arc::new(all);
        self
    }

    /// The same handle with the keys of encrypted payloads.
    #[must_use]
    pub fn with_payload_keys(self, keys: PayloadKeys) -> Self {
        Self { keys, ..self }
    }

    /// The same handle, which refuses to enqueue ([`Error::QueueFull`]) while as
    /// many jobs as this wait on a queue's ready lists.
    #[must_use]
    pub fn with_depth_limits(self, limits: BTreeMap<String, u64>) -> Self {
        Self { depths: DepthLimits::new(limits), ..self }
    }

    /// The same handle, if it can enqueue all kinds that it knows: for the start of
    /// a process that enqueues.
    ///
    /// # Errors
    /// [`Error::Setting`] for a kind that is encrypted while there is no key.
    pub fn checked(self) -> Result<Self, Error> {
        match self.kinds.encrypted() {
            Some(kind) if !self.keys.can_seal() => {
                let problem = format!("`{kind}` is encrypted, and no key is set");
                Err(Error::Setting { name: "payload_keys", problem })
            }
            _ => Ok(self),
        }
    }

    pub(crate) fn enqueuer(&self) -> Option<&str> {
        self.enqueuer.as_deref()
    }

    pub(crate) fn keys(&self) -> &PayloadKeys {
        &self.keys
    }

    /// Makes jobs ready to be inserted: encrypts, and looks whether there is room.
    pub(crate) async fn prepare(&self, jobs: &mut [NewJob]) -> Result<(), Error> {
        for job in jobs.iter_mut() {
            job.seal(&self.keys)?;
        }
        self.depths.check(&self.lists, jobs).await
    }

    /// The same handle over another pool.
    pub(crate) fn over(&self, pool: PgPool) -> Self {
        Self { pool, ..self.clone() }
    }

    pub(crate) fn days_of_cancelled(&self) -> &Value {
        &self.days_of_cancelled
    }

    pub(crate) fn kinds(&self) -> &Kinds {
        &self.kinds
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Begins a transaction that can enqueue jobs.
    ///
    /// # Errors
    /// [`Error::Ledger`] when no connection is to be had.
    pub async fn begin(&self) -> Result<Transaction, Error> {
        self.begin_with("BEGIN").await
    }

    /// The same, begun by a statement of the caller's: `BEGIN`, and what is `SET
    /// LOCAL` for the transaction, in one round trip.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub async fn begin_with(&self, statement: impl SqlSafeStr) -> Result<Transaction, Error> {
        // On a task of its own, so that a caller who goes away meanwhile can't
        // cut it off half-way: sqlx 0.9.0 would return such a connection to its
        // pool inside the transaction (transact-rs/sqlx#4385).
        let (pool, statement) = (self.pool.clone(), statement.into_sql_str());
        let begun = tokio::spawn(async move { pool.begin_with(statement).await }).await;
        let inner = begun.map_err(|_| sqlx::Error::WorkerCrashed)??;
        Ok(Transaction::new(inner, self.clone()))
    }

    /// The job with this id, live or ended, or `None`.
    ///
    /// # Errors
    /// [`Error::Ledger`] when PostgreSQL refuses.
    pub async fn job(&self, id: Uuid) -> Result<Option<JobView>, Error> {
        Ok(inspect::job(&self.pool, id).await?)
    }

    /// Asks Redis for a sign of life, for at most half a second.
    ///
    /// # Errors
    /// [`Error::ReadyList`] when none comes.
    pub async fn ping_redis(&self) -> Result<(), Error> {
        self.lists.ping().await
    }

    /// Refreshes the gauges of depth and latency, for the process that is being
    /// scraped: one statement and one round trip to Redis, at most once a second.
    /// With a server down the gauges keep their last values.
    pub async fn sample_depths(&self) {
        let mut sampled = self.sampled.lock().await;
        if sampled.at.is_some_and(|at| at.elapsed() < SAMPLE_EVERY) {
            return;
        }
        sampled.at = Some(Instant::now());
        let scan = sampled.scanned.is_none_or(|at| at.elapsed() >= SCAN_EVERY);
        match self.sample(&mut sampled.lists, scan).await {
            Ok(()) if scan => sampled.scanned = Some(Instant::now()),
            Ok(()) => {}
            Err(error) => tracing::debug!(%error, "could not read the queue's depths"),
        }
    }

    async fn sample(&self, known: &mut BTreeSet<List>, scan: bool) -> Result<(), Error> {
        let sample = sample::sample(&self.pool, scan).await?;
        for queue in sample.queues.iter().chain(&sample.waiting) {
            known.extend(Priority::ALL.map(|priority| List::new(queue, priority)));
        }
        self.metrics.jobs("all", "all", "scheduled").set(float(sample.scheduled));
        self.metrics.jobs("all", "all", "blocked").set(float(sample.blocked));
        self.metrics.jobs("all", "all", "running").set(float(sample.running));

        let lists: Vec<List> = known.iter().cloned().collect();
        let looks = self.lists.look(&lists).await?;
        for (list, look) in lists.iter().zip(looks) {
            let priority = list.priority.as_str();
            let waited =
                look.oldest.map_or(0.0, |oldest| (sample.now - oldest).to_std().unwrap_or_default().as_secs_f64());
            self.metrics.jobs(&list.queue, priority, "queued").set(float(look.len));
            self.metrics.latency(&list.queue, priority).set(waited);
        }
        Ok(())
    }
}

/// A count as a gauge's value.
#[expect(clippy::cast_precision_loss, reason = "gauges are doubles; counts stay far below 2⁵³")]
fn float(count: impl TryInto<i64>) -> f64 {
    count.try_into().unwrap_or(i64::MAX) as f64
}
