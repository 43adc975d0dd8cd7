//! The passwords of users: column `password_hash` of table `users`. Its rows are
//! inserted by [`users`](super::users).

use secrecy::{ExposeSecret, SecretString};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::DbError;
use crate::domain::{Email, Locale, MobileNumber, PersonName, Role, Username};
use crate::models::{Credentials, User};

/// The user who logs in with this text, an address or a username in whatever
/// case, and what their password is checked against. A username has no `@`, so
/// the text can't mean two users.
///
/// # Errors
/// Only the database's own.
pub async fn credentials_by_login(executor: impl PgExecutor<'_>, login: &str) -> Result<Option<Credentials>, DbError> {
    let row = sqlx::query!(
        r#"SELECT id, email::text AS "email!: Email", username::text AS "username!: Username", password_hash,
                  full_name AS "full_name: PersonName", phone AS "phone: MobileNumber", locale AS "locale: Locale", role AS "role: Role",
                  is_active, email_verified_at, version, created_at, updated_at
           FROM users WHERE email = $1::text::citext OR username = $1::text::citext"#,
        login,
    )
    .fetch_optional(executor)
    .await?;
    Ok(row.map(|row| Credentials {
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
        password_hash: row.password_hash.map(Into::into),
    }))
}

/// The hash of an active user's password, if they have one.
///
/// # Errors
/// Only the database's own.
pub async fn hash(executor: impl PgExecutor<'_>, id: Uuid) -> Result<Option<SecretString>, DbError> {
    let hash = sqlx::query_scalar!("SELECT password_hash FROM users WHERE id = $1 AND is_active", id)
        .fetch_optional(executor)
        .await?;
    Ok(hash.flatten().map(Into::into))
}

/// Puts a new password in place of the one that was checked. Returns whether it
/// did: not when that is no longer the password.
///
/// # Errors
/// Only the database's own.
pub async fn change(
    executor: impl PgExecutor<'_>,
    id: Uuid,
    checked: &SecretString,
    new: &SecretString,
) -> Result<bool, DbError> {
    let done = sqlx::query!(
        "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2",
        id,
        checked.expose_secret(),
        new.expose_secret(),
    )
    .execute(executor)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Whether the user is active and the password that was checked is still
/// theirs; both stay so until the end of the transaction.
///
/// # Errors
/// Only the database's own.
pub async fn still_holds(executor: impl PgExecutor<'_>, id: Uuid, checked: &SecretString) -> Result<bool, DbError> {
    let found = sqlx::query_scalar!(
        "SELECT id FROM users WHERE id = $1 AND is_active AND password_hash = $2 FOR SHARE",
        id,
        checked.expose_secret(),
    )
    .fetch_optional(executor)
    .await?;
    Ok(found.is_some())
}

/// Sets the password of an active user who followed a link to it, whatever it
/// was, and notes that the address is theirs: the link was sent there. Returns
/// whether there is such a user.
///
/// # Errors
/// Only the database's own.
pub async fn reset(executor: impl PgExecutor<'_>, id: Uuid, new: &SecretString) -> Result<bool, DbError> {
    let done = sqlx::query!(
        "UPDATE users SET password_hash = $2, email_verified_at = coalesce(email_verified_at, clock_timestamp())
         WHERE id = $1 AND is_active",
        id,
        new.expose_secret(),
    )
    .execute(executor)
    .await?;
    Ok(done.rows_affected() > 0)
}
