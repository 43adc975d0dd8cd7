//! Table `login_throttles`.

use std::time::Duration;

use sqlx::postgres::types::PgInterval;
use sqlx::{PgConnection, PgExecutor};

use super::DbError;

/// SHA-256 of what is counted.
pub type Subject = [u8; 32];

/// How failures slow the next attempt down: not until `free` of them, then for
/// a second, doubled with each more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// As many failures cost nothing yet.
    pub free: i32,
    /// The delay does not grow beyond this.
    pub longest: Duration,
    /// After as long without a failure, there were none. Longer than `longest`.
    pub forget_after: Duration,
}

/// Whether an attempt may be made now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It may. Count it if it fails.
    Free,
    /// It may, and is counted as a failure already, the last of so many: of
    /// several at once only one gets this.
    Reserved(i32),
    /// It may not, for as long.
    Blocked(Duration),
}

/// Asks for an attempt.
///
/// # Errors
/// Only the database's own.
pub async fn admit(conn: &mut PgConnection, subject: &Subject, policy: Policy) -> Result<Admission, DbError> {
    let found = sqlx::query!(
        r#"SELECT failures, extract(epoch FROM blocked_until - clock_timestamp())::float8 AS "seconds!"
           FROM login_throttles WHERE subject = $1 AND last_failed_at > clock_timestamp() - $2::interval"#,
        subject.as_slice(),
        interval(policy.forget_after),
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(found) = found.filter(|found| found.failures >= policy.free) else {
        return Ok(Admission::Free);
    };
    if found.seconds > 0.0 {
        return Ok(Admission::Blocked(Duration::try_from_secs_f64(found.seconds).unwrap_or(policy.longest)));
    }
    let reserved = sqlx::query_scalar!(
        "UPDATE login_throttles
         SET failures = failures + 1, last_failed_at = clock_timestamp(),
             blocked_until = clock_timestamp()
                 + make_interval(secs => least(power(2, least(failures + 1 - $2, 30)), $3::float8))
         WHERE subject = $1 AND blocked_until <= clock_timestamp()
         RETURNING failures",
        subject.as_slice(),
        policy.free,
        policy.longest.as_secs_f64(),
    )
    .fetch_optional(conn)
    .await?;
    // Another attempt came first, and is the last for the time being.
    Ok(reserved.map_or(Admission::Blocked(Duration::from_secs(1)), Admission::Reserved))
}

/// Counts a failure. Returns how many there are now.
///
/// # Errors
/// Only the database's own.
pub async fn count_failure(executor: impl PgExecutor<'_>, subject: &Subject, policy: Policy) -> Result<i32, DbError> {
    let failures = sqlx::query_scalar!(
        "INSERT INTO login_throttles AS known (subject, failures) VALUES ($1, 1)
         ON CONFLICT (subject) DO UPDATE
         SET last_failed_at = clock_timestamp(),
             failures = CASE WHEN known.last_failed_at > clock_timestamp() - $4::interval
                             THEN known.failures + 1 ELSE 1 END,
             blocked_until = CASE
                 WHEN known.last_failed_at > clock_timestamp() - $4::interval AND known.failures + 1 >= $2
                 THEN clock_timestamp()
                      + make_interval(secs => least(power(2, least(known.failures + 1 - $2, 30)), $3::float8))
                 ELSE clock_timestamp() END
         RETURNING failures",
        subject.as_slice(),
        policy.free,
        policy.longest.as_secs_f64(),
        interval(policy.forget_after),
    )
    .fetch_one(executor)
    .await?;
    Ok(failures)
}

/// Forgets the failures of a subject. Returns how many there were.
///
/// # Errors
/// Only the database's own.
pub async fn forgive(executor: impl PgExecutor<'_>, subject: &Subject) -> Result<i32, DbError> {
    let failures = sqlx::query_scalar!(
        r#"UPDATE login_throttles AS now SET failures = 0, blocked_until = clock_timestamp()
           FROM (SELECT subject, failures FROM login_throttles WHERE subject = $1 FOR NO KEY UPDATE) AS before
           WHERE now.subject = before.subject AND before.failures > 0
           RETURNING before.failures AS "failures!""#,
        subject.as_slice(),
    )
    .fetch_optional(executor)
    .await?;
    Ok(failures.unwrap_or(0))
}

/// Takes back as many failures of a subject, and its delay if they are few then.
///
/// # Errors
/// Only the database's own.
pub async fn take_back(
    executor: impl PgExecutor<'_>,
    subject: &Subject,
    failures: i32,
    policy: Policy,
) -> Result<(), DbError> {
    sqlx::query!(
        "UPDATE login_throttles
         SET failures = greatest(failures - $2, 0),
             blocked_until = CASE WHEN failures - $2 < $3 THEN clock_timestamp() ELSE blocked_until END
         WHERE subject = $1",
        subject.as_slice(),
        failures,
        policy.free,
    )
    .execute(executor)
    .await?;
    Ok(())
}

/// Whether the owner of an account should be told now: at most once a day.
///
/// # Errors
/// Only the database's own.
pub async fn may_notice(executor: impl PgExecutor<'_>, subject: &Subject) -> Result<bool, DbError> {
    let done = sqlx::query!(
        "UPDATE login_throttles SET noticed_at = clock_timestamp()
         WHERE subject = $1 AND (noticed_at IS NULL OR noticed_at < clock_timestamp() - interval '1 day')",
        subject.as_slice(),
    )
    .execute(executor)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Deletes at most `limit` rows without a failure for two days, oldest first:
/// until then they also tell when the owner was told. Returns how many.
///
/// # Errors
/// Only the database's own.
pub async fn prune(executor: impl PgExecutor<'_>, limit: i64) -> Result<u64, DbError> {
    // An array is made once; a join may ask again, and be given other rows to lock.
    let done = sqlx::query!(
        "DELETE FROM login_throttles WHERE subject = ANY(ARRAY(
             SELECT subject FROM login_throttles WHERE last_failed_at < clock_timestamp() - interval '2 days'
             ORDER BY last_failed_at LIMIT $1 FOR UPDATE SKIP LOCKED))",
        limit,
    )
    .execute(executor)
    .await?;
    Ok(done.rows_affected())
}

fn interval(duration: Duration) -> PgInterval {
    PgInterval { months: 0, days: 0, microseconds: i64::try_from(duration.as_micros()).unwrap_or(i64::MAX) }
}
