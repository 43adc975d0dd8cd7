//! Table `users`.

use secrecy::{ExposeSecret, SecretString};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::listing::{Column, Direction, Kind, Listed, Listing};
use super::{DbError, Deleted};
use crate::domain::{Email, Locale, MobileNumber, PersonName, Role, Username};
use crate::models::User;

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
    /// In PHC form, `$argon2id$…`; none for who will set one by a mail, or logs
    /// in by a provider.
    pub password_hash: Option<&'a SecretString>,
    /// How the person wants to be called.
    pub full_name: Option<&'a PersonName>,
    /// The mobile number.
    pub phone: Option<&'a MobileNumber>,
    /// The language of their mails.
    pub locale: Locale,
    /// What they may do.
    pub role: Role,
    /// Whether the address counts as proved from the start, as that of the
    /// first admin does.
    pub is_verified: bool,
}

/// What of a user may be changed, by themselves or by an admin. `None` keeps
/// what there is, where there must be something.
#[derive(Debug, Default)]
pub struct UserChange {
    /// Must not be taken.
    pub username: Option<Username>,
    /// How the person wants to be called; taken away when absent.
    pub full_name: Option<PersonName>,
    /// The mobile number; taken away when absent.
    pub phone: Option<MobileNumber>,
    /// The language of their mails.
    pub locale: Option<Locale>,
    /// What they may do.
    pub role: Option<Role>,
    /// Whether they may log in.
    pub is_active: Option<bool>,
}

impl Listed for User {
    const LISTING: Listing = Listing {
        select: "SELECT id, email, username, full_name, phone, locale, role, is_active, email_verified_at, version, \
                 created_at, updated_at FROM users",
        table: "users",
        columns: &[
            Column::new("id", Kind::Uuid).equals().sorts(),
            Column::new("email", Kind::CaseInsensitive).equals().sorts(),
            Column::new("username", Kind::CaseInsensitive).equals().sorts(),
            Column::new("locale", Kind::OneOf(&["en", "ko"])).equals(),
            Column::new("role", Kind::OneOf(&["admin", "manager", "member"])).equals(),
            Column::new("is_active", Kind::Boolean).equals(),
            Column::new("email_verified_at", Kind::Timestamp).ranges(),
            Column::new("created_at", Kind::Timestamp).ranges().sorts(),
            Column::new("updated_at", Kind::Timestamp).ranges().sorts(),
        ],
        search: &["email", "username", "full_name"],
        owner: Some("id"),
        default_sort: &[("created_at", Direction::Descending)],
    };
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
                  full_name AS "full_name: PersonName", phone AS "phone: MobileNumber", locale AS "locale: Locale", role AS "role: Role",
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
                  full_name AS "full_name: PersonName", phone AS "phone: MobileNumber", locale AS "locale: Locale", role AS "role: Role",
                  is_active, email_verified_at, version, created_at, updated_at
           FROM users WHERE email = $1::text::citext"#,
        email.as_str(),
    )
    .fetch_optional(executor)
    .await?;
    Ok(user)
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

