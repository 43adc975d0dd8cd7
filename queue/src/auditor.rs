//! Finds jobs that are on no list, and jobs whose worker is gone.
//!
//! The oldest element of a list tells how far the list has been served: its
//! *watermark*. For an empty list that is PostgreSQL's clock just before the
//! look. Rows queued before the watermark of the last tick (at least 2 s ago)
//! are few: running ones, and lost ones. A lost row gets a new `queued_at` and
//! is pushed again; a running row without a living worker goes to the rescuer.
//!
//! Order on a list is only roughly by `queued_at`, as transactions commit late.
//! So a job may be pushed a second time while it is still on its list: the
//! claim drops the duplicate.

use std::{
    collections::{HashMap, HashSet},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use chrono::{DateTime, Utc};
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    Error, Priority, Queue,
    error::causes,
    keys::List,
    lease::{Leases, rest},
    ledger::{
        audit::{self, Audit, Watermark},
        dependencies, limits,
        parking::{self, Released},
    },
    news::Ready,
    rescuer::Rescuer,
    sabotage,
    unblock::Wake,
};

const DUTY: &str = "auditor";
/// The time between two looks, and the least age of a watermark that is used.
const EVERY: Duration = Duration::from_secs(2);
/// How often lists are looked for that no worker serves.
const SCAN_EVERY: Duration = Duration::from_secs(30);
/// Rows a list in one look.
const BATCH: u32 = 2_000;
/// While a list is shorter than this, a full batch is followed at once by the next.
const SHORT: u64 = 20_000;

/// Limit keys, and waiting children, in one slice.
const BLOCKED: i64 = 500;
/// How long one look goes on from slice to slice of either.
const FOR_BLOCKED: Duration = Duration::from_millis(500);
/// Jobs of kinds that somebody knows again, in one statement.
const KNOWN: i64 = 1_000;

/// How far the looks at blocked jobs have come.
#[derive(Debug, Default)]
struct Blocked {
    key: String,
    child: Uuid,
}

pub(crate) struct Auditor {
    pub(crate) queue: Queue,
    pub(crate) leases: Leases,
    pub(crate) rescuer: Rescuer,
    pub(crate) wake: Wake,
    pub(crate) worker_id: Uuid,
    /// Whether Redis did not take the last push.
    pub(crate) refused: AtomicBool,
}

impl Auditor {
    /// Audits while it holds the duty, until told to stop.
    pub(crate) async fn run(self, stop: CancellationToken) {
        while let Some(note) = self.leases.acquired(DUTY, &stop).await {
            // The predecessor's watermarks are at least one look old.
            let mut marks = read_note(&note);
            let mut said = false;
            let mut scanned: Option<Instant> = None;
            let mut blocked = Blocked::default();
            while self.leases.holds(DUTY) {
                let started = Instant::now();
                let scan = scanned.is_none_or(|at| at.elapsed() >= SCAN_EVERY);
                match self.tick(&mut marks, scan, &mut blocked, &stop).await {
                    Ok(()) => {
                        said = false;
                        scanned = if scan { Some(started) } else { scanned };
                    }
                    Err(error) if !std::mem::replace(&mut said, true) => {
                        tracing::warn!(error = causes(&error), "the audit is held up");
                    }
                    Err(_) => {}
                }
                // Watermarks are as old as this pause at least, however long the look took.
                if !rest(EVERY, &stop).await {
                    return;
                }
            }
            self.queue.metrics().unaccounted.set(0.0);
        }
    }

    /// One look and its repairs, and the watermarks for the next. A repair that
    /// fails holds up none of the others; the first error is returned at the end.
    async fn tick(
        &self,
        marks: &mut Vec<Watermark>,
        scan: bool,
        blocked: &mut Blocked,
        stop: &CancellationToken,
    ) -> Result<(), Error> {
        let audit = self.look(marks, scan).await?;
        self.queue.metrics().unaccounted.set(u32::try_from(audit.lost.len()).unwrap_or(u32::MAX));
        let repaired = self.repair(&audit).await;
        let unblocked = self.unblock(&audit, blocked).await;
        let brought_back = self.bring_back(audit, marks, stop).await;
        repaired.and(unblocked).and(brought_back)
    }

    async fn look(&self, marks: &[Watermark], scan: bool) -> Result<Audit, Error> {
        let audit = audit::audit(self.queue.pool(), self.worker_id, marks, scan, BATCH).await;
        Ok(audit.inspect_err(|_| self.queue.metrics().postgres_errors.increment(1))?)
    }

    /// What needs no Redis: rescues what has lost its worker, and ends what has expired.
    async fn repair(&self, audit: &Audit) -> Result<(), Error> {
        let rescued = self.rescuer.rescue(&audit.orphaned, audit.now).await;
        rescued.and(self.expire(&audit.expired).await)
    }

    /// Pushes what is lost, batch after batch while the lists are short. Without
    /// Redis the watermarks stay as they are: older ones are as good.
    async fn bring_back(
        &self,
        mut audit: Audit,
        marks: &mut Vec<Watermark>,
        stop: &CancellationToken,
    ) -> Result<(), Error> {
        let looked_by = std::mem::replace(marks, self.watermarks(&audit, marks).await?);
        loop {
            let full = u32::try_from(audit.lost.len()).is_ok_and(|lost| lost >= BATCH);
            self.push_again(&audit).await?;
            if !full || stop.is_cancelled() || !self.leases.holds(DUTY) || self.longest(&audit.lists).await? >= SHORT {
                return Ok(());
            }
            audit = self.look(&looked_by, false).await?;
            self.repair(&audit).await?;
        }
    }

