//! Table `idempotency_keys`: answers that are replayed to the same request. They
//! are written by [`requests`](super::requests).

use sqlx::{PgConnection, PgExecutor};

use super::DbError;

/// A request that carried an `Idempotency-Key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotentRequest {
    /// Who sent it: `user:<id>` or `key:<id>`; never a token, which a refresh
    /// would change.
    pub principal: String,
    /// Method and path.
    pub route: String,
    /// The key, at most 255 bytes.
    pub key: String,
    /// A keyed hash of the body: it may hold a password.
    pub fingerprint: [u8; 32],
}

/// An answer that was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// The status.
    pub status: u16,
    /// The header `Location`.
    pub location: Option<String>,
    /// The header `ETag`.
    pub etag: Option<String>,
    /// The body; none where it carried a secret that is shown once.
    pub body: Option<Vec<u8>>,
}

/// What is known of a request before its work begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// Nothing: do the work, and store its answer in the same transaction.
    Never,
    /// It is being worked on at this moment.
    InFlight,
    /// It was done, and this was the answer.
    Answered(StoredAnswer),
    /// The key was used with another body.
    OtherBody,
}

/// Looks a request up, and keeps others with the same key out until the end of
/// the transaction. The lock is tried, never waited for.
///
/// # Errors
/// Only the database's own.
pub async fn claim(conn: &mut PgConnection, request: &IdempotentRequest) -> Result<Seen, DbError> {
    let IdempotentRequest { principal, route, key, fingerprint } = request;
    let claimed =
        sqlx::query_scalar!(r#"SELECT claim_idempotency_key($1, $2, $3) AS "claimed!""#, principal, route, key)
            .fetch_one(&mut *conn)
            .await?;
    match claimed.as_str() {
        "new" => return Ok(Seen::Never),
        "in_flight" => return Ok(Seen::InFlight),
        _ => {}
    }
    let found = sqlx::query!(
        "SELECT fingerprint, status, location, etag, body FROM idempotency_keys
         WHERE principal = $1 AND route = $2 AND key = $3",
        principal,
        route,
        key,
    )
    .fetch_optional(conn)
    .await?;
    Ok(match found {
        // It has expired and was pruned at this moment: as good as in flight.
        None => Seen::InFlight,
        Some(found) if found.fingerprint != fingerprint => Seen::OtherBody,
        Some(found) => Seen::Answered(StoredAnswer {
            status: u16::try_from(found.status).unwrap_or_default(),
            location: found.location,
            etag: found.etag,
            body: found.body,
        }),
    })
}

/// Deletes up to `limit` answers that have expired, the oldest first, and
/// returns how many.
///
/// # Errors
/// Only the database's own.
pub async fn prune(executor: impl PgExecutor<'_>, limit: i64) -> Result<u64, DbError> {
    let done = sqlx::query!(
        "DELETE FROM idempotency_keys WHERE (principal, route, key) IN (
             SELECT principal, route, key FROM idempotency_keys
             WHERE expires_at <= clock_timestamp() ORDER BY expires_at LIMIT $1)",
        limit,
    )
    .execute(executor)
    .await?;
    Ok(done.rows_affected())
}
