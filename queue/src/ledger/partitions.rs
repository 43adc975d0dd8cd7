//! The days of the history: one partition a UTC day, made ahead and dropped whole.

use chrono::{Days, NaiveDate};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};

use super::within_deadline;
use crate::Queue;

const NAME: &str = "queue_history_%Y%m%d";

/// Today, as the ledger's `keep_until` counts it: by PostgreSQL's clock, in UTC.
async fn today(pool: &PgPool) -> sqlx::Result<NaiveDate> {
    within_deadline!(pool, |connection| today_in(&mut connection))
}

async fn today_in(connection: &mut PgConnection) -> sqlx::Result<NaiveDate> {
    sqlx::query_scalar!(r#"SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date AS "today!""#)
        .fetch_one(connection)
        .await
}

/// Makes the partition of `day` unless it is there.
///
/// `CREATE TABLE … PARTITION OF` would wait for every reader of the history and
/// stop all finishes meanwhile; a table made apart and attached does not. Two
/// makers at once are told apart by a lock that ends with the transaction.
pub(crate) async fn ensure(pool: &PgPool, day: NaiveDate) -> sqlx::Result<()> {
    within_deadline!(pool, |connection| ensure_on(&mut connection, day))
}

async fn ensure_on(connection: &mut PgConnection, day: NaiveDate) -> sqlx::Result<()> {
    let begin = "BEGIN; SET LOCAL lock_timeout = '2s'; SET LOCAL idle_in_transaction_session_timeout = '10s'";
    let mut transaction = connection.begin_with(begin).await?;
    if ensure_in(&mut transaction, day).await? { transaction.commit().await } else { transaction.rollback().await }
}

/// Whether it was not there.
async fn ensure_in(transaction: &mut PgConnection, day: NaiveDate) -> sqlx::Result<bool> {
    let name = day.format(NAME).to_string();
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended('queue_history', 0))")
        .execute(&mut *transaction)
        .await?;
    let there = sqlx::query!(
        r#"SELECT to_regclass($1) IS NOT NULL AS "table!",
                  EXISTS (SELECT FROM pg_inherits WHERE inhrelid = to_regclass($1)) AS "attached!""#,
        name,
    )
    .fetch_one(&mut *transaction)
    .await?;
    if there.attached {
        return Ok(false);
    }
    // The names and bounds are made from a date alone.
    let next = day.checked_add_days(Days::new(1)).unwrap_or(NaiveDate::MAX);
    let create =
        if there.table { String::new() } else { format!("CREATE TABLE {name} (LIKE queue_history INCLUDING ALL);") };
    let statement =
        format!("{create} ALTER TABLE queue_history ATTACH PARTITION {name} FOR VALUES FROM ('{day}') TO ('{next}')");
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(transaction).await?;
    Ok(true)
}

/// Whether a finish failed because its day has no partition yet. (A CHECK that
/// fails has the same code, and the constraint's name.)
pub(crate) fn is_missing(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|db| db.code().as_deref() == Some("23514") && db.constraint().is_none())
}

/// Does `work`; if a partition was missing, makes those that `queue`'s kinds may
/// need and does it once more.
pub(crate) async fn or_made<T, F>(queue: &Queue, work: impl Fn() -> F) -> sqlx::Result<T>
where
    F: Future<Output = sqlx::Result<T>>,
{
    match work().await {
        Err(error) if is_missing(&error) => {
            ensure_ahead(queue.pool(), queue.kinds().retention_days()).await?;
            work().await
        }
        done => done,
    }
}

/// Drops the partitions whose day is over; returns how many. A day that can't
/// be dropped now does not hold up the others; its error is returned at the end.
///
/// `DETACH … CONCURRENTLY` lets finishes go on. One that was cut off half-way
/// must be finalised before any other can begin, and a day that was detached
/// and not dropped is dropped now.
pub(crate) async fn drop_expired(pool: &PgPool) -> sqlx::Result<usize> {
    let today = today(pool).await?;
    let days = sqlx::query!(
        r#"SELECT day.relname AS "name!", inhparent IS NOT NULL AS "attached!",
                  coalesce(inhdetachpending, false) AS "detaching!"
           FROM pg_class AS day LEFT JOIN pg_inherits ON inhrelid = day.oid
           WHERE day.relkind = 'r' AND day.relname ~ '^queue_history_[0-9]{8}$'
             AND day.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'queue_history'::regclass)
           ORDER BY coalesce(inhdetachpending, false) DESC, day.relname"#
    )
    .fetch_all(pool)
    .await?;
    let mut dropped = 0;
    let mut failed = None;
    for partition in days {
        // Only names that we made: nobody else's table is touched.
        let Ok(day) = NaiveDate::parse_from_str(&partition.name, NAME) else { continue };
        if day >= today {
            continue;
        }
        let detach = partition.attached.then_some(if partition.detaching { "FINALIZE" } else { "CONCURRENTLY" });
        match drop_day(pool, &partition.name, detach).await {
            Ok(()) => dropped += 1,
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(dropped), Err)
}

async fn drop_day(pool: &PgPool, name: &str, detach: Option<&str>) -> sqlx::Result<()> {
    if let Some(how) = detach {
        let statement = format!("ALTER TABLE queue_history DETACH PARTITION {name} {how}");
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(pool).await?;
    }
    sqlx::raw_sql(AssertSqlSafe(format!("DROP TABLE {name}"))).execute(pool).await?;
    Ok(())
}

/// Makes the partitions that jobs ended today and tomorrow will need, for each
/// of these numbers of days that they are kept.
pub(crate) async fn ensure_ahead(pool: &PgPool, keep_days: impl IntoIterator<Item = u8>) -> sqlx::Result<()> {
    for day in ahead(today(pool).await?, keep_days) {
        ensure(pool, day).await?;
    }
    Ok(())
}

/// The same in a transaction of the caller's, which needs no other connection.
/// Until its end, others who make days wait.
pub(crate) async fn ensure_ahead_in(
    transaction: &mut PgConnection,
    keep_days: impl IntoIterator<Item = u8>,
) -> sqlx::Result<()> {
    for day in ahead(today_in(transaction).await?, keep_days) {
        ensure_in(transaction, day).await?;
    }
    Ok(())
}

fn ahead(today: NaiveDate, keep_days: impl IntoIterator<Item = u8>) -> Vec<NaiveDate> {
    let mut days: Vec<u64> = keep_days.into_iter().flat_map(|days| [u64::from(days), u64::from(days) + 1]).collect();
    days.sort_unstable();
    days.dedup();
    days.into_iter().filter_map(|ahead| today.checked_add_days(Days::new(ahead))).collect()
}