    /// Finds blocked jobs that may go on and that nobody told of: a part of them
    /// each time, one after the other.
    async fn unblock(&self, audit: &Audit, blocked: &mut Blocked) -> Result<(), Error> {
        if audit.limited {
            self.admit(&mut blocked.key).await?;
        }
        let started = Instant::now();
        let mut child = audit.waiting.then_some(blocked.child);
        while let Some(after) = child {
            let overdue = dependencies::overdue(self.queue.pool(), after, BLOCKED).await?;
            self.wake.ended(overdue.ended);
            self.wake.free(overdue.free);
            blocked.child = overdue.next.unwrap_or_default();
            child = overdue.next.filter(|_| started.elapsed() < FOR_BLOCKED);
        }
        if audit.unknown {
            self.release_known().await?;
        }
        Ok(())
    }

    /// Tells of limit keys that have room, from `key` on.
    async fn admit(&self, key: &mut String) -> Result<(), Error> {
        let started = Instant::now();
        loop {
            let overdue = limits::overdue(self.queue.pool(), key, BLOCKED).await?;
            self.wake.limits(overdue.keys);
            let more = overdue.next.is_some() && started.elapsed() < FOR_BLOCKED;
            *key = overdue.next.unwrap_or_default();
            if !more {
                return Ok(());
            }
        }
    }

    /// Lets parked jobs go on that a worker knows by now, for one tick at most.
    async fn release_known(&self) -> Result<(), Error> {
        let started = Instant::now();
        while started.elapsed() < EVERY {
            let Released { announcement, jobs } = parking::release_known(self.queue.pool(), KNOWN).await?;
            self.wake.limits(announcement.limit_keys);
            // What can't be pushed is queued in the ledger: a later look finds it.
            let pushed = self.queue.lists.push(&announcement.ready).await;
            if pushed.is_err() || i64::try_from(jobs).is_ok_and(|jobs| jobs < KNOWN) {
                break;
            }
        }
        Ok(())
    }

    async fn expire(&self, ids: &[Uuid]) -> Result<(), Error> {
        if !ids.is_empty() {
            let expired = self.queue.expire(ids).await?;
            tracing::info!(jobs = expired, "jobs were not started in time; cancelled them");
        }
        Ok(())
    }

    /// Writes first: a worker that pops a job whose row is still locked here
    /// would drop it. While Redis takes nothing, only one job is tried, so that
    /// it costs no writes.
    async fn push_again(&self, audit: &Audit) -> Result<(), Error> {
        let Some(first) = audit.lost.first().filter(|_| !sabotage::leaves_out("auditor")) else { return Ok(()) };
        if self.refused.load(Ordering::Relaxed) {
            self.queue.lists.push(std::slice::from_ref(first)).await?;
        }
        let requeued = audit::requeue(self.queue.pool(), &audit.lost, audit.now).await?;
        let requeued: HashSet<Uuid> = requeued.into_iter().collect();
        let ready: Vec<Ready> = audit.lost.iter().filter(|job| requeued.contains(&job.id)).cloned().collect();
        let pushed = self.queue.lists.push(&ready).await;
        self.refused.store(pushed.is_err(), Ordering::Relaxed);
        pushed?;
        self.queue.metrics().repushed.increment(ready.len() as u64);
        tracing::info!(jobs = ready.len(), "found jobs on no ready list; pushed them again");
        Ok(())
    }

    /// How far each list has been served. Redis is asked after the ledger's
    /// clock was read, so an empty list has been served at least that far. A
    /// head that is not ours tells nothing.
    async fn watermarks(&self, audit: &Audit, before: &[Watermark]) -> Result<Vec<Watermark>, Error> {
        let looks = self.queue.lists.look(&audit.lists).await?;
        let marks = audit.lists.iter().zip(looks).filter_map(|(list, look)| {
            let at = match (look.len, look.oldest) {
                (_, Some(oldest)) => oldest.clamp(DateTime::UNIX_EPOCH, audit.now),
                (0, None) => audit.now,
                (_, None) => before.iter().find(|mark| mark.list == *list)?.at,
            };
            Some(Watermark { list: list.clone(), at })
        });
        Ok(marks.collect())
    }

    async fn longest(&self, lists: &[List]) -> Result<u64, Error> {
        let looks = self.queue.lists.look(lists).await?;
        Ok(looks.iter().map(|look| look.len).max().unwrap_or(0))
    }
}

/// Reads the watermarks that the lease row keeps (`{"mail:0": "2026-01-01T00:00:00Z"}`);
/// what can't be read is left out, and found again one look later.
fn read_note(note: &Value) -> Vec<Watermark> {
    let marks: HashMap<String, DateTime<Utc>> = serde_json::from_value(note.clone()).unwrap_or_default();
    marks
        .into_iter()
        .filter_map(|(name, at)| {
            let (queue, priority) = name.rsplit_once(':')?;
            let priority = Priority::ALL.into_iter().find(|known| known.rank().to_string() == priority)?;
            Some(Watermark { list: List::new(queue, priority), at })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_no_watermark_is_left_out() {
        let at = Utc::now();
        let mark = Watermark { list: List::new("mail", Priority::High), at };
        assert_eq!(read_note(&json!({ "mail:0": at, "mail:7": at, "mail": at })), [mark]);
        assert_eq!(read_note(&json!("rubbish")), []);
        assert_eq!(read_note(&json!({})), []);
    }
}
