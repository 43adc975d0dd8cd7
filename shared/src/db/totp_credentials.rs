//! Table `totp_credentials`.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::DbError;

/// A user's second factor, enabled or about to be.
#[derive(Debug, Clone)]
pub struct TotpCredential {
    /// What the shared secret is made of, together with the server's key.
    pub salt: Vec<u8>,
    /// When a first code proved that the app has the secret; login asks for a
    /// code from then on.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// Seconds since 1970 by PostgreSQL's clock, the same for every process.
    pub now: i64,
}

/// The user's second factor.
///
/// # Errors
/// Only the database's own.
pub async fn find(executor: impl PgExecutor<'_>, user_id: Uuid) -> Result<Option<TotpCredential>, DbError> {
    let found = sqlx::query_as!(
        TotpCredential,
        r#"SELECT salt, confirmed_at, floor(extract(epoch FROM clock_timestamp()))::bigint AS "now!"
           FROM totp_credentials WHERE user_id = $1"#,
        user_id,
    )
    .fetch_optional(executor)
    .await?;
    Ok(found)
}

/// Whether login asks this user for a code.
///
/// # Errors
/// Only the database's own.
pub async fn is_enabled(executor: impl PgExecutor<'_>, user_id: Uuid) -> Result<bool, DbError> {
    let is_enabled = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM totp_credentials WHERE user_id = $1 AND confirmed_at IS NOT NULL) AS "yes!""#,
        user_id,
    )
    .fetch_one(executor)
    .await?;
    Ok(is_enabled)
}

/// Begins to set one up, in place of one that was not confirmed. Returns
/// whether it did: what is enabled stays as it is.
///
/// # Errors
/// Only the database's own, among them that there is no such user.
pub async fn begin(executor: impl PgExecutor<'_>, user_id: Uuid, salt: &[u8; 32]) -> Result<bool, DbError> {
    let done = sqlx::query!(
        "INSERT INTO totp_credentials (user_id, salt) VALUES ($1, $2)
         ON CONFLICT (user_id) DO UPDATE SET salt = excluded.salt, last_step = NULL, created_at = clock_timestamp()
         WHERE totp_credentials.confirmed_at IS NULL",
        user_id,
        salt.as_slice(),
    )
    .execute(executor)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Enables the user's with this salt, whose code of the time step `step` was
/// brought. That step's code is used up with it. Returns whether this call did it.
///
/// # Errors
/// Only the database's own.
pub async fn confirm(executor: impl PgExecutor<'_>, user_id: Uuid, salt: &[u8], step: i64) -> Result<bool, DbError> {
    let done = sqlx::query!(
        "UPDATE totp_credentials SET confirmed_at = clock_timestamp(), last_step = $3
         WHERE user_id = $1 AND salt = $2 AND confirmed_at IS NULL",
        user_id,
        salt,
        step,
    )
    .execute(executor)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Uses the code of a time step up. Returns whether it was still good: of
/// several calls with one step, at most one gets true, and none once a later
/// step was used.
///
/// # Errors
/// Only the database's own.
pub async fn use_step(executor: impl PgExecutor<'_>, user_id: Uuid, step: i64) -> Result<bool, DbError> {
    let done = sqlx::query!(
        "UPDATE totp_credentials SET last_step = $2
         WHERE user_id = $1 AND confirmed_at IS NOT NULL AND (last_step IS NULL OR last_step < $2)",
        user_id,
        step,
    )
    .execute(executor)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Removes the user's, and its recovery codes with it. Returns whether there
/// was one.
///
/// # Errors
/// Only the database's own.
pub async fn delete(executor: impl PgExecutor<'_>, user_id: Uuid) -> Result<bool, DbError> {
    let done = sqlx::query!("DELETE FROM totp_credentials WHERE user_id = $1", user_id).execute(executor).await?;
    Ok(done.rows_affected() > 0)
}
