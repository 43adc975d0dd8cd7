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

use std::{collections::HashMap, time::Duration};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    Error, Metrics, Priority,
    keys::List,
    lease::{Leases, rest},
    ledger::audit::{self, Audit, Watermark},
    ready_list::ReadyLists,
    rescuer::Rescuer,
};

const DUTY: &str = "auditor";
/// The time between two looks, and the least age of a watermark that is used.
const EVERY: Duration = Duration::from_secs(2);
/// Rows a list in one look.
const BATCH: i64 = 2_000;
/// While a list is shorter than this, a full batch is followed at once by the next.
const SHORT: u64 = 20_000;

pub(crate) struct Auditor {
    pub(crate) pool: PgPool,
    pub(crate) lists: ReadyLists,
    pub(crate) metrics: Metrics,
    pub(crate) leases: Leases,
    pub(crate) rescuer: Rescuer,
    pub(crate) worker_id: Uuid,
}

impl Auditor {
    /// Audits while it holds the duty, until told to stop.
    pub(crate) async fn run(self, stop: CancellationToken) {
        while let Some(note) = self.leases.acquired(DUTY, &stop).await {
            // The predecessor's watermarks are at least one look old.
            let mut marks = read_note(&note);
            let mut said = false;
            while self.leases.holds(DUTY) {
                let started = Instant::now();
                match self.tick(&marks, &stop).await {
                    Ok(next) => {
                        marks = next;
                        said = false;
                    }
                    Err(error) => {
                        // Watermarks stay as they are: older ones are as good.
                        if !std::mem::replace(&mut said, true) {
                            tracing::warn!(%error, "the audit is held up");
                        }
                    }
                }
                if !rest(EVERY.saturating_sub(started.elapsed()), &stop).await {
                    return;
                }
            }
            self.metrics.unaccounted.set(0.0);
        }
    }

    /// One look and its repairs; returns the watermarks for the next.
    async fn tick(&self, marks: &[Watermark], stop: &CancellationToken) -> Result<Vec<Watermark>, Error> {
        let mut audit = self.look(marks).await?;
        let next = self.watermarks(&audit).await?;
        self.metrics.unaccounted.set(u32::try_from(audit.lost.len()).unwrap_or(u32::MAX));
        loop {
            let full = audit.lost.len() >= usize::try_from(BATCH).unwrap_or(usize::MAX);
            self.repair(&audit).await?;
            if !full || stop.is_cancelled() || !self.leases.holds(DUTY) || self.longest(&audit.lists).await? >= SHORT {
                return Ok(next);
            }
            audit = self.look(marks).await?;
        }
    }

    async fn look(&self, marks: &[Watermark]) -> sqlx::Result<Audit> {
        let audit = audit::audit(&self.pool, self.worker_id, marks, &write_note(marks), BATCH).await;
        audit.inspect_err(|_| self.metrics.postgres_errors.increment(1))
    }

    async fn repair(&self, audit: &Audit) -> Result<(), Error> {
        if !audit.lost.is_empty() {
            let ready = audit::requeue(&self.pool, &audit.lost).await?;
            self.metrics.repushed.increment(ready.len() as u64);
            tracing::info!(jobs = ready.len(), "found jobs on no ready list; pushing them again");
            self.lists.push(&ready).await?;
        }
        self.rescuer.rescue(&audit.orphaned).await
    }

    /// How far each list has been served. Redis is asked after the ledger's
    /// clock was read, so an empty list has been served at least that far.
    async fn watermarks(&self, audit: &Audit) -> Result<Vec<Watermark>, Error> {
        let looks = self.lists.look(&audit.lists).await?;
        let marks = audit
            .lists
            .iter()
            .zip(looks)
            .map(|(list, look)| Watermark { list: list.clone(), at: look.oldest.unwrap_or(audit.now).min(audit.now) });
        Ok(marks.collect())
    }

    async fn longest(&self, lists: &[List]) -> Result<u64, Error> {
        let looks = self.lists.look(lists).await?;
        Ok(looks.iter().map(|look| look.len).max().unwrap_or(0))
    }
}

/// The watermarks as the lease row keeps them: `{"mail:high": "2026-01-01T00:00:00Z"}`.
fn write_note(marks: &[Watermark]) -> Value {
    let marks: HashMap<String, DateTime<Utc>> = marks.iter().map(|mark| (mark.list.to_string(), mark.at)).collect();
    json!(marks)
}

/// Reads a note; what can't be read is left out, and found again one look later.
fn read_note(note: &Value) -> Vec<Watermark> {
    let marks: HashMap<String, DateTime<Utc>> = serde_json::from_value(note.clone()).unwrap_or_default();
    marks
        .into_iter()
        .filter_map(|(name, at)| {
            let (queue, priority) = name.rsplit_once(':')?;
            let priority = Priority::ALL.into_iter().find(|known| known.as_str() == priority)?;
            Some(Watermark { list: List::new(queue, priority), at })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn watermarks_survive_in_the_note() {
        let mark = Watermark { list: List::new("mail", Priority::High), at: Utc::now() };
        assert_eq!(read_note(&write_note(std::slice::from_ref(&mark))), [mark]);
        assert_eq!(read_note(&json!("rubbish")), []);
        assert_eq!(read_note(&json!({})), []);
    }
}
