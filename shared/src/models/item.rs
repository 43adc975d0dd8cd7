//! The price list.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::FromRow;
use utoipa::ToSchema;
use uuid::Uuid;

use super::entity::entity;
use crate::domain::{Amount, Currency};

/// Something that the agency sells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow, ToSchema)]
pub struct Item {
    /// The item's id.
    #[schema(example = "019a4f5e-6f0a-7c31-9d7e-2f4f1f0c5a11")]
    pub id: Uuid,
    /// What it is called.
    #[schema(example = "Half-day studio rental")]
    pub title: String,
    /// What it is.
    #[schema(example = "Studio A with two assistants, four hours")]
    pub description: Option<String>,
    /// What it costs, as a decimal string; above zero.
    #[schema(value_type = String, example = "250000")]
    pub price: Amount,
    /// The currency, by its code of ISO 4217.
    #[schema(value_type = String, example = "KRW")]
    pub currency: Currency,
    /// Whose it is: this user and admins may change it.
    pub owner_id: Uuid,
    /// Counts the changes; the `ETag` is made from it.
    #[schema(example = 1)]
    pub version: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

entity!(Item, owned by owner_id);
