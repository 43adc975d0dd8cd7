//! `email.reset_password`

use std::time::Duration;

use callboard_queue::{Job, Priority};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Sends the mail with the link that sets a new password, to who forgot theirs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResetPassword {
    /// Whose password.
    pub user_id: Uuid,
    /// The row of the token, in `password_reset_tokens`.
    pub token_id: Uuid,
}

impl Job for ResetPassword {
    const KIND: &'static str = "email.reset_password";
    const QUEUE: &'static str = super::MAIL_QUEUE;
    const MAX_ATTEMPTS: i16 = super::MAIL_ATTEMPTS;
    /// Somebody sits before an empty inbox.
    const PRIORITY: Priority = Priority::High;
    const TIMEOUT: Duration = super::MAIL_TIMEOUT;
}
