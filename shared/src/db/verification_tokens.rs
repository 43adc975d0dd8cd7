//! Table `email_verification_tokens`.

use std::time::Duration;

use sqlx::postgres::types::PgInterval;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::DbError;
use crate::domain::{VerificationKey, VerificationToken};

/// What became of a token that somebody brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consumed {
    /// It was good and is used up now; mark this user as verified.
    Verified(Uuid),
    /// This user's token was used before; tell them that all is well.
    AlreadyVerified(Uuid),
    /// It came too late; a new one may be asked for.
    Expired,
    /// There is no such token.
    Unknown,
}

/// Writes a token for a user that is good for `lifetime` by PostgreSQL's clock,
/// and returns its id, from which `key` makes the token again.
///
/// # Errors
/// Only the database's own, among them that there is no such user.
pub async fn create(
    executor: impl PgExecutor<'_>,
    key: &VerificationKey,
    user_id: Uuid,
    lifetime: Duration,
) -> Result<Uuid, DbError> {
    let id = Uuid::now_v7();
    let hash = key.token(id).hash();
    sqlx::query!(
        "INSERT INTO email_verification_tokens (id, user_id, token_hash, expires_at)
         VALUES ($1, $2, $3, clock_timestamp() + $4)",
        id,
        user_id,
        hash.as_slice(),
        interval(lifetime),
    )
    .execute(executor)
    .await?;
    Ok(id)
}

/// Uses a token up. Of several calls at once, exactly one gets
/// [`Consumed::Verified`].
///
/// # Errors
/// Only the database's own.
pub async fn consume(conn: &mut PgConnection, token: &VerificationToken) -> Result<Consumed, DbError> {
    let hash = token.hash();
    let used = sqlx::query_scalar!(
        "UPDATE email_verification_tokens SET used_at = clock_timestamp()
         WHERE token_hash = $1 AND used_at IS NULL AND expires_at > clock_timestamp()
         RETURNING user_id",
        hash.as_slice(),
    )
    .fetch_optional(&mut *conn)
    .await?;
    if let Some(user_id) = used {
        return Ok(Consumed::Verified(user_id));
    }
    let found = sqlx::query!(
        r#"SELECT user_id, used_at IS NOT NULL AS "is_used!" FROM email_verification_tokens WHERE token_hash = $1"#,
        hash.as_slice(),
    )
    .fetch_optional(conn)
    .await?;
    Ok(match found {
        Some(row) if row.is_used => Consumed::AlreadyVerified(row.user_id),
        Some(_) => Consumed::Expired,
        None => Consumed::Unknown,
    })
}

/// How long a token may still be used; `None` when it may not, so that a mail
/// with it is not worth sending.
///
/// # Errors
/// Only the database's own.
pub async fn remaining(executor: impl PgExecutor<'_>, id: Uuid) -> Result<Option<Duration>, DbError> {
    let seconds = sqlx::query_scalar!(
        r#"SELECT extract(epoch FROM expires_at - clock_timestamp())::float8 AS "seconds!"
           FROM email_verification_tokens WHERE id = $1 AND used_at IS NULL"#,
        id,
    )
    .fetch_optional(executor)
    .await?;
    Ok(seconds.filter(|seconds| *seconds > 0.0).and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()))
}

/// How many tokens were written for the user within the last `window`, by
/// PostgreSQL's clock; as many mails were sent or are on their way.
///
/// # Errors
/// Only the database's own.
pub async fn created_within(executor: impl PgExecutor<'_>, user_id: Uuid, window: Duration) -> Result<i64, DbError> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM email_verification_tokens
           WHERE user_id = $1 AND created_at > clock_timestamp() - $2::interval"#,
        user_id,
        interval(window),
    )
    .fetch_one(executor)
    .await?;
    Ok(count)
}

fn interval(duration: Duration) -> PgInterval {
    PgInterval {
        months: 0,
        days: 0,
        // 292,000 years fit.
        microseconds: i64::try_from(duration.as_micros()).unwrap_or(i64::MAX),
    }
}
