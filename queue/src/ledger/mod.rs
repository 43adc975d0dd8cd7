//! Every SQL statement of the queue. `migrations/0001_queue.up.sql` has the tables.
//!
//! Three rules hold for all of them:
//!
//! - **Bounded.** A statement touches its batch, or what runs; never the backlog.
//! - **By primary key where it matters.** Claims and finishes find their rows by
//!   `id = ANY(…)`, and no condition of theirs implies the predicate of a partial
//!   index: exclusivity is `worker_id IS NULL`, waiting is
//!   `state <> ALL ('{scheduled,blocked}')`.
//!   Else the planner may read an index for the whole backlog. They run inside
//!   [`begin_fast`], so a plan made while the table was small stays right when it
//!   grows. The duties' statements are planned anew each time ([`begin_duty`], or
//!   unprepared).
//! - **No session state** (no `LISTEN`, session locks, temporary tables or plain
//!   `SET`), so a pooler in transaction mode may sit in between.

use std::{
    io,
    ops::{Deref, DerefMut},
    time::Duration,
};

use sqlx::{Connection, PgConnection, PgPool, Postgres, Transaction, pool::PoolConnection};
use tokio::time::{error::Elapsed, timeout};

pub(crate) mod audit;
pub(crate) mod cancel;
pub(crate) mod claim;
pub(crate) mod dependencies;
pub(crate) mod enqueue;
pub(crate) mod finish;
pub(crate) mod give_back;
pub(crate) mod inspect;
pub(crate) mod limits;
pub(crate) mod list;
pub(crate) mod overview;
pub(crate) mod parking;
pub(crate) mod partitions;
pub(crate) mod progress;
pub(crate) mod promote;
pub(crate) mod queues;
pub(crate) mod redrive;
pub(crate) mod rescue;
pub(crate) mod sample;
pub(crate) mod schedules;
#[cfg(feature = "testing")]
pub(crate) mod testing;
pub(crate) mod workers;

/// A peer that vanished without a word answers nothing for a quarter of an
/// hour. A transaction of the pipeline that takes longer than this counts as a
/// lost connection; the reconciler finds out what became of it.
const DEADLINE: Duration = Duration::from_secs(10);

/// Runs a transaction of the pipeline under [`DEADLINE`], on a [`Loan`].
macro_rules! within_deadline {
    ($pool:expr, |$connection:ident| $work:expr) => {{
        let mut $connection = $crate::ledger::Loan::of($pool).await?;
        let answer = tokio::time::timeout($crate::ledger::DEADLINE, $work).await;
        $connection.answered(answer)
    }};
}
pub(crate) use within_deadline;

/// A connection that goes back to its pool only once its work was answered. One
/// that did not answer in time, or whose caller went away meanwhile, may still
/// be inside a transaction (transact-rs/sqlx#4385): it is closed.
struct Loan {
    connection: PoolConnection<Postgres>,
    is_answered: bool,
}

impl Loan {
    async fn of(pool: &PgPool) -> sqlx::Result<Self> {
        Ok(Self { connection: pool.acquire().await?, is_answered: false })
    }

    fn answered<T>(mut self, answer: Result<sqlx::Result<T>, Elapsed>) -> sqlx::Result<T> {
        self.is_answered = answer.is_ok();
        answer.unwrap_or_else(|_| {
            Err(sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, "no answer from PostgreSQL in time")))
        })
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        if !self.is_answered {
            self.connection.close_on_drop();
        }
    }
}

impl Deref for Loan {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Loan {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

/// A transaction for claims and finishes: by primary key whatever the
/// statistics say, and committed asynchronously. After a crash of PostgreSQL
/// the last of them may be undone, so a job may run again; it is never lost.
///
/// As every transaction of the queue, it idles for 10 s at most: where the way
/// to a worker has fallen silent, PostgreSQL would keep its rows locked for as
/// long as TCP takes to notice, and nobody could settle or rescue them.
pub(crate) async fn begin_fast(connection: &mut PgConnection) -> sqlx::Result<Transaction<'_, Postgres>> {
    connection
        .begin_with(
            "BEGIN; SET LOCAL synchronous_commit = off; SET LOCAL enable_seqscan = off; \
             SET LOCAL enable_nestloop = off; SET LOCAL lock_timeout = '5s'; \
             SET LOCAL idle_in_transaction_session_timeout = '10s'",
        )
        .await
}

/// A transaction for a duty's repairs, which never wait long for a lock. No
/// statement of theirs is worth compiling, however dear the planner thinks that
/// the small tables are which it has to read as a whole.
pub(crate) async fn begin_duty(connection: &mut PgConnection) -> sqlx::Result<Transaction<'_, Postgres>> {
    connection
        .begin_with(
            "BEGIN; SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL enable_seqscan = off; \
             SET LOCAL jit = off; SET LOCAL lock_timeout = '1s'; \
             SET LOCAL idle_in_transaction_session_timeout = '10s'",
        )
        .await
}

/// For what somebody does to the queue in a transaction of their own: planned as
/// a duty's repairs are, and from here on it idles for 10 s at most. How long it
/// waits for locks is its owner's to say.
pub(crate) async fn act(connection: &mut PgConnection) -> sqlx::Result<()> {
    let settings = "SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL enable_seqscan = off; \
                    SET LOCAL jit = off; SET LOCAL idle_in_transaction_session_timeout = '10s'";
    sqlx::raw_sql(settings).execute(connection).await?;
    Ok(())
}

/// For the end of a handler's own transaction: how long it may idle after the
/// job's row was locked, before PostgreSQL ends it and the job can be rescued;
/// and the planner settings of every finish.
pub(crate) async fn last_write(connection: &mut PgConnection) -> sqlx::Result<()> {
    let settings = "SET LOCAL idle_in_transaction_session_timeout = '10s'; \
                    SET LOCAL enable_seqscan = off; SET LOCAL enable_nestloop = off";
    sqlx::raw_sql(settings).execute(connection).await?;
    Ok(())
}

/// Sends `statement`, written by hand of checked parts, by the simple protocol:
/// one message, planned for what is there now, nothing left behind. A plan that
/// was made while a table was small may read all of it later, and a statement
/// that is parsed in one message and executed in the next can't pass a pooler.
async fn send_planned_anew<R>(pool: &PgPool, statement: String) -> sqlx::Result<Vec<R>>
where
    R: for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow>,
{
    send_planned_anew_within(DEADLINE, pool, statement).await
}

/// As [`send_planned_anew`], with another deadline.
async fn send_planned_anew_within<R>(deadline: Duration, pool: &PgPool, statement: String) -> sqlx::Result<Vec<R>>
where
    R: for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow>,
{
    let mut connection = Loan::of(pool).await?;
    let statement = sqlx::raw_sql(sqlx::AssertSqlSafe(statement));
    let answer = timeout(deadline, statement.fetch_all(&mut *connection)).await;
    let rows = connection.answered(answer)?;
    rows.iter().map(R::from_row).collect()
}
