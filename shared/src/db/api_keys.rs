//! Table `api_keys`.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::DbError;
use super::error::written;
use super::listing::{Column, Direction, Kind, Listed, Listing};
use crate::domain::{ApiKey, Email, Line, Locale, MobileNumber, PersonName, Role, Scope, Username};
use crate::models::{ApiKeyEntry, User};

/// What of a key its user decides.
#[derive(Debug)]
pub struct ApiKeyDraft {
    /// What it is called.
    pub name: Line<100>,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it ends; never when absent.
    pub expires_at: Option<DateTime<Utc>>,
}

/// A key that is good, and its active user.
#[derive(Debug)]
pub struct ActiveKey {
    /// Whom it acts for.
    pub user: User,
    /// The key's id.
    pub id: Uuid,
    /// What it may do.
    pub scopes: Vec<String>,
    /// Whether its last use was not noted within this minute yet.
    pub is_to_be_noted: bool,
}

impl Listed for ApiKeyEntry {
    const LISTING: Listing = Listing {
        select: "SELECT id, name, prefix, scopes, expires_at, last_used_at, created_at FROM api_keys",
        table: "api_keys",
        columns: &[
            Column::new("id", Kind::Uuid).equals().sorts(),
            Column::new("name", Kind::Text).equals().sorts(),
            Column::new("created_at", Kind::Timestamp).ranges().sorts(),
            Column::new("expires_at", Kind::Timestamp).ranges(),
            Column::new("last_used_at", Kind::Timestamp).ranges(),
        ],
        search: &["name"],
        owner: Some("user_id"),
        default_sort: &[("created_at", Direction::Descending)],
    };
}

/// How many keys a user may have at a time. Of several made at once, some may
/// come out above it.
pub const MOST_KEYS: i64 = 50;

/// Writes a new key's hash, unless the user has [`MOST_KEYS`].
///
/// # Errors
/// [`DbError::MissingReference`] when the user is gone, or the database's own.
pub async fn insert(
    executor: impl PgExecutor<'_>,
    user_id: Uuid,
    key: &ApiKey,
    draft: &ApiKeyDraft,
) -> Result<Option<ApiKeyEntry>, DbError> {
    let scopes: Vec<_> = draft.scopes.iter().map(|scope| scope.as_str().to_owned()).collect();
    let hash = key.hash();
    let entry = sqlx::query_as!(
        ApiKeyEntry,
        "INSERT INTO api_keys (id, user_id, name, prefix, key_hash, scopes, expires_at)
         SELECT $1, $2, $3, $4, $5, $6, $7 WHERE (SELECT count(*) FROM api_keys WHERE user_id = $2) < $8
         RETURNING id, name, prefix, scopes, expires_at, last_used_at, created_at",
        Uuid::now_v7(),
        user_id,
        draft.name.as_str(),
        key.prefix(),
        hash.as_slice(),
        &scopes,
        draft.expires_at,
        MOST_KEYS,
    )
    .fetch_optional(executor)
    .await
    .map_err(written)?;
    Ok(entry)
}

/// The user's key of this id.
///
/// # Errors
/// Only the database's own.
pub async fn find(executor: impl PgExecutor<'_>, id: Uuid, user_id: Uuid) -> Result<Option<ApiKeyEntry>, DbError> {
    let entry = sqlx::query_as!(
        ApiKeyEntry,
        "SELECT id, name, prefix, scopes, expires_at, last_used_at, created_at
         FROM api_keys WHERE id = $1 AND user_id = $2",
        id,
        user_id,
    )
    .fetch_optional(executor)
    .await?;
    Ok(entry)
}

/// The key with this hash and its user, unless it has expired or the user is
/// not active.
///
/// # Errors
/// Only the database's own.
pub async fn find_active(executor: impl PgExecutor<'_>, hash: &[u8; 32]) -> Result<Option<ActiveKey>, DbError> {
    let row = sqlx::query!(
        r#"SELECT k.id AS key_id, k.scopes,
                  k.last_used_at IS NULL OR k.last_used_at < date_trunc('minute', clock_timestamp())
                      AS "is_to_be_noted!",
                  u.id, u.email::text AS "email!: Email", u.username::text AS "username!: Username",
                  u.full_name AS "full_name: PersonName", u.phone AS "phone: MobileNumber",
                  u.locale AS "locale: Locale", u.role AS "role: Role", u.is_active, u.email_verified_at,
                  u.version, u.created_at, u.updated_at
           FROM api_keys AS k JOIN users AS u ON u.id = k.user_id
           WHERE k.key_hash = $1 AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp()) AND u.is_active"#,
        hash.as_slice(),
    )
    .fetch_optional(executor)
    .await?;
    Ok(row.map(|row| ActiveKey {
        user: User {
            id: row.id,
            email: row.email,
            username: row.username,
            full_name: row.full_name,
            phone: row.phone,
            locale: row.locale,
            role: row.role,
            is_active: row.is_active,
            email_verified_at: row.email_verified_at,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        },
        id: row.key_id,
        scopes: row.scopes,
        is_to_be_noted: row.is_to_be_noted,
    }))
}

/// Notes that the key is used in this minute. Who else notes it at this moment
/// is not waited for: one note is enough.
///
/// # Errors
/// Only the database's own.
pub async fn note_use(executor: impl PgExecutor<'_>, id: Uuid) -> Result<(), DbError> {
    sqlx::query!(
        "UPDATE api_keys SET last_used_at = date_trunc('minute', clock_timestamp())
         WHERE id = (SELECT id FROM api_keys
                     WHERE id = $1
                       AND (last_used_at IS NULL OR last_used_at < date_trunc('minute', clock_timestamp()))
                     FOR NO KEY UPDATE SKIP LOCKED)",
        id,
    )
    .execute(executor)
    .await?;
    Ok(())
}

/// Deletes the user's key of this id; whether there was one.
///
/// # Errors
/// Only the database's own.
pub async fn delete(executor: impl PgExecutor<'_>, id: Uuid, user_id: Uuid) -> Result<bool, DbError> {
    let done =
        sqlx::query!("DELETE FROM api_keys WHERE id = $1 AND user_id = $2", id, user_id).execute(executor).await?;
    Ok(done.rows_affected() > 0)
}

/// Deletes keys that expired a month ago, at most `limit`; returns how many.
/// Until then their users see what ended.
///
/// # Errors
/// Only the database's own.
pub async fn prune(executor: impl PgExecutor<'_>, limit: i64) -> Result<u64, DbError> {
    // An array is made once; a join may ask again, and be given other rows to lock.
    let done = sqlx::query!(
        "DELETE FROM api_keys WHERE id = ANY(ARRAY(
             SELECT id FROM api_keys WHERE expires_at < clock_timestamp() - interval '30 days'
             ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED))",
        limit,
    )
    .execute(executor)
    .await?;
    Ok(done.rows_affected())
}
