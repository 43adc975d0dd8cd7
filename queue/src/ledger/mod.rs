//! Every SQL statement of the queue. `migrations/0001_queue.up.sql` has the tables.
//!
//! Three rules hold for all of them:
//!
//! - **Bounded.** A statement touches its batch, or what runs; never the backlog.
//! - **By primary key where it matters.** Claims and finishes find their rows by
//!   `id = ANY(…)`, and no condition of theirs implies the predicate of a partial
//!   index: exclusivity is `worker_id IS NULL`, waiting is `state <> 'scheduled'`.
//!   Else the planner may read an index for the whole backlog. They run inside
//!   [`begin_fast`], so a plan made while the table was small stays right when it
//!   grows. The duties' statements are planned anew each time ([`begin_duty`], or
//!   unprepared).
//! - **No session state** (no `LISTEN`, session locks, temporary tables or plain
//!   `SET`), so a pooler in transaction mode may sit in between.

use sqlx::{PgPool, Postgres, Transaction};

pub(crate) mod audit;
pub(crate) mod claim;
pub(crate) mod enqueue;
pub(crate) mod finish;
pub(crate) mod give_back;
pub(crate) mod inspect;
pub(crate) mod partitions;
pub(crate) mod promote;
pub(crate) mod rescue;
pub(crate) mod workers;

/// A transaction for claims and finishes: by primary key whatever the
/// statistics say, and committed asynchronously. After a crash of PostgreSQL
/// the last of them may be undone, so a job may run again; it is never lost.
pub(crate) async fn begin_fast(pool: &PgPool) -> sqlx::Result<Transaction<'static, Postgres>> {
    pool.begin_with(
        "BEGIN; SET LOCAL synchronous_commit = off; SET LOCAL enable_seqscan = off; \
         SET LOCAL enable_nestloop = off; SET LOCAL lock_timeout = '5s'",
    )
    .await
}

/// A transaction for a duty's repairs, which never wait long for a lock.
pub(crate) async fn begin_duty(pool: &PgPool) -> sqlx::Result<Transaction<'static, Postgres>> {
    pool.begin_with(
        "BEGIN; SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL enable_seqscan = off; \
         SET LOCAL lock_timeout = '1s'",
    )
    .await
}