/// Gives a user another address, which was proved to be theirs.
///
/// # Errors
/// [`DbError::EmailTaken`], or the database's own.
pub async fn change_email(executor: impl PgExecutor<'_>, id: Uuid, email: &Email) -> Result<(), DbError> {
    sqlx::query!(
        "UPDATE users SET email = $2::text::citext, email_verified_at = clock_timestamp() WHERE id = $1",
        id,
        email.as_str(),
    )
    .execute(executor)
    .await
    .map_err(|error| match constraint(&error) {
        Some("users_email_key") => DbError::EmailTaken,
        _ => DbError::Sqlx(error),
    })?;
    Ok(())
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

/// The user of this id, locked until the end of the transaction, so that what
/// is decided by it still holds when it is written.
///
/// # Errors
/// Only the database's own.
pub async fn find_locked(executor: impl PgExecutor<'_>, id: Uuid) -> Result<Option<User>, DbError> {
    let user = sqlx::query_as!(
        User,
        r#"SELECT id, email::text AS "email!: Email", username::text AS "username!: Username",
                  full_name AS "full_name: PersonName", phone AS "phone: MobileNumber", locale AS "locale: Locale", role AS "role: Role",
                  is_active, email_verified_at, version, created_at, updated_at
           FROM users WHERE id = $1 FOR UPDATE"#,
        id,
    )
    .fetch_optional(executor)
    .await?;
    Ok(user)
}

/// The active admins, all locked until the end of the transaction and in the
/// order of their ids, so that of several that take each other's role away,
/// each sees what the last did, and none waits for one that waits for it.
///
/// # Errors
/// Only the database's own.
pub async fn lock_admins(executor: impl PgExecutor<'_>) -> Result<Vec<Uuid>, DbError> {
    let admins =
        sqlx::query_scalar!("SELECT id FROM users WHERE role = 'admin' AND is_active ORDER BY id FOR NO KEY UPDATE")
            .fetch_all(executor)
            .await?;
    Ok(admins)
}

/// Changes a user. Writing what is there already changes nothing, the version
/// neither.
///
/// # Errors
/// [`DbError::UsernameTaken`] (the transaction is of no use any more),
/// [`DbError::Gone`], or the database's own.
pub async fn update(executor: impl PgExecutor<'_>, id: Uuid, change: &UserChange) -> Result<User, DbError> {
    let user = sqlx::query_as!(
        User,
        r#"UPDATE users SET username = coalesce($2::text::citext, username), full_name = $3, phone = $4,
                  locale = coalesce($5, locale), role = coalesce($6, role), is_active = coalesce($7, is_active)
           WHERE id = $1
           RETURNING id, email::text AS "email!: Email", username::text AS "username!: Username",
                     full_name AS "full_name: PersonName", phone AS "phone: MobileNumber", locale AS "locale: Locale", role AS "role: Role",
                     is_active, email_verified_at, version, created_at, updated_at"#,
        id,
        change.username.as_ref().map(Username::as_str),
        change.full_name.as_ref().map(PersonName::as_str),
        change.phone.as_ref().map(MobileNumber::as_str),
        change.locale.map(Locale::as_str),
        change.role.map(Role::as_str),
        change.is_active,
    )
    .fetch_optional(executor)
    .await
    .map_err(|error| match constraint(&error) {
        Some("users_username_key") => DbError::UsernameTaken,
        _ => DbError::Sqlx(error),
    })?;
    user.ok_or(DbError::Gone)
}

/// Deletes a user, with their sessions, tokens and keys.
///
/// # Errors
/// [`DbError::InUse`] when others refer to them, [`DbError::Gone`], or the
/// database's own.
pub async fn delete(executor: impl PgExecutor<'_>, id: Uuid) -> Result<(), DbError> {
    let done = sqlx::query!("DELETE FROM users WHERE id = $1", id).execute(executor).await;
    done.deleted("users")
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
        r#"INSERT INTO users (id, email, username, password_hash, full_name, phone, locale, role, email_verified_at)
           VALUES ($1, $2::text::citext, $3::text::citext, $4, $5, $6, $7, $8, CASE WHEN $9 THEN clock_timestamp() END)
           ON CONFLICT ON CONSTRAINT users_username_key DO NOTHING
           RETURNING id, email::text AS "email!: Email", username::text AS "username!: Username",
                     full_name AS "full_name: PersonName", phone AS "phone: MobileNumber", locale AS "locale: Locale", role AS "role: Role",
                     is_active, email_verified_at, version, created_at, updated_at"#,
        Uuid::now_v7(),
        new.email.as_str(),
        username.as_str(),
        new.password_hash.map(ExposeSecret::expose_secret),
        new.full_name.map(PersonName::as_str),
        new.phone.map(MobileNumber::as_str),
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
