//! A user, as they see themselves.

use callboard_shared::models::User;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A user.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub struct UserBody {
    /// The user's id.
    #[schema(example = "019a4f5e-6f0a-7c31-9d7e-2f4f1f0c5a11")]
    pub id: Uuid,
    /// The email address, as it was given.
    #[schema(format = "email", example = "jiwoo@example.com")]
    pub email: String,
    /// The username.
    #[schema(example = "jiwoo")]
    pub username: String,
    /// The name in full.
    #[schema(example = "Ji Woo Kim")]
    pub full_name: Option<String>,
    /// The mobile number.
    pub phone: Option<String>,
    /// The language of mails and pages: `en` or `ko`.
    #[schema(example = "en")]
    pub locale: String,
    /// What the user may do: `admin`, `manager` or `member`.
    #[schema(example = "member")]
    pub role: String,
    /// Whether the user may log in.
    pub is_active: bool,
    /// When the email address was verified.
    pub email_verified_at: Option<DateTime<Utc>>,
    /// When the user registered.
    pub created_at: DateTime<Utc>,
    /// When the user was last changed.
    pub updated_at: DateTime<Utc>,
}

impl From<User> for UserBody {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            email: user.email.into(),
            username: user.username.into(),
            full_name: user.full_name.map(Into::into),
            phone: user.phone,
            locale: user.locale.to_string(),
            role: user.role.to_string(),
            is_active: user.is_active,
            email_verified_at: user.email_verified_at,
            created_at: user.created_at,
            updated_at: user.updated_at,
        }
    }
}
