//! Table `email_verification_tokens`.

use std::time::Duration;

use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::mail_tokens::{interval, mail_token_functions};
use super::{DbError, TokenState};
use crate::domain::{MailKey, MailToken};

mail_token_functions!("email_verification_tokens");

/// Writes a token for a user that is good for `lifetime` by PostgreSQL's clock,
/// and returns its id, from which `key` makes the token again.
///
/// # Errors
/// Only the database's own, among them that there is no such user.
pub async fn create(
    executor: impl PgExecutor<'_>,
    key: &MailKey,
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

/// Uses a token up, which proves its user's address. Of several calls at once,
/// exactly one gets [`TokenState::Good`]; tell all others of a used token that
/// all is well.
///
/// # Errors
/// Only the database's own.
pub async fn consume(conn: &mut PgConnection, token: &MailToken) -> Result<TokenState<Uuid>, DbError> {
    let hash = token.hash();
    let used = sqlx::query_scalar!(
        "UPDATE email_verification_tokens SET used_at = clock_timestamp()
         WHERE token_hash = $1 AND used_at IS NULL AND expires_at > clock_timestamp()
         RETURNING user_id",
        hash.as_slice(),
    )
    .fetch_optional(&mut *conn)
    .await?;
    match used {
        Some(user_id) => Ok(TokenState::Good(user_id)),
        None => Ok(find(conn, token).await?.not_consumed()),
    }
}

/// Whose token it is and how it stands; changes nothing.
///
/// # Errors
/// Only the database's own.
pub async fn find(executor: impl PgExecutor<'_>, token: &MailToken) -> Result<TokenState<Uuid>, DbError> {
    let hash = token.hash();
    let row = sqlx::query!(
        r#"SELECT user_id, used_at IS NOT NULL AS "is_used!", expires_at <= clock_timestamp() AS "is_expired!"
           FROM email_verification_tokens WHERE token_hash = $1"#,
        hash.as_slice(),
    )
    .fetch_optional(executor)
    .await?;
    Ok(row.map_or(TokenState::Unknown, |row| TokenState::new(row.user_id, row.is_used, row.is_expired)))
}
