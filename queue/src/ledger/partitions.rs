//! The days of the history: one partition a UTC day, made ahead and dropped whole.

use chrono::{Days, NaiveDate, Utc};
use sqlx::{AssertSqlSafe, PgPool};

const NAME: &str = "queue_history_%Y%m%d";

/// Today, as the ledger's `keep_until` counts it.
pub(crate) fn today() -> NaiveDate {
    Utc::now().date_naive()
}

/// Makes the partition of `day` unless it is there.
///
/// `CREATE TABLE … PARTITION OF` would wait for every reader of the history and
/// stop all finishes meanwhile; a table made apart and attached does not. Two
/// makers at once are told apart by a lock that ends with the transaction.
pub(crate) async fn ensure(pool: &PgPool, day: NaiveDate) -> sqlx::Result<()> {
    let name = day.format(NAME).to_string();
    let mut transaction = pool.begin_with("BEGIN; SET LOCAL lock_timeout = '2s'").await?;
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended('queue_history', 0))")
        .execute(&mut *transaction)
        .await?;
    let exists = sqlx::query_scalar!(r#"SELECT to_regclass($1) IS NOT NULL AS "exists!""#, name)
        .fetch_one(&mut *transaction)
        .await?;
    if exists {
        return Ok(());
    }
    // The names and bounds are made from a date alone.
    let next = day.checked_add_days(Days::new(1)).unwrap_or(NaiveDate::MAX);
    let statement = format!(
        "CREATE TABLE {name} (LIKE queue_history INCLUDING ALL); \
         ALTER TABLE queue_history ATTACH PARTITION {name} FOR VALUES FROM ('{day}') TO ('{next}')"
    );
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *transaction).await?;
    transaction.commit().await
}

/// Whether a finish failed because its day has no partition yet.
pub(crate) fn is_missing(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(|db| db.code().as_deref() == Some("23514") && db.message().starts_with("no partition of relation"))
}

/// Drops the partitions whose day is over; returns how many.
///
/// `DETACH … CONCURRENTLY` lets finishes go on; one that was cut off half-way
/// is finalised first.
pub(crate) async fn drop_expired(pool: &PgPool) -> sqlx::Result<usize> {
    let today = today();
    let partitions = sqlx::query!(
        r#"SELECT child.relname AS "name!", inhdetachpending AS "detaching!"
           FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
           WHERE inhparent = 'queue_history'::regclass"#
    )
    .fetch_all(pool)
    .await?;
    let mut dropped = 0;
    for partition in partitions {
        let name = partition.name;
        // Only names that we made: nobody else's partition is touched.
        let Ok(day) = NaiveDate::parse_from_str(&name, NAME) else { continue };
        if day >= today {
            continue;
        }
        let how = if partition.detaching { "FINALIZE" } else { "CONCURRENTLY" };
        let detach = format!("ALTER TABLE queue_history DETACH PARTITION {name} {how}");
        sqlx::raw_sql(AssertSqlSafe(detach)).execute(pool).await?;
        sqlx::raw_sql(AssertSqlSafe(format!("DROP TABLE {name}"))).execute(pool).await?;
        dropped += 1;
    }
    Ok(dropped)
}

/// Makes the partitions that jobs ended today and tomorrow will need, for each
/// of these numbers of days that they are kept.
pub(crate) async fn ensure_ahead(pool: &PgPool, keep_days: impl IntoIterator<Item = u8>) -> sqlx::Result<()> {
    let mut days: Vec<u64> = keep_days.into_iter().flat_map(|days| [u64::from(days), u64::from(days) + 1]).collect();
    days.sort_unstable();
    days.dedup();
    for ahead in days {
        if let Some(day) = today().checked_add_days(Days::new(ahead)) {
            ensure(pool, day).await?;
        }
    }
    Ok(())
}
