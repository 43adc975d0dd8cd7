//! Lets blocked jobs go on: when a slot of their limit key is free, or when the
//! jobs that they wait for have ended.
//!
//! Whoever makes room tells it here, or over Redis to the worker that holds the
//! auditor's duty. What nobody told (a process died in between), that auditor
//! finds within seconds.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    Queue,
    ledger::{
        dependencies::{self, Released},
        limits, partitions,
    },
    news::Gone,
};

/// Limit keys in one transaction.
const KEYS: usize = 100;
/// Jobs in one statement.
const BATCH: usize = 500;

/// What is to be looked at, until it is. Each thing is kept once, so what
/// waits here is bounded by what runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wake {
    told: Arc<Mutex<Told>>,
    news: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Told {
    /// Limit keys that may have room.
    keys: BTreeSet<String>,
    /// Jobs that have ended and for which others wait.
    ended: BTreeSet<Uuid>,
    /// Jobs that wait for nothing any more.
    free: BTreeSet<Uuid>,
}

impl Wake {
    fn tell(&self, tell: impl FnOnce(&mut Told)) {
        tell(&mut self.told.lock().unwrap_or_else(PoisonError::into_inner));
        self.news.notify_one();
    }

    pub(crate) fn limits(&self, keys: impl IntoIterator<Item = String>) {
        self.tell(|told| told.keys.extend(keys));
    }

    pub(crate) fn ended(&self, parents: impl IntoIterator<Item = Uuid>) {
        self.tell(|told| told.ended.extend(parents));
    }

    pub(crate) fn free(&self, children: impl IntoIterator<Item = Uuid>) {
        self.tell(|told| told.free.extend(children));
    }

    /// Jobs that have left their list or their slot.
    pub(crate) fn gone(&self, gone: &[Gone]) {
        if gone.iter().any(|job| job.has_children || job.limit_key.is_some()) {
            self.tell(|told| {
                told.keys.extend(gone.iter().filter_map(|job| job.limit_key.clone()));
                told.ended.extend(gone.iter().filter(|job| job.has_children).map(|job| job.id));
            });
        }
    }

    fn take(&self) -> Told {
        std::mem::take(&mut self.told.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Looks at what a [`Wake`] was told.
pub(crate) struct Unblocker {
    queue: Queue,
    wake: Wake,
    /// Whether the last statement failed.
    failing: AtomicBool,
}

impl Unblocker {
    pub(crate) fn new(queue: Queue, wake: Wake) -> Self {
        Self { queue, wake, failing: AtomicBool::new(false) }
    }

    /// Unblocks until told to stop, the last time then.
    pub(crate) async fn run(self, stop: CancellationToken) {
        loop {
            let stopping = tokio::select! {
                () = stop.cancelled() => true,
                () = self.wake.news.notified() => false,
            };
            self.look(self.wake.take()).await;
            if stopping {
                return;
            }
        }
    }

    async fn look(&self, told: Told) {
        let mut failed = None;
        let mut note = |done: sqlx::Result<()>| failed = failed.take().or(done.err());
        let ended: Vec<Uuid> = told.ended.into_iter().collect();
        for parents in ended.chunks(BATCH) {
            note(self.release(parents, &[]).await);
        }
        let free: Vec<Uuid> = told.free.into_iter().collect();
        for children in free.chunks(BATCH) {
            note(self.release(&[], children).await);
        }
        let keys: Vec<String> = told.keys.into_iter().collect();
        for keys in keys.chunks(KEYS) {
            note(self.admit(keys).await);
        }
        self.say(failed);
    }

    async fn admit(&self, keys: &[String]) -> sqlx::Result<()> {
        let admitted = limits::admit(self.queue.pool(), keys).await?;
        self.queue.lists.announce(&admitted).await;
        Ok(())
    }

    async fn release(&self, parents: &[Uuid], free: &[Uuid]) -> sqlx::Result<()> {
        let kept = self.queue.days_of_cancelled();
        loop {
            let release = || dependencies::release(self.queue.pool(), parents, free, kept);
            let Released { announcement, cancelled, full } = partitions::or_made(&self.queue, release).await?;
            // What this lets go on in turn is seen to by the next look.
            self.wake.gone(&self.queue.count_cancelled(cancelled, "cancelled"));
            if !announcement.limit_keys.is_empty() {
                self.wake.limits(announcement.limit_keys.iter().cloned());
            }
            let _ = self.queue.lists.push(&announcement.ready).await;
            if !full {
                return Ok(());
            }
        }
    }

    /// What fails here the auditor does; it is said once.
    fn say(&self, failed: Option<sqlx::Error>) {
        let was_failing = self.failing.swap(failed.is_some(), Ordering::Relaxed);
        match failed {
            Some(error) => {
                self.queue.metrics().postgres_errors.increment(1);
                if !was_failing {
                    tracing::warn!(%error, "could not let blocked jobs go on; the auditor will");
                }
            }
            None if was_failing => tracing::info!("blocked jobs go on again"),
            None => {}
        }
    }
}
