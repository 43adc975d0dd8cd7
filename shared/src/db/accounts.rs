//! Table `accounts`.

use sqlx::PgExecutor;
use uuid::Uuid;

use super::error::written;
use super::listing::{Column, Direction, Kind, Listed, Listing};
use super::{DbError, Deleted};
use crate::domain::{AccountType, Line, Prose, WebAddress};
use crate::models::Account;

/// What of an account its owner decides.
#[derive(Debug)]
pub struct AccountDraft {
    /// What the client is called.
    pub account_name: Line<200>,
    /// The primary contact.
    pub profile_id: Option<Uuid>,
    /// How far they have come.
    pub account_type: AccountType,
    /// Their page.
    pub website: Option<WebAddress>,
    /// What else is to be known.
    pub notes: Option<Prose<10_000>>,
}

impl Listed for Account {
    const LISTING: Listing = Listing {
        select: "SELECT id, account_name, profile_id, account_type, website, notes, owner_id, version, created_at, updated_at
                 FROM accounts",
        table: "accounts",
        columns: &[
            Column::new("id", Kind::Uuid).equals().sorts(),
            Column::new("account_name", Kind::Text).equals().sorts(),
            Column::new("profile_id", Kind::Uuid).equals(),
            Column::new("account_type", Kind::OneOf(AccountType::NAMES)).equals(),
            Column::new("owner_id", Kind::Uuid).equals(),
            Column::new("created_at", Kind::Timestamp).ranges().sorts(),
            Column::new("updated_at", Kind::Timestamp).ranges().sorts(),
        ],
        search: &["account_name", "notes"],
        owner: Some("owner_id"),
        default_sort: &[("created_at", Direction::Descending)],
    };
}

/// Writes a new account.
///
/// # Errors
/// [`DbError::MissingReference`], or the database's own.
pub async fn insert(executor: impl PgExecutor<'_>, draft: &AccountDraft, owner_id: Uuid) -> Result<Account, DbError> {
    sqlx::query_as!(
        Account,
        r#"INSERT INTO accounts (id, account_name, profile_id, account_type, website, notes, owner_id)
           VALUES ($1, $2, $3, $4, $5, $6, $7)
           RETURNING id, account_name, profile_id, account_type AS "account_type: AccountType",
                     website AS "website: WebAddress", notes, owner_id, version, created_at, updated_at"#,
        Uuid::now_v7(),
        draft.account_name.as_str(),
        draft.profile_id,
        draft.account_type.as_str(),
        draft.website.as_ref().map(WebAddress::as_str),
        draft.notes.as_ref().map(Prose::as_str),
        owner_id,
    )
    .fetch_one(executor)
    .await
    .map_err(written)
}

/// The account of this id.
///
/// # Errors
/// Only the database's own.
pub async fn find(executor: impl PgExecutor<'_>, id: Uuid) -> Result<Option<Account>, DbError> {
    let account = sqlx::query_as!(
        Account,
        r#"SELECT id, account_name, profile_id, account_type AS "account_type: AccountType",
                  website AS "website: WebAddress", notes, owner_id, version, created_at, updated_at
           FROM accounts WHERE id = $1"#,
        id,
    )
    .fetch_optional(executor)
    .await?;
    Ok(account)
}

/// The account of this id, locked until the end of the transaction, so that
/// what is decided by it still holds when it is written. Rows that refer to it
/// may come meanwhile.
///
/// # Errors
/// Only the database's own.
pub async fn lock(executor: impl PgExecutor<'_>, id: Uuid) -> Result<Option<Account>, DbError> {
    let account = sqlx::query_as!(
        Account,
        r#"SELECT id, account_name, profile_id, account_type AS "account_type: AccountType",
                  website AS "website: WebAddress", notes, owner_id, version, created_at, updated_at
           FROM accounts WHERE id = $1 FOR NO KEY UPDATE"#,
        id,
    )
    .fetch_optional(executor)
    .await?;
    Ok(account)
}

/// Writes what of an account its owner decides. Writing what is there already
/// changes nothing, the version neither.
///
/// # Errors
/// [`DbError::Gone`], [`DbError::MissingReference`], or the database's own.
pub async fn update(executor: impl PgExecutor<'_>, id: Uuid, draft: &AccountDraft) -> Result<Account, DbError> {
    let account = sqlx::query_as!(
        Account,
        r#"UPDATE accounts SET account_name = $2, profile_id = $3, account_type = $4, website = $5, notes = $6
           WHERE id = $1
           RETURNING id, account_name, profile_id, account_type AS "account_type: AccountType",
                     website AS "website: WebAddress", notes, owner_id, version, created_at, updated_at"#,
        id,
        draft.account_name.as_str(),
        draft.profile_id,
        draft.account_type.as_str(),
        draft.website.as_ref().map(WebAddress::as_str),
        draft.notes.as_ref().map(Prose::as_str),
    )
    .fetch_optional(executor)
    .await
    .map_err(written)?;
    account.ok_or(DbError::Gone)
}

/// Deletes an account.
///
/// # Errors
/// [`DbError::InUse`] when others refer to it, [`DbError::Gone`], or the
/// database's own.
pub async fn delete(executor: impl PgExecutor<'_>, id: Uuid) -> Result<(), DbError> {
    let done = sqlx::query!("DELETE FROM accounts WHERE id = $1", id).execute(executor).await;
    done.deleted("accounts")
}
