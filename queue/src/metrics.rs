//! What the queue tells Prometheus.
//!
//! [`METRICS`] is the one table of names, labels and help texts. Handles are
//! registered on the recorder that is passed in; nothing here is global.

use std::{collections::HashMap, fmt, sync::Arc};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, NoopRecorder, Recorder, Unit};

/// A metric's entry in the table.
#[derive(Clone, Copy, Debug)]
pub struct Declared {
    /// The name that Prometheus shows.
    pub name: &'static str,
    /// What it counts or measures.
    pub r#type: Type,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// The help text.
    pub help: &'static str,
}

/// A metric's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Only goes up.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by bucket.
    Histogram,
}

macro_rules! declare {
    ($($const:ident = $type:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(const $const: &str = $name;)*
        /// Every metric of the queue.
        pub const METRICS: &[Declared] = &[
            $(Declared { name: $name, r#type: Type::$type, labels: &[$($label),*], help: $help },)*
        ];
    };
}

declare! {
    JOBS = Gauge "queue_jobs" ["queue", "priority", "state"]
        "Jobs by state: queued is the length of the ready list, running the busy slots of live workers, scheduled and blocked counts up to 10000, all three with queue and priority `all`.";
    LATENCY = Gauge "queue_latency_seconds" ["queue", "priority"]
        "How long the oldest waiting job of the list has waited.";
    WAIT = Histogram "job_wait_seconds" ["kind"]
        "From when a job was ready to when it was claimed, by PostgreSQL's clock.";
    RUN = Histogram "job_run_seconds" ["kind"]
        "How long attempts ran.";
    OUTCOMES = Counter "job_outcomes_total" ["kind", "outcome"]
        "Attempts by how they ended: completed, retried, snoozed, discarded, cancelled, given_back; and jobs that ended without one: discarded with the last worker that died with them, cancelled while they waited, and expired.";
    RETRIES = Counter "job_retries_total" ["kind"]
        "Attempts that failed and will be tried again.";
    RESCUED = Counter "jobs_rescued_total" []
        "Jobs taken back from workers that stopped beating.";
    REPUSHED = Counter "jobs_repushed_total" []
        "Jobs put on their ready list again by the auditor.";
    UNACCOUNTED = Gauge "unaccounted_jobs" []
        "Queued jobs that the auditor's last look found on no list; it heals them at once.";
    STALE = Counter "stale_finishes_total" []
        "Finishes refused because the run no longer held its job.";
    TICKS = Counter "scheduler_ticks_total" ["schedule", "outcome"]
        "Ticks of schedules: fired (the job was enqueued) and failed (they will be tried again).";
    HOLDER = Gauge "duty_holder" ["duty"]
        "1 while this process holds the duty.";
    SLOTS = Gauge "worker_slots" ["state"]
        "Slots of this worker: busy and free.";
    CLAIM_BATCH = Histogram "queue_claim_batch_size" []
        "Jobs claimed by one statement.";
    FINISH_BATCH = Histogram "queue_finish_batch_size" []
        "Outcomes written by one transaction.";
    REDIS_ERRORS = Counter "queue_redis_errors_total" []
        "Commands to Redis that failed or timed out.";
    POSTGRES_ERRORS = Counter "queue_postgres_errors_total" []
        "Statements of the queue to PostgreSQL that failed.";
    RECONCILED = Counter "jobs_reconciled_total" ["what"]
        "After a doubt: given_back (the ledger said ours, we did not have it) and cancelled (we ran it, the ledger said not ours).";
}

/// The queue's metrics on one recorder.
#[derive(Clone)]
pub struct Metrics {
    recorder: Arc<dyn Recorder + Send + Sync>,
    pub(crate) rescued: Counter,
    pub(crate) repushed: Counter,
    pub(crate) unaccounted: Gauge,
    pub(crate) stale_finishes: Counter,
    pub(crate) slots_busy: Gauge,
    pub(crate) slots_free: Gauge,
    pub(crate) claim_batch: Histogram,
    pub(crate) finish_batch: Histogram,
    pub(crate) redis_errors: Counter,
    pub(crate) postgres_errors: Counter,
    pub(crate) reconciled_given_back: Counter,
    pub(crate) reconciled_cancelled: Counter,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// Registers and describes the queue's metrics on `recorder`.
    #[must_use]
    pub fn new(recorder: Arc<dyn Recorder + Send + Sync>) -> Self {
        for declared in METRICS {
            let name = KeyName::from_const_str(declared.name);
            let unit = declared.name.ends_with("_seconds").then_some(Unit::Seconds);
            match declared.r#type {
                Type::Counter => recorder.describe_counter(name, unit, declared.help.into()),
                Type::Gauge => recorder.describe_gauge(name, unit, declared.help.into()),
                Type::Histogram => recorder.describe_histogram(name, unit, declared.help.into()),
            }
        }
        let on = On(&*recorder);
        Self {
            rescued: on.counter(RESCUED, &[]),
            repushed: on.counter(REPUSHED, &[]),
            unaccounted: on.gauge(UNACCOUNTED, &[]),
            stale_finishes: on.counter(STALE, &[]),
            slots_busy: on.gauge(SLOTS, &[("state", "busy")]),
            slots_free: on.gauge(SLOTS, &[("state", "free")]),
            claim_batch: on.histogram(CLAIM_BATCH, &[]),
            finish_batch: on.histogram(FINISH_BATCH, &[]),
            redis_errors: on.counter(REDIS_ERRORS, &[]),
            postgres_errors: on.counter(POSTGRES_ERRORS, &[]),
            reconciled_given_back: on.counter(RECONCILED, &[("what", "given_back")]),
            reconciled_cancelled: on.counter(RECONCILED, &[("what", "cancelled")]),
            recorder,
        }
    }

    /// Metrics that go nowhere.
    #[must_use]
    pub fn noop() -> Self {
        Self::new(Arc::new(NoopRecorder))
    }

    pub(crate) fn kind(&self, kind: &'static str) -> KindMetrics {
        let on = On(&*self.recorder);
        let outcome = |outcome| on.counter(OUTCOMES, &[("kind", kind), ("outcome", outcome)]);
        KindMetrics {
            wait: on.histogram(WAIT, &[("kind", kind)]),
            run: on.histogram(RUN, &[("kind", kind)]),
            retries: on.counter(RETRIES, &[("kind", kind)]),
            completed: outcome("completed"),
            retried: outcome("retried"),
            discarded: outcome("discarded"),
            given_back: outcome("given_back"),
            cancelled: outcome("cancelled"),
            snoozed: outcome("snoozed"),
        }
    }

    /// Counts a job that ended otherwise than by an attempt's end.
    pub(crate) fn ended(&self, kind: &str, outcome: &'static str) {
        On(&*self.recorder).counter(OUTCOMES, &[("kind", kind), ("outcome", outcome)]).increment(1);
    }

    pub(crate) fn jobs(&self, queue: &str, priority: &str, state: &str) -> Gauge {
        On(&*self.recorder).gauge(JOBS, &[("queue", queue), ("priority", priority), ("state", state)])
    }

    pub(crate) fn latency(&self, queue: &str, priority: &str) -> Gauge {
        On(&*self.recorder).gauge(LATENCY, &[("queue", queue), ("priority", priority)])
    }

    pub(crate) fn scheduler_ticks(&self, schedule: &str, outcome: &'static str) -> Counter {
        On(&*self.recorder).counter(TICKS, &[("schedule", schedule), ("outcome", outcome)])
    }

    pub(crate) fn duty_holder(&self, duty: &str) -> Gauge {
        On(&*self.recorder).gauge(HOLDER, &[("duty", duty)])
    }
}

/// The handles of one kind of job.
#[derive(Debug)]
pub(crate) struct KindMetrics {
    pub(crate) wait: Histogram,
    pub(crate) run: Histogram,
    pub(crate) retries: Counter,
    pub(crate) completed: Counter,
    pub(crate) retried: Counter,
    pub(crate) discarded: Counter,
    pub(crate) given_back: Counter,
    pub(crate) cancelled: Counter,
    pub(crate) snoozed: Counter,
}

/// The handles of every registered kind.
pub(crate) type ByKind = HashMap<&'static str, Arc<KindMetrics>>;

struct On<'a>(&'a (dyn Recorder + Send + Sync));

impl On<'_> {
    const METADATA: Metadata<'static> = Metadata::new("callboard_queue", Level::INFO, None);

    fn key(name: &'static str, labels: &[(&'static str, &str)]) -> Key {
        let labels: Vec<Label> = labels.iter().map(|(name, value)| Label::new(*name, (*value).to_owned())).collect();
        Key::from_parts(name, labels)
    }

    fn counter(&self, name: &'static str, labels: &[(&'static str, &str)]) -> Counter {
        self.0.register_counter(&Self::key(name, labels), &Self::METADATA)
    }

    fn gauge(&self, name: &'static str, labels: &[(&'static str, &str)]) -> Gauge {
        self.0.register_gauge(&Self::key(name, labels), &Self::METADATA)
    }

    fn histogram(&self, name: &'static str, labels: &[(&'static str, &str)]) -> Histogram {
        self.0.register_histogram(&Self::key(name, labels), &Self::METADATA)
    }
}
