//! The queue's history of ended jobs, as operators ask about it: which days it has.

use chrono::NaiveDate;
use sqlx::PgExecutor;

use super::DbError;

/// The days that the history has a partition for. A job is kept until the end of
/// its day.
#[derive(Debug, Clone)]
pub struct History {
    /// Today in UTC, by PostgreSQL's clock.
    pub today: NaiveDate,
    /// The days, the oldest first.
    pub days: Vec<NaiveDate>,
}

/// Reads the catalogue, no row of the history.
///
/// # Errors
/// Only the database's own.
pub async fn describe(executor: impl PgExecutor<'_>) -> Result<History, DbError> {
    let history = sqlx::query_as!(
        History,
        r#"SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date AS "today!",
                  ARRAY(SELECT to_date(right(day.relname::text, 8), 'YYYYMMDD')
                        FROM pg_inherits JOIN pg_class AS day ON day.oid = inhrelid
                        WHERE inhparent = 'queue_history'::regclass AND NOT inhdetachpending
                          AND day.relname ~ '^queue_history_[0-9]{8}$'
                        ORDER BY 1) AS "days!""#,
    )
    .fetch_one(executor)
    .await?;
    Ok(history)
}
