//! Table `items`.

use sqlx::PgExecutor;
use uuid::Uuid;

use super::listing::{Column, Direction, Kind, Listed, Listing};
use super::{DbError, Deleted, error::written};
use crate::domain::{Amount, Currency, Line, Prose};
use crate::models::Item;

/// What of an item its owner decides.
#[derive(Debug)]
pub struct ItemDraft {
    /// What it is called.
    pub title: Line<200>,
    /// What it is.
    pub description: Option<Prose<10_000>>,
    /// What it costs; fits the currency.
    pub price: Amount,
    /// The currency.
    pub currency: Currency,
}

impl Listed for Item {
    const LISTING: Listing = Listing {
        select: "SELECT id, title, description, price, currency, owner_id, version, created_at, updated_at FROM items",
        table: "items",
        columns: &[
            Column::new("id", Kind::Uuid).equals().sorts(),
            Column::new("title", Kind::Text).equals().sorts(),
            Column::new("price", Kind::Decimal).equals().ranges().sorts(),
            Column::new("currency", Kind::Text).equals(),
            Column::new("owner_id", Kind::Uuid).equals(),
            Column::new("created_at", Kind::Timestamp).ranges().sorts(),
            Column::new("updated_at", Kind::Timestamp).ranges().sorts(),
        ],
        search: &["title", "description"],
        owner: Some("owner_id"),
        default_sort: &[("created_at", Direction::Descending)],
    };
}

/// Writes a new item.
///
/// # Errors
/// [`DbError::MissingReference`] when the owner is gone, or the database's own.
pub async fn insert(executor: impl PgExecutor<'_>, draft: &ItemDraft, owner_id: Uuid) -> Result<Item, DbError> {
    let item = sqlx::query_as!(
        Item,
        r#"INSERT INTO items (id, title, description, price, currency, owner_id)
           VALUES ($1, $2, $3, $4, $5, $6)
           RETURNING id, title, description, price AS "price: Amount", currency AS "currency: Currency",
                     owner_id, version, created_at, updated_at"#,
        Uuid::now_v7(),
        draft.title.as_str(),
        draft.description.as_ref().map(Prose::as_str),
        draft.price.decimal(),
        draft.currency.as_str(),
        owner_id,
    )
    .fetch_one(executor)
    .await
    .map_err(written)?;
    Ok(item)
}

/// The item of this id.
///
/// # Errors
/// Only the database's own.
pub async fn find(executor: impl PgExecutor<'_>, id: Uuid) -> Result<Option<Item>, DbError> {
    let item = sqlx::query_as!(
        Item,
        r#"SELECT id, title, description, price AS "price: Amount", currency AS "currency: Currency",
                  owner_id, version, created_at, updated_at
           FROM items WHERE id = $1"#,
        id,
    )
    .fetch_optional(executor)
    .await?;
    Ok(item)
}

/// The item of this id, locked until the end of the transaction, so that what
/// is decided by it still holds when it is written. Rows that refer to it may come
/// meanwhile.
///
/// # Errors
/// Only the database's own.
pub async fn lock(executor: impl PgExecutor<'_>, id: Uuid) -> Result<Option<Item>, DbError> {
    let item = sqlx::query_as!(
        Item,
        r#"SELECT id, title, description, price AS "price: Amount", currency AS "currency: Currency",
                  owner_id, version, created_at, updated_at
           FROM items WHERE id = $1 FOR NO KEY UPDATE"#,
        id,
    )
    .fetch_optional(executor)
    .await?;
    Ok(item)
}

/// Writes what of an item its owner decides. Writing what is there already
/// changes nothing, the version neither.
///
/// # Errors
/// [`DbError::Gone`], or the database's own.
pub async fn update(executor: impl PgExecutor<'_>, id: Uuid, draft: &ItemDraft) -> Result<Item, DbError> {
    let item = sqlx::query_as!(
        Item,
        r#"UPDATE items SET title = $2, description = $3, price = $4, currency = $5 WHERE id = $1
           RETURNING id, title, description, price AS "price: Amount", currency AS "currency: Currency",
                     owner_id, version, created_at, updated_at"#,
        id,
        draft.title.as_str(),
        draft.description.as_ref().map(Prose::as_str),
        draft.price.decimal(),
        draft.currency.as_str(),
    )
    .fetch_optional(executor)
    .await?;
    item.ok_or(DbError::Gone)
}

/// Deletes an item.
///
/// # Errors
/// [`DbError::InUse`] when others refer to it, [`DbError::Gone`], or the
/// database's own.
pub async fn delete(executor: impl PgExecutor<'_>, id: Uuid) -> Result<(), DbError> {
    let done = sqlx::query!("DELETE FROM items WHERE id = $1", id).execute(executor).await;
    done.deleted("items")
}
