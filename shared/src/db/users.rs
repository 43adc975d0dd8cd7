//! Table `users`.

use secrecy::{ExposeSecret, SecretString};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::DbError;
use crate::domain::{Email, Locale, PersonName, Role, Username};
use crate::models::{Credentials, User};

/// Names that are tried for a user who gave none. With six digits behind the
/// last, running out takes an address that a million others share.
const NAMES_TO_TRY: u32 = 7;

/// What a user is made of.
#[derive(Debug)]
pub struct NewUser<'a> {
    /// Must not be taken.
    pub email: &'a Email,
    /// Must not be taken; made from the address when absent.
    pub username: Option<&'a Username>,
    /// In PHC form, `$argon2id$…`.
    pub password_hash: &'a SecretString,
    /// How the person wants to be called.
    pub full_name: Option<&'a PersonName>,
    /// The language of their mails.
    pub locale: Locale,
    /// What they may do.
    pub role: Role,
    /// Whether the address counts as proved from the start, as that of the
    /// first admin does.
    pub is_verified: bool,
}

/// Writes a new user.
///
/// # Errors
/// [`DbError::EmailTaken`], [`DbError::UsernameTaken`], or the database's own.
pub async fn insert(conn: &mut PgConnection, new: &NewUser<'_>) -> Result<User, DbError> {
    if let Some(username) = new.username {
        return insert_as(conn, new, username).await?.ok_or(DbError::UsernameTaken);
    }
    for attempt in 0..NAMES_TO_TRY {
        let username = Username::from_email(new.email, random_number(attempt));
        if let Some(user) = insert_as(conn, new, &username).await? {
            return Ok(user);
        }
    }
    Err(DbError::UsernameTaken)
}

/// The user of this id.
///
/// # Errors
/// Only the database's own.
pub async fn find(executor: impl PgExecutor<'_>, id: Uuid) -> Result<Option<User>, DbError> {
    let user = sqlx::query_as!(
        User,
        r#"SELECT id, email::text AS "email!: Email", username::text AS "username!: Username",
                  full_name AS "full_name: PersonName", phone, locale AS "locale: Locale", role AS "role: Role",
                  is_active, email_verified_at, version, created_at, updated_at
           FROM users WHERE id = $1"#,
        id,
    )
    .fetch_optional(executor)
    .await?;
    Ok(user)
}

/// The user with this address, whatever its case.
///
/// # Errors
/// Only the database's own.
pub async fn find_by_email(executor: impl PgExecutor<'_>, email: &Email) -> Result<Option<User>, DbError> {
    let user = sqlx::query_as!(
        User,
        r#"SELECT id, email::text AS "email!: Email", username::text AS "username!: Username",
                  full_name AS "full_name: PersonName", phone, locale AS "locale: Locale", role AS "role: Role",
                  is_active, email_verified_at, version, created_at, updated_at
           FROM users WHERE email = $1::text::citext"#,
        email.as_str(),
    )
    .fetch_optional(executor)
    .await?;
    Ok(user)
}

/// The user who logs in with this text, an address or a username in whatever
/// case, and what their password is checked against. A username has no `@`, so
/// the text can't mean two users.
///
/// # Errors
/// Only the database's own.
pub async fn credentials_by_login(executor: impl PgExecutor<'_>, login: &str) -> Result<Option<Credentials>, DbError> {
    let row = sqlx::query!(
        r#"SELECT id, email::text AS "email!: Email", username::text AS "username!: Username", password_hash,
                  full_name AS "full_name: PersonName", phone, locale AS "locale: Locale", role AS "role: Role",
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
        password_hash: row.password_hash.into(),
    }))
}

/// Notes that the address was proved, unless it was before. Returns whether
/// this call did it.
///
/// # Errors
/// Only the database's own.
pub async fn mark_email_verified(executor: impl PgExecutor<'_>, id: Uuid) -> Result<bool, DbError> {
    let done = sqlx::query!(
        "UPDATE users SET email_verified_at = clock_timestamp() WHERE id = $1 AND email_verified_at IS NULL",
        id,
    )
    .execute(executor)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Locks the user's row until the end of the transaction, so that of several
/// that decide by what they find about one user, each sees what the last did.
///
/// # Errors
/// Only the database's own.
pub async fn lock(executor: impl PgExecutor<'_>, id: Uuid) -> Result<(), DbError> {
    sqlx::query!("SELECT id FROM users WHERE id = $1 FOR NO KEY UPDATE", id).fetch_optional(executor).await?;
    Ok(())
}

/// Whether there is an active admin.
///
/// # Errors
/// Only the database's own.
pub async fn has_admin(executor: impl PgExecutor<'_>) -> Result<bool, DbError> {
    let has_admin =
        sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM users WHERE role = 'admin' AND is_active) AS "has_admin!""#)
            .fetch_one(executor)
            .await?;
    Ok(has_admin)
}

/// Writes the user under this name; `None` when the name is taken. That is no
/// error to PostgreSQL, so the transaction goes on and another can be tried.
async fn insert_as(conn: &mut PgConnection, new: &NewUser<'_>, username: &Username) -> Result<Option<User>, DbError> {
    sqlx::query_as!(
        User,
        r#"INSERT INTO users (id, email, username, password_hash, full_name, locale, role, email_verified_at)
           VALUES ($1, $2::text::citext, $3::text::citext, $4, $5, $6, $7, CASE WHEN $8 THEN clock_timestamp() END)
           ON CONFLICT ON CONSTRAINT users_username_key DO NOTHING
           RETURNING id, email::text AS "email!: Email", username::text AS "username!: Username",
                     full_name AS "full_name: PersonName", phone, locale AS "locale: Locale", role AS "role: Role",
                     is_active, email_verified_at, version, created_at, updated_at"#,
        Uuid::now_v7(),
        new.email.as_str(),
        username.as_str(),
        new.password_hash.expose_secret(),
        new.full_name.map(PersonName::as_str),
        new.locale.as_str(),
        new.role.as_str(),
        new.is_verified,
    )
    .fetch_optional(conn)
    .await
    .map_err(|error| match constraint(&error) {
        Some("users_email_key") => DbError::EmailTaken,
        _ => DbError::Sqlx(error),
    })
}

fn constraint(error: &sqlx::Error) -> Option<&str> {
    error.as_database_error()?.constraint()
}

/// A number to put behind a name that is taken, one digit longer each time.
/// Random, as counting up would take as many tries as there are namesakes.
fn random_number(attempt: u32) -> Option<u32> {
    // The last 62 bits of a UUIDv7 are random.
    let random = Uuid::now_v7().as_u128() % u128::from(10_u32.pow(attempt));
    u32::try_from(random).ok().filter(|_| attempt > 0)
}
