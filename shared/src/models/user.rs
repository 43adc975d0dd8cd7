//! People who can log in.

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use uuid::Uuid;

use crate::domain::{Email, Locale, PersonName, Role, Username};

/// A person who can log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// `UUIDv7`.
    pub id: Uuid,
    /// Unique whatever its case.
    pub email: Email,
    /// Unique, in small letters.
    pub username: Username,
    /// How the person wants to be called.
    pub full_name: Option<PersonName>,
    /// A telephone number.
    pub phone: Option<String>,
    /// The language of mails and messages.
    pub locale: Locale,
    /// What the person may do.
    pub role: Role,
    /// Whether the person may log in.
    pub is_active: bool,
    /// When the address was proved to be theirs.
    pub email_verified_at: Option<DateTime<Utc>>,
    /// Counts the changes of the row; the `ETag` is made from it.
    pub version: i64,
    /// When the row was written.
    pub created_at: DateTime<Utc>,
    /// When the row was last changed.
    pub updated_at: DateTime<Utc>,
}

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
    /// The hash in PHC form, `$argon2id$…`.
    pub password_hash: SecretString,
}
