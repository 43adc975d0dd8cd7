//! Logins that go on.

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A login that goes on until it is revoked or not used for long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// `UUIDv7`; the `sid` of its access tokens and the family of its refresh tokens.
    pub id: Uuid,
    /// Who logged in.
    pub user_id: Uuid,
    /// The program that logged in, as it calls itself.
    pub device: Option<String>,
    /// The address of the last login or refresh.
    pub ip: Option<String>,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// When it was last refreshed.
    pub last_used_at: DateTime<Utc>,
    /// When it ends unless it is refreshed.
    pub expires_at: DateTime<Utc>,
}

/// Why a session ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevokedBecause {
    /// The client logged out.
    Logout,
    /// The user revoked it in the list of their sessions, or an admin did.
    Revoked,
    /// The user changed their password in another session.
    PasswordChanged,
    /// The password was reset.
    PasswordReset,
    /// A refresh token was used a second time, long after the first.
    RefreshReused,
}

impl RevokedBecause {
    /// As the database has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::Revoked => "revoked",
            Self::PasswordChanged => "password_changed",
            Self::PasswordReset => "password_reset",
            Self::RefreshReused => "refresh_reused",
        }
    }
}
