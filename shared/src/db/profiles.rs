//! Table `profiles`. Its `full_name` is made by a trigger, and never written here.

use std::fmt;

use sqlx::PgExecutor;
use uuid::Uuid;

use super::error::written;
use super::listing::{Column, Direction, Kind, Listed, Listing};
use super::{DbError, Deleted};
use crate::domain::{Email, Line, MobileNumber};
use crate::models::Profile;

/// What of a profile its owner decides.
pub struct ProfileDraft {
    /// The given name.
    pub first_name: Line<100>,
    /// The family name.
    pub last_name: Line<100>,
    /// The email address.
    pub email: Option<Email>,
    /// The mobile number.
    pub phone: Option<MobileNumber>,
    /// What they are at their account.
    pub title: Option<Line<200>>,
    /// Where they work.
    pub account_id: Option<Uuid>,
}

/// Shows nothing of the person.
impl fmt::Debug for ProfileDraft {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ProfileDraft").field("account_id", &self.account_id).finish_non_exhaustive()
    }
}

impl Listed for Profile {
    const LISTING: Listing = Listing {
        select: "SELECT id, first_name, last_name, full_name, email::text AS email, phone, title, account_id, owner_id,
                        version, created_at, updated_at
                 FROM profiles",
        table: "profiles",
        columns: &[
            Column::new("id", Kind::Uuid).equals().sorts(),
            Column::new("full_name", Kind::Text).equals().sorts(),
            Column::new("email", Kind::CaseInsensitive).equals(),
            Column::new("account_id", Kind::Uuid).equals(),
            Column::new("owner_id", Kind::Uuid).equals(),
            Column::new("created_at", Kind::Timestamp).ranges().sorts(),
            Column::new("updated_at", Kind::Timestamp).ranges().sorts(),
        ],
        search: &["full_name"],
        owner: Some("owner_id"),
        default_sort: &[("created_at", Direction::Descending)],
    };
}

/// Writes a new profile.
///
/// # Errors
/// [`DbError::MissingReference`], or the database's own.
pub async fn insert(executor: impl PgExecutor<'_>, draft: &ProfileDraft, owner_id: Uuid) -> Result<Profile, DbError> {
    sqlx::query_as!(
        Profile,
        r#"INSERT INTO profiles (id, first_name, last_name, email, phone, title, account_id, owner_id)
           VALUES ($1, $2, $3, $4::text::citext, $5, $6, $7, $8)
           RETURNING id, first_name, last_name, full_name, email::text AS "email: Email",
                     phone AS "phone: MobileNumber", title, account_id, owner_id, version, created_at, updated_at"#,
        Uuid::now_v7(),
        draft.first_name.as_str(),
        draft.last_name.as_str(),
        draft.email.as_ref().map(Email::as_str),
        draft.phone.as_ref().map(MobileNumber::as_str),
        draft.title.as_ref().map(Line::as_str),
        draft.account_id,
        owner_id,
    )
    .fetch_one(executor)
    .await
    .map_err(written)
}

/// The profile of this id.
///
/// # Errors
/// Only the database's own.
pub async fn find(executor: impl PgExecutor<'_>, id: Uuid) -> Result<Option<Profile>, DbError> {
    let profile = sqlx::query_as!(
        Profile,
        r#"SELECT id, first_name, last_name, full_name, email::text AS "email: Email",
                  phone AS "phone: MobileNumber", title, account_id, owner_id, version, created_at, updated_at
           FROM profiles WHERE id = $1"#,
        id,
    )
    .fetch_optional(executor)
    .await?;
    Ok(profile)
}

/// The profile of this id, locked until the end of the transaction, so that
/// what is decided by it still holds when it is written. Rows that refer to it
/// may come meanwhile.
///
/// # Errors
/// Only the database's own.
pub async fn lock(executor: impl PgExecutor<'_>, id: Uuid) -> Result<Option<Profile>, DbError> {
    let profile = sqlx::query_as!(
        Profile,
        r#"SELECT id, first_name, last_name, full_name, email::text AS "email: Email",
                  phone AS "phone: MobileNumber", title, account_id, owner_id, version, created_at, updated_at
           FROM profiles WHERE id = $1 FOR NO KEY UPDATE"#,
        id,
    )
    .fetch_optional(executor)
    .await?;
    Ok(profile)
}

/// Writes what of a profile its owner decides. Writing what is there already
/// changes nothing, the version neither.
///
/// # Errors
/// [`DbError::Gone`], [`DbError::MissingReference`], or the database's own.
pub async fn update(executor: impl PgExecutor<'_>, id: Uuid, draft: &ProfileDraft) -> Result<Profile, DbError> {
    let profile = sqlx::query_as!(
        Profile,
        r#"UPDATE profiles
           SET first_name = $2, last_name = $3, email = $4::text::citext, phone = $5, title = $6, account_id = $7
           WHERE id = $1
           RETURNING id, first_name, last_name, full_name, email::text AS "email: Email",
                     phone AS "phone: MobileNumber", title, account_id, owner_id, version, created_at, updated_at"#,
        id,
        draft.first_name.as_str(),
        draft.last_name.as_str(),
        draft.email.as_ref().map(Email::as_str),
        draft.phone.as_ref().map(MobileNumber::as_str),
        draft.title.as_ref().map(Line::as_str),
        draft.account_id,
    )
    .fetch_optional(executor)
    .await
    .map_err(written)?;
    profile.ok_or(DbError::Gone)
}

/// Deletes a profile.
///
/// # Errors
/// [`DbError::InUse`] when others refer to it, [`DbError::Gone`], or the
/// database's own.
pub async fn delete(executor: impl PgExecutor<'_>, id: Uuid) -> Result<(), DbError> {
    let done = sqlx::query!("DELETE FROM profiles WHERE id = $1", id).execute(executor).await;
    done.deleted("profiles")
}
