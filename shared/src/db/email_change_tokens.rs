//! Table `email_change_tokens`.

use std::time::Duration;

use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::mail_tokens::{interval, mail_token_functions};
use super::{DbError, TokenState};
use crate::domain::{Email, MailKey, MailToken};

mail_token_functions!("email_change_tokens");

/// Whose address becomes which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailChange {
    /// Whose.
    pub user_id: Uuid,
    /// The address that the token was sent to.
    pub new_email: Email,
}

/// Writes a token for a user's new address that is good for `lifetime` by
/// PostgreSQL's clock, and returns its id, from which `key` makes the token
/// again.
///
/// # Errors
/// Only the database's own, among them that there is no such user.
pub async fn create(
    executor: impl PgExecutor<'_>,
    key: &MailKey,
    user_id: Uuid,
    new_email: &Email,
    lifetime: Duration,
) -> Result<Uuid, DbError> {
    let id = Uuid::now_v7();
    let hash = key.token(id).hash();
    sqlx::query!(
        "INSERT INTO email_change_tokens (id, user_id, new_email, token_hash, expires_at)
         VALUES ($1, $2, $3::text::citext, $4, clock_timestamp() + $5)",
        id,
        user_id,
        new_email.as_str(),
        hash.as_slice(),
        interval(lifetime),
    )
    .execute(executor)
    .await?;
    Ok(id)
}

/// Uses a token up, which proves the new address. Of several calls at once,
/// exactly one gets [`TokenState::Good`]. That nobody else has taken the
/// address meanwhile is for `users` to say; the token is good again when the
/// transaction rolls back.
///
/// # Errors
/// Only the database's own.
pub async fn consume(conn: &mut PgConnection, token: &MailToken) -> Result<TokenState<EmailChange>, DbError> {
    let hash = token.hash();
    let used = sqlx::query_as!(
        EmailChange,
        r#"UPDATE email_change_tokens SET used_at = clock_timestamp()
           WHERE token_hash = $1 AND used_at IS NULL AND expires_at > clock_timestamp()
           RETURNING user_id, new_email::text AS "new_email!: Email""#,
        hash.as_slice(),
    )
    .fetch_optional(&mut *conn)
    .await?;
    match used {
        Some(change) => Ok(TokenState::Good(change)),
        None => Ok(find(conn, token).await?.not_consumed()),
    }
}

/// What a token would change and how it stands; changes nothing.
///
/// # Errors
/// Only the database's own.
pub async fn find(executor: impl PgExecutor<'_>, token: &MailToken) -> Result<TokenState<EmailChange>, DbError> {
    let hash = token.hash();
    let row = sqlx::query!(
        r#"SELECT user_id, new_email::text AS "new_email!: Email", used_at IS NOT NULL AS "is_used!",
                  expires_at <= clock_timestamp() AS "is_expired!"
           FROM email_change_tokens WHERE token_hash = $1"#,
        hash.as_slice(),
    )
    .fetch_optional(executor)
    .await?;
    Ok(row.map_or(TokenState::Unknown, |row| {
        let change = EmailChange { user_id: row.user_id, new_email: row.new_email };
        TokenState::new(change, row.is_used, row.is_expired)
    }))
}

/// The address that the token of this id was made for.
///
/// # Errors
/// Only the database's own.
pub async fn new_email(executor: impl PgExecutor<'_>, id: Uuid) -> Result<Option<Email>, DbError> {
    let email = sqlx::query_scalar!(
        r#"SELECT new_email::text AS "new_email!: Email" FROM email_change_tokens WHERE id = $1"#,
        id,
    )
    .fetch_optional(executor)
    .await?;
    Ok(email)
}
