//! Table `refresh_tokens`.

use std::time::Duration;

use sqlx::postgres::types::PgInterval;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::DbError;

/// Where a token stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The session, which is the token's family.
    pub session_id: Uuid,
    /// How many were before it.
    pub generation: i32,
}

/// What became of a token that somebody brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Used {
    /// It was good and is used up now.
    First,
    /// It was used a moment ago: give the same successor again.
    Again,
    /// It was used long ago: one of the two who brought it is a thief.
    TooLate,
}

/// Writes the hash of the token of a place.
///
/// # Errors
/// Only the database's own, among them that the place is taken.
pub async fn insert(executor: impl PgExecutor<'_>, place: Place, hash: [u8; 32]) -> Result<(), DbError> {
    sqlx::query!(
        "INSERT INTO refresh_tokens (session_id, generation, token_hash) VALUES ($1, $2, $3)",
        place.session_id,
        place.generation,
        hash.as_slice(),
    )
    .execute(executor)
    .await?;
    Ok(())
}

/// The place of the token with this hash. Places don't change, so this needs no lock.
///
/// # Errors
/// Only the database's own.
pub async fn find(executor: impl PgExecutor<'_>, hash: [u8; 32]) -> Result<Option<Place>, DbError> {
    let place = sqlx::query_as!(
        Place,
        "SELECT session_id, generation FROM refresh_tokens WHERE token_hash = $1",
        hash.as_slice(),
    )
    .fetch_optional(executor)
    .await?;
    Ok(place)
}

/// Uses the token of a place up. The caller holds the lock of its session.
///
/// # Errors
/// Only the database's own.
pub async fn use_up(conn: &mut PgConnection, place: Place, grace: Duration) -> Result<Used, DbError> {
    let done = sqlx::query!(
        "UPDATE refresh_tokens SET used_at = clock_timestamp()
         WHERE session_id = $1 AND generation = $2 AND used_at IS NULL",
        place.session_id,
        place.generation,
    )
    .execute(&mut *conn)
    .await?;
    if done.rows_affected() > 0 {
        return Ok(Used::First);
    }
    let grace = PgInterval { months: 0, days: 0, microseconds: i64::try_from(grace.as_micros()).unwrap_or(i64::MAX) };
    let is_recent = sqlx::query_scalar!(
        r#"SELECT used_at > clock_timestamp() - $3::interval AS "is_recent!" FROM refresh_tokens
           WHERE session_id = $1 AND generation = $2"#,
        place.session_id,
        place.generation,
        grace,
    )
    .fetch_optional(conn)
    .await?;
    Ok(if is_recent == Some(true) { Used::Again } else { Used::TooLate })
}

/// Deletes at most `limit` tokens that were used more than 30 days ago, oldest
/// first. Returns how many. Who brings one of them after that is refused like
/// who brings any unknown text.
///
/// # Errors
/// Only the database's own.
pub async fn prune(executor: impl PgExecutor<'_>, limit: i64) -> Result<u64, DbError> {
    // Looked for once; a join may ask again, and be given other rows to lock.
    let done = sqlx::query!(
        "WITH old AS MATERIALIZED (
             SELECT session_id, generation FROM refresh_tokens
             WHERE used_at < clock_timestamp() - interval '30 days'
             ORDER BY used_at LIMIT $1 FOR UPDATE SKIP LOCKED)
         DELETE FROM refresh_tokens AS token USING old
         WHERE token.session_id = old.session_id AND token.generation = old.generation",
        limit,
    )
    .execute(executor)
    .await?;
    Ok(done.rows_affected())
}
