//! People who can log in.

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::Serialize;
use sqlx::FromRow;
use utoipa::ToSchema;
use uuid::Uuid;

use super::entity::entity;
use crate::domain::{Email, Locale, MobileNumber, PersonName, Role, Username};

/// A person who can log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow, ToSchema)]
pub struct User {
    /// The user's id.
    #[schema(example = "019a4f5e-6f0a-7c31-9d7e-2f4f1f0c5a11")]
    pub id: Uuid,
    /// The email address, unique whatever its case.
    #[schema(value_type = String, format = "email", example = "jiwoo@example.com")]
    pub email: Email,
    /// The username, unique, in small letters.
    #[schema(value_type = String, example = "jiwoo")]
    pub username: Username,
    /// How the person wants to be called.
    #[schema(value_type = Option<String>, example = "김지우")]
    pub full_name: Option<PersonName>,
    /// The mobile number.
    #[schema(value_type = Option<String>, example = "010-1234-5678")]
    pub phone: Option<MobileNumber>,
    /// The language of mails and messages: `en` or `ko`.
    #[schema(value_type = String, example = "ko")]
    pub locale: Locale,
    /// What the person may do: `admin`, `manager` or `member`.
    #[schema(value_type = String, example = "member")]
    pub role: Role,
    /// Whether the person may log in.
    pub is_active: bool,
    /// When the address was proved to be theirs.
    pub email_verified_at: Option<DateTime<Utc>>,
    /// Counts the changes; the `ETag` is made from it.
    #[schema(example = 1)]
    pub version: i64,
    /// When the user was made.
    pub created_at: DateTime<Utc>,
    /// When the user was last changed.
    pub updated_at: DateTime<Utc>,
}

entity!(User, owned by id);

impl User {
    /// Whether the address was proved to be theirs.
    #[must_use]
    pub const fn is_verified(&self) -> bool {
        self.email_verified_at.is_some()
    }
}

/// A user and what their password is checked against. Apart from [`User`], so
/// that a hash can't get into an answer by accident.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// Whom it belongs to.
    pub user: User,
    /// The hash in PHC form, `$argon2id$…`; none for who logs in by a provider
    /// only, or has not followed their invitation yet.
    pub password_hash: Option<SecretString>,
}
