//! Table `sessions`.

use std::net::IpAddr;
use std::time::Duration;

use sqlx::PgExecutor;
use sqlx::postgres::types::PgInterval;
use uuid::Uuid;

use super::DbError;
use crate::domain::{Email, Locale, MobileNumber, PersonName, Role, Username};
use crate::models::{RevokedBecause, Session, User};

/// The client that logs in or refreshes.
#[derive(Debug, Clone, Copy)]
pub struct Client<'a> {
    /// What it calls itself, at most 256 characters.
    pub device: Option<&'a str>,
    /// Where it is.
    pub ip: Option<IpAddr>,
}

/// Writes a session that goes on for `lifetime` by PostgreSQL's clock.
///
/// # Errors
/// Only the database's own, among them that there is no such user.
pub async fn start(
    executor: impl PgExecutor<'_>,
    user_id: Uuid,
    client: Client<'_>,
    lifetime: Duration,
) -> Result<Session, DbError> {
    let ip = client.ip.map(|ip| ip.to_string());
    let session = sqlx::query_as!(
        Session,
        r#"INSERT INTO sessions (id, user_id, device, ip, expires_at)
           VALUES ($1, $2, $3, $4::text::inet, clock_timestamp() + $5)
           RETURNING id, user_id, device, host(ip) AS ip, created_at, last_used_at, expires_at"#,
        Uuid::now_v7(),
        user_id,
        client.device,
        ip,
        interval(lifetime),
    )
    .fetch_one(executor)
    .await?;
    Ok(session)
}

/// The active user of a session that goes on.
///
/// # Errors
/// Only the database's own.
pub async fn find_active(executor: impl PgExecutor<'_>, id: Uuid) -> Result<Option<User>, DbError> {
    let user = sqlx::query_as!(
        User,
        r#"SELECT u.id, u.email::text AS "email!: Email", u.username::text AS "username!: Username",
                  u.full_name AS "full_name: PersonName", u.phone AS "phone: MobileNumber", u.locale AS "locale: Locale",
                  u.role AS "role: Role", u.is_active, u.email_verified_at, u.version, u.created_at, u.updated_at
           FROM sessions AS s JOIN users AS u ON u.id = s.user_id
           WHERE s.id = $1 AND s.revoked_at IS NULL AND s.expires_at > clock_timestamp() AND u.is_active"#,
        id,
    )
    .fetch_optional(executor)
    .await?;
    Ok(user)
}

/// The active user of a session that goes on; the session is locked until the
/// end of the transaction, so that of several that refresh it, each sees what
/// the last did.
///
/// # Errors
/// Only the database's own.
pub async fn lock_active(executor: impl PgExecutor<'_>, id: Uuid) -> Result<Option<Uuid>, DbError> {
    // FOR UPDATE OF s waits for the last refresh, and then reads the row anew.
    let user_id = sqlx::query_scalar!(
        "SELECT s.user_id FROM sessions AS s JOIN users AS u ON u.id = s.user_id
         WHERE s.id = $1 AND s.revoked_at IS NULL AND s.expires_at > clock_timestamp() AND u.is_active
         FOR NO KEY UPDATE OF s",
        id,
    )
    .fetch_optional(executor)
    .await?;
    Ok(user_id)
}

/// The user's sessions that go on, the last used first, at most `limit`.
///
/// # Errors
/// Only the database's own.
pub async fn list_active(executor: impl PgExecutor<'_>, user_id: Uuid, limit: i64) -> Result<Vec<Session>, DbError> {
    let sessions = sqlx::query_as!(
        Session,
        "SELECT id, user_id, device, host(ip) AS ip, created_at, last_used_at, expires_at FROM sessions
         WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > clock_timestamp()
         ORDER BY last_used_at DESC, id DESC LIMIT $2",
        user_id,
        limit,
    )
    .fetch_all(executor)
    .await?;
    Ok(sessions)
}

/// Whether the user has logged in or refreshed at this address lately; of IPv6,
/// in the network (/64) that one client has.
///
/// # Errors
/// Only the database's own.
pub async fn has_been_at(executor: impl PgExecutor<'_>, user_id: Uuid, ip: IpAddr) -> Result<bool, DbError> {
    // PostgreSQL cuts what lies below the mask off.
    let network = format!("{ip}/{}", if ip.is_ipv4() { 32 } else { 64 });
    let has_been = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM sessions WHERE user_id = $1 AND ip <<= $2::text::inet) AS "has_been!""#,
        user_id,
        network,
    )
    .fetch_one(executor)
    .await?;
    Ok(has_been)
}

/// Notes that a session was refreshed, by whom, and moves its end on.
///
/// # Errors
/// Only the database's own.
pub async fn touch(
    executor: impl PgExecutor<'_>,
    id: Uuid,
    client: Client<'_>,
    lifetime: Duration,
) -> Result<(), DbError> {
    let ip = client.ip.map(|ip| ip.to_string());
    sqlx::query!(
        "UPDATE sessions SET last_used_at = clock_timestamp(), expires_at = clock_timestamp() + $4,
                device = coalesce($2, device), ip = coalesce($3::text::inet, ip)
         WHERE id = $1",
        id,
        client.device,
        ip,
        interval(lifetime),
    )
    .execute(executor)
    .await?;
    Ok(())
}

/// Ends a session of this user. Returns whether this call did it: not when it
/// is another's, has ended, or never was.
///
/// # Errors
/// Only the database's own.
pub async fn revoke(
    executor: impl PgExecutor<'_>,
    user_id: Uuid,
    id: Uuid,
    because: RevokedBecause,
) -> Result<bool, DbError> {
    let done = sqlx::query!(
        "UPDATE sessions SET revoked_at = clock_timestamp(), revoked_because = $3
         WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL AND expires_at > clock_timestamp()",
        id,
        user_id,
        because.as_str(),
    )
    .execute(executor)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Ends all sessions of a user, but for one if it is named. Returns which.
///
/// # Errors
/// Only the database's own.
pub async fn revoke_all(
    executor: impl PgExecutor<'_>,
    user_id: Uuid,
    but: Option<Uuid>,
    because: RevokedBecause,
) -> Result<Vec<Uuid>, DbError> {
    let revoked = sqlx::query_scalar!(
        "UPDATE sessions SET revoked_at = clock_timestamp(), revoked_because = $3
         WHERE user_id = $1 AND id IS DISTINCT FROM $2 AND revoked_at IS NULL AND expires_at > clock_timestamp()
         RETURNING id",
        user_id,
        but,
        because.as_str(),
    )
    .fetch_all(executor)
    .await?;
    Ok(revoked)
}

/// Deletes at most `limit` sessions that ended more than a week ago, with their
/// refresh tokens. Returns how many. Until then a token that is used again is
/// still known for what it is.
///
/// # Errors
/// Only the database's own.
pub async fn prune(executor: impl PgExecutor<'_>, limit: i64) -> Result<u64, DbError> {
    // An array is made once; a join may ask again, and be given other rows to lock.
    let done = sqlx::query!(
        "DELETE FROM sessions WHERE id = ANY(ARRAY(
             SELECT id FROM sessions WHERE expires_at < clock_timestamp() - interval '7 days'
             ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED))",
        limit,
    )
    .execute(executor)
    .await?;
    Ok(done.rows_affected())
}

fn interval(duration: Duration) -> PgInterval {
    PgInterval {
        months: 0,
        days: 0,
        // 292,000 years fit.
        microseconds: i64::try_from(duration.as_micros()).unwrap_or(i64::MAX),
    }
}
