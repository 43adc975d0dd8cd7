//! Table `user_identities`.

use sqlx::PgExecutor;
use uuid::Uuid;

use super::DbError;
use crate::domain::Provider;

/// What became of an account that is to be linked to a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Linked {
    /// It logs in as the user from now on.
    Now,
    /// It, or another account at the same provider, was linked before, maybe
    /// to somebody else.
    Taken,
}

/// What became of a link that was to be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unlinked {
    /// It is gone.
    Now,
    /// There was none.
    Never,
    /// Without it the user could not log in any more, so it stays.
    LastWay,
}

/// The user whom this account of a provider logs in as.
///
/// # Errors
/// Only the database's own.
pub async fn find_user(
    executor: impl PgExecutor<'_>,
    provider: Provider,
    subject: &str,
) -> Result<Option<Uuid>, DbError> {
    let user_id = sqlx::query_scalar!(
        "SELECT user_id FROM user_identities WHERE provider = $1 AND subject = $2",
        provider.as_str(),
        subject,
    )
    .fetch_optional(executor)
    .await?;
    Ok(user_id)
}

/// Has this account of a provider log in as the user. That it is taken is no
/// error to PostgreSQL, so the transaction goes on.
///
/// # Errors
/// Only the database's own.
pub async fn link(
    executor: impl PgExecutor<'_>,
    user_id: Uuid,
    provider: Provider,
    subject: &str,
) -> Result<Linked, DbError> {
    let done = sqlx::query!(
        "INSERT INTO user_identities (provider, subject, user_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        provider.as_str(),
        subject,
        user_id,
    )
    .execute(executor)
    .await?;
    Ok(if done.rows_affected() > 0 { Linked::Now } else { Linked::Taken })
}

/// Removes the user's link to a provider, unless it is their only way to log
/// in: they have no password and no other link. The user's row must be locked,
/// so that of two removals at once the second sees the first.
///
/// # Errors
/// Only the database's own.
pub async fn unlink(executor: impl PgExecutor<'_>, user_id: Uuid, provider: Provider) -> Result<Unlinked, DbError> {
    let row = sqlx::query!(
        r#"WITH gone AS (
               DELETE FROM user_identities AS i
               WHERE i.user_id = $1 AND i.provider = $2
                 AND (EXISTS (SELECT FROM users WHERE id = $1 AND password_hash IS NOT NULL)
                   OR EXISTS (SELECT FROM user_identities AS o WHERE o.user_id = $1 AND o.provider <> $2))
               RETURNING 1)
           SELECT EXISTS (SELECT FROM gone) AS "is_gone!",
                  EXISTS (SELECT FROM user_identities WHERE user_id = $1 AND provider = $2) AS "was_linked!""#,
        user_id,
        provider.as_str(),
    )
    .fetch_one(executor)
    .await?;
    // All parts of one statement see what was there before it.
    Ok(match (row.is_gone, row.was_linked) {
        (true, _) => Unlinked::Now,
        (false, true) => Unlinked::LastWay,
        (false, false) => Unlinked::Never,
    })
}
