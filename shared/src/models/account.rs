//! Clients.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::FromRow;
use utoipa::ToSchema;
use uuid::Uuid;

use super::entity::entity;
use crate::domain::{AccountType, WebAddress};

/// A client of the agency, from the first contact on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the names of the columns and of JSON")]
pub struct Account {
    /// The account's id.
    #[schema(example = "019a4f5e-6f0a-7c31-9d7e-2f4f1f0c5a21")]
    pub id: Uuid,
    /// What the client is called.
    #[schema(example = "Hangang Film")]
    pub account_name: String,
    /// The primary contact, one of the profiles.
    #[schema(example = "019a4f5e-6f0a-7c31-9d7e-2f4f1f0c5a31")]
    pub profile_id: Option<Uuid>,
    /// How far they have come with the agency.
    #[schema(value_type = String, example = "Prospect")]
    pub account_type: AccountType,
    /// Their page.
    #[schema(value_type = Option<String>, format = "uri", example = "https://hangang.example.com/")]
    pub website: Option<WebAddress>,
    /// What else is to be known.
    #[schema(example = "Shoots in spring and in autumn")]
    pub notes: Option<String>,
    /// Whose it is: this user and staff may see and change it.
    pub owner_id: Uuid,
    /// Counts the changes; the `ETag` is made from it.
    #[schema(example = 1)]
    pub version: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

entity!(Account, owned by owner_id);
