//! Contact people.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::FromRow;
use utoipa::ToSchema;
use uuid::Uuid;

use super::entity::entity;
use crate::domain::{Email, MobileNumber};

/// A person to talk to at a client. They can't log in.
#[derive(Clone, PartialEq, Eq, Serialize, FromRow, ToSchema)]
pub struct Profile {
    /// The profile's id.
    #[schema(example = "019a4f5e-6f0a-7c31-9d7e-2f4f1f0c5a31")]
    pub id: Uuid,
    /// The given name.
    #[schema(example = "지우")]
    pub first_name: String,
    /// The family name.
    #[schema(example = "김")]
    pub last_name: String,
    /// Both: the family name first where both are Korean, else the given name. The database makes it.
    #[schema(example = "김지우")]
    pub full_name: String,
    /// The email address.
    #[schema(value_type = Option<String>, format = "email", example = "jiwoo@hangang.example.com")]
    pub email: Option<Email>,
    /// The mobile number.
    #[schema(value_type = Option<String>, example = "010-1234-5678")]
    pub phone: Option<MobileNumber>,
    /// What they are there.
    #[schema(example = "Casting director")]
    pub title: Option<String>,
    /// Where they work, one of the accounts.
    #[schema(example = "019a4f5e-6f0a-7c31-9d7e-2f4f1f0c5a21")]
    pub account_id: Option<Uuid>,
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

entity!(Profile, owned by owner_id);

/// Shows ids only: the rest is personal data.
impl fmt::Debug for Profile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Profile").field("id", &self.id).field("version", &self.version).finish_non_exhaustive()
    }
}
